"""Why a guest cannot be made."""

from __future__ import annotations

from kvmready.errors import WorkError
from kvmready.i18n import _

UNWRITABLE = "storage.not-writable"


class NotReady(WorkError):
    """The host cannot have this guest; ``cause`` is an id of the catalogue."""

    def __init__(self, cause: str, what: str, why: str = "", next_move: str = "") -> None:
        super().__init__(what, why, next_move)
        self.cause = cause


def unwritable(path: str, error: OSError) -> NotReady:
    """The error that a file of ours which cannot be written is."""
    import errno

    cause = "storage.no-space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else UNWRITABLE
    return NotReady(cause, _("{path} cannot be written.").format(path=path), error.strerror or str(error))
