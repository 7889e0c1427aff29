"""zypper, of openSUSE and SLE: zypper(8). Its XML is read where it has some, because its words are wrapped."""

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

NAME = "zypper"
CLEAN = ("zypper", "clean")
BASE = ("zypper", "--non-interactive")
"""It then takes zypper's own default for each question, which is to cancel where something would have to go."""

UPDATE = (*BASE, "refresh")
AUTOMATIC = "/var/lib/zypp/AutoInstalled"
PID_FILES = ("/run/zypp.pid", "/var/run/zypp.pid")
"""libzypp: zypp/ZYppFactory.cc; empty while nobody works."""

PROGRAMS = ("zypper", "packagekitd", "yast", "y2base", "zypp")

NOT_FOUND = 104
"""zypper(8), "Exit codes": ZYPPER_EXIT_INF_CAP_NOT_FOUND."""


def install(packages: Sequence[str]) -> tuple[str, ...]:
    return (*BASE, "install", "--no-recommends", "--", *packages)


def reinstall(packages: Sequence[str]) -> tuple[str, ...]:
    return (*BASE, "install", "--force", "--no-recommends", "--", *packages)


def remove(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    return (*BASE, "remove", "--no-clean-deps", "--", *packages)


# pure

_SOLVABLE = re.compile(r"<solvable\b([^>]*)>")
_ATTRIBUTE = re.compile(r"""(\w+(?:-\w+)*)=["']([^"']*)["']""")


def parse_search(text: str) -> set[str]:
    """The names in ``--xmlout search``; installed ones count, they were offered once."""
    return {dict(_ATTRIBUTE.findall(found)).get("name", "") for found in _SOLVABLE.findall(text)} - {""}


def parse_simulation(text: str) -> Simulation:
    """The summary of ``--xmlout install --dry-run``: what comes, what changes its version, what goes."""
    found = []
    for names in (("install",), ("upgrade", "downgrade", "reinstall", "change-arch"), ("remove",)):
        inner = "".join(
            block for name in names for block in re.findall(rf"<to-{name}\b[^>]*>(.*?)</to-{name}>", text, re.DOTALL)
        )
        fields = [dict(_ATTRIBUTE.findall(one)) for one in _SOLVABLE.findall(inner)]
        found.append(tuple(f"{f['name']}.{f['arch']}" for f in fields if f.get("type") == "package"))
    return Simulation(*found)


_DONE = r"^\( *\d+/\d+\) (?P<verb>Installing|Removing):? (?P<package>\S+)"


def progress(log: str, total: int) -> str:
    return manager.told(log, _DONE, total)


SIGNS = (
    ("untrusted", r"Signature verification failed|is not signed|is unsigned|signed with an unknown key"),
    ("no-space", r"No space left|not enough (free )?(disk )?space"),
    ("offline", r"Download \(curl\) error|Could not resolve host|Timeout exceeded|Problem retrieving files"),
    ("no-candidate", r"No provider of|not found in package names|nothing provides|No repositories defined"),
    ("broken", r"rpmdb|DB_RUNRECOVERY|database disk image is malformed"),
)


def trouble(text: str) -> str:
    return manager.tell(text, SIGNS)


def why(text: str) -> str:
    return manager.reasons(
        text, r"^(Problem: |Error message: |No provider of|.*Signature verification failed|.*is not signed|error: )"
    )


def no_candidate() -> str:
    return _(
        "See which repositories are switched on: zypper repos. On SLES the module or extension must be registered."
    )


def by_hand() -> str:
    return _("Run: sudo zypper verify, and sudo rpm --rebuilddb where the database is damaged; then kvmready again.")


# questions


def lists_present(host: Door) -> bool:
    """A question refreshes what is old."""
    return True


def candidates(host: Door, wanted: Sequence[str]) -> set[str] | None:
    argv = (*BASE, "--quiet", "--xmlout", "search", "--match-exact", "--type", "package", "--", *wanted)
    result = host.run(Command(argv, timeout=300))
    found = parse_search(result.stdout) & set(wanted)
    if result.problem or result.status not in (0, NOT_FOUND) or (not found and 'type="error"' in result.stdout):
        return None
    return found


def automatic(host: Door) -> set[str]:
    """libzypp's own list of plain names."""
    names = {line for line in host.read(AUTOMATIC).text.splitlines() if line and not line.startswith("#")}
    return {name for name in installed(host) if plain(name) in names} if names else set()


def mark(packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
    """libzypp keeps that list by itself, and zypper of these releases has no command for it."""
    return ()


def simulate(host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
    argv = (*BASE, "--xmlout", "install", "--dry-run", "--no-recommends", "--", *packages)
    result = host.run(Command(argv, timeout=600))
    text = re.sub(r"<[^>]*>", "", result.stdout)
    return result._replace(stdout=text), parse_simulation(result.stdout)


def holder(host: Door) -> Holder | None:
    return manager.file_holder(host, PID_FILES, PROGRAMS) or manager.lock_holder(host, LOCKS)
