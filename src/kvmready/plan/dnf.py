"""dnf 4, of Fedora up to 40, RHEL 8 and later, openEuler: dnf(8). yum 4 is the same program."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmready.host.door import Command, Door, Result
from kvmready.i18n import _
from kvmready.plan import manager
from kvmready.plan.manager import Holder, Simulation
from kvmready.plan.rpm import (
    LOCKS,
    REPAIR as REPAIR,
    configuration as configuration,
    files as files,
    installed as installed,
    plain as plain,
    scripts as scripts,
    unfinished as unfinished,
    would_go as would_go,
)

NAME = "dnf"
CLEAN = ("dnf", "clean", "packages")
UPDATE = ("dnf", "makecache", "--refresh")
LEAN = "--setopt=install_weak_deps=False"

PID_FILES = (
    "/var/cache/dnf/metadata_lock.pid",
    "/var/cache/dnf/download_lock.pid",
    "/var/lib/dnf/rpmdb_lock.pid",
)
"""dnf: dnf/lock.py; each holds the number of the process."""

PROGRAMS = ("dnf", "yum", "packagekitd")


def install(packages: Sequence[str]) -> tuple[str, ...]:
    """Without --allowerasing, dnf takes nothing out to bring something in."""
    return ("dnf", "install", "--assumeyes", LEAN, "--", *packages)


def reinstall(packages: Sequence[str]) -> tuple[str, ...]:
    return ("dnf", "reinstall", "--assumeyes", "--", *packages)


def remove(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    """Exactly these; rpm keeps changed configuration files as .rpmsave, so that both ways are one."""
    return ("dnf", "remove", "--assumeyes", "--noautoremove", "--", *packages)


# pure

_COMING = re.compile(r"Installing( .*)?:")
_CHANGING = re.compile(r"(Upgrading|Downgrading|Reinstalling|Updating)( .*)?:")
_GOING = re.compile(r"Removing( .*)?:")


def parse_transaction(text: str) -> Simulation:
    """The table that dnf (4 and 5) and yum show before they ask: headings, and one row for each package.

    A row begins with one space; a long name stands alone on its line, and the architecture begins the next one. A
    deeper row tells what is replaced: of another name, that package goes.
    """
    found: dict[str, list[str]] = {"in": [], "up": [], "out": []}
    section, row = "", ""
    for line in text.splitlines():
        words = line.split()
        if line and not line.startswith(" "):
            section, row = _section(line.strip()), ""
        elif section and words and words[0] == "replacing" and len(words) > 1:
            name = words[1] if "." in words[1] or len(words) < 3 else f"{words[1]}.{words[2]}"
            if plain(name) != plain(row):
                found["out"].append(name)
        elif section and line.startswith(" ") and not line.startswith("  ") and words:
            row = f"{words[0]}.{words[1]}" if len(words) > 1 else words[0]
            if len(words) > 1:
                found[section].append(row)
        elif section and row and "." not in row[-8:] and words:
            row = f"{row}.{words[0]}"
            found[section].append(row)
    return Simulation(*(tuple(dict.fromkeys(found[key])) for key in ("in", "up", "out")))


def _section(line: str) -> str:
    for pattern, name in ((_COMING, "in"), (_CHANGING, "up"), (_GOING, "out")):
        if pattern.fullmatch(line):
            return name
    return ""


_DONE = r"^ +(?P<verb>Installing|Upgrading|Erasing|Cleanup|Running scriptlet) *: (?P<package>\S+)"


def progress(log: str, total: int) -> str:
    return manager.told(log, _DONE, total)


SIGNS = (
    ("untrusted", r"GPG check FAILED|GPG keys?.*not (correct|installed)|is not signed|Public key for .* not installed"),
    ("untrusted", r"checking of packages via GPG keys|repomd.xml GPG signature verification error"),
    ("no-space", r"No space left|needs? .* more space|at least .* more space needed"),
    ("offline", r"Curl error|Cannot download|Failed to download|Could not resolve host|cannot prepare internal mirror"),
    (
        "no-candidate",
        r"Unable to find a match|No match for argument|No matching packages|nothing provides|no enabled repos",
    ),
    ("broken", r"rpmdb|database disk image is malformed|DB_RUNRECOVERY"),
)


def trouble(text: str) -> str:
    return manager.tell(text, SIGNS)


def why(text: str) -> str:
    return manager.reasons(text, r"^ *(Error|Errors|Problem( \d+)?|No match for argument|- )")


def no_candidate() -> str:
    return _(
        "See which repositories are switched on: dnf repolist. On RHEL the machine must be registered; some packages "
        "are in CRB or EPEL."
    )


def by_hand() -> str:
    return _("Run: sudo dnf check, and sudo rpm --rebuilddb where the database is damaged; then run kvmready again.")


# questions


def lists_present(host: Door) -> bool:
    """Any question fetches what it needs."""
    return True


def candidates(host: Door, wanted: Sequence[str]) -> set[str] | None:
    argv = ("dnf", "--quiet", "repoquery", "--available", "--queryformat", "%{name}", "--", *wanted)
    result = host.run(Command(argv, timeout=300))
    found = set(result.stdout.split()) & set(wanted)
    return found if result.ok and (found or trouble(result.stderr) != "offline") else None


def automatic(host: Door) -> set[str]:
    """What dnf's own history does not call installed by a person; the cache alone is asked (-C)."""
    argv = ("dnf", "-C", "--quiet", "repoquery", "--userinstalled", "--queryformat", "%{name}.%{arch}")
    result = host.run(Command(argv, timeout=120))
    return set(installed(host)) - set(result.stdout.split()) if result.ok else set()


def mark(packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
    return ("dnf", "mark", "remove" if automatic else "install", "--assumeyes", "--", *packages)


def simulate(host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
    argv = tuple("--assumeno" if word == "--assumeyes" else word for word in install(packages))
    result = host.run(Command(argv, timeout=600))
    return rehearsed(result), parse_transaction(result.stdout)


def rehearsed(result: Result) -> Result:
    """``--assumeno`` ends with 1 where all would have gone well."""
    text = result.stdout + result.stderr
    if not result.problem and re.search(r"Operation aborted|Exiting on user command|Nothing to do", text):
        return result._replace(status=0)
    return result


def holder(host: Door) -> Holder | None:
    return manager.file_holder(host, PID_FILES, PROGRAMS) or manager.lock_holder(host, LOCKS)
