"""Ubuntu 20.04 to 26.04, by the LTS release that a row begins with; what lies between is taken for the one below.

Packages are Debian's (read: the names are shared, libvirt-daemon-system depends on all of the daemon's parts).
The daemon is libvirtd up to 24.04, which packages no modular units (told); for 25.04 and later it is *unsure*, and
the host's own units decide once libvirt is there; libvirt-daemon-lock is taken from Debian 13. swtpm is in the archive
since 22.04. Most of these packages need ``universe``.
"""

from __future__ import annotations

from kvmready.distro import debian
from kvmready.distro.common import BOTH_SETS
from kvmready.distro.table import Table

IDS = ("ubuntu",)
RELEASES = ("20.04", "22.04", "24.04", "26.04")
CODENAMES = {"focal": "20.04", "jammy": "22.04", "noble": "24.04"}

SPLIT_SINCE = {"s390x": ("qemu-system-s390x", "20.04"), "riscv64": ("qemu-system-riscv", "26.04")}
"""Emulators with a package of their own, which comes before Debian's qemu-system-misc among the candidates."""


def row(version: str) -> str:
    return version if version in RELEASES else ""


def table(release: str, arch: str, identity: str = "ubuntu") -> Table | None:
    if release not in RELEASES or arch not in debian.EMULATOR_PACKAGES:
        return None
    tpm = release != "20.04"
    emulator: tuple[str, ...] = (debian.EMULATOR_PACKAGES[arch],)
    if arch in SPLIT_SINCE and release >= SPLIT_SINCE[arch][1]:
        emulator = (SPLIT_SINCE[arch][0], *emulator)
    firmware = debian.FIRMWARE_PACKAGES.get(arch)
    return Table(
        family="debian",
        ids=IDS,
        versions=(release,),
        arch=arch,
        names=debian.names(arch, tpm),
        packages=(
            ("emulator", (*emulator, "qemu-kvm")),
            *debian.PACKAGES,
            ("firmware", (firmware,) if firmware else ()),
            ("tpm", ("swtpm-tools", "swtpm") if tpm else ()),
            ("locks", ("libvirt-daemon-lock",) if release >= "26.04" else ()),
        ),
        package_manager="apt",
        libvirt_set="monolithic",
        units=BOTH_SETS if release >= "26.04" else debian.UNITS,
        title=f"Ubuntu {release}",
    )
