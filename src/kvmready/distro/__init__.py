"""Tables of distributions: what things are called and how they are installed. No table asks a host anything."""

from __future__ import annotations

from kvmready.distro.common import generic
from kvmready.distro.table import Table
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.distro.table import Family
    from kvmready.facts.os import OsRelease

__all__ = ["FILES", "TESTED", "Table", "families", "find", "generic"]

FILES = {
    "debian": ("debian",),
    "ubuntu": ("ubuntu",),
    "redhat": ("rhel", "centos", "rocky", "almalinux", "ol", "anolis"),
    "fedora": ("fedora",),
    "suse": (
        "opensuse-leap",
        "opensuse-tumbleweed",
        "sles",
        "sled",
        "sles_sap",
        "opensuse",
        "suse",
        "opensuse-slowroll",
    ),
    "arch": ("arch", "archarm"),
    "alpine": ("alpine",),
    "openeuler": ("openeuler", "kylin", "anolis"),
}
"""File of this folder to the os-release(5) IDs that it is for, so that a check loads no more than it needs.

An ID may be in two of them (Anolis OS): the release says which.
"""

TESTED = (("Debian 12", "x86_64"), ("Debian 13", "x86_64"))
"""Title and architecture of the rows whose whole way, from a fresh host to a proof, ran on a real host."""


def find(release: OsRelease, arch: str) -> Table | None:
    """The table for a host, or None where there is none: such a host can be checked, not changed.

    ``arch`` is ``uname -m``. The distribution's own row comes first; then a guess, which the table says in ``guess``:
    the row of the parent that ID_LIKE names (its code name, its version, else its newest release), or for a release
    that is newer than every row of its own distribution, the row below it. A release older than every row has none.
    """
    for family in _of(release.id, release):
        own = family.row(release.version_id)
        if own in family.RELEASES:
            found = family.table(own, arch, release.id)
            return None if found is None else _named(found, release)
    return _guess(release, arch)


def _of(identity: str, release: OsRelease) -> list[Family]:
    """The families with that ID. Kylin's desktop edition shares the ID of its server, and is made from Ubuntu."""
    if identity == "kylin" and set(release.id_like) & {"debian", "ubuntu"}:
        return []
    return [_load(name) for name, ids in FILES.items() if identity in ids]


def _load(name: str) -> Family:
    # importlib would read in warnings first; this is what the import statement calls.
    family: Family = __import__(f"kvmready.distro.{name}", fromlist=["table"])
    return family


def families() -> tuple[Family, ...]:
    """All of them; for what shows or tests every table."""
    return tuple(_load(name) for name in FILES)


def _named(table: Table, release: OsRelease, guess: str = "") -> Table:
    names = table.names._replace(
        title=table.title, guess=guess, libvirt_set=table.libvirt_set, manager=table.package_manager
    )
    return table._replace(names=names, guess=guess)


def _guess(release: OsRelease, arch: str) -> Table | None:
    own = _of(release.id, release)
    for family in own:
        below = _below(family, release.version_id)
        if below is not None:
            return _guessed(family, below, arch, release, release.id)
    if own:
        return None
    parents = [(name, family) for name in release.id_like for family in _of(name, release)]
    for name, family in parents:
        for codename in (release.parent_codename, release.codename):
            if codename in family.CODENAMES:
                return _guessed(family, family.CODENAMES[codename], arch, release, name)
    for name, family in parents:
        row = family.row(release.version_id)
        if row in family.RELEASES:
            return _guessed(family, row, arch, release, name)
    for name, family in parents:
        return _guessed(family, family.RELEASES[-1], arch, release, name)
    return None


def _guessed(family: Family, row: str, arch: str, release: OsRelease, name: str) -> Table | None:
    found = family.table(row, arch, name)
    return None if found is None else _named(found, release, found.title)


def _below(family: Family, version: str) -> str | None:
    """The newest row that is not newer than ``version``; the newest of all for a release without a version."""
    if not version:
        return family.RELEASES[-1]
    number = _number(version)
    older = [row for row in family.RELEASES if number and _number(row) and _number(row) <= number]
    return older[-1] if older else None


def _number(version: str) -> tuple[int, ...]:
    """24.04 as (24, 4); () for what is no version number."""
    parts = version.lower().lstrip("v").split("_")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
