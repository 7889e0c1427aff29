"""The one thing to do next, of all that a report says: the lowest cause first, since nothing above it can work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.checks.engine import ESSENTIAL, RootCause
from kvmready.checks.finding import Finding
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.plan.step import Step
    from kvmready.proof.record import Proof


class Unsaid(NamedTuple):
    """Where a configuration file is in play: the ``words`` that name it, and the ``values`` of what it says."""

    words: tuple[str, ...] = ()
    values: Mapping[str, Any] = {}


def after(
    facts: Facts,
    findings: Sequence[Finding],
    causes: Sequence[RootCause],
    verdict: str,
    steps: Sequence[Step],
    proof: Proof | None,
    unsaid: Unsaid | None = None,
) -> dict[str, Any] | None:
    """``{"text": sentence, "command": argv or None}``; None when nothing is left to do."""
    if verdict == "not-ready":
        return _mend(facts, findings, causes, steps, unsaid) or _ask_again(facts, findings, unsaid)
    if proof is None:
        return _say(_("Prove it: run a guest on this host."), _command(facts, "prove", unsaid))
    if not proof.ok:
        failed = next((step.id for step in proof.steps if step.status == "fail"), proof.level)
        return _say(_("The proof failed at {step}: its evidence above says why.").format(step=failed))
    return None


def _mend(
    facts: Facts,
    findings: Sequence[Finding],
    causes: Sequence[RootCause],
    steps: Sequence[Step],
    unsaid: Unsaid | None,
) -> dict[str, Any] | None:
    failing = {finding.cause for finding in findings if finding.status == "fail"}
    for cause in causes:
        if cause.cause not in failing:
            continue
        if any(cause.cause in step.mends for step in steps):
            return _say(_("Let kvmready mend it; it shows each command and asks first."), _command(facts, "up", unsaid))
        words = _("Mend {cause} by hand, as its remedy says; then look again.")
        return _say(words.format(cause=cause.cause), _command(facts, "check", unsaid))
    return None


def _ask_again(facts: Facts, findings: Sequence[Finding], unsaid: Unsaid | None) -> dict[str, Any] | None:
    for finding in findings:
        if finding.status == "unknown" and finding.check in ESSENTIAL:
            words = _("{check} could not be asked: do what its remedy says; then look again.")
            return _say(words.format(check=finding.check), _command(facts, "check", unsaid))
    return None


def _say(text: str, command: Sequence[str] | None = None) -> dict[str, Any]:
    return {"text": text, "command": None if command is None else list(command)}


def _command(facts: Facts, verb: str, unsaid: Unsaid | None) -> tuple[str, ...]:
    """A command line of ours for the same question: what differs from what would be asked without a word is said."""
    want = facts.want
    named, values = unsaid or Unsaid()
    words = ["kvmready", verb, *named]
    if want.profile != values.get("profile", "server"):
        words += ["--profile", want.profile]
    caller = facts.caller
    default = (caller.user,) if caller.uid else (caller.sudo_user,) if caller.sudo_user else ()
    if want.users != values.get("users", default):
        for name in want.users:
            words += ["--user", name]
    if want.nested and not values.get("nested"):
        words.append("--nested")
    if want.iommu and not values.get("iommu"):
        words.append("--iommu")
    if want.accel != values.get("accel", "kvm"):
        words += ["--accel", want.accel]
    return tuple(words)
