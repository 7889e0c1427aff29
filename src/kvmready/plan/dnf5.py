"""dnf5, of Fedora 41 and later: dnf5(8). It keeps its own record of why a package is there."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.host.door import Command, Door, Result
from kvmready.plan import manager
from kvmready.plan.dnf import (
    LEAN,
    by_hand as by_hand,
    lists_present as lists_present,
    no_candidate as no_candidate,
    parse_transaction,
    rehearsed,
    trouble as trouble,
)
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

NAME = "dnf5"
CLEAN = ("dnf5", "clean", "packages")
UPDATE = ("dnf5", "makecache", "--refresh")

TRANSACTION = "/run/dnf/rpmtransaction.lock"
"""dnf5: libdnf5/base/transaction.cpp; held for the length of a transaction."""


def install(packages: Sequence[str]) -> tuple[str, ...]:
    return ("dnf5", "install", "--assumeyes", LEAN, *packages)


def reinstall(packages: Sequence[str]) -> tuple[str, ...]:
    return ("dnf5", "reinstall", "--assumeyes", *packages)


def remove(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    return ("dnf5", "remove", "--assumeyes", "--no-autoremove", *packages)


_DONE = r"^\[ *\d+/\d+\] (?P<verb>Installing|Upgrading|Removing|Erasing) (?P<package>\S+)"


def progress(log: str, total: int) -> str:
    return manager.told(log, _DONE, total)


def why(text: str) -> str:
    return manager.reasons(
        text, r"^ *(Failed|Error|Transaction failed|OpenPGP check|Problem( \d+)?|No match for argument|- )"
    )


def candidates(host: Door, wanted: Sequence[str]) -> set[str] | None:
    argv = ("dnf5", "--quiet", "repoquery", "--available", "--queryformat", "%{name}\\n", *wanted)
    result = host.run(Command(argv, timeout=300))
    found = set(result.stdout.split()) & set(wanted)
    return found if result.ok and (found or trouble(result.stderr) != "offline") else None


def automatic(host: Door) -> set[str]:
    argv = ("dnf5", "-C", "--quiet", "repoquery", "--userinstalled", "--queryformat", "%{name}.%{arch}\\n")
    result = host.run(Command(argv, timeout=120))
    return set(installed(host)) - set(result.stdout.split()) if result.ok else set()


def mark(packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
    return ("dnf5", "mark", "dependency" if automatic else "user", "--assumeyes", *packages)


def simulate(host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
    argv = tuple("--assumeno" if word == "--assumeyes" else word for word in install(packages))
    result = host.run(Command(argv, timeout=600))
    return rehearsed(result), parse_transaction(result.stdout)


def holder(host: Door) -> Holder | None:
    return manager.lock_holder(host, (TRANSACTION, *LOCKS))
