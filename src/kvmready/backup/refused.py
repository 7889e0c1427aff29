"""Errors of backups in which a person has to act: each has a cause, which ``kvmready explain`` tells more about."""

from __future__ import annotations

from kvmready.errors import InputError, WorkError
from kvmready.i18n import _

NO_SPACE = "storage.no-space"
NO_POOL = "storage.pool-missing"
DAMAGED = "storage.backup-damaged"
FOLDER = "storage.backup-folder"
BUSY = "storage.backup-busy"
UNREADABLE = "storage.disk-unreadable"
IN_THE_WAY = "storage.restore-in-the-way"
OVERLAY = "storage.overlay-left"
HANGS = "libvirt.guest-hangs"


class Refused(WorkError):
    """A backup or a restore that cannot be; ``cause`` is an id of the catalogue."""

    def __init__(self, cause: str, what: str, why: str = "", next_move: str = "") -> None:
        super().__init__(what, why, _with(next_move, cause))
        self.cause = cause


class Damaged(InputError):
    """A backup that is not what its manifest says, or that lacks what it stands on."""

    cause = DAMAGED

    def __init__(self, what: str, why: str = "", next_move: str = "") -> None:
        super().__init__(what, why, _with(next_move or _("Take another one: kvmready backup list"), DAMAGED))


def _with(next_move: str, cause: str) -> str:
    more = _("See: {command}").format(command=f"kvmready explain {cause}")
    return f"{next_move} {more}" if next_move else more
