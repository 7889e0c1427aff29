"""Debian 11 to 13. File names were read in Debian's packages of these releases.

libvirtd is the daemon of all three, and none packages libvirt's modular units. In trixie (read: its packages of
libvirt 11.3.0) the daemon's package is split: libvirt-daemon-system depends on all parts but libvirt-daemon-lock, which
holds virtlockd and is only recommended; virt-host-validate is in libvirt-daemon-common.
"""

from __future__ import annotations

from kvmready.distro.common import (
    MONOLITHIC,
    MONOLITHIC_SOCKET,
    MONOLITHIC_UNITS,
    PC,
    ROMS,
    TPM_PROGRAMS,
    emulator_name,
)
from kvmready.distro.table import Packages, Table
from kvmready.facts.names import Names

IDS = ("debian",)
RELEASES = ("11", "12", "13")
CODENAMES = {"bullseye": "11", "bookworm": "12", "trixie": "13"}

EMULATOR_PACKAGES = {
    "x86_64": "qemu-system-x86",
    "i686": "qemu-system-x86",
    "aarch64": "qemu-system-arm",
    "armv7l": "qemu-system-arm",
    "ppc64le": "qemu-system-ppc",
    "s390x": "qemu-system-misc",
    "riscv64": "qemu-system-misc",
}
"""uname -m to the package with its system emulator."""

SPLIT_SINCE_13 = {"s390x": "qemu-system-s390x", "riscv64": "qemu-system-riscv"}
"""Emulators that left qemu-system-misc for a package of their own in Debian 13."""

FIRMWARE_PACKAGES = {
    "x86_64": "ovmf",
    "i686": "ovmf",
    "aarch64": "qemu-efi-aarch64",
    "armv7l": "qemu-efi-arm",
}
"""uname -m to the package with UEFI firmware for guests; the others have none in all of these releases."""

PACKAGES: Packages = (
    ("image-tool", ("qemu-utils",)),
    ("daemon", ("libvirt-daemon-system",)),
    ("clients", ("libvirt-clients",)),
    ("installer", ("virtinst",)),
    ("python-binding", ("python3-libvirt",)),
    ("network", ("dnsmasq-base",)),
    ("firewall", ("iptables",)),
    ("acl", ("acl",)),
    ("rom", ("seabios",)),
    ("manager", ("virt-manager",)),
    ("viewer", ("virt-viewer",)),
    ("x-server", ("xvfb",)),
    ("machines", ("cockpit-machines",)),
    ("web-console", ("cockpit",)),
)

UNITS = (("monolithic", MONOLITHIC),)


def names(arch: str, tpm: bool) -> Names:
    """What is called the same in Debian and Ubuntu."""
    return Names(
        emulators=(f"/usr/bin/{emulator_name(arch)}",),
        image_tools=("/usr/bin/qemu-img",),
        virsh=("/usr/bin/virsh",),
        virt_install=("/usr/bin/virt-install",),
        daemons=("/usr/sbin/libvirtd",),
        dnsmasq=("/usr/sbin/dnsmasq",),
        python_folders=("/usr/lib/python3/dist-packages",),
        default_network=("/usr/share/libvirt/networks/default.xml",),
        pool_path="/var/lib/libvirt/images",
        units=MONOLITHIC_UNITS,
        sockets=(MONOLITHIC_SOCKET,),
        qemu_user="libvirt-qemu",
        qemu_group="kvm",
        kvm_group="kvm",
        libvirt_group="libvirt",
        roms=ROMS if arch in PC else (),
        tpm=TPM_PROGRAMS if tpm else (),
    )


def row(version: str) -> str:
    return version if version in RELEASES else ""


def table(release: str, arch: str, identity: str = "debian") -> Table | None:
    if release not in RELEASES or arch not in EMULATOR_PACKAGES:
        return None
    emulator: tuple[str, ...] = (EMULATOR_PACKAGES[arch],)
    if release == "13" and arch in SPLIT_SINCE_13:
        emulator = (SPLIT_SINCE_13[arch], *emulator)
    return Table(
        family="debian",
        ids=IDS,
        versions=(release,),
        arch=arch,
        names=names(arch, tpm=release != "11"),
        packages=(
            ("emulator", emulator),
            *PACKAGES,
            ("firmware", (FIRMWARE_PACKAGES[arch],) if arch in FIRMWARE_PACKAGES else ()),
            ("tpm", () if release == "11" else ("swtpm-tools",)),
            ("locks", ("libvirt-daemon-lock",) if release == "13" else ()),
        ),
        package_manager="apt",
        libvirt_set="monolithic",
        units=UNITS,
        title=f"Debian {release}",
        parts=(("libvirt-daemon-system", ("libvirt-daemon",)),),
    )
