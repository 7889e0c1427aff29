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
    """Whether one file of each kind is there, and the emulator, where it is about that, starts."""
    groups = [*step.arguments.get("present", ()), step.arguments.get("files", ())]
    if any(paths and all(host.stat(str(path)).error for path in paths) for paths in groups):
        return False
    program = str(step.arguments.get("program", ""))
    return not program or host.run(Command((program, "-accel", "help"), timeout=30)).ok


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
        program = str(step.arguments.get("program", ""))
        if not program:
            raise WorkError(
                _("{manager} reported success, but files of these packages are still missing: {packages}").format(
                    manager=manager.NAME, packages=" ".join(str(name) for name in step.arguments["packages"])
                ),
                "",
                _("Its whole output is in {log}.").format(log=log),
            )
        raise WorkError(
            _("{program} still does not start.").format(program=program),
            explain(host.run(Command((program, "-accel", "help"), timeout=30))),
            _("Its whole output is in {log}.").format(log=log),
        )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Nothing: damaged files are no state to go back to."""
    return ()
