"""Kind ``hugepages``: reserve huge pages now. A file keeps them over a reboot, as a step of its own."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

FILE = "/proc/sys/vm/nr_hugepages"
LIMIT = 120.0
"""Seconds: the kernel moves memory until it has room in one piece."""


def command(pages: int) -> tuple[str, ...]:
    return ("sysctl", "-q", "-w", f"vm.nr_hugepages={pages}")


def _reserved(host: Door) -> int:
    """Raises WorkError where the kernel does not say."""
    reading = host.read(FILE, 64)
    if reading.error or not reading.text.strip().isdigit():
        raise WorkError(_("{path} cannot be read.").format(path=FILE), reading.error)
    return int(reading.text)


def done(host: Door, step: Step) -> bool:
    """Whether there are as many, or more."""
    return _reserved(host) >= int(step.arguments["pages"])


def former(host: Door, step: Step) -> dict[str, Any]:
    """How many there are. Raises WorkError."""
    return {"pages": _reserved(host)}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Reserve them. Raises WorkError where the kernel finds less room: it says nothing of that by itself."""
    before = _reserved(host)
    for argv in step.commands:
        change(host, argv, LIMIT)
    found, wanted = _reserved(host), int(step.arguments["pages"])
    if found < wanted:
        host.change(Command(command(before), timeout=LIMIT))
        raise WorkError(
            _("Of {wanted} huge pages the kernel could reserve only {count}; as many as before are left.").format(
                wanted=wanted, count=found
            ),
            _("Its memory is in use, or in pieces."),
            _("Reboot: they are reserved early then. Or want fewer."),
        )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """As many as before, unless somebody has reserved another number since."""
    before = int(former["pages"])
    if _reserved(host) != int(step.arguments["pages"]) or before == int(step.arguments["pages"]):
        return ()
    result = host.change(Command(command(before), timeout=LIMIT))
    return () if result.ok else (_("{name} stays as it is: {why}").format(name=FILE, why=explain(result)),)
