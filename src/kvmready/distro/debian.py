"""Debian 11 to 13. File names were read in Debian's packages of these releases."""

from __future__ import annotations

from kvmready.distro.common import MONOLITHIC_SOCKET, MONOLITHIC_UNITS, TPM_PROGRAMS, emulator_name
from kvmready.distro.table import Table
from kvmready.facts.names import Names

IDS = ("debian",)

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

ROMS = ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin")
"""SeaBIOS, with which guests of a PC start (package seabios)."""

PACKAGES = (
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
    ("machines", ("cockpit-machines",)),
    ("web-console", ("cockpit",)),
)

UNITS = (
    (
        "monolithic",
        (
            "virtlogd.socket",
            "virtlockd.socket",
            "libvirtd.socket",
            "libvirtd-ro.socket",
            "libvirtd.service",
        ),
    ),
)


def table(version: str, arch: str) -> Table | None:
    """The row of a Debian release (``VERSION_ID``), or None for a release or an architecture without one."""
    if version not in ("11", "12", "13") or arch not in EMULATOR_PACKAGES:
        return None
    emulator: tuple[str, ...] = (EMULATOR_PACKAGES[arch],)
    if version == "13" and arch in SPLIT_SINCE_13:
        emulator = (SPLIT_SINCE_13[arch], *emulator)
    return Table(
        family="debian",
        ids=IDS,
        versions=(version,),
        arch=arch,
        names=Names(
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
            roms=ROMS if arch in ("x86_64", "i686") else (),
            tpm=() if version == "11" else TPM_PROGRAMS,
        ),
        packages=(
            ("emulator", emulator),
            *PACKAGES,
            ("firmware", (FIRMWARE_PACKAGES[arch],) if arch in FIRMWARE_PACKAGES else ()),
            ("tpm", () if version == "11" else ("swtpm-tools",)),
        ),
        package_manager="apt",
        libvirt_set="monolithic",
        units=UNITS,
        parts=(("libvirt-daemon-system", ("libvirt-daemon",)),),
    )
