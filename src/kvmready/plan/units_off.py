"""Kind ``units-off``: stop and disable systemd units, as those of the set of daemons that a host does not use."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import unit
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def _named(step: Step) -> list[str]:
    return [str(name) for name in step.arguments["units"]]


def _busy(host: Door, step: Step) -> tuple[list[str], list[str]]:
    """Which are still enabled, and which still run."""
    states = unit.states(host, _named(step))
    enabled = [name for name, state in states.items() if state.file.startswith("enabled")]
    running = [name for name, state in states.items() if state.active in ("active", "activating", "reloading")]
    return enabled, running


def done(host: Door, step: Step) -> bool:
    """Whether none of the units runs or will start at boot."""
    return not any(_busy(host, step))


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"units": {name: list(state) for name, state in unit.states(host, unit.related(host, _named(step))).items()}}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Disable, then stop: the sockets first, or they would start their service again. Raises WorkError."""
    enabled, running = _busy(host, step)
    if enabled:
        change(host, ("systemctl", "disable", "--", *enabled), unit.LIMIT)
    if running:
        say(_("Stopping {units}").format(units=", ".join(running)))
        running.sort(key=lambda name: (not name.endswith(".socket"), name))
        change(host, ("systemctl", "stop", "--", *running), unit.LIMIT)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Each unit back to its former state. Raises WorkError."""
    return unit.undo(host, step, former, say)
