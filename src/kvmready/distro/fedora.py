"""Fedora, from 39 on.

Read in libvirt's own spec file: the modular daemons are the default since Fedora 35, QEMU runs as qemu:qemu,
libvirt-daemon-kvm requires every driver. qemu-kvm-core is the smallest package with the emulator of the host's own
architecture (read: the packages that cockpit-machines' and image builds of Fedora name). libvirt writes its firewall
rules with nftables since 10.4. dnf is dnf5 since Fedora 41. Cockpit's web console is in the same repository.
"""

from __future__ import annotations

from kvmready.distro import redhat
from kvmready.distro.common import BOTH_SETS, PC, QEMU_TARGETS, ROMS, generic
from kvmready.distro.table import Packages, Table

IDS = ("fedora",)
RELEASES = ("39", "41")
CODENAMES: dict[str, str] = {}

EMULATORS = {"x86_64": "x86", "aarch64": "aarch64", "ppc64le": "ppc", "s390x": "s390x", "riscv64": "riscv"}
FIRMWARE = {"x86_64": ("edk2-ovmf",), "aarch64": ("edk2-aarch64",), "riscv64": ("edk2-riscv64",)}

_OWN: Packages = (
    ("image-tool", ("qemu-img",)),
    ("firewall", ("nftables", "iptables-nft")),
    ("python-binding", ("python3-libvirt",)),
)


def row(version: str) -> str:
    """39 and 40 have dnf 4; every later release is like 41 until a row says otherwise."""
    if not version.isdigit() or int(version) < 39:
        return ""
    return "39" if int(version) < 41 else "41"


def table(release: str, arch: str, identity: str = "fedora") -> Table | None:
    if release not in RELEASES or arch not in EMULATORS:
        return None
    own = dict(_OWN)
    own["emulator"] = ("qemu-kvm-core", f"qemu-system-{EMULATORS[arch]}-core", "qemu-kvm")
    found = generic(arch)
    return Table(
        family="redhat",
        ids=IDS,
        versions=(release,),
        arch=arch,
        names=found._replace(
            emulators=(f"/usr/bin/qemu-system-{QEMU_TARGETS[arch]}", "/usr/bin/qemu-kvm"),
            daemons=("/usr/sbin/virtqemud", "/usr/sbin/libvirtd", "/usr/bin/virtqemud", "/usr/bin/libvirtd"),
            roms=ROMS if arch in PC else (),
        ),
        packages=(
            *((role, own.get(role, names)) for role, names in redhat.PACKAGES),
            ("firmware", FIRMWARE.get(arch, ())),
        ),
        package_manager="dnf" if release == "39" else "dnf5",
        libvirt_set="modular",
        units=BOTH_SETS,
        title="Fedora 39 and 40" if release == "39" else "Fedora 41 and later",
    )
