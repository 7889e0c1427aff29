"""pacman, of Arch and what is made from it: pacman(8).

The databases are fetched only where there are none: to fetch them without upgrading the whole system is what Arch calls
a partial upgrade and does not support, and a whole upgrade is not kvmready's to make.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Result
from kvmready.i18n import _
from kvmready.plan import manager
from kvmready.plan.command import explain
from kvmready.plan.manager import Holder, Package, Simulation

NAME = "pacman"
CLEAN = ("pacman", "-Sc")
UPDATE = ("pacman", "-Sy", "--noconfirm")
LOCK = "/var/lib/pacman/db.lck"
SYNC = "/var/lib/pacman/sync"
LOCAL = "/var/lib/pacman/local"

REPAIR = (("rm", "--force", "--", LOCK),)
"""Only a lock that no process holds is ever called unfinished work."""


def install(packages: Sequence[str]) -> tuple[str, ...]:
    """--noconfirm answers no where something would have to go."""
    return ("pacman", "-S", "--needed", "--noconfirm", "--", *packages)


def reinstall(packages: Sequence[str]) -> tuple[str, ...]:
    return ("pacman", "-S", "--noconfirm", "--", *packages)


def remove(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    """-R takes no dependency along, and keeps changed configuration files as .pacsave."""
    return ("pacman", "-R", "--noconfirm", "--", *packages)


# pure


def plain(name: str) -> str:
    """pacman's database holds one architecture: a name is whole as it is."""
    return name


def parse_packages(text: str) -> dict[str, Package]:
    """``pacman -Q``: name and version."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: Package(row[1], "installed") for row in rows if len(row) == 2}


def parse_info(text: str) -> set[str]:
    """The names in ``pacman -Si``."""
    return set(re.findall(r"^Name +: (\S+)$", text, re.MULTILINE))


def parse_backup(text: str) -> list[str]:
    """The configuration files in ``pacman -Qii``: each with its state, before it up to pacman 6.0, else behind it."""
    blocks = re.findall(r"^Backup Files\s*:(.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return [path for block in blocks for path in re.findall(r"(?:^|\s)(/\S+)", block)]


_DONE = r"^(?:\( *\d+/\d+\) )?(?P<verb>installing|upgrading|removing) (?P<package>\S+?)(?:\.\.\.|\s)"


def progress(log: str, total: int) -> str:
    return manager.told(log, _DONE, total)


SIGNS = (
    ("untrusted", r"PGP signature|missing required signature|unknown trust|key .* could not be (looked up|imported)"),
    ("untrusted", r"\.sig' from |invalid or corrupted (package|database)"),
    ("no-space", r"No space left|not enough free disk space"),
    ("no-candidate", r"target not found|no usable package repositories|The requested URL returned error: 404"),
    ("offline", r"failed retrieving file|Could not resolve host|failed to synchronize"),
    ("broken", r"could not lock database"),
)


def trouble(text: str) -> str:
    return manager.tell(text, SIGNS)


def why(text: str) -> str:
    return manager.reasons(text, r"^(error: |:: .* (conflict|breaks dependency))")


def no_candidate() -> str:
    return _("The package databases may be old: bring the system up to date with pacman -Syu, then run kvmready again.")


def by_hand() -> str:
    return _("See that no package manager runs, remove {path}, then run kvmready again.").format(path=LOCK)


# questions


def lists_present(host: Door) -> bool:
    return any(name.endswith(".db") for name in host.listdir(SYNC).names)


def candidates(host: Door, wanted: Sequence[str]) -> set[str] | None:
    """Those that a database knows; pacman ends with 1 where it does not know all of them."""
    result = host.run(Command(("pacman", "-Si", "--", *wanted), timeout=60))
    if result.problem or (result.status != 0 and "was not found" not in result.stderr):
        return None
    return parse_info(result.stdout) & set(wanted)


def installed(host: Door) -> dict[str, Package]:
    """The whole package database. Raises WorkError when pacman does not answer."""
    result = host.run(Command(("pacman", "-Q"), timeout=60))
    if result.problem or (not result.ok and result.stderr.strip()):
        raise WorkError(_("The list of installed packages cannot be read."), explain(result))
    return parse_packages(result.stdout)


def automatic(host: Door) -> set[str]:
    """What was installed as a dependency."""
    return set(host.run(Command(("pacman", "-Qdq"), timeout=60)).stdout.split())


def mark(packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
    return ("pacman", "-D", "--asdeps" if automatic else "--asexplicit", "--", *packages)


def simulate(host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
    """What would come; what would have to go for it, pacman tells only when it is asked in earnest, and then stops."""
    argv = ("pacman", "-S", "--needed", "--noconfirm", "--print", "--print-format", "%n", "--", *packages)
    result = host.run(Command(argv, timeout=60))
    here = installed(host)
    named = [line for line in result.stdout.splitlines() if line and " " not in line]
    coming = Simulation(
        tuple(name for name in named if name not in here), tuple(name for name in named if name in here), ()
    )
    return result, coming


def would_go(host: Door, packages: Sequence[str]) -> tuple[Result, set[str]]:
    """The packages and all that needs them."""
    argv = ("pacman", "-R", "--cascade", "--print", "--print-format", "%n", "--", *packages)
    result = host.run(Command(argv, timeout=60))
    return result, {line for line in result.stdout.splitlines() if line and " " not in line}


def files(host: Door, packages: Sequence[str]) -> frozenset[str]:
    lines = host.run(Command(("pacman", "-Qlq", "--", *packages), timeout=60)).stdout.splitlines()
    return frozenset(line.rstrip("/") for line in lines if line.startswith("/"))


def configuration(host: Door, packages: Sequence[str]) -> list[str]:
    return parse_backup(host.run(Command(("pacman", "-Qii", "--", *packages), timeout=60)).stdout)


def scripts(host: Door, packages: Sequence[str]) -> list[str]:
    """The install scripts, which the database keeps beside each package."""
    here = installed(host)
    return [host.read(f"{LOCAL}/{name}-{here[name].version}/install").text for name in packages if name in here]


def holder(host: Door) -> Holder | None:
    """Whoever has the lock file open: libalpm holds it so for the length of a transaction (libalpm/handle.c)."""
    return None if host.stat(LOCK).error else manager.open_holder(host, LOCK)


def unfinished(host: Door) -> str:
    if host.stat(LOCK).error or holder(host) is not None:
        return ""
    return _("pacman was interrupted: its lock file {path} is there, and nobody holds it.").format(path=LOCK)
