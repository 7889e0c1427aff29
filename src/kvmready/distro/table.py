"""What a table of one distribution family holds. Tables are data: the differences between releases live in rows."""

from __future__ import annotations

from typing import NamedTuple

from kvmready.facts.names import Names

ROLES = (
    "emulator",
    "image-tool",
    "daemon",
    "clients",
    "installer",
    "python-binding",
    "network",
    "firewall",
    "firmware",
    "tpm",
    "acl",
    "rom",
    "manager",
    "viewer",
    "machines",
    "web-console",
)
"""What a package is wanted for; a table names for each role the candidates in order of preference."""

OPTIONAL = ("firmware", "tpm")
"""Roles without which guests run: a table may have no candidate, and a host may have no repository that offers one."""


class Table(NamedTuple):
    """One release of one distribution on one architecture.

    ``packages`` maps each of ``ROLES`` to candidate package names, the preferred one first; the first that the
    package manager can install is taken. ``units`` maps a libvirt set (``monolithic`` or ``modular``) to the units that
    have to be enabled and started, in that order. ``parts`` names for a package those that bring its programs.
    """

    family: str
    ids: tuple[str, ...]
    versions: tuple[str, ...]
    arch: str
    names: Names
    packages: tuple[tuple[str, tuple[str, ...]], ...]
    package_manager: str
    libvirt_set: str
    units: tuple[tuple[str, tuple[str, ...]], ...]
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def candidates(self, role: str) -> tuple[str, ...]:
        """The packages that can fill ``role``. Raises KeyError for a role that the table does not know."""
        return dict(self.packages)[role]

    def wanted_units(self) -> tuple[str, ...]:
        """The units of the libvirt set that this release uses."""
        return dict(self.units)[self.libvirt_set]
