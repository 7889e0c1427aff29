"""RHEL 7 to 10 and what is built from it: CentOS and CentOS Stream, Rocky, Alma, Oracle; Anolis OS 7 and 8.

Read in libvirt's own spec file: the modular daemons are the default where ``rhel >= 9``, QEMU runs as qemu:qemu;
libvirt-daemon-kvm requires every driver that a QEMU guest needs, with virtlogd, virtlockd and QEMU itself, but not the
default network, which is libvirt-daemon-config-network. RHEL has one emulator, /usr/libexec/qemu-kvm. RHEL 8 has these
packages in the module virt:rhel, its default stream, so that dnf enables it by itself.

These packages are what the environment group "Virtualization Host" of RHEL 7 (``yum groupinstall``) installs; the
group is not asked for by name, because it went with RHEL 8. Whether RHEL 10 ships virt-manager is *unsure*: its
documentation names the web console instead, and the package manager is asked. RHEL 7 to 9 have Xvfb (read: the
package manifests, by rosdistro's rules), and RHEL 10 does not (told: Xpra-org/xpra issue 4282).
"""

from __future__ import annotations

from kvmready.distro.common import BOTH_SETS, MONOLITHIC, PC, ROMS, WITHOUT_SOCKETS, generic
from kvmready.distro.table import Packages, Table

IDS = ("rhel", "centos", "rocky", "almalinux", "ol", "anolis")
RELEASES = ("7", "8", "9", "10")
CODENAMES: dict[str, str] = {}

TITLES = {
    "rhel": "RHEL",
    "centos": "CentOS",
    "rocky": "Rocky Linux",
    "almalinux": "AlmaLinux",
    "ol": "Oracle Linux",
    "anolis": "Anolis OS",
}

ARCHES = ("x86_64", "aarch64", "ppc64le", "s390x")
NOT_PPC_SINCE = "9"
"""libvirt.spec: ``arches_qemu_kvm`` of RHEL 9 and later has no POWER."""

FIRMWARE = {"x86_64": ("edk2-ovmf", "OVMF"), "aarch64": ("edk2-aarch64", "AAVMF")}
"""RHEL 7 called them OVMF and AAVMF; RHEL 8 and later as Fedora does."""

PACKAGES: Packages = (
    ("emulator", ("qemu-kvm", "qemu-kvm-core", "qemu-kvm-ev", "qemu-kvm-rhev")),
    ("image-tool", ("qemu-img", "qemu-img-ev", "qemu-img-rhev")),
    ("daemon", ("libvirt-daemon-kvm", "libvirt")),
    ("default-network", ("libvirt-daemon-config-network",)),
    ("clients", ("libvirt-client",)),
    ("installer", ("virt-install",)),
    ("python-binding", ("python3-libvirt", "libvirt-python")),
    ("network", ("dnsmasq",)),
    ("firewall", ("iptables-nft", "iptables", "nftables")),
    ("rom", ("seabios-bin",)),
    ("acl", ("acl",)),
    ("tpm", ("swtpm-tools", "swtpm")),
    ("manager", ("virt-manager",)),
    ("viewer", ("virt-viewer",)),
    ("x-server", ("xorg-x11-server-Xvfb",)),
    ("machines", ("cockpit-machines",)),
    ("web-console", ("cockpit",)),
)


def row(version: str) -> str:
    major = version.partition(".")[0]
    return major if major in RELEASES else ""


def _differing(release: str) -> Packages:
    if release == "10":
        return tuple((role, () if role == "x-server" else names) for role, names in PACKAGES)
    if release != "7":
        return PACKAGES
    changed = {"python-binding": ("libvirt-python", "python36-libvirt"), "firewall": ("iptables",), "tpm": ()}
    return tuple((role, changed.get(role, names)) for role, names in PACKAGES)


def table(release: str, arch: str, identity: str = "rhel") -> Table | None:
    if release not in RELEASES or arch not in ARCHES:
        return None
    modular = int(release) >= int(NOT_PPC_SINCE)
    if arch == "ppc64le" and modular:
        return None
    found = generic(arch)
    return Table(
        family="redhat",
        ids=IDS,
        versions=(release,),
        arch=arch,
        names=found._replace(
            emulators=("/usr/libexec/qemu-kvm", *(e for e in found.emulators if e != "/usr/libexec/qemu-kvm")),
            daemons=("/usr/sbin/virtqemud", "/usr/sbin/libvirtd") if modular else ("/usr/sbin/libvirtd",),
            roms=ROMS if arch in PC else (),
            tpm=found.tpm if release != "7" else (),
        ),
        packages=(*_differing(release), ("firmware", FIRMWARE.get(arch, ()))),
        package_manager="yum" if release == "7" else "dnf",
        libvirt_set="modular" if modular else "monolithic",
        units=BOTH_SETS if modular else (("monolithic", WITHOUT_SOCKETS if release == "7" else MONOLITHIC),),
        title=f"{TITLES.get(identity, 'RHEL')} {release}",
    )
