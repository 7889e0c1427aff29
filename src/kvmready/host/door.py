"""The protocol through which every question to a host, and every change of one, goes.

A question never raises for what the host answers: the answer is a value, and a failure is part of it (``error`` holds
the name of the errno, such as ``"EACCES"``, or is empty). So "absent", "denied" and "could not ask" stay apart.
Questions can be recorded and replayed; changes cannot, and a replaying host refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kvmready.typed import NamedTuple, Protocol

PROBE = "kvmready-probe"
"""argv[0] of the functional probe; a door that can run things finds the program itself (see ``guest/probe.py``)."""

READ_LIMIT = 1 << 20
"""Bytes of one file that ``read`` returns at the most: files under /proc can be endless."""


class Reading(NamedTuple):
    """The text of a file. ``text`` is decoded as UTF-8 with replacement; NULs are kept."""

    path: str
    text: str = ""
    error: str = ""
    truncated: bool = False


class Listing(NamedTuple):
    """The names in a directory, sorted."""

    path: str
    names: tuple[str, ...] = ()
    error: str = ""


class Status(NamedTuple):
    """What stat(2) says of a path; symbolic links are followed. ``mode`` holds the permission bits only."""

    path: str
    kind: str = ""  # file, directory, character, block, socket, fifo
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    device: tuple[int, int] = (0, 0)  # major, minor of a device node
    error: str = ""


class Space(NamedTuple):
    """Room on the file system that holds ``path``, in bytes; ``free`` is what an ordinary user may take.

    ``nodes`` is how many files it can hold, 0 where it has no such limit (btrfs); ``free_nodes`` how many more.
    """

    path: str
    free: int = 0
    total: int = 0
    error: str = ""
    nodes: int = 0
    free_nodes: int = 0


class Result(NamedTuple):
    """What a command answered.

    ``status`` is its exit status, negative for the signal that ended it (as in ``subprocess``), None when it did not
    end by itself. ``problem`` is empty, ``absent`` (no such program), ``denied`` (not allowed to run it) or
    ``timeout`` (killed at its time limit).
    """

    argv: tuple[str, ...]
    status: int | None = None
    stdout: str = ""
    stderr: str = ""
    problem: str = ""

    @property
    def ok(self) -> bool:
        return self.status == 0 and not self.problem


class Account(NamedTuple):
    """A user of the host's database. ``groups`` are those of a new login: getgrouplist(3), by name and number."""

    name: str
    uid: int = -1
    gid: int = -1
    home: str = ""
    groups: tuple[tuple[str, int], ...] = ()
    error: str = ""  # "absent" when the database knows no such user


class Group(NamedTuple):
    """A group of the host's database, with the members that the group entry itself lists."""

    name: str
    gid: int = -1
    members: tuple[str, ...] = ()
    error: str = ""


class Caller(NamedTuple):
    """Who asks, and on which machine: getuid(2), getgroups(2), uname(2) and the names behind them."""

    uid: int
    groups: tuple[int, ...]
    user: str
    sudo_user: str  # the person behind sudo, doas or pkexec; empty when there is none
    hostname: str
    kernel: str  # uname -r
    arch: str  # uname -m


class Session(NamedTuple):
    """One running process of a user, with the supplementary groups that the kernel gave it at login."""

    pid: int
    command: str
    groups: tuple[int, ...]


class Window(NamedTuple):
    """A window that a display shows, by the number that the display knows it by; sizes in pixels."""

    id: int
    title: str
    width: int
    height: int


class Picture(NamedTuple):
    """Rows of pixels from the top, three bytes each: red, green, blue."""

    width: int
    height: int
    pixels: bytes


class Command(NamedTuple):
    """A command to run: an argv list, never a shell string, with a time limit in seconds.

    ``user`` runs it as that user with the groups of a new login (root only). ``env`` is added to the clean
    environment. ``log`` appends its output to that file instead of returning it, so that it survives its caller.
    ``tty`` gives it a terminal to read from, on which nobody types: some programs refuse to work without one.
    """

    argv: tuple[str, ...]
    timeout: float = 10.0
    user: str = ""
    stdin: str = ""
    env: tuple[tuple[str, str], ...] = ()
    log: str = ""
    tty: bool = False


class Answer(NamedTuple):
    """What came over a TCP connection: the beginning of it as text, its whole length, and how long it all took."""

    text: str = ""
    size: int = 0
    seconds: float = 0.0
    error: str = ""


class Running(Protocol):
    """A command that was begun."""

    def wait(self) -> Result:
        """The result; returns at the command's time limit at the latest. May be called more than once."""

    def poll(self) -> Result | None:
        """The result when the command has ended or its time is over, else None."""

    def stop(self) -> None:
        """End the command now: SIGTERM, then SIGKILL. Safe to call when it has ended."""


class Ended:
    """A command that runs no more, or never did: all that is left of it is its result."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def wait(self) -> Result:
        return self._result

    def poll(self) -> Result | None:
        return self._result

    def stop(self) -> None:
        """There is nothing to end."""


class Door(Protocol):
    """Questions to a host. Each is asked at most once by its subject in ``facts/``."""

    def caller(self) -> Caller: ...

    def read(self, path: str, limit: int = READ_LIMIT) -> Reading: ...

    def grep(self, path: str, needles: Sequence[str]) -> Reading:
        """The lines of a (possibly large) file that contain one of ``needles``, as the text of a Reading."""

    def listdir(self, path: str) -> Listing: ...

    def readlink(self, path: str) -> Reading: ...

    def stat(self, path: str) -> Status: ...

    def space(self, path: str) -> Space: ...

    def attribute(self, path: str, name: str) -> Reading:
        """An extended attribute (getxattr(2)), its bytes as hexadecimal digits; ENODATA where it is not set."""

    def locked(self, path: str) -> Reading:
        """The process that holds a POSIX lock on the whole file or a part of it, as a number; "" for nobody."""

    def account(self, name: str) -> Account: ...

    def group(self, name: str) -> Group: ...

    def sessions(self, uid: int) -> tuple[Session, ...]:
        """The running processes of that user, at most 256, in order of pid."""

    def begin(self, command: Command) -> Running:
        """Start a command that only asks. Commands that were begun run side by side."""

    def run(self, command: Command) -> Result:
        """``begin`` and ``wait`` in one."""


class Guard(Protocol):
    """A process of its own that cleans up when the one that asked for it is killed."""

    def disarm(self) -> None:
        """Nothing is left to clean up: the guard ends and does nothing. Safe to call again."""

    def strike(self) -> None:
        """Have it clean up now, and wait until it has. Safe to call again."""


class Growing(Protocol):
    """A large file that arrives in pieces, under a temporary name, locked. Its changes raise OSError."""

    size: int

    def append(self, content: bytes) -> None: ...

    def restart(self) -> None:
        """Make it empty."""

    def parts(self) -> Iterator[bytes]:
        """What is there so far, from the beginning."""

    def keep(self, path: str, mode: int) -> None:
        """It is whole: sync it, give it its mode and its name."""

    def discard(self) -> None:
        """Throw it away."""

    def close(self) -> None:
        """Leave what is there for another time. Safe to call again."""


class Page(NamedTuple):
    """What a web server answered. ``certificate`` is the SHA-256 of the one that it showed, in hexadecimal digits."""

    status: int
    headers: tuple[tuple[str, str], ...]
    text: str
    certificate: str


class Screen(Protocol):
    """A display that was opened. Its questions raise OSError where the display fails or the window is gone."""

    def windows(self) -> tuple[Window, ...]:
        """The windows that are shown and have a title."""

    def picture(self, window: Window) -> Picture: ...

    def move(self, window: Window, left: int, top: int) -> None:
        """Put a window elsewhere; where there is a window manager, that is only a wish."""

    def close(self) -> None: ...


class Workshop(Door, Protocol):
    """A door that may also change the host. Only ``apply/``, ``images/`` and ``proof/`` hold one.

    File changes raise OSError: a change that did not happen is no answer but a failure of the work.
    """

    def begin_change(self, command: Command) -> Running:
        """Start a command that changes the host."""

    def change(self, command: Command) -> Result:
        """``begin_change`` and ``wait`` in one."""

    def write(
        self, path: str, content: bytes, mode: int, owner: tuple[int, int] | None = None, lasting: bool = True
    ) -> None:
        """Put ``content`` at ``path`` atomically: a temporary file beside it, fsync, rename, fsync of the folder.

        Not ``lasting``: without an fsync, for what nobody needs after a crash; a disk may take long over one.
        """

    def append(self, path: str, content: bytes) -> None:
        """Append and fsync."""

    def read_bytes(self, path: str) -> bytes: ...

    def parts(self, path: str) -> Iterator[bytes]:
        """The content of a large regular file, piece by piece; raises OSError when it is begun."""

    def grow(self, path: str) -> Growing:
        """Begin, or carry on with, a large file. Raises BlockingIOError while another process is at work on it."""

    def remove(self, path: str, lasting: bool = True) -> None:
        """Remove a file; not ``lasting``: without an fsync of the folder."""

    def mkdir(self, path: str, mode: int) -> None:
        """Create the directory and its missing parents."""

    def rmdir(self, path: str) -> None: ...

    def rename(self, old: str, new: str) -> None:
        """Rename within a file system, over what is there; both folders are on the disk when this returns."""

    def sync(self, path: str) -> None:
        """fsync(2) of a file or folder that another program wrote."""

    def chown(self, path: str, uid: int, gid: int, mode: int) -> None: ...

    def remove_tree(self, path: str) -> None: ...

    def call(self, address: str, port: int, words: str, limit: float) -> Answer:
        """Connect, say ``words``, and hear the other end out: all of it within ``limit`` seconds."""

    def sleep(self, seconds: float) -> None: ...

    def now(self) -> float:
        """Seconds since the epoch."""

    def lock(self, path: str) -> Mapping[str, str] | None:
        """Take the exclusive lock file, held until the process ends: None, or who holds it ({"pid", "since"})."""

    def arm(self, unit: str, job: str, seconds: int) -> Result:
        """Have the service manager (systemd) run the rollback in the file ``job`` in so many seconds: ``rollback.py``.
        The timer and the service are called ``unit``.
        """

    def guard(
        self,
        mark: str,
        commands: Sequence[tuple[str, ...]],
        paths: Sequence[str],
        user: str = "",
        first: tuple[str, ...] = (),
        record: str = "",
    ) -> Guard:
        """Begin a guard *before* anything is made. Should this process end without ``disarm``, the guard ends every
        process whose arguments hold ``mark``, runs ``commands`` (as ``user``, root only), and removes ``paths``:
        files and directory trees, and where one ends with a slash, a directory if it is empty.
        ``first`` is a command that has to go well before the others can, and is tried for a minute; ``record`` a file
        that goes when all the rest was tried after that, and stays where it never went well.
        Raises OSError when it cannot be started.
        """

    def own_display(self) -> tuple[str, str]:
        """The caller's display and the file with its cookies ($DISPLAY, $XAUTHORITY); "" for what is not set."""

    def screen(self, display: str, cookies: bytes) -> Screen:
        """Open a display with one of the cookies of a file, which is given by its content. Raises OSError."""

    def page(self, port: int, path: str, limit: float) -> Page:
        """Ask this host's own web server over TLS. Its certificate is not verified: nothing is sent that is secret, and
        the connection stays on this machine. Raises OSError.
        """
