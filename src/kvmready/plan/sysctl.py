"""Kind ``sysctl``: set one of the kernel's switches now. A file keeps it over a reboot, as a step of its own."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def _path(step: Step) -> str:
    return "/proc/sys/" + str(step.arguments["name"]).replace(".", "/")


def done(host: Door, step: Step) -> bool:
    """Whether the switch has the wanted value."""
    reading = host.read(_path(step))
    return not reading.error and reading.text.strip() == str(step.arguments["value"])


def former(host: Door, step: Step) -> dict[str, Any]:
    """The value that it has. Raises WorkError where the kernel has no such switch."""
    reading = host.read(_path(step))
    if reading.error:
        raise WorkError(_("{path} cannot be read.").format(path=_path(step)), reading.error)
    return {"value": reading.text.strip()}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Set it. Raises WorkError."""
    for argv in step.commands:
        change(host, argv, 30)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """The former value, unless somebody has set a third one since."""
    name, before = str(step.arguments["name"]), str(former["value"])
    if not done(host, step) or before == str(step.arguments["value"]):
        return ()
    result = host.change(Command(("sysctl", "-q", "-w", f"{name}={before}"), timeout=30))
    return () if result.ok else (_("{name} stays as it is: {why}").format(name=name, why=explain(result)),)
