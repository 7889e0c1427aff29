"""Kind ``module``: load a kernel module now."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def _loaded(host: Door) -> list[str]:
    return [line.split()[0] for line in host.read("/proc/modules").text.splitlines() if line.strip()]


def done(host: Door, step: Step) -> bool:
    """Whether the module is in the kernel, loaded or built in."""
    name = str(step.arguments["module"]).replace("-", "_")
    return not host.stat(f"/sys/module/{name}").error


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"loaded": _loaded(host)}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Load it. Raises WorkError with modprobe's own words."""
    for argv in step.commands:
        change(host, argv, 60)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Unload it, if it was not loaded before; modprobe takes along what only it needed."""
    name = str(step.arguments["module"]).replace("-", "_")
    if name in former["loaded"] or name not in _loaded(host):
        return ()
    result = host.change(Command(("modprobe", "--remove", "--", name), timeout=60))
    if result.ok:
        return ()
    return (_("The module {name} stays loaded until the next reboot: {why}").format(name=name, why=explain(result)),)
