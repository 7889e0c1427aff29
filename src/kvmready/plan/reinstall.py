"""Kind ``reinstall``: install packages again whose files are damaged or gone. Undo leaves them as they are then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan import apt
from kvmready.plan.command import explain, run_directory
from kvmready.plan.step import Say, Step


def command(packages: Sequence[str]) -> tuple[str, ...]:
    """apt-get(8): the same version again; a changed configuration file stays as it is."""
    argv = apt.install(packages)
    cut = argv.index("install") + 1
    return (*argv[:cut], "--reinstall", *argv[cut:])


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
    """Install them again. Raises WorkError when apt fails, or the program still does not start."""
    log = run_directory(step.arguments) + "/apt.log"
    apt.wait_for_lock(host, say)
    result = apt.run(host, step.commands[-1], log, 2 * len(step.arguments["packages"]), say)
    if not result.ok:
        raise apt.failed(result, log)
    if not done(host, step):
        program = str(step.arguments.get("program", ""))
        if not program:
            raise WorkError(
                _("apt reported success, but files of these packages are still missing: {packages}").format(
                    packages=" ".join(str(name) for name in step.arguments["packages"])
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
