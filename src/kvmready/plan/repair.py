"""Kind ``package-repair``: finish what an interrupted package run left behind. There is no way back from this one."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import managers
from kvmready.plan.command import run_directory
from kvmready.plan.manager import failed, run, wait_for_lock
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def done(host: Door, step: Step) -> bool:
    """Whether nothing is left to finish, and nobody is at work on it."""
    manager = managers.of(step)
    return manager.holder(host) is None and not manager.unfinished(host)


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"unfinished": managers.of(step).unfinished(host)}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Let the manager complete what is missing. Raises WorkError."""
    manager = managers.of(step)
    log = f"{run_directory(step.arguments)}/{manager.NAME}.log"
    wait_for_lock(host, manager, say)
    if not manager.unfinished(host):
        return {}  # the run that was waited for has finished its work
    # A first command may fail because a package waits for another that was not unpacked yet: the next brings that.
    for argv in manager.REPAIR:
        result = run(host, manager, argv, log, 1, say)
    left = manager.unfinished(host)
    if left:
        raise WorkError(
            _("The packages of this host are in a broken state, and could not be mended."),
            " ".join([left, failed(manager, result, log).why]),
            manager.by_hand(),
        )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Nothing: a half installed package is no state to go back to."""
    return ()
