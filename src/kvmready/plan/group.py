"""Kind ``group``: make a user a member of a group, in the database; sessions that run already do not change."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def _names(step: Step) -> tuple[str, str]:
    return str(step.arguments["user"]), str(step.arguments["group"])


def add(user: str, group: str, accounts: str = "shadow") -> tuple[str, ...]:
    """The command that adds ``user`` to ``group`` and leaves the user's other groups alone.

    ``accounts`` are the host's tools, as in ``distro.table``: usermod(8) of shadow, or addgroup of busybox.
    """
    if accounts == "busybox":
        return ("addgroup", user, group)
    return ("usermod", "--append", "--groups", group, "--", user)


def take_out(user: str, group: str, accounts: str = "shadow") -> tuple[str, ...]:
    """The command that takes ``user`` out of ``group``."""
    return ("delgroup", user, group) if accounts == "busybox" else ("gpasswd", "--delete", user, "--", group)


def _accounts(step: Step) -> str:
    return str(step.arguments.get("accounts", "shadow"))


def done(host: Door, step: Step) -> bool:
    """Whether a new login of the user would be in the group."""
    user, group = _names(step)
    return any(name == group for name, _gid in host.account(user).groups)


def former(host: Door, step: Step) -> dict[str, Any]:
    """Whether the group's entry lists the user. Raises WorkError where there is no such user or group."""
    user, group = _names(step)
    if host.account(user).error:
        raise WorkError(_("There is no user {name} on this host.").format(name=repr(user)))
    found = host.group(group)
    if found.error:
        raise WorkError(_("There is no group {name} on this host.").format(name=repr(group)))
    return {"member": user in found.members}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Add the user. Raises WorkError."""
    change(host, add(*_names(step), _accounts(step)), 60)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Take the user out again, if the user was not in before. Raises WorkError."""
    user, group = _names(step)
    if not former["member"] and user in host.group(group).members:
        change(host, take_out(user, group, _accounts(step)), 60)
    return ()
