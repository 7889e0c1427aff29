"""The database of RPM packages, which dnf, dnf5, yum and zypper share: rpm(8)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Result
from kvmready.i18n import _
from kvmready.plan.command import explain
from kvmready.plan.manager import Package

LOCKS = ("/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock")
"""rpm: lib/rpmlock.c; Fedora 36 and openSUSE moved the database to the second place."""

QUERY = ("rpm", "-qa", "--queryformat", "%{NAME}.%{ARCH}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n")

REPAIR = (("rpm", "--rebuilddb"),)

KEYS = "gpg-pubkey"
"""The database holds trusted keys as packages of this name."""

SEVERAL = ("kernel", "kmod-", "installonlypkg", KEYS)
"""How the names of packages begin that may well be installed in several versions."""


def plain(name: str) -> str:
    """A package's name without its architecture."""
    return name.rpartition(".")[0] or name


def parse_packages(text: str) -> dict[str, Package]:
    """``QUERY``'s lines: name with architecture, version. Keys are no packages."""
    rows = [line.split("\t") for line in text.splitlines()]
    return {row[0]: Package(row[1], "installed") for row in rows if len(row) == 2 and not row[0].startswith(KEYS)}


def parse_duplicates(text: str) -> list[str]:
    """The packages of ``QUERY``'s lines that are installed twice: an upgrade was cut off before its clean-up."""
    count = Counter(line.split("\t")[0] for line in text.splitlines() if "\t" in line)
    return sorted(name for name, times in count.items() if times > 1 and not name.startswith(SEVERAL))


def installed(host: Door) -> dict[str, Package]:
    """The whole package database. Raises WorkError when rpm does not answer."""
    result = host.run(Command(QUERY, timeout=120))
    if not result.ok:
        raise WorkError(_("The list of installed packages cannot be read."), explain(result))
    return parse_packages(result.stdout)


def unfinished(host: Door) -> str:
    """A database that cannot be read, or packages whose upgrade was cut off, in words; empty when all is well."""
    result = host.run(Command(QUERY, timeout=120))
    if result.problem:
        return ""
    if not result.ok or "error: " in result.stderr:
        words = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        return _("The package database cannot be read: {why}").format(why=" ".join(words[:2]) or explain(result))
    twice = parse_duplicates(result.stdout)
    if twice:
        some = ", ".join(twice[:3]) + (" …" if len(twice) > 3 else "")
        return _("An upgrade was cut off; these packages are installed twice: {names}").format(names=some)
    return ""


_NEEDED = re.compile(r"is needed by \(installed\) (\S+)-[^-]+-[^-]+$", re.MULTILINE)


def parse_needed(text: str) -> set[str]:
    """The plain names of installed packages that need one that shall go, from ``rpm --erase --test``."""
    return set(_NEEDED.findall(text))


def would_go(host: Door, packages: Sequence[str]) -> tuple[Result, set[str]]:
    """The packages and what needs them directly; see ``manager.Manager``."""
    result = host.run(Command(("rpm", "--erase", "--test", "--", *packages), timeout=120))
    needed = parse_needed(result.stderr)
    if needed and not result.problem:
        result = result._replace(status=0)
    return result, {plain(name) for name in packages} | needed


def files(host: Door, packages: Sequence[str]) -> frozenset[str]:
    """Every path that one of the packages has."""
    lines = host.run(Command(("rpm", "--query", "--list", "--", *packages), timeout=60)).stdout.splitlines()
    return frozenset(line for line in lines if line.startswith("/"))


def configuration(host: Door, packages: Sequence[str]) -> list[str]:
    """The packages' configuration files; rpm removes one, or renames it when a person changed it."""
    lines = host.run(Command(("rpm", "--query", "--configfiles", "--", *packages), timeout=60)).stdout.splitlines()
    return [line for line in lines if line.startswith("/")]


def scripts(host: Door, packages: Sequence[str]) -> list[str]:
    """What the packages run when they are installed and removed."""
    return [host.run(Command(("rpm", "--query", "--scripts", "--", *packages), timeout=60)).stdout]
