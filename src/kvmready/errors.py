"""The one tree of errors: each says what happened, why, and the next move.

Only ``kvmready.__main__`` turns an error into an exit status; nothing else in the package exits.
"""

from __future__ import annotations

EXIT_READY = 0
EXIT_NOT_READY = 1
EXIT_USAGE = 2
EXIT_PRIVILEGE = 3
EXIT_INTERRUPTED = 130


class KvmreadyError(Exception):
    """What went wrong, in three parts, each a whole sentence or empty.

    ``what`` happened, ``why`` (the system's own words where there are some), and the ``next_move`` of the reader.
    ``exit_status`` is what the command ends with when nobody handles the error. ``cause`` is an id of the catalogue,
    of which ``kvmready explain`` tells more, or empty.
    """

    exit_status = EXIT_NOT_READY
    cause: str = ""

    def __init__(self, what: str, why: str = "", next_move: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_move = next_move

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.next_move) if part)


class UsageError(KvmreadyError):
    """The command line names something that does not exist or does not fit."""

    exit_status = EXIT_USAGE


class InputError(KvmreadyError):
    """A file given by the user cannot be read or is not what it should be."""

    exit_status = EXIT_USAGE


class UnrecordedQuestion(InputError):
    """A replayed host was asked something that its recording does not hold."""


class PrivilegeError(KvmreadyError):
    """The work needs rights that the caller does not have."""

    exit_status = EXIT_PRIVILEGE


class WorkError(KvmreadyError):
    """A step of the work on the host failed."""
