"""This machine: the one module that opens its files, starts its programs and changes it."""

from __future__ import annotations

import errno
import os
import stat as modes
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from kvmready.host.child import Child
from kvmready.host.door import (
    PROBE,
    READ_LIMIT,
    Account,
    Answer,
    Caller,
    Command,
    Ended,
    Group,
    Growing,
    Guard,
    Listing,
    Page,
    Reading,
    Result,
    Running,
    Screen,
    Session,
    Space,
    Status,
)

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROBE_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
    "from kvmready.guest.probe import main\n"
    "sys.exit(main(sys.argv[1:]))"
)
"""Not the file itself: Python keeps no compiled form of a program, and to compile it takes as long as to run it."""
ROLLBACK_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from kvmready.host.rollback import main; main()"
SESSIONS_LIMIT = 256
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

_KINDS = (
    (modes.S_ISREG, "file"),
    (modes.S_ISDIR, "directory"),
    (modes.S_ISCHR, "character"),
    (modes.S_ISBLK, "block"),
    (modes.S_ISSOCK, "socket"),
    (modes.S_ISFIFO, "fifo"),
)


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _lines_with(content: bytes, needles: Sequence[bytes]) -> bytes:
    starts: dict[int, int] = {}
    for needle in needles:
        at = content.find(needle)
        while at >= 0:
            start = content.rfind(b"\n", 0, at) + 1
            end = content.find(b"\n", at)
            end = len(content) if end < 0 else end + 1
            starts[start] = end
            at = content.find(needle, end)
    return b"".join(content[start : starts[start]] for start in sorted(starts))


class LocalRunning:
    """A child process whose limit ends all that it started."""

    def __init__(self, argv: tuple[str, ...], child: Child, command: Command) -> None:
        self._argv = argv
        self._child = child
        self._deadline = time.monotonic() + command.timeout
        self._result: Result | None = None

    def wait(self) -> Result:
        if self._result is None:
            # One that ended in time has an answer, however late somebody asks for it.
            late = time.monotonic() + GRACE if self._child.ended() else 0.0
            in_time = self._child.attend(max(self._deadline, late))
            if not in_time:
                self._kill()
            self._end("" if in_time else "timeout")
        assert self._result is not None
        return self._result

    def poll(self) -> Result | None:
        if self._result is None and not self._child.ended() and time.monotonic() < self._deadline:
            return None
        return self.wait()

    def stop(self) -> None:
        if self._result is None:
            self._kill()
            self._end("")

    def _end(self, problem: str) -> None:
        out, err = (bytes(self._child.output[name]).decode("utf-8", "replace") for name in ("out", "err"))
        self._child.close()
        self._result = Result(self._argv, None if problem else self._child.status, out, err, problem)

    def _kill(self) -> None:
        import signal

        for number in (signal.SIGTERM, signal.SIGKILL):
            self._child.signal(number)
            if self._child.attend(time.monotonic() + GRACE):
                return


class LocalHost:
    """This machine, asked and changed directly. Implements ``door.Workshop``."""

    def __init__(self) -> None:
        self._locks: list[int] = []

    # questions

    def caller(self) -> Caller:
        import pwd

        def name_of(uid: int) -> str:
            try:
                return pwd.getpwuid(uid).pw_name
            except KeyError:
                return str(uid)

        system = os.uname()
        behind = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER") or ""
        if not behind and os.environ.get("PKEXEC_UID", "").isdigit():
            behind = name_of(int(os.environ["PKEXEC_UID"]))
        uid = os.geteuid()
        return Caller(
            uid,
            tuple(sorted({*os.getgroups(), os.getegid()})),
            name_of(uid),
            behind if uid == 0 and behind != "root" else "",
            system.nodename,
            system.release,
            system.machine,
        )

    def _content(self, path: str, limit: int) -> bytes:
        # O_NONBLOCK: a FIFO that somebody put in the way of a configuration file must not hang the check.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            parts = []
            left = limit
            while left > 0:
                part = os.read(descriptor, min(left, 1 << 18))
                if not part:
                    break
                parts.append(part)
                left -= len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    def read(self, path: str, limit: int = READ_LIMIT) -> Reading:
        try:
            content = self._content(path, limit + 1)
        except OSError as error:
            return Reading(path, error=_name(error))
        return Reading(path, content[:limit].decode("utf-8", "replace"), truncated=len(content) > limit)

    def grep(self, path: str, needles: Sequence[str]) -> Reading:
        try:
            content = self._content(path, 64 * READ_LIMIT)
        except OSError as error:
            return Reading(path, error=_name(error))
        return Reading(path, _lines_with(content, [n.encode() for n in needles]).decode("utf-8", "replace"))

    def listdir(self, path: str) -> Listing:
        try:
            return Listing(path, tuple(sorted(os.listdir(path))))
        except OSError as error:
            return Listing(path, error=_name(error))

    def readlink(self, path: str) -> Reading:
        try:
            return Reading(path, os.readlink(path))
        except OSError as error:
            return Reading(path, error=_name(error))

    def stat(self, path: str) -> Status:
        try:
            found = os.stat(path)
        except OSError as error:
            return Status(path, error=_name(error))
        kind = next((name for test, name in _KINDS if test(found.st_mode)), "other")
        device = (os.major(found.st_rdev), os.minor(found.st_rdev)) if kind in ("character", "block") else (0, 0)
        return Status(path, kind, modes.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size, device)

    def space(self, path: str) -> Space:
        try:
            found = os.statvfs(path)
        except OSError as error:
            return Space(path, error=_name(error))
        return Space(
            path,
            found.f_bavail * found.f_frsize,
            found.f_blocks * found.f_frsize,
            nodes=found.f_files,
            free_nodes=found.f_favail,
        )

    def attribute(self, path: str, name: str) -> Reading:
        try:
            return Reading(path, os.getxattr(path, name).hex())
        except OSError as error:
            return Reading(path, error=_name(error))

    def locked(self, path: str) -> Reading:
        import fcntl
        import struct

        # struct flock with 64-bit offsets (fcntl(2)): type, whence, start, length 0 (to the end), pid.
        layout = "hhqqi"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, _whence, _start, _length, pid = struct.unpack(
                    layout, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)[: struct.calcsize(layout)]
                )
            finally:
                os.close(descriptor)
        except OSError as error:
            return Reading(path, error=_name(error))
        return Reading(path, "" if kind == fcntl.F_UNLCK else str(pid))

    def account(self, name: str) -> Account:
        import grp
        import pwd

        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):  # ValueError: a NUL in the name
            return Account(name, error="absent")
        groups = []
        for gid in os.getgrouplist(entry.pw_name, entry.pw_gid):
            try:
                groups.append((grp.getgrgid(gid).gr_name, gid))
            except KeyError:
                groups.append((str(gid), gid))
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, tuple(sorted(groups)))

    def group(self, name: str) -> Group:
        import grp

        try:
            entry = grp.getgrnam(name)
        except (KeyError, ValueError):
            return Group(name, error="absent")
        return Group(entry.gr_name, entry.gr_gid, tuple(entry.gr_mem))

    def sessions(self, uid: int) -> tuple[Session, ...]:
        found = []
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
            try:
                if os.stat(f"/proc/{pid}").st_uid != uid:
                    continue
                text = self._content(f"/proc/{pid}/status", READ_LIMIT).decode("utf-8", "replace")
            except OSError:
                continue  # the process ended while we looked: it is no session any more
            fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
            groups = {int(word) for word in fields.get("Groups", "").split()}
            groups |= {int(word) for word in fields.get("Gid", "").split()[1:2]}
            found.append(Session(pid, fields.get("Name", "").strip(), tuple(sorted(groups))))
            if len(found) == SESSIONS_LIMIT:
                break
        return tuple(found)

    def begin(self, command: Command) -> Running:
        return self._begin(command, "")

    def _begin(self, command: Command, folder: str) -> Running:
        argv = command.argv
        if argv[0] == PROBE:
            argv = (sys.executable, "-I", "-S", "-c", PROBE_PROGRAM, SOURCE, *argv[1:])
        environment = {"PATH": SEARCH_PATH, "LC_ALL": "C", "LANG": "C", "TERM": "dumb", "HOME": "/"}
        identity: Account | None = None
        account = self.account(command.user or self.caller().user)
        if not account.error:
            environment.update(HOME=account.home or "/", USER=account.name, LOGNAME=account.name)
        if command.user:
            if account.error:
                return Ended(Result(command.argv, None, "", f"no such user: {command.user}", "denied"))
            if account.uid != os.geteuid():
                identity = account
        environment.update(command.env)
        log = -1
        try:
            if command.log:
                log = os.open(command.log, _APPENDING, 0o600)
            child = Child(argv, environment, command.stdin.encode(), log, identity, folder, tty=command.tty)
        except FileNotFoundError:
            return Ended(Result(command.argv, problem="absent"))
        except (PermissionError, OSError) as error:
            return Ended(Result(command.argv, None, "", _name(error), "denied"))
        finally:
            if log >= 0:
                os.close(log)
        return LocalRunning(command.argv, child, command)

    def run(self, command: Command) -> Result:
        return self.begin(command).wait()

    # changes

    def begin_change(self, command: Command) -> Running:
        return self._begin(command, "/")  # what it starts may stay, and must not keep the caller's directory in use

    def change(self, command: Command) -> Result:
        return self.begin_change(command).wait()

    def write(
        self, path: str, content: bytes, mode: int, owner: tuple[int, int] | None = None, lasting: bool = True
    ) -> None:
        temporary = f"{path}.kvmready-{os.urandom(6).hex()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._write_all(descriptor, content)
            if owner is not None:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            if lasting:
                os.fsync(descriptor)
            os.close(descriptor)
            descriptor = -1
            os.rename(temporary, path)
        except OSError:
            if descriptor >= 0:
                os.close(descriptor)
            os.unlink(temporary)
            raise
        if lasting:
            self._sync_folder(path)

    def append(self, path: str, content: bytes) -> None:
        new = not os.path.exists(path)
        descriptor = os.open(path, _APPENDING, 0o600)
        try:
            self._write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            self._sync_folder(path)

    @staticmethod
    def _write_all(descriptor: int, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]

    @staticmethod
    def _sync_folder(path: str) -> None:
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read_bytes(self, path: str) -> bytes:
        return self._content(path, 1 << 40)

    def parts(self, path: str) -> Iterator[bytes]:
        from kvmready.host import growing

        return growing.parts(path)

    def grow(self, path: str) -> Growing:
        from kvmready.host.growing import LocalGrowing

        return LocalGrowing(path)

    def remove(self, path: str, lasting: bool = True) -> None:
        os.unlink(path)
        if lasting:
            self._sync_folder(path)

    def mkdir(self, path: str, mode: int) -> None:
        os.makedirs(path, mode, exist_ok=True)

    def rmdir(self, path: str) -> None:
        os.rmdir(path)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)
        for path in {os.path.dirname(old): old, os.path.dirname(new): new}.values():
            self._sync_folder(path)

    def sync(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def chown(self, path: str, uid: int, gid: int, mode: int) -> None:
        os.chown(path, uid, gid)
        os.chmod(path, mode)

    def remove_tree(self, path: str) -> None:
        import shutil

        shutil.rmtree(path)

    def call(self, address: str, port: int, words: str, limit: float) -> Answer:
        from kvmready.host import caller

        return caller.call(address, port, words, limit)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.time()

    def lock(self, path: str) -> Mapping[str, str] | None:
        import fcntl

        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = os.read(descriptor, 256).decode("ascii", "replace").split()
            os.close(descriptor)
            return {"pid": words[0] if words else "?", "since": words[1] if len(words) > 1 else "?"}
        os.ftruncate(descriptor, 0)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.pwrite(descriptor, f"{os.getpid()} {since}\n".encode("ascii"), 0)
        self._locks.append(descriptor)
        return None

    def arm(self, unit: str, job: str, seconds: int) -> Result:
        program = (sys.executable, "-I", "-S", "-B", "-c", ROLLBACK_PROGRAM, SOURCE, job)
        options = ("--quiet", "--collect", f"--unit={unit}", f"--on-active={seconds}s", "--property=Type=oneshot")
        argv = ("systemd-run", *options, "--timer-property=AccuracySec=1s", "--", *program)
        return self.change(Command(argv, timeout=30))

    def guard(
        self,
        mark: str,
        commands: Sequence[tuple[str, ...]],
        paths: Sequence[str],
        user: str = "",
        first: tuple[str, ...] = (),
        record: str = "",
    ) -> Guard:
        from kvmready.host.guarding import LocalGuard

        account = self.account(user or self.caller().user)
        environment = {"PATH": SEARCH_PATH, "LC_ALL": "C", "LANG": "C", "TERM": "dumb", "HOME": account.home or "/"}
        return LocalGuard(mark, commands, paths, account if user else None, environment, first, record)

    def own_display(self) -> tuple[str, str]:
        return os.environ.get("DISPLAY", ""), os.environ.get("XAUTHORITY", "")

    def screen(self, display: str, cookies: bytes) -> Screen:
        from kvmready.host import x11

        return x11.opened(display, cookies)

    def page(self, port: int, path: str, limit: float) -> Page:
        from kvmready.host import web_page

        return web_page.ask(port, path, limit)
