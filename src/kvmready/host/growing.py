"""A large file that arrives in pieces: kept where it broke off, and put in its place only when it is whole."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator

PIECE = 1 << 20


class LocalGrowing:
    """Implements ``door.Growing`` here: the file ``path``, made where it is not there, locked while it is open."""

    def __init__(self, path: str) -> None:
        """Raises OSError; BlockingIOError while another process has it open like this."""
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._descriptor = os.open(path, flags, 0o600)
        try:
            found = os.fstat(self._descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
                raise PermissionError(1, "it is not a file of our own", path)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._in_place(found.st_ino):  # its process has finished since it was opened here
                raise BlockingIOError(11, "it was put in its place", path)
            os.fchmod(self._descriptor, 0o600)
        except OSError:
            os.close(self._descriptor)
            raise
        self.size = os.lseek(self._descriptor, 0, os.SEEK_END)

    def _in_place(self, inode: int) -> bool:
        try:
            return os.lstat(self.path).st_ino == inode
        except FileNotFoundError:
            return False

    def append(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = os.write(self._descriptor, view)
            self.size += written
            view = view[written:]

    def restart(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size = 0

    def parts(self) -> Iterator[bytes]:
        offset = 0
        while part := os.pread(self._descriptor, PIECE, offset):
            offset += len(part)
            yield part

    def keep(self, path: str, mode: int) -> None:
        os.fchmod(self._descriptor, mode)
        os.fsync(self._descriptor)
        os.rename(self.path, path)
        self.close()

    def discard(self) -> None:
        try:
            os.unlink(self.path)
        finally:
            self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def parts(path: str) -> Iterator[bytes]:
    """The content of a regular file in pieces of at most ``PIECE`` bytes. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(22, "it is not a regular file", path)
        while part := os.read(descriptor, PIECE):
            yield part
    finally:
        os.close(descriptor)
