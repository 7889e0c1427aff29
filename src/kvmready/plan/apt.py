"""Debian's package tools: what they say, who holds their locks, and how they are run.

Output goes to a file of the run, not to a pipe: apt then lives on when kvmready is killed, and the next ``up`` waits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from kvmready.errors import WorkError
from kvmready.facts.packages import unfinished
from kvmready.host.door import Command, Door, Result, Workshop
from kvmready.i18n import _
from kvmready.plan.command import explain, shown
from kvmready.plan.step import Say

LISTS = "/var/lib/apt/lists"
MARKS = "/var/lib/apt/extended_states"

LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)

ENVIRONMENT = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "APT_LISTCHANGES_FRONTEND=none",
    "NEEDRESTART_MODE=l",  # needrestart(1): list, restart no service of somebody else
    "UCF_FORCE_CONFFOLD=1",
)

CONFFILES = ("--force-confdef", "--force-confold")
"""dpkg(1): where a person changed a configuration file, that person's file stays."""

OPTIONS = (
    "-o",
    "Dpkg::Use-Pty=0",
    "-o",
    "DPkg::Lock::Timeout=120",
    *(word for option in CONFFILES for word in ("-o", f"Dpkg::Options::={option}")),
)

OFFLINE = "packages.offline"

UPDATE = (*ENVIRONMENT, "apt-get", "update", "-o", "Acquire::Retries=3")
CONFIGURE = (*ENVIRONMENT, "dpkg", *CONFFILES, "--configure", "-a")
FIX = (*ENVIRONMENT, "apt-get", "install", "--fix-broken", "--yes", "--no-install-recommends", "--no-remove", *OPTIONS)

UPDATE_LIMIT = 900.0
INSTALL_LIMIT = 7200.0
LOCK_LIMIT = 600.0
POLL = 0.25
REMIND = 30.0
"""Seconds between two reminders of what is waited for."""


class Package(NamedTuple):
    """One package of the database; ``status`` is dpkg's, such as "installed" or "config-files"."""

    version: str
    status: str


class Holder(NamedTuple):
    """Who holds a lock of the package manager."""

    pid: int
    command: str


class Simulation(NamedTuple):
    """What apt would do: names with their architecture where apt gives one, as ``dpkg-query`` prints them."""

    incoming: tuple[str, ...]
    upgraded: tuple[str, ...]
    removed: tuple[str, ...]


class State(NamedTuple):
    """What a plan needs to know of the package manager.

    ``broken`` says what is unfinished, ``busy`` who is at work; both are empty when all is well. ``unavailable`` are
    those of the wanted packages that the lists do not offer, ``present`` those that dpkg has as installed: what is
    missed of them was deleted.
    """

    lists: bool
    broken: str = ""
    busy: str = ""
    unavailable: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()


def install(packages: Sequence[str]) -> tuple[str, ...]:
    """The command that brings packages in, and nothing out."""
    options = ("--yes", "--no-install-recommends", "--no-remove", *OPTIONS, "-o", "Acquire::Retries=3")
    return (*ENVIRONMENT, "apt-get", "install", *options, "--", *packages)


def purge(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    """The command that takes exactly these packages away; what only they needed is among them or stays."""
    verb = "remove" if keep_configuration else "purge"
    return (*ENVIRONMENT, "apt-get", verb, "--yes", "--no-auto-remove", *OPTIONS, "--", *packages)


# pure


def parse_packages(text: str) -> dict[str, Package]:
    """``QUERY``'s lines: name, version, status; the name carries the architecture."""
    packages = {}
    for line in text.splitlines():
        name, version, status = (*line.split("\t"), "", "")[:3]
        if name and status and status != "not-installed":
            packages[name] = Package(version, status)
    return packages


QUERY = ("dpkg-query", "--show", "--showformat=${Package}:${Architecture}\\t${Version}\\t${db:Status-Status}\\n")


def parse_marks(text: str) -> set[str]:
    """The packages marked as installed automatically, ``name:architecture``, from apt's extended_states."""
    marked = set()
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if fields.get("Auto-Installed") == "1" and "Package" in fields:
            marked.add(f"{fields['Package']}:{fields.get('Architecture', '')}")
    return marked


_SIMULATED = re.compile(r"^(Inst|Remv|Purg) (\S+) (?:\[([^\]]*)\] ?)?(?:\(\S+ .*\[(\S+)\]\))?")


def parse_simulation(text: str, native: str) -> Simulation:
    """The lines of ``apt-get -s``: ``Inst NAME [OLD] (NEW REPOSITORY [ARCH])`` and ``Remv NAME [OLD]``.

    A name without an architecture is of the ``native`` one (or of all: the caller compares names alone then).
    """
    found: dict[str, list[str]] = {"new": [], "upgrade": [], "remove": []}
    for line in text.splitlines():
        match = _SIMULATED.match(line)
        if match is None:
            continue
        verb, name, old, architecture = match.groups()
        if verb == "Inst":
            whole = name if ":" in name else f"{name}:{architecture or native}"
            found["upgrade" if old else "new"].append(whole)
        else:
            found["remove"].append(name if ":" in name else f"{name}:{native}")
    return Simulation(*(tuple(dict.fromkeys(found[key])) for key in ("new", "upgrade", "remove")))


_REMOVED = re.compile(r"^The following packages will be REMOVED:\n((?:  .*\n?)+)", re.MULTILINE)


def parse_refusal(text: str) -> tuple[str, ...]:
    """The packages that apt would have to remove, where ``--no-remove`` kept it from doing so."""
    found = _REMOVED.search(text)
    return tuple(name.rstrip("*") for name in found.group(1).split()) if found else ()


def parse_policy(text: str) -> set[str]:
    """The packages of an ``apt-cache policy`` answer that have a candidate."""
    known = set()
    name = ""
    for line in text.splitlines():
        if line and not line.startswith(" ") and line.endswith(":"):
            name = line[:-1]
        elif line.strip().startswith("Candidate:") and line.split(":", 1)[1].strip() != "(none)":
            known.add(name)
    return known


def plain(name: str) -> str:
    """A package's name without its architecture."""
    return name.partition(":")[0]


_STEPS = re.compile(r"^(Unpacking|Setting up|Removing|Purging configuration files for) (\S+)")


def progress(log: str, total: int) -> str:
    """The newest thing that apt's log tells, counted against ``total`` such things; empty when it told nothing yet."""
    steps = [match for match in map(_STEPS.match, log.splitlines()) if match]
    if steps:
        verb, name = steps[-1].groups()
        sentences = {
            "Unpacking": _("Unpacking {package} ({done} of {total})"),
            "Setting up": _("Setting up {package} ({done} of {total})"),
            "Removing": _("Removing {package} ({done} of {total})"),
        }
        sentence = sentences.get(verb, _("Clearing up after {package} ({done} of {total})"))
        return sentence.format(package=plain(name), done=min(len(steps), total), total=total)
    fetched = re.findall(r"^Get:(\d+) \S+ .*", log, re.MULTILINE)
    return _("Fetching packages ({count})").format(count=fetched[-1]) if fetched else ""


# questions


def lists_present(host: Door) -> bool:
    """Whether apt knows any package list at all: a fresh cloud image has none."""
    return any("_Packages" in name for name in host.listdir(LISTS).names)


def ask(host: Door, wanted: Sequence[str]) -> State:
    """The state of the package manager, for a plan that wants packages."""
    lists = lists_present(host)
    unavailable: frozenset[str] = frozenset()
    if lists and wanted:
        unavailable = frozenset(wanted) - candidates(host, wanted)
    working = holder(host)
    if working is not None:
        # What somebody is at work on is not broken: it may be the apt of a run that was killed.
        return State(lists, "", f"{working.command} ({working.pid})", unavailable)
    return State(lists, unfinished(host), "", unavailable, present(host, wanted))


def present(host: Door, wanted: Sequence[str]) -> frozenset[str]:
    """Those of the wanted packages that are wholly installed, by dpkg's book."""
    if not wanted:
        return frozenset()
    known = parse_packages(host.run(Command((*QUERY, "--", *wanted), timeout=60)).stdout)
    return frozenset(plain(name) for name, package in known.items() if package.status == "installed")


def candidates(host: Door, wanted: Sequence[str]) -> set[str]:
    """Those of the wanted packages that a repository offers."""
    result = host.run(Command(("apt-cache", "policy", "--", *wanted), timeout=60))
    return parse_policy(result.stdout)


def installed(host: Door) -> dict[str, Package]:
    """The whole package database. Raises WorkError when dpkg does not answer."""
    result = host.run(Command(QUERY, timeout=60))
    if not result.ok:
        raise WorkError(_("The list of installed packages cannot be read."), explain(result))
    return parse_packages(result.stdout)


def automatic(host: Door) -> set[str]:
    """The packages that apt would remove when nothing needs them any more."""
    return parse_marks(host.read(MARKS, 64 << 20).text)


def architecture(host: Door) -> str:
    """dpkg's own name of this machine's architecture. Raises WorkError."""
    result = host.run(Command(("dpkg", "--print-architecture"), timeout=30))
    if not result.ok:
        raise WorkError(_("dpkg does not answer."), explain(result))
    return result.stdout.strip()


def simulate(host: Door, argv: Sequence[str]) -> tuple[Result, Simulation]:
    """What an apt command would do. ``argv`` is one of ``install`` and ``purge``."""
    verb = argv.index("apt-get") + 1
    result = host.run(Command((*argv[:verb], "--simulate", *argv[verb:]), timeout=120))
    return result, parse_simulation(result.stdout, architecture(host))


def holder(host: Door) -> Holder | None:
    """Who holds a lock of the package manager: fcntl locks are listed in /proc/locks, their files in /proc/PID/fd."""
    pids = []
    for line in host.read("/proc/locks", 1 << 20).text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[1] == "POSIX" and words[4].isdigit() and int(words[4]) > 0:
            pids.append(int(words[4]))
    for pid in dict.fromkeys(pids):
        for name in host.listdir(f"/proc/{pid}/fd").names:
            if host.readlink(f"/proc/{pid}/fd/{name}").text in LOCKS:
                command = host.read(f"/proc/{pid}/cmdline", 4096).text.replace("\0", " ").strip()
                return Holder(pid, command[:120] or str(pid))
    return None


# changes


def wait_for_lock(host: Workshop, say: Say, limit: float = LOCK_LIMIT) -> None:
    """Wait until nobody uses the package manager, saying who does. Raises WorkError after ``limit`` seconds."""
    began = host.now()
    reminded = -REMIND
    while True:
        busy = holder(host)
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


def run(host: Workshop, argv: Sequence[str], log: str, total: int, say: Say, limit: float = INSTALL_LIMIT) -> Result:
    """Run a package command to its end, with its output in ``log`` and progress told from there.

    An interruption waits for the command all the same, because a package run that is cut off leaves packages half
    installed; it is raised again when the command has ended.
    """
    skip = len(host.read(log, 64 << 20).text)
    running = host.begin_change(Command(tuple(argv), timeout=limit, log=log))
    last = ""
    interrupted: KeyboardInterrupt | None = None
    while True:
        try:
            result = running.poll()
            if result is not None:
                break
            text = progress(host.read(log, 64 << 20).text[skip:], total)
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
    return result._replace(stdout=host.read(log, 64 << 20).text[skip:])


def no_candidate() -> str:
    """What to do about a package that no repository offers."""
    return _("The distribution's own repository belongs into /etc/apt/sources.list or /etc/apt/sources.list.d.")


def failed(result: Result, log: str) -> WorkError:
    """The error for a package command, with the next move that fits what it said."""
    words = [line for line in result.stdout.splitlines() if line.startswith(("E: ", "W: ", "dpkg: error"))]
    why = " ".join(words[-3:]) or explain(result)
    text = result.stdout
    if re.search(r"Unable to locate package|has no installation candidate", text):
        move = no_candidate()
    elif re.search(r"Could not resolve|Failed to fetch|Temporary failure|Could not connect", text):
        words_for = _(
            "The repositories do not answer: check this host's network and proxy. More: kvmready explain {cause}"
        )
        move = words_for.format(cause=OFFLINE)
    elif "o space left" in text or "enough free space" in text:
        move = _("Make room on this disk (apt-get clean frees the package cache), then run kvmready again.")
    elif "dpkg was interrupted" in text or "nmet dependencies" in text:
        move = _("Run: sudo dpkg --configure -a && sudo apt-get --fix-broken install, then run kvmready again.")
    elif log:
        move = _("Its whole output is in {log}.").format(log=log)
    else:
        move = _("Run it by hand and read what it says.")
    return WorkError(_("This command failed: {command}").format(command=shown(result.argv)), why, move)
