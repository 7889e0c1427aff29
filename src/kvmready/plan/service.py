"""Kind ``service``: add OpenRC services to the runlevel ``default`` and start them: rc-update(8), rc-service(8).

What is there is read from OpenRC's own directories, as ``facts.services`` does: a runlevel holds links to its services,
and /run/openrc those that were started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.facts.services import OPENRC, RUNLEVELS
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

LIMIT = 120.0
RUNLEVEL = "default"


def commands(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The plan's commands for services, in the order in which they are to start."""
    added = tuple(("rc-update", "add", name, RUNLEVEL) for name in names)
    return added + tuple(("rc-service", name, "start") for name in names)


def _named(step: Step) -> list[str]:
    return [str(name) for name in step.arguments["services"]]


def _levels(host: Door) -> dict[str, list[str]]:
    """Runlevel to its services."""
    return {level: list(host.listdir(f"/etc/runlevels/{level}").names) for level in RUNLEVELS}


def _started(host: Door) -> frozenset[str]:
    return frozenset(host.listdir(f"{OPENRC}/started").names)


def _needs(host: Door, step: Step) -> tuple[list[str], list[str]]:
    """Which of the services are to be added, and which to be started."""
    enabled = {name for names in _levels(host).values() for name in names}
    started = _started(host)
    return [n for n in _named(step) if n not in enabled], [n for n in _named(step) if n not in started]


def done(host: Door, step: Step) -> bool:
    """Whether each service starts at boot and runs now."""
    return not any(_needs(host, step))


def former(host: Door, step: Step) -> dict[str, Any]:
    """The runlevels, and all that runs: a service starts what it needs along with it."""
    return {"levels": _levels(host), "started": sorted(_started(host))}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Do what is missing of the step's commands. Raises WorkError."""
    add, start = _needs(host, step)
    for name in add:
        change(host, ("rc-update", "add", name, RUNLEVEL), LIMIT)
    for name in start:
        say(_("Starting {units}").format(units=name))
        if name in host.listdir(f"{OPENRC}/failed").names:
            host.change(Command(("rc-service", name, "zap"), timeout=LIMIT))
        result = host.change(Command(("rc-service", name, "start"), timeout=LIMIT))
        if not result.ok:
            raise WorkError(
                _("These units do not start: {units}").format(units=name),
                explain(result),
                _("Look at: rc-service {name} status, and the system's log").format(name=name),
            )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Stop what did not run, and take out of the runlevel what was not in it. Raises WorkError.

    What a service started along with itself (its ``need``) is told and left: others may have come to need it.
    """
    there = set(host.listdir("/etc/init.d").names)
    enabled = {name for names in former["levels"].values() for name in names}
    for name in reversed(_named(step)):
        if name in _started(host) and name not in former["started"] and name in there:
            change(host, ("rc-service", name, "stop"), LIMIT)
        if name in _levels(host)[RUNLEVEL] and name not in enabled:
            change(host, ("rc-update", "delete", name, RUNLEVEL), LIMIT)
    along = sorted(_started(host) - set(former["started"]) - set(_named(step)))
    words = _("The service {name} was started after this step began, and still runs.")
    return tuple(words.format(name=name) for name in along)
