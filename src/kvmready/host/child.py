"""One child process: started by posix_spawn(3), its output collected and its end awaited within a time limit.

``subprocess`` does the same for everybody, and takes half as long as a bare Python to read in. It is taken only where a
child has to become another user or to start in another directory, which posix_spawn cannot do.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping, Sequence

from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subprocess import Popen

    from kvmready.host.door import Account

LONGEST_NAP = 0.02
"""Seconds between two looks whether a child has ended that closed its output; the first naps are much shorter."""

_IGNORED_BY_PYTHON = (13, 25)  # SIGPIPE, SIGXFSZ; the module signal costs more to read in than to start a process
_CHUNK = 1 << 16


class Child:
    """A process in a session of its own, so that its end can be that of all it started.

    ``argv[0]`` is looked for on the PATH of ``environment``. ``content`` is what it reads, and ``log``, where it is not
    negative, the open file that takes its output. ``folder`` is where it starts, "" for the caller's own. With
    ``fed`` it reads from the pipe ``stdin``, which the caller writes to and closes; with ``tty`` from a terminal of its
    own. Raises OSError when it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        content: bytes = b"",
        log: int = -1,
        account: Account | None = None,
        folder: str = "",
        fed: bool = False,
        tty: bool = False,
    ) -> None:
        self.stdin = -1
        self._terminal = -1
        self.status: int | None = None
        self.output: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        self._content = memoryview(content)
        self._ends: dict[int, str] = {}  # our ends of the pipes: what each is
        self._popen: Popen[bytes] | None = None
        theirs: list[int] = []
        try:
            if tty:
                self._terminal, stdin = os.openpty()
                theirs.append(stdin)
            elif fed:
                stdin, self.stdin = os.pipe()
                theirs.append(stdin)
            else:
                stdin = self._pipe("in", theirs) if content else _opened(os.devnull, theirs)
            stdout = log if log >= 0 else self._pipe("out", theirs)
            stderr = log if log >= 0 else self._pipe("err", theirs)
            self.pid = 0
            if account is None and not folder:
                self.pid = _spawn(argv, environment, (stdin, stdout, stderr))
            if not self.pid:
                self._popen = _popen(argv, environment, (stdin, stdout, stderr), account, folder)
                self.pid = self._popen.pid
        except BaseException:
            self.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def _pipe(self, name: str, theirs: list[int]) -> int:
        reader, writer = os.pipe()
        ours, other = (writer, reader) if name == "in" else (reader, writer)
        os.set_blocking(ours, False)
        self._ends[ours] = name
        theirs.append(other)
        return other

    def attend(self, deadline: float) -> bool:
        """Collect its output until it has ended; False when that takes until ``deadline`` of ``time.monotonic``."""
        poll = select.poll()
        for descriptor, name in self._ends.items():
            poll.register(descriptor, select.POLLOUT if name == "in" else select.POLLIN)
        while self._ends:
            left = deadline - time.monotonic()
            ready = poll.poll(max(0.0, left) * 1000)
            if not ready and left <= 0:
                return False
            for descriptor, _event in ready:
                if not self._moved(descriptor):
                    poll.unregister(descriptor)
                    os.close(descriptor)
                    del self._ends[descriptor]
        nap = 0.0005
        while not self.ended():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(nap, left))
            nap = min(nap * 2, LONGEST_NAP)
        return True

    def _moved(self, descriptor: int) -> bool:
        """Read from a pipe, or write to it, what can be; False when nothing more will come or be taken."""
        name = self._ends[descriptor]
        try:
            if name == "in":
                self._content = self._content[os.write(descriptor, self._content[:_CHUNK]) :]
                return bool(self._content)
            part = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        except BrokenPipeError:  # it does not want to read
            return False
        self.output[name] += part
        return bool(part)

    def ended(self) -> bool:
        """Whether it has ended; ``status`` is then its exit status, negative for the signal that ended it."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                if self._popen is not None:
                    self._popen.returncode = self.status  # it would wait for it as well
        return self.status is not None

    def signal(self, number: int) -> None:
        """Send a signal to it and to all that it started, as far as these stayed in its session."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            if not self.ended():
                os.kill(self.pid, number)

    def close(self) -> None:
        """Let the pipes go."""
        for descriptor in self._ends:
            os.close(descriptor)
        self._ends.clear()
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1


def _opened(path: str, descriptors: list[int]) -> int:
    descriptors.append(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    return descriptors[-1]


def _spawn(argv: Sequence[str], environment: Mapping[str, str], streams: tuple[int, int, int]) -> int:
    """The number of a new process; 0 where this Python was built with a C library that lacks POSIX_SPAWN_SETSID.

    As in a shell, a program that may not be run is told before one that is not there.
    """
    names = [argv[0]]
    if "/" not in argv[0]:
        names = [f"{folder}/{argv[0]}" for folder in environment["PATH"].split(":")]
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in enumerate(streams)]
    actions += [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inherited()]
    told: OSError | None = None
    for name in names:
        try:
            return os.posix_spawn(
                name, tuple(argv), environment, file_actions=actions, setsid=True, setsigdef=_IGNORED_BY_PYTHON
            )
        except NotImplementedError:
            return 0
        except OSError as error:
            if told is None or not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                told = error
    assert told is not None
    raise told


def _inherited() -> list[int]:
    """Open files that the caller's own caller left to it, above standard error: none of a child's business."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue  # that of the directory itself, closed by now
    return found


def _popen(
    argv: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    account: Account | None,
    folder: str,
) -> Popen[bytes]:
    import subprocess

    identity: dict[str, Any] = {}
    if account is not None:
        groups = [gid for _name, gid in account.groups]
        identity = {"user": account.uid, "group": account.gid, "extra_groups": groups}
    stdin, stdout, stderr = streams
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        cwd=folder or None,
        start_new_session=True,
        **identity,
    )
