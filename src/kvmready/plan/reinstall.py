"""Kind ``reinstall``: install packages again whose files are damaged or gone. Undo leaves them as they are then."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan import managers
from kvmready.plan.command import explain, run_directory
from kvmready.plan.manager import failed, run, wait_for_lock
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def done(host: Door, step: Step) -> bool:
    """Whether the program starts and one of the files is there."""
    program, files = str(step.arguments["program"]), [str(path) for path in step.arguments["files"]]
    if files and all(host.stat(path).error for path in files):
        return False
    return host.run(Command((program, "-accel", "help"), timeout=30)).ok


def former(host: Door, step: Step) -> dict[str, Any]:
    return {}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Install them again. Raises WorkError when that fails, or the program still does not start."""
    manager = managers.of(step)
    log = f"{run_directory(step.arguments)}/{manager.NAME}.log"
    wait_for_lock(host, manager, say)
    result = run(host, manager, step.commands[-1], log, 2 * len(step.arguments["packages"]), say)
    if not result.ok:
        raise failed(manager, result, log)
    if not done(host, step):
        program = str(step.arguments["program"])
        raise WorkError(
            _("{program} still does not start.").format(program=program),
            explain(host.run(Command((program, "-accel", "help"), timeout=30))),
            _("Its whole output is in {log}.").format(log=log),
        )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Nothing: damaged files are no state to go back to."""
    return ()
