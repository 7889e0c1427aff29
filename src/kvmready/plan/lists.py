"""Kind ``package-lists``: fetch the package lists, where there are none or where they do not know what is wanted."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import managers
from kvmready.plan.command import run_directory
from kvmready.plan.manager import UPDATE_LIMIT, failed, run, wait_for_lock
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def done(host: Door, step: Step) -> bool:
    """Whether the lists are there and offer every package in ``arguments["packages"]``."""
    manager = managers.of(step)
    wanted = list(step.arguments["packages"])
    return manager.lists_present(host) and set(wanted) <= (manager.candidates(host, wanted) or set())


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"present": managers.of(step).lists_present(host)}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Fetch them. Raises WorkError when they cannot be fetched and do not suffice."""
    manager = managers.of(step)
    log = f"{run_directory(step.arguments)}/{manager.NAME}.log"
    wait_for_lock(host, manager, say)
    say(_("Fetching the package lists"))
    result = run(host, manager, step.commands[0], log, 1, say, UPDATE_LIMIT)
    # A manager may end with 0 when only some repositories answer: what counts is whether the packages are known now.
    if done(host, step):
        return {}
    problem = failed(manager, result, log)
    wanted = list(step.arguments["packages"])
    missing = sorted(set(wanted) - (manager.candidates(host, wanted) or set()))
    refused = not result.ok or manager.trouble(result.stdout) != ""
    raise WorkError(
        _("No repository of this host offers: {packages}").format(packages=" ".join(missing)),
        problem.why if refused else "",
        problem.next_move if refused else manager.no_candidate(),
    )


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Nothing: the lists are a cache, and newer ones take nothing from anybody."""
    return ()
