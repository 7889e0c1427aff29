"""The bytes of a configuration file, and whether the host's own may be trusted to say what root will do."""

from __future__ import annotations

import errno
import os
import stat

from kvmready.i18n import _
from kvmready.typed import NamedTuple

LIMIT = 64 << 10
"""Bytes of a configuration file at the most: one that says everything has a tenth of a hundredth of that."""


class Opened(NamedTuple):
    """What was read, or why it was not: ``problem`` is a sentence or the system's own words, empty where it was."""

    content: bytes = b""
    problem: str = ""


def read(path: str, trusted: bool) -> Opened:
    """The whole file, of at most ``LIMIT`` bytes. ``trusted``: only where nobody but root can have written it.

    Whose the file is, is asked of the file that was opened, so that it cannot be exchanged in between.
    """
    try:
        # O_NONBLOCK: a FIFO in its place must not hang the program.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return Opened(problem=getattr(error, "strerror", None) or str(error))
    try:
        found = os.fstat(descriptor)
        problem = _no_file(found.st_mode) or (_untrusted(path, found) if trusted else "")
        if problem:
            return Opened(problem=problem)
        content = b""
        while len(content) <= LIMIT:
            part = os.read(descriptor, LIMIT + 1 - len(content))
            if not part:
                return Opened(content)
            content += part
        return Opened(
            problem=_("It is larger than {size} KiB: that is no configuration file.").format(size=LIMIT >> 10)
        )
    except OSError as error:
        return Opened(problem=error.strerror or errno.errorcode.get(error.errno or 0, ""))
    finally:
        os.close(descriptor)


def _no_file(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return _("It is a directory.") if stat.S_ISDIR(mode) else _("It is not a regular file.")


def _untrusted(path: str, file: os.stat_result) -> str:
    """Why somebody other than root could have written the file, or put another in its place; empty where nobody can."""
    folder = os.path.dirname(path)
    return distrust(path, file.st_uid, file.st_mode) or distrust(folder, *_owner(folder))


def _owner(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_uid, found.st_mode


def distrust(path: str, uid: int, mode: int) -> str:
    """Why a path of this owner and mode is not root's alone to write; empty where it is."""
    if uid != 0:
        return _("{path} belongs to the user with the number {uid}, not to root.").format(path=path, uid=uid)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        bits = f"{stat.S_IMODE(mode):04o}"
        return _("{path} can be written by others than root: its mode is {mode}.").format(path=path, mode=bits)
    return ""
