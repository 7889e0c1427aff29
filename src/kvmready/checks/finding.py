"""The words of a judgement: a check is a pure function from facts to one finding."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts import Facts

LAYERS = ("hardware", "kernel", "qemu", "libvirt", "services", "network", "storage", "access", "tools")
"""Bottom up; the order of the report and of the work."""

STATUSES = ("pass", "warn", "fail", "blocked", "unknown", "skip")


class Evidence(NamedTuple):
    """What was seen, and where: ``source`` is a path or a command that the reader can try by hand."""

    source: str
    text: str


class Remedy(NamedTuple):
    """The way out. ``kind`` is automatic (``kvmready up`` does it), manual (a person must) or none."""

    kind: str
    text: str
    commands: tuple[tuple[str, ...], ...] = ()


class Judgement(NamedTuple):
    """What one check says of the facts, before it is known whether a lower layer explains it.

    ``because`` are further checks that it needs as things stand, such as that of a unit that another one waits for.
    """

    status: str
    summary: str
    evidence: tuple[Evidence, ...] = ()
    cause: str = ""
    remedy: Remedy | None = None
    because: tuple[str, ...] = ()


class Check(NamedTuple):
    """One question with one answer. ``needs`` are the checks without which this one cannot be judged."""

    id: str
    judge: Callable[[Facts], Judgement]
    needs: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ("server", "desktop", "web")

    @property
    def layer(self) -> str:
        return self.id.split(".", 1)[0]


class Finding(NamedTuple):
    """A judgement in its place: with the findings that must be mended first, where there are any."""

    check: str
    layer: str
    status: str
    summary: str
    evidence: tuple[Evidence, ...] = ()
    cause: str = ""
    remedy: Remedy | None = None
    blocked_by: tuple[str, ...] = ()


def passed(summary: str, *evidence: Evidence) -> Judgement:
    return Judgement("pass", summary, evidence)


def skipped(why: str, *evidence: Evidence) -> Judgement:
    """The profile or the platform does not need it; ``why`` is the whole sentence."""
    return Judgement("skip", why, evidence)


def warned(cause: str, summary: str, remedy: Remedy, *evidence: Evidence) -> Judgement:
    return Judgement("warn", summary, evidence, cause, remedy)


def failed(cause: str, summary: str, remedy: Remedy, *evidence: Evidence) -> Judgement:
    return Judgement("fail", summary, evidence, cause, remedy)


def unknown(summary: str, remedy: Remedy, *evidence: Evidence) -> Judgement:
    """It could not be asked; ``remedy`` names the command, or the rights, that would tell."""
    return Judgement("unknown", summary, evidence, "", remedy)


def automatic(text: str) -> Remedy:
    """``kvmready up`` mends it; the commands are filled in from the plan, so that they are told in one place."""
    return Remedy("automatic", text)


def manual(text: str, *commands: tuple[str, ...]) -> Remedy:
    return Remedy("manual", text, commands)
