"""The state of the package manager: what it began and did not finish, who is at work with it, where it gets packages.

dpkg is asked for all three. Of the others the files tell where packages come from, and of rpm who is at work; the rest
is Absent here, and asked from the package manager itself before a plan is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kvmready.facts.known import Absent, Denied, Fact, Known, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Running

STATUS = "/var/lib/dpkg/status"
UPDATES = "/var/lib/dpkg/updates"
SOURCES = "/etc/apt/sources.list"
SOURCE_FOLDER = "/etc/apt/sources.list.d"
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock")
"""apt(8) holds the first while it works, dpkg(1) the second."""

AUDIT = ("dpkg", "--audit")
UNFINISHED = (" half-configured", " half-installed", " unpacked", " triggers-pending", " triggers-awaited")
"""dpkg(1), "Package states": what is none of installed, config-files and not-installed."""

AUDIT_LINES = 12


RPM_LOCKS = ("/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock")
"""rpm: lib/rpmlock.c; Fedora and openSUSE keep the database at the second place."""

REPOSITORY_FOLDERS = {
    "dnf": "/etc/yum.repos.d",
    "dnf5": "/etc/yum.repos.d",
    "yum": "/etc/yum.repos.d",
    "zypper": "/etc/zypp/repos.d",
}
"""dnf.conf(5), yum.conf(5), zypper(8): folders of files named *.repo."""

REPOSITORY_FILES = {"pacman": "/etc/pacman.conf", "apk": "/etc/apk/repositories"}
"""pacman.conf(5), apk-repositories(5)."""

OFF = ("0", "no", "false", "off")


class Packages(NamedTuple):
    """``unfinished`` says what is half done, in words, "" when all is well; ``audit`` what ``dpkg --audit`` adds.

    ``holder`` is the process at work with the package manager, "" for nobody. ``sources`` are the files that name a
    repository. Absent where the host has no dpkg. ``gone`` are the folders that they name and that are not there, where
    every repository is such a folder; asked where QEMU or libvirt is missing.
    """

    unfinished: Fact[str]
    audit: tuple[str, ...]
    holder: Fact[str]
    sources: Fact[tuple[str, ...]]
    gone: tuple[str, ...] = ()


def unfinished(host: Door) -> str:
    """What dpkg began and did not finish, in words for a person; empty when all is well or cannot be seen."""
    if any(name.isdigit() for name in host.listdir(UPDATES).names):
        return _("dpkg was interrupted.")
    return parse_unfinished(host.grep(STATUS, UNFINISHED).text)


def parse_unfinished(text: str) -> str:
    """The same from the status file's lines."""
    lines = [line for line in text.splitlines() if line.startswith("Status: ") and line.endswith(UNFINISHED)]
    if not lines:
        return ""
    words = _("{count} packages are only half installed.") if len(lines) > 1 else _("1 package is only half installed.")
    return words.format(count=len(lines))


_ONE_LINE = re.compile(r"^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)", re.MULTILINE)


def parse_repositories(text: str) -> tuple[str, ...]:
    """The URIs of the binary repositories that an apt source file, in either format of sources.list(5), names."""
    found = _ONE_LINE.findall(text)
    for block in re.split(r"\n\s*\n", text):
        fields = {}
        for line in block.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith((" ", "\t", "#")):
                fields[name.strip().lower()] = value.strip()
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0")
        if "deb" in fields.get("types", "").lower().split() and enabled:
            found += fields.get("uris", "").split() or ["?"]
    return tuple(found)


def switched_on(text: str) -> bool:
    """Whether a .repo file, or pacman.conf, names a repository that is used: a section with an address."""
    section, used, address = "", True, False
    for line in [*text.splitlines(), "[end]"]:
        name, equals, value = (part.strip().lower() for part in line.partition("="))
        if name.startswith("[") and name.endswith("]") and not equals:
            if section not in ("", "main", "options") and used and address:
                return True
            section, used, address = name[1:-1], True, False
        elif name == "enabled" and equals:
            used = value not in OFF
        elif name in ("baseurl", "metalink", "mirrorlist", "server", "include") and value:
            address = True
    return False


def _other_sources(host: Door, manager: str) -> Fact[tuple[str, ...]]:
    folder = REPOSITORY_FOLDERS.get(manager, "")
    paths = [f"{folder}/{name}" for name in host.listdir(folder).names if name.endswith(".repo")] if folder else []
    paths += [REPOSITORY_FILES[manager]] if manager in REPOSITORY_FILES else []
    if not folder and not paths:
        return Absent(STATUS)
    found = []
    for path in paths:
        reading = host.read(path)
        if reading.error in ("EACCES", "EPERM"):
            return Denied(path)
        lines = [line for line in reading.text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if switched_on("\n".join(lines)) or (manager == "apk" and lines):
            found.append(path)
    return Known(tuple(found))


def _others(host: Door, manager: str) -> Packages:
    """What the files of another package manager than Debian's tell."""
    absent = Absent(STATUS)
    there = [path for path in RPM_LOCKS if manager in REPOSITORY_FOLDERS and not host.stat(path).error]
    return Packages(absent, (), _holder(host, there) if there else absent, _other_sources(host, manager))


def _holder(host: Door, locks: Sequence[str] = LOCKS) -> Fact[str]:
    refused = ""
    for path in locks:
        reading = host.locked(path)
        if reading.error:
            refused = refused or (reading.error if reading.error != "ENOENT" else "")
        elif reading.text:
            command = host.read(f"/proc/{reading.text}/cmdline", 4096).text.replace("\0", " ").strip()
            return Known(f"{command[:120] or '?'} ({reading.text})")
    return missing(refused, locks[0]) if refused else Known("")


def _sources(host: Door) -> tuple[Fact[tuple[str, ...]], tuple[str, ...]]:
    """The files that name a repository, and the repositories."""
    folder = host.listdir(SOURCE_FOLDER)
    wanted = [f"{SOURCE_FOLDER}/{name}" for name in folder.names if name.endswith((".list", ".sources"))]
    found: list[str] = []
    repositories: list[str] = []
    for path in (SOURCES, *wanted):
        reading = host.read(path)
        if reading.error in ("EACCES", "EPERM"):
            return Denied(path), ()
        named = () if reading.error else parse_repositories(reading.text)
        repositories += named
        if named:
            found.append(path)
    return Known(tuple(found)), tuple(repositories)


def _gone(host: Door, names: Names, want: Want, repositories: tuple[str, ...]) -> tuple[str, ...]:
    """The folders of the repositories, where all are folders of this host and none is there."""
    folders = [uri.partition(":")[2] for uri in repositories if uri.startswith(("file:", "copy:"))]
    needed = (names.emulators,) if want.profile == "minimal" else (names.emulators, names.daemons)
    wanting = any(all(host.stat(path).error for path in paths) for paths in needed)
    if not wanting or not folders or len(folders) < len(repositories):
        return ()
    folders = ["/" + folder.strip("/") for folder in folders]
    return tuple(folders) if all(host.stat(folder).error == "ENOENT" for folder in folders) else ()


def ask(host: Door, names: Names, want: Want) -> Callable[[], Packages]:
    """Read dpkg's files; the one process is asked only where they say that something is unfinished."""
    status = host.grep(STATUS, UNFINISHED)
    if status.error:
        gone = missing(status.error, STATUS)
        if isinstance(gone, Absent) and names.manager not in ("", "apt"):
            other = _others(host, names.manager)
            return lambda: other
        nothing: Fact[tuple[str, ...]] = gone if isinstance(gone, Absent) else Denied(STATUS)
        return lambda: Packages(gone, (), gone, nothing)
    interrupted = any(name.isdigit() for name in host.listdir(UPDATES).names)
    words = _("dpkg was interrupted.") if interrupted else parse_unfinished(status.text)
    holder = _holder(host)
    sources, repositories = _sources(host)
    gone_ = _gone(host, names, want, repositories)
    running: Running | None = None
    # What somebody is at work on looks half done until they have finished.
    if words and holder == Known(""):
        from kvmready.host.door import Command

        running = host.begin(Command(AUDIT, timeout=30))
    elif words and isinstance(holder, Known):
        words = ""

    def answered() -> Packages:
        said = running.wait().stdout.splitlines() if running is not None else []
        lines = [line.rstrip() for line in said if line.startswith(" ") and line.strip()]
        return Packages(Known(words), tuple(lines[:AUDIT_LINES]), holder, sources, gone_)

    return answered
