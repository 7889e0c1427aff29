"""Where a proof works: one name that all it makes carries, one folder of the user's, and a guard over both."""

from __future__ import annotations

import os
import time

from kvmready.checks.finding import Evidence
from kvmready.host.door import Command
from kvmready.proof.record import ProofStep
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmready.facts.names import Names
    from kvmready.host.door import Account, Caller, Door, Guard, Result, Running, Workshop
    from kvmready.plan.step import Say

PREFIX = "kvmready-proof-"
FOLDER = "/tmp"
"""Not $TMPDIR: root's may lie where the user's emulator cannot reach it."""

DISK_FOLDER = "/var/tmp"
"""Where files are on a disk; what is in /tmp is in memory on many hosts."""


class Nonce:
    """What one guest is given, so that only it can write its witness."""

    __slots__ = ("key", "text")

    def __init__(self) -> None:
        self.text = os.urandom(8).hex()
        self.key = int.from_bytes(os.urandom(4), "little")


class Place:
    """The workplace of one proof: ``guard`` it, ``make`` it; leave it with ``close``.

    ``say`` tells who waits what is done now, ``news`` how far it is.
    """

    def __init__(
        self,
        host: Workshop,
        names: Names,
        caller: Caller,
        account: Account,
        accel: str,
        say: Say = lambda line: None,
        news: Say = lambda line: None,
    ) -> None:
        self.host = host
        self.names = names
        self.caller = caller
        self.account = account
        self.accel = accel
        self.say = say
        self.news = news
        self.run_as = account.name if account.uid != caller.uid else ""
        self.mark = f"{PREFIX}{os.getpid()}-{os.urandom(8).hex()}"
        self.folder = f"{FOLDER}/{self.mark}"
        self.disk_folder = f"{DISK_FOLDER}/{self.mark}"
        self._files: list[str] = []
        self._folders: list[str] = []
        self._begun: list[Running] = []
        self._guard: Guard | None = None
        self._folder_made = self._disk_folder_made = False

    def guard(self, commands: Sequence[tuple[str, ...]] = (), paths: Sequence[str] = ()) -> None:
        """Have the place guarded, and with it what else will be made. Raises OSError."""
        self._guard = self.host.guard(self.mark, commands, (self.folder, self.disk_folder, *paths), self.run_as)

    def make(self) -> None:
        """Make the folder, the user's own. Raises OSError."""
        self._folder_made = True
        self.host.mkdir(self.folder, 0o700)
        if self.run_as:
            self.host.chown(self.folder, self.account.uid, self.account.gid, 0o700)

    def make_on_disk(self) -> str:
        """Make a second folder of the user's, on a disk, and return it. Raises OSError."""
        self._disk_folder_made = True
        self.host.mkdir(self.disk_folder, 0o700)
        if self.run_as:
            self.host.chown(self.disk_folder, self.account.uid, self.account.gid, 0o700)
        return self.disk_folder

    def path(self, name: str) -> str:
        """Where the file of that name is, or will be, in the folder."""
        path = f"{self.folder}/{name}"
        if path not in self._files:
            self._files.append(path)
        return path

    def subfolder(self, name: str) -> str:
        """A folder in the folder, made by the user: root could be led astray in what is the user's already."""
        path = f"{self.folder}/{name}"
        if path not in self._folders:
            self._folders.append(path)
            self.run(("mkdir", "-m", "700", "--", path), 10.0)
        return path

    def put(self, name: str, content: bytes, mode: int = 0o600) -> str:
        """Write a file that the user owns and return its path. Raises OSError."""
        path = self.path(name)
        owner = (self.account.uid, self.account.gid) if self.run_as else None
        self.host.write(path, content, mode, owner, lasting=False)
        return path

    def command(self, argv: tuple[str, ...], limit: float, log: str = "", tty: bool = False) -> Command:
        return Command(argv, limit, self.run_as, log=log, tty=tty)

    def begin(
        self, argv: tuple[str, ...], limit: float, log: str = "", env: tuple[tuple[str, str], ...] = ()
    ) -> Running:
        """Start a guest or a program as the user; it changes nothing of the host. ``close`` ends it at last."""
        running = self.host.begin(self.command(argv, limit, log)._replace(env=env))
        self._begun.append(running)
        return running

    def run(self, argv: tuple[str, ...], limit: float, by_caller: bool = False) -> Result:
        """Run as the user, or as whoever called; ended, not left behind, when this process is interrupted."""
        command = self.command(argv, limit)
        running: Running = self.host.begin_change(command._replace(user="") if by_caller else command)
        try:
            return running.wait()
        finally:
            running.stop()

    def close(self, clean: bool) -> None:
        """Remove the folder and let the guard go; unless ``clean``, the guard removes all that it knows of."""
        for running in self._begun:
            running.stop()
        if self._guard is None:
            return
        if clean:
            try:
                if self._disk_folder_made:
                    self.host.remove_tree(self.disk_folder)
                if self._folder_made:
                    self._empty()
            except OSError:
                clean = False
        if clean:
            self._guard.disarm()
        else:
            self._guard.strike()

    def _empty(self) -> None:
        for folder in self._folders:
            if not self.host.stat(folder).error:
                self.host.remove_tree(folder)
        for path in self._files:
            try:
                self.host.remove(path, lasting=False)
            except FileNotFoundError:
                continue  # it was not made before the proof failed
        self.host.rmdir(self.folder)


def dead(host: Door, name: str) -> bool:
    """Whether ``name`` is that of a proof whose process is gone. False where processes cannot be seen."""
    if not name.startswith(PREFIX):
        return False
    pid = name[len(PREFIX) :].partition("-")[0]
    if not pid.isdigit() or host.stat("/proc/1").error:  # hidepid: a live process of another user looks dead
        return False
    return host.stat(f"/proc/{pid}").error == "ENOENT"


def sweep_folders(host: Workshop, caller: Caller) -> tuple[str, ...]:
    """Remove the folders that killed proofs left, as far as the caller owns them; returns their paths."""
    swept = []
    paths = [(folder, name) for folder in (FOLDER, DISK_FOLDER) for name in host.listdir(folder).names]
    for folder, name in paths:
        path = f"{folder}/{name}"
        if dead(host, name) and (caller.uid == 0 or host.stat(path).uid == caller.uid):
            try:
                host.remove_tree(path)
            except OSError:
                continue  # it vanished, or somebody else's files are in it: not ours to force
            swept.append(path)
    return tuple(swept)


def quoted(argv: Sequence[str]) -> str:
    """A command as it can be typed into a shell, for evidence."""
    from shlex import join

    return join(argv)


class Steps:
    """Collects the steps of a proof and their times."""

    def __init__(self) -> None:
        self.taken: list[ProofStep] = []
        self._begun = time.monotonic()

    def begin(self, at: float | None = None) -> None:
        """A step begins now, or began at that time of ``time.monotonic``."""
        self._begun = time.monotonic() if at is None else at

    def add(self, id: str, status: str, evidence: Sequence[Evidence] = (), cause: str = "") -> bool:
        """End the step begun last; True when it passed."""
        seconds = round(time.monotonic() - self._begun, 3)
        self.taken.append(ProofStep(id, status, seconds, tuple(evidence), cause))
        self._begun = time.monotonic()
        return status == "pass"
