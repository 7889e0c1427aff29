"""Tables of distributions: what things are called and how they are installed. No table asks a host anything."""

from __future__ import annotations

from kvmready.distro import debian
from kvmready.distro.common import generic
from kvmready.distro.table import Table
from kvmready.facts.os import OsRelease

__all__ = ["SUPPORTED", "Table", "find", "generic"]

_TABLES = {"debian": debian.table}
"""os-release(5) ID to the function that gives the row of a version and an architecture."""

SUPPORTED = ("Debian 11", "Debian 12", "Debian 13")
"""What ``kvmready up`` can change, for people."""


def find(release: OsRelease, arch: str) -> Table | None:
    """The table for a host, or None where there is none: such a host can be checked, not changed.

    ``arch`` is ``uname -m``. Only the distribution's own ID counts, never ID_LIKE: a derivative may name its packages
    differently, and a wrong name changes the wrong thing.
    """
    row = _TABLES.get(release.id)
    return None if row is None else row(release.version_id, arch)
