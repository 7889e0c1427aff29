"""Runs the checks in the order of the layers, tells causes from consequences, and gives the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvmready.checks.finding import LAYERS, Check, Finding, Remedy
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts import Facts

GATE = "hardware.cpu-virtualization"
"""Where this fails, for itself or for what it needs, no guest can run: no other failure is worth a reader's time."""

ESSENTIAL = ("kernel.kvm-runs", "libvirt.connect")
"""A host whose answer to one of these is unknown is not called ready."""

ADVISORY = (
    "libvirt.polkit",
    "libvirt.capabilities-cache",
    "libvirt.exposed",
    "libvirt.graphics",
    "network.firewall-rules",
    "network.docker-forward",
    "network.bridge-helper",
)
"""What needs root to be seen and says nothing of whether a guest runs: not knowing it is no warning of its own."""


class RootCause(NamedTuple):
    """A cause that nothing lower explains, with the checks that fail because of it."""

    cause: str
    layer: str
    summary: str
    remedy: Remedy | None
    explains: tuple[str, ...]


def judge(checks: Iterable[Check], facts: Facts) -> tuple[Finding, ...]:
    """The findings of ``checks`` on ``facts``, in layer order.

    A failure or an unknown that rests on a failure becomes ``blocked``, by the failures at the bottom of it. A need may
    be of a higher layer (a daemon answers only when its service runs), so all is judged before anything is blocked.
    """
    ordered = sorted(checks, key=lambda check: LAYERS.index(check.layer))
    said = {check.id: check.judge(facts) for check in ordered}
    below = {GATE, *(need for check in ordered if check.id == GATE for need in check.needs)}
    needs = {
        check.id: (*(() if check.id in below else (GATE,)), *check.needs, *said[check.id].because) for check in ordered
    }
    blockers = _Blockers(needs, {name: judgement.status for name, judgement in said.items()})
    findings = []
    for check in ordered:
        judgement = said[check.id]
        blocked_by = blockers.of(check.id)
        findings.append(
            Finding(
                check.id,
                check.layer,
                "blocked" if blocked_by else judgement.status,
                judgement.summary,
                judgement.evidence,
                "" if blocked_by else judgement.cause,
                None if blocked_by else judgement.remedy,
                blocked_by,
            )
        )
    return tuple(findings)


class _Blockers:
    """Finds the failures at the bottom of each failure or unknown, each check once."""

    def __init__(self, needs: Mapping[str, Sequence[str]], statuses: Mapping[str, str]) -> None:
        self._needs = needs
        self._statuses = statuses
        self._known: dict[str, tuple[str, ...]] = {}
        self._open: set[str] = set()

    def of(self, check: str) -> tuple[str, ...]:
        """Empty where nothing below explains ``check``. Of checks that need each other, one keeps its failure."""
        if self._statuses.get(check) not in ("fail", "unknown"):
            return ()
        if check not in self._known:
            self._open.add(check)
            found: dict[str, None] = {}
            for need in self._needs[check]:
                if need not in self._open:
                    own = (need,) if self._statuses.get(need) == "fail" else ()
                    found.update(dict.fromkeys(self.of(need) or own))
            self._open.discard(check)
            gate = () if check == GATE or GATE not in self._needs[check] else self._gate()
            self._known[check] = gate or tuple(found)
        return self._known[check]

    def _gate(self) -> tuple[str, ...]:
        """Why no guest can run at all; empty where one can."""
        return self.of(GATE) or ((GATE,) if self._statuses.get(GATE) == "fail" else ())


def root_causes(findings: Sequence[Finding]) -> tuple[RootCause, ...]:
    """The causes in the order in which to mend them: failures bottom up, then warnings bottom up."""
    causes: dict[str, RootCause] = {}
    for wanted in ("fail", "warn"):
        for finding in findings:
            if finding.status != wanted or not finding.cause:
                continue
            explains = (finding.check, *(f.check for f in findings if finding.check in f.blocked_by))
            known = causes.get(finding.cause)
            if known is not None:
                explains = tuple(dict.fromkeys(known.explains + explains))
                causes[finding.cause] = known._replace(explains=explains)
            else:
                causes[finding.cause] = RootCause(
                    finding.cause, finding.layer, finding.summary, finding.remedy, explains
                )
    return tuple(causes.values())


def verdict(findings: Sequence[Finding]) -> str:
    """``ready``, ``ready-with-warnings`` or ``not-ready``; what could not be asked is never taken for a yes."""
    if any(f.status in ("fail", "blocked") or (f.status == "unknown" and f.check in ESSENTIAL) for f in findings):
        return "not-ready"
    told = [f for f in findings if f.status == "warn" or (f.status == "unknown" and f.check not in ADVISORY)]
    return "ready-with-warnings" if told else "ready"


def layer_status(layer: str, findings: Sequence[Finding]) -> str:
    """The worst status of a layer's findings; ``skip`` where the profile asks nothing of it."""
    statuses = {f.status for f in findings if f.layer == layer}
    for status in ("fail", "blocked", "unknown", "warn", "pass"):
        if status in statuses:
            return status
    return "skip"
