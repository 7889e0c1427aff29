"""Kind ``package-lists``: fetch the package lists, where there are none or where they do not know what is wanted."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import apt
from kvmready.plan.command import run_directory
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def done(host: Door, step: Step) -> bool:
    """Whether the lists are there and offer every package in ``arguments["packages"]``."""
    wanted = list(step.arguments["packages"])
    return apt.lists_present(host) and set(wanted) <= apt.candidates(host, wanted)


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"present": apt.lists_present(host)}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Fetch them. Raises WorkError when they cannot be fetched and do not suffice."""
    log = run_directory(step.arguments) + "/apt.log"
    apt.wait_for_lock(host, say)
    say(_("Fetching the package lists"))
    result = apt.run(host, step.commands[0], log, 1, say, apt.UPDATE_LIMIT)
    # apt-get update ends with 0 when only some repositories answer: what counts is whether the packages are known now.
    if done(host, step):
        return {}
    problem = apt.failed(result, log)
    wanted = list(step.arguments["packages"])
    missing = sorted(set(wanted) - apt.candidates(host, wanted))
    refused = not result.ok or "Failed to fetch" in result.stdout
    raise WorkError(
        _("No repository of this host offers: {packages}").format(packages=" ".join(missing)),
        problem.why if refused else "",
        problem.next_move if refused else apt.no_candidate(),
    )


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Nothing: the lists are a cache, and newer ones take nothing from anybody."""
    return ()
