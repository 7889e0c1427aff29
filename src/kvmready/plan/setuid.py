"""Kind ``setuid``: give a program of a package its setuid bit, so that upgrades of the package keep it."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

SETUID = 0o4000


def command(path: str) -> tuple[str, ...]:
    """dpkg-statoverride(1) changes the file and has dpkg set the same rights at every upgrade."""
    return ("dpkg-statoverride", "--update", "--add", "root", "root", "4755", path)


def _path(step: Step) -> str:
    return str(step.arguments["path"])


def _overridden(host: Door, path: str) -> str:
    return host.run(Command(("dpkg-statoverride", "--list", path), timeout=30)).stdout.strip()


def done(host: Door, step: Step) -> bool:
    """Whether the program is root's and has the bit."""
    status = host.stat(_path(step))
    return not status.error and bool(status.mode & SETUID) and status.uid == 0


def former(host: Door, step: Step) -> dict[str, Any]:
    """Mode and owner. Raises WorkError where a person has set other rights for good."""
    path = _path(step)
    status, override = host.stat(path), _overridden(host, path)
    if status.error or override:
        raise WorkError(
            _("The rights of {path} cannot be changed.").format(path=path),
            status.error or override,
            _("Look at: dpkg-statoverride --list"),
        )
    return {"mode": status.mode, "uid": status.uid, "gid": status.gid}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Set it. Raises WorkError."""
    for argv in step.commands:
        change(host, argv, 30)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Forget the override, and the former owner and mode. Raises WorkError."""
    path = _path(step)
    if host.stat(path).error:
        return ()
    if _overridden(host, path):
        change(host, ("dpkg-statoverride", "--remove", path), 30)
    try:
        host.chown(path, int(former["uid"]), int(former["gid"]), int(former["mode"]))
    except OSError as error:
        raise WorkError(_("{path} cannot be put back.").format(path=path), error.strerror or str(error)) from error
    return ()
