"""openEuler 20.03 to 24.03, and what shares its packages: Kylin Linux Advanced Server V10 and V11, Anolis OS 23.

Read in openEuler's own virtualization guide: ``yum install qemu``, ``libvirt``, ``edk2-aarch64``, service libvirtd.
Told: qemu-img, python3-libvirt, edk2-ovmf, virt-install as in Fedora. *Unsure*: swtpm, cockpit-machines; whether
openEuler 24.03 or Anolis OS 23 prefer the modular daemons (the host's own units decide once libvirt is there). Kylin's
os-release says VERSION_ID="V10" for all service packs (read in reports of such hosts); its desktop edition, which is
built from Ubuntu, has the same ID and names debian in ID_LIKE, and is not meant here.
"""

from __future__ import annotations

from kvmready.distro import redhat
from kvmready.distro.common import BOTH_SETS, PC, QEMU_TARGETS, ROMS, WITHOUT_SOCKETS, generic
from kvmready.distro.table import Table

IDS = ("openeuler", "kylin", "anolis")
RELEASES = ("20.03", "22.03", "24.03", "v10", "v11", "23")
CODENAMES: dict[str, str] = {}

TITLES = {
    "v10": "Kylin Linux Advanced Server V10",
    "v11": "Kylin Linux Advanced Server V11",
    "23": "Anolis OS 23",
}
OLD_LIBVIRT = ("20.03", "v10")
"""Rows whose libvirt may be older than libvirtd's socket units: openEuler 20.03's guide shows 5.5.0."""

FIRMWARE = {"x86_64": ("edk2-ovmf",), "aarch64": ("edk2-aarch64",), "riscv64": ("edk2-riscv64",)}
ARCHES = ("x86_64", "aarch64", "riscv64", "loongarch64")


def row(version: str) -> str:
    """Anolis OS 23.1 and later minor releases are 23; Kylin writes V10 or v10."""
    found = version.lower()
    found = "23" if found.partition(".")[0] == "23" and found != "23.09" and found != "23.03" else found
    return found if found in RELEASES else ""


def table(release: str, arch: str, identity: str = "openeuler") -> Table | None:
    if release not in RELEASES or arch not in ARCHES:
        return None
    found = generic(arch)
    own: dict[str, tuple[str, ...]] = {
        "emulator": ("qemu", "qemu-kvm", f"qemu-system-{QEMU_TARGETS[arch]}"),
        "image-tool": ("qemu-img", "qemu"),
        "daemon": ("libvirt-daemon-kvm", "libvirt"),
        "python-binding": ("python3-libvirt",),
        "installer": ("virt-install", "virt-manager-common"),
        "firewall": ("iptables", "nftables"),
    }
    return Table(
        family="redhat",
        ids=IDS,
        versions=(release,),
        arch=arch,
        names=found._replace(
            emulators=(*found.emulators[:1], "/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm"),
            roms=ROMS if arch in PC else (),
        ),
        packages=(
            *((role, own.get(role, names)) for role, names in redhat.PACKAGES),
            ("firmware", FIRMWARE.get(arch, ())),
        ),
        package_manager="dnf",
        libvirt_set="monolithic",
        units=(("monolithic", WITHOUT_SOCKETS),) if release in OLD_LIBVIRT else BOTH_SETS,
        title=TITLES.get(release, f"openEuler {release}"),
    )
