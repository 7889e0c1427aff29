"""Arch Linux, and Arch Linux ARM.

Read in Arch's libvirt PKGBUILD: QEMU runs as libvirt-qemu:libvirt-qemu. Read in its package list: libvirt names
dnsmasq, iptables-nft, dmidecode and gettext as optional, so that they have to be asked for. Both sets of daemons are
packaged and it is the user's choice; libvirtd is what Arch's guides enable, and a host that uses the modular ones
already is left with them. iptables-nft would replace iptables, which needs a yes that kvmready does not give: where
the host has neither, the package manager is asked for nftables first, which libvirt can use since 10.4.
"""

from __future__ import annotations

from kvmready.distro.common import BOTH_SETS, PC, QEMU_TARGETS, generic
from kvmready.distro.table import Packages, Table

IDS = ("arch", "archarm")
RELEASES = ("",)
CODENAMES: dict[str, str] = {}

EMULATORS = {
    "x86_64": ("qemu-base", "qemu-system-x86", "qemu-desktop", "qemu"),
    "aarch64": ("qemu-system-aarch64", "qemu-base"),
    "riscv64": ("qemu-system-riscv", "qemu-base"),
}
FIRMWARE = {"x86_64": ("edk2-ovmf",), "aarch64": ("edk2-aarch64", "edk2-armvirt")}

PACKAGES: Packages = (
    ("image-tool", ("qemu-img",)),
    ("daemon", ("libvirt",)),
    ("clients", ("libvirt",)),
    ("installer", ("virt-install",)),
    ("python-binding", ("libvirt-python",)),
    ("network", ("dnsmasq",)),
    ("firewall", ("nftables", "iptables-nft")),
    ("rom", ("seabios",)),
    ("acl", ("acl",)),
    ("tpm", ("swtpm",)),
    ("manager", ("virt-manager",)),
    ("viewer", ("virt-viewer",)),
    ("x-server", ("xorg-server-xvfb",)),
    ("machines", ("cockpit-machines",)),
    ("web-console", ("cockpit",)),
)


def row(version: str) -> str:
    """A distribution without releases: every host has the one row, whose name is empty."""
    return ""


def table(release: str, arch: str, identity: str = "arch") -> Table | None:
    if release != "" or arch not in EMULATORS:
        return None
    found = generic(arch)
    return Table(
        family="arch",
        ids=IDS,
        versions=(),
        arch=arch,
        names=found._replace(
            emulators=(f"/usr/bin/qemu-system-{QEMU_TARGETS[arch]}",),
            qemu_user="libvirt-qemu",
            qemu_group="libvirt-qemu",
            roms=("/usr/share/qemu/bios-256k.bin",) if arch in PC else (),
        ),
        packages=(("emulator", EMULATORS[arch]), *PACKAGES, ("firmware", FIRMWARE.get(arch, ()))),
        package_manager="pacman",
        libvirt_set="monolithic",
        units=BOTH_SETS,
        title="Arch Linux",
    )
