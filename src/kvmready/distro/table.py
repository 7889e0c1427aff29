"""What a table of one distribution family holds. Tables are data: the differences between releases live in rows.

The files of the families say from where each name is known: *read* (in the distribution's own packaging, or in its
documentation), *told* (by third parties only) or *unsure*. A wrong name does no harm beyond an honest failure: which
of a role's candidates exists is asked from the host's own package manager before the plan is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.facts.names import Names
from kvmready.typed import NamedTuple, Protocol

ROLES = (
    "emulator",
    "image-tool",
    "daemon",
    "driver",
    "locks",
    "clients",
    "installer",
    "python-binding",
    "network",
    "default-network",
    "firewall",
    "firmware",
    "tpm",
    "acl",
    "rom",
    "manager",
    "viewer",
    "x-server",
    "machines",
    "web-console",
)
"""What a package is wanted for; a table names for each role the candidates in order of preference."""

OPTIONAL = ("firmware", "tpm", "x-server")
"""Roles without which guests run: a table may have no candidate, and a host may have no repository that offers one."""

CONTAINED = ("driver", "locks", "default-network", "rom")
"""Roles that are no package of their own everywhere: without a candidate, the daemon's package fills them."""

Packages = tuple[tuple[str, tuple[str, ...]], ...]
Units = tuple[tuple[str, tuple[str, ...]], ...]


class Table(NamedTuple):
    """One release of one distribution on one architecture.

    ``packages`` maps each of ``ROLES`` to candidate package names, the preferred one first; the first that the
    package manager can install is taken. ``units`` maps a libvirt set (``monolithic`` or ``modular``) to the units that
    have to be enabled and started, in that order. ``title`` names the row for people. ``guess`` says for what other
    distribution this row is taken, "" where it is the distribution's own. ``accounts`` are the host's own tools for
    users and groups: ``shadow`` (usermod) or ``busybox`` (addgroup). ``parts`` names for a
    package those that bring its programs.
    """

    family: str
    ids: tuple[str, ...]
    versions: tuple[str, ...]
    arch: str
    names: Names
    packages: Packages
    package_manager: str
    libvirt_set: str
    units: Units
    title: str = ""
    guess: str = ""
    accounts: str = "shadow"
    parts: Packages = ()

    def candidates(self, role: str) -> tuple[str, ...]:
        """The packages that can fill ``role``. Raises KeyError for a role that the table does not know."""
        known = dict(self.packages)
        return known.get(role, ()) if role in CONTAINED else known[role]

    def alternatives(self, package: str) -> tuple[str, ...]:
        """All candidates of the roles that ``package`` can fill, itself among them."""
        found = [name for _, names in self.packages if package in names for name in names]
        return tuple(dict.fromkeys((package, *found)))

    def wanted_units(self, libvirt_set: str = "") -> tuple[str, ...]:
        """The units of a libvirt set, of the one that this release uses unless another is named."""
        units = dict(self.units)
        return units.get(libvirt_set) or units[self.libvirt_set]


class Family(Protocol):
    """A file of this folder: the rows of one family."""

    @property
    def IDS(self) -> tuple[str, ...]:
        """The os-release(5) IDs whose packages these are."""

    @property
    def RELEASES(self) -> tuple[str, ...]:
        """The rows by the release that they begin with, the oldest first; ("",) for a distribution without releases."""

    @property
    def CODENAMES(self) -> Mapping[str, str]:
        """Code names of releases, by which derivatives name their parent's."""

    def row(self, version: str) -> str:
        """The row for a VERSION_ID, "" where it is none's own."""

    def table(self, release: str, arch: str, identity: str) -> Table | None:
        """The table of one of ``RELEASES``; None for an architecture without an emulator's package."""
