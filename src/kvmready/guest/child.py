"""Work in a forked child that can neither hang its caller nor take it along, as another user if wanted."""

from __future__ import annotations

import errno
import marshal
import mmap
import os
import select
import sys
import time

TYPE_CHECKING = False  # typing costs more to import than a child takes
if TYPE_CHECKING:
    from typing import Any, Callable

    Answer = dict[str, Any]
    Stage = Callable[[str], None]
    Work = Callable[[Stage], Answer]

_SIGKILL = 9  # the signal module costs more to import than a child takes
_REAP_SECONDS = 0.5
_CRASHED = 70  # EX_SOFTWARE of sysexits.h


class Refused(Exception):
    """The caller may not become that user, or there is none: `detail` and the name of an `errno`, or None."""

    def __init__(self, detail: str, error_name: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errno = error_name


class User:
    """A user as a new login would make it: name, uid, gid, all groups of the database.  Raises Refused."""

    __slots__ = ("gid", "gids", "name", "uid")

    def __init__(self, name: str) -> None:
        import pwd

        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):  # ValueError: a name that no database can hold
            raise Refused("no such user") from None
        self.name, self.uid, self.gid = name, entry.pw_uid, entry.pw_gid
        self.gids = sorted({self.gid, *os.getgrouplist(name, self.gid)})

    def become(self) -> None:
        """Makes this process that user for good.  Raises Refused."""
        try:
            os.setgroups(self.gids)
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0)
            raise Refused(f"cannot become this user: {error.strerror}", name) from error


def ask_in_child(work: Work, limit: float) -> Answer:
    """The answer that `work` returns in a child, or what became of the child.

    `work` gets the function that notes the stage it has reached; its answer is a dictionary of plain
    values.  A child that takes longer than `limit` seconds is killed: `ok` False, errno EINTR.  One that
    dies: `ok` None.  Both with `failed_at`, the stage that it had reached, and a `detail`.
    """
    note = mmap.mmap(-1, mmap.PAGESIZE)  # shared, and outlives the child
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work_and_exit(work, note, writer)
    os.close(writer)
    try:
        data = _read_to_end(reader, limit)
        if data is None:
            os.kill(child, _SIGKILL)
            stuck = _read_to_end(reader, _REAP_SECONDS) is None
    finally:
        os.close(reader)
    stage = note[:].rstrip(b"\0").decode("ascii") or None
    note.close()
    if data is None:
        if not stuck:  # else it hangs in the kernel, and waiting for it would hang here as well
            os.waitpid(child, 0)
        return {"ok": False, "failed_at": stage, "errno": "EINTR", "detail": f"no answer within {limit:g} s"}
    status = os.waitpid(child, 0)[1]
    if status == 0:
        # Written by our own code: a process that gave up root cannot be traced by the user it became.
        answer: Answer = marshal.loads(data)
        return answer
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.WEXITSTATUS(status)}"
    return {"ok": None, "failed_at": stage, "detail": f"the asking process ended with {how}"}


def _work_and_exit(work: Work, note: mmap.mmap, writer: int) -> None:
    status = _CRASHED
    try:
        answer = work(lambda name: note.__setitem__(slice(0, 32), name.encode("ascii").ljust(32, b"\0")))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(marshal.dumps(answer))
        status = 0
    finally:
        if status:
            sys.excepthook(*sys.exc_info())
        os._exit(status)  # never the caller's own clean-up, which is the parent's to do


def _read_to_end(descriptor: int, limit: float) -> bytes | None:
    """What the other end wrote until it closed; None when it is still open after `limit` seconds."""
    deadline = time.monotonic() + limit
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    chunks: list[bytes] = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return None
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
