"""openSUSE Leap, SLES (15 and 16) and Tumbleweed.

Read in SUSE's documentation (SUSE/doc-sle, pull requests 1590 and 1597, "Switch modular daemons"): the modular daemons
are the default from SLE 15 SP6, and so Leap 15.6, on; before that libvirtd was. Read in SUSE's own libvirt.spec: QEMU
runs as qemu:qemu, libvirt-client-qemu wants python3-libvirt-python, the daemons' services are added by each driver's
package; libvirt-daemon-qemu requires every driver, virtlogd and virtlockd, but not virtproxyd, which clients of this
release do without. Read in packages and guides of openSUSE: qemu-x86, qemu-tools, qemu-ovmf-x86_64, qemu-uefi-aarch64,
swtpm, virt-install. libvirtd is packaged beside the modular daemons. The patterns kvm_server and kvm_tools are these
packages; they are not used, because zypper cannot undo a pattern exactly. *Unsure*: from which release on Xvfb has a
package of its own; whether the file that Leap 16 has for its default network is where Leap 15 has it.
"""

from __future__ import annotations

from kvmready.distro.common import MODULAR, MONOLITHIC, generic
from kvmready.distro.table import Packages, Table

IDS = ("opensuse-leap", "opensuse-tumbleweed", "sles", "sled", "sles_sap", "opensuse", "suse", "opensuse-slowroll")
RELEASES = ("15", "15.6", "16", "tumbleweed")
CODENAMES: dict[str, str] = {}

EMULATORS = {
    "x86_64": ("qemu-x86", "qemu-kvm", "qemu"),
    "aarch64": ("qemu-arm", "qemu"),
    "ppc64le": ("qemu-ppc", "qemu"),
    "s390x": ("qemu-s390x", "qemu-s390", "qemu"),
    "riscv64": ("qemu-extra", "qemu"),
}
FIRMWARE = {"x86_64": ("qemu-ovmf-x86_64",), "aarch64": ("qemu-uefi-aarch64",), "riscv64": ("qemu-uefi-riscv64",)}

PACKAGES: Packages = (
    ("image-tool", ("qemu-img", "qemu-tools")),
    ("daemon", ("libvirt-daemon-qemu", "libvirt")),
    ("default-network", ("libvirt-daemon-config-network",)),
    ("clients", ("libvirt-client",)),
    ("installer", ("virt-install",)),
    ("python-binding", ("python3-libvirt-python", "python313-libvirt-python", "python311-libvirt-python")),
    ("network", ("dnsmasq",)),
    ("rom", ("qemu-seabios",)),
    ("acl", ("acl",)),
    ("tpm", ("swtpm",)),
    ("manager", ("virt-manager",)),
    ("viewer", ("virt-viewer",)),
    ("x-server", ("xorg-x11-server-Xvfb", "xorg-x11-server-extra")),
    ("machines", ("cockpit-machines",)),
    ("web-console", ("cockpit",)),
)

UNITS = (
    ("monolithic", MONOLITHIC),
    ("modular", tuple(unit for unit in MODULAR if not unit.startswith("virtproxyd"))),
)

TITLES = {
    "15": "openSUSE Leap and SLES 15 to 15.5",
    "15.6": "openSUSE Leap and SLES 15.6 and later",
    "16": "openSUSE Leap and SLES 16",
    "tumbleweed": "openSUSE Tumbleweed",
}


def row(version: str) -> str:
    """Tumbleweed's version is a date of eight digits."""
    major, _dot, minor = version.partition(".")
    if major == "15" and minor.isdigit() and int(minor) >= 6:
        return "15.6"
    if major in RELEASES:
        return major
    return "tumbleweed" if len(version) == 8 and version.isdigit() else ""


def table(release: str, arch: str, identity: str = "opensuse-leap") -> Table | None:
    if release not in RELEASES or arch not in EMULATORS:
        return None
    # SLE 15 writes libvirt's rules with iptables, later code with nftables first (read: names by suse_version).
    firewall = ("iptables",) if release.startswith("15") else ("nftables", "iptables")
    found = generic(arch)
    return Table(
        family="suse",
        ids=IDS,
        versions=(release,),
        arch=arch,
        names=found._replace(
            daemons=("/usr/sbin/virtqemud", "/usr/sbin/libvirtd", "/usr/bin/virtqemud", "/usr/bin/libvirtd")
        ),
        packages=(
            ("emulator", EMULATORS[arch]),
            *PACKAGES,
            ("firewall", firewall),
            ("firmware", FIRMWARE.get(arch, ())),
        ),
        package_manager="zypper",
        libvirt_set="monolithic" if release == "15" else "modular",
        units=UNITS,
        title=TITLES[release],
    )
