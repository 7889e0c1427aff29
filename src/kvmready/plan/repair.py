"""Kind ``package-repair``: finish what an interrupted package run left behind. There is no way back from this one."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.facts import packages as apt_state
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import apt
from kvmready.plan.command import run_directory
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def done(host: Door, step: Step) -> bool:
    """Whether dpkg has nothing left to finish, and nobody is at work on it."""
    return apt.holder(host) is None and not apt_state.unfinished(host)


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"unfinished": apt_state.unfinished(host)}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Configure what is unpacked, then let apt complete what is missing. Raises WorkError."""
    log = run_directory(step.arguments) + "/apt.log"
    apt.wait_for_lock(host, say)
    if not apt_state.unfinished(host):
        return {}  # the run that was waited for has finished its work
    # The first command may fail because a package waits for another that was not unpacked yet: the second brings that.
    apt.run(host, apt.CONFIGURE, log, 1, say)
    result = apt.run(host, apt.FIX, log, 1, say)
    left = apt_state.unfinished(host)
    if left:
        raise WorkError(
            _("The packages of this host are in a broken state, and could not be mended."),
            " ".join([left, apt.failed(result, log).why]),
            _("Run: sudo dpkg --configure -a && sudo apt-get --fix-broken install, then run kvmready again."),
        )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Nothing: a half installed package is no state to go back to."""
    return ()
