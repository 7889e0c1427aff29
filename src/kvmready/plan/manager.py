"""What every package manager can be asked and told. Each is a file of this room that implements ``Manager``;
what such a file imports as itself it has in common with a relative.

Output goes to a file of the run, not to a pipe: a package run then lives on when kvmready is killed, and the next
``up`` waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Result, Workshop
from kvmready.i18n import _
from kvmready.plan.command import explain, shown
from kvmready.plan.step import Say
from kvmready.typed import NamedTuple, Protocol

OFFLINE = "packages.offline"
UNTRUSTED = "packages.untrusted"
NO_CANDIDATE = "packages.no-candidate"

UPDATE_LIMIT = 900.0
INSTALL_LIMIT = 7200.0
LOCK_LIMIT = 600.0
POLL = 0.25
REMIND = 30.0
"""Seconds between two reminders of what is waited for."""

LOG_LIMIT = 64 << 20


class Package(NamedTuple):
    """One package of the database; ``status`` is "installed", or dpkg's own word such as "config-files"."""

    version: str
    status: str


class Holder(NamedTuple):
    """Who holds a lock of the package manager."""

    pid: int
    command: str


class Simulation(NamedTuple):
    """What an installation would do: names as in ``Manager.installed``, where the manager tells that much."""

    incoming: tuple[str, ...]
    upgraded: tuple[str, ...]
    removed: tuple[str, ...]


class State(NamedTuple):
    """What a plan needs to know of the package manager.

    ``broken`` says what is unfinished, ``busy`` who is at work; both are empty when all is well. ``unavailable`` are
    those of the wanted packages that the repositories do not offer; ``lists`` is False where they could not be asked.
    ``present`` are those that are installed by the manager's own book: what is missed of them was deleted.
    """

    lists: bool
    broken: str = ""
    busy: str = ""
    unavailable: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()


class Manager(Protocol):
    """One package manager. A package's name in answers is whole: with its architecture where the manager tells it."""

    @property
    def NAME(self) -> str:
        """The word for the table's ``package_manager``, and for the name of the run's log."""

    @property
    def UPDATE(self) -> tuple[str, ...]:
        """The command that fetches the package lists."""

    @property
    def REPAIR(self) -> tuple[tuple[str, ...], ...]:
        """The commands that finish, or take away, what an interrupted package run left."""

    @property
    def CLEAN(self) -> tuple[str, ...]:
        """The command that empties the package cache."""

    def install(self, packages: Sequence[str]) -> tuple[str, ...]:
        """The command that brings packages in, and nothing out."""

    def reinstall(self, packages: Sequence[str]) -> tuple[str, ...]:
        """The command that installs the same versions again."""

    def remove(self, packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
        """The command that takes exactly these packages away."""

    def plain(self, name: str) -> str:
        """A package's name without its architecture."""

    def lists_present(self, host: Door) -> bool:
        """Whether the manager knows any package list, or fetches what it needs with the first question."""

    def candidates(self, host: Door, wanted: Sequence[str]) -> set[str] | None:
        """Those of the wanted packages that a repository offers; None where the repositories could not be asked."""

    def installed(self, host: Door) -> dict[str, Package]:
        """The whole package database. Raises WorkError when it cannot be read."""

    def automatic(self, host: Door) -> set[str]:
        """The packages that nobody asked for by name, and that may go with what needs them."""

    def mark(self, packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
        """The command that sets that mark for installed packages; () for a manager without such a command."""

    def simulate(self, host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
        """What ``install`` would do, and how its rehearsal ended; what it would have to remove is told as well."""

    def would_go(self, host: Door, packages: Sequence[str]) -> tuple[Result, set[str]]:
        """The plain names of all that ``remove`` would take away, and how its rehearsal ended."""

    def files(self, host: Door, packages: Sequence[str]) -> frozenset[str]:
        """Every path that one of the packages has."""

    def configuration(self, host: Door, packages: Sequence[str]) -> list[str]:
        """The configuration files of the packages, which go or are renamed with them."""

    def scripts(self, host: Door, packages: Sequence[str]) -> list[str]:
        """The texts of what the packages run when they are installed."""

    def holder(self, host: Door) -> Holder | None:
        """Who is at work with the package manager."""

    def unfinished(self, host: Door) -> str:
        """What an interrupted run left, in words for a person; empty when all is well or cannot be seen."""

    def progress(self, log: str, total: int) -> str:
        """The newest thing that the log tells, counted against ``total`` such things; empty before the first."""

    def by_hand(self) -> str:
        """What a person does about an interrupted run, as a sentence."""

    def no_candidate(self) -> str:
        """What a person does about a package that no repository offers."""

    def why(self, text: str) -> str:
        """The lines of a failed command's output that say why."""

    def trouble(self, text: str) -> str:
        """What a failed command's output tells: one of ``TROUBLES``, or "" for something else."""


TROUBLES = ("untrusted", "no-candidate", "offline", "no-space", "broken")


def tell(text: str, signs: Iterable[tuple[str, str]]) -> str:
    """The first of ``TROUBLES`` whose regular expression finds something in ``text``."""
    return next((name for name, pattern in signs if re.search(pattern, text, re.IGNORECASE)), "")


def ask(host: Door, manager: Manager, wanted: Sequence[str]) -> State:
    """The state of the package manager, for a plan that wants packages: one question for all their candidates."""
    lists = manager.lists_present(host)
    unavailable: frozenset[str] = frozenset()
    if lists and wanted:
        found = manager.candidates(host, wanted)
        lists = found is not None
        unavailable = frozenset(wanted) - found if found is not None else frozenset()
    working = manager.holder(host)
    if working is not None:
        # What somebody is at work on is not broken: it may be the package run of a kvmready that was killed.
        return State(lists, "", f"{working.command} ({working.pid})", unavailable)
    return State(lists, manager.unfinished(host), "", unavailable, present(host, manager, wanted))


def present(host: Door, manager: Manager, wanted: Sequence[str]) -> frozenset[str]:
    """Those of the wanted packages that are wholly installed, by the manager's own book."""
    if not wanted:
        return frozenset()
    names = {manager.plain(name) for name, one in manager.installed(host).items() if one.status == "installed"}
    return frozenset(wanted) & names


def lock_holder(host: Door, paths: Collection[str], kinds: Collection[str] = ("POSIX",)) -> Holder | None:
    """Who holds a lock (POSIX of fcntl, FLOCK of flock) on one of the files: /proc/locks, and the links in
    /proc/PID/fd (proc(5)).
    """
    pids = []
    for line in host.read("/proc/locks", 1 << 20).text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[1] in kinds and words[4].isdigit() and int(words[4]) > 0:
            pids.append(int(words[4]))
    for pid in dict.fromkeys(pids):
        for name in host.listdir(f"/proc/{pid}/fd").names:
            if host.readlink(f"/proc/{pid}/fd/{name}").text in paths:
                return Holder(pid, _command(host, pid) or str(pid))
    return None


def file_holder(host: Door, paths: Iterable[str], programs: Sequence[str]) -> Holder | None:
    """Who wrote its process number into one of the lock files and still runs, as one of ``programs``."""
    for path in paths:
        number = host.read(path, 64).text.strip()
        if number.isdigit():
            command = _command(host, int(number))
            if any(program in command for program in programs):
                return Holder(int(number), command)
    return None


def open_holder(host: Door, path: str) -> Holder | None:
    """The first process that has the file open, by its links in /proc/PID/fd."""
    for pid in host.listdir("/proc").names:
        if pid.isdigit():
            for name in host.listdir(f"/proc/{pid}/fd").names:
                if host.readlink(f"/proc/{pid}/fd/{name}").text == path:
                    return Holder(int(pid), _command(host, int(pid)) or pid)
    return None


def _command(host: Door, pid: int) -> str:
    return host.read(f"/proc/{pid}/cmdline", 4096).text.replace("\0", " ").strip()[:120]


def wait_for_lock(host: Workshop, manager: Manager, say: Say, limit: float = LOCK_LIMIT) -> None:
    """Wait until nobody uses the package manager, saying who does. Raises WorkError after ``limit`` seconds."""
    began = host.now()
    reminded = -REMIND
    while True:
        busy = manager.holder(host)
        if busy is None:
            return
        waited = host.now() - began
        if waited >= limit:
            raise WorkError(
                _("The package manager is busy: {command} (process {pid}) has held it for {minutes} minutes.").format(
                    command=busy.command, pid=busy.pid, minutes=int(waited // 60)
                ),
                "",
                _("Wait until that has ended, then run kvmready again."),
            )
        if waited - reminded >= REMIND:
            reminded = waited
            say(
                _("Waiting for {command} (process {pid}): it is using the package manager.").format(
                    command=busy.command, pid=busy.pid
                )
            )
        host.sleep(1.0)


def run(
    host: Workshop,
    manager: Manager,
    argv: Sequence[str],
    log: str,
    total: int,
    say: Say,
    limit: float = INSTALL_LIMIT,
) -> Result:
    """Run a package command to its end, with its output in ``log`` and progress told from there.

    An interruption waits for the command all the same, because a package run that is cut off leaves packages half
    installed; it is raised again when the command has ended.
    """
    skip = len(host.read(log, LOG_LIMIT).text)
    begun = host.begin_change(Command(tuple(argv), timeout=limit, log=log))
    last = ""
    interrupted: KeyboardInterrupt | None = None
    while True:
        try:
            result = begun.poll()
            if result is not None:
                break
            text = manager.progress(host.read(log, LOG_LIMIT).text[skip:], total)
            if text != last:
                last = text
                say(text)
            host.sleep(POLL)
        except KeyboardInterrupt as signal:
            if interrupted is not None:
                raise
            interrupted = signal
            say(_("Interrupted. Waiting for the package manager to end, so that nothing stays half installed."))
    if interrupted is not None:
        raise interrupted
    return result._replace(stdout=host.read(log, LOG_LIMIT).text[skip:])


def failed(manager: Manager, result: Result, log: str) -> WorkError:
    """The error for a package command, with the next move that fits what it said."""
    text = result.stdout
    why = manager.why(text) or explain(result)
    moves: Mapping[str, str] = {
        "untrusted": _(
            "The signature of a repository or a package is not trusted here, and kvmready installs nothing that is "
            "not: bring the distribution's keys up to date. More: kvmready explain {cause}"
        ).format(cause=UNTRUSTED),
        "no-candidate": manager.no_candidate(),
        "offline": _(
            "The repositories do not answer: check this host's network and proxy. More: kvmready explain {cause}"
        ).format(cause=OFFLINE),
        "no-space": _("Make room on this disk ({command} frees the package cache), then run kvmready again.").format(
            command=shown(manager.CLEAN)
        ),
        "broken": manager.by_hand(),
    }
    move = moves.get(manager.trouble(text), "")
    if not move and log:
        move = _("Its whole output is in {log}.").format(log=log)
    return WorkError(
        _("This command failed: {command}").format(command=shown(result.argv)),
        why,
        move or _("Run it by hand and read what it says."),
    )


def told(log: str, pattern: str, total: int) -> str:
    """The last line of ``log`` that matches, in words; it has the groups ``verb`` and ``package``."""
    found = list(re.finditer(pattern, log, re.MULTILINE))
    if not found:
        return ""
    going = found[-1]["verb"].lower() in ("removing", "erasing", "purging", "cleanup")
    words = _("Removing {package} ({done} of {total})") if going else _("Installing {package} ({done} of {total})")
    done = len(found)
    return words.format(package=found[-1]["package"], done=done, total=max(total // 2, done))


REASONS = 4


def reasons(text: str, pattern: str) -> str:
    """The last lines of a command's output that match: what it complains of."""
    lines = [" ".join(line.split()) for line in text.splitlines() if re.match(pattern, line)]
    return " ".join(list(dict.fromkeys(lines))[-REASONS:])
