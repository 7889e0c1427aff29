"""Alpine, from 3.15 on (the first with qemu-system packages per target in their present form; *unsure* for older).

Read in Alpine's libvirt APKBUILD: libvirt-daemon holds libvirtd and the OpenRC services libvirtd, virtlogd, virtlockd
and libvirt-guests, and pulls dnsmasq, iptables, dmidecode and libvirt-client; libvirt-qemu is the driver; no user for
QEMU is named, so that libvirt's own default holds, which is root there. Told by guides: the group libvirt, py3-libvirt,
qemu-modules. OpenRC's services need nothing from virtlockd unless qemu.conf asks for it, so it is left alone.
"""

from __future__ import annotations

from kvmready.distro.common import QEMU_TARGETS, generic
from kvmready.distro.table import Packages, Table

IDS = ("alpine",)
RELEASES = ("3.15",)
CODENAMES: dict[str, str] = {}

FIRMWARE = {"x86_64": ("ovmf",), "aarch64": ("aavmf",)}
ARCHES = ("x86_64", "aarch64", "ppc64le", "s390x", "riscv64")

PACKAGES: Packages = (
    ("image-tool", ("qemu-img",)),
    ("daemon", ("libvirt-daemon",)),
    ("driver", ("libvirt-qemu",)),
    ("clients", ("libvirt-client",)),
    ("installer", ("virt-install",)),
    ("python-binding", ("py3-libvirt",)),
    ("network", ("dnsmasq",)),
    ("firewall", ("iptables", "nftables")),
    ("rom", ()),
    ("acl", ("acl",)),
    ("tpm", ("swtpm",)),
    ("manager", ("virt-manager",)),
    ("viewer", ("virt-viewer",)),
    ("x-server", ("xvfb",)),
    ("machines", ("cockpit-machines",)),
    ("web-console", ("cockpit",)),
)

SERVICES = ("virtlogd.service", "libvirtd.service")
"""OpenRC's services, written as units: what is asked and planned has one form."""


def row(version: str) -> str:
    """Every 3.N from 3.15 on, and edge, whose VERSION_ID is a later one with _alpha and a date."""
    major, _dot, rest = version.partition(".")
    minor = rest.split("_")[0].split(".")[0]
    return "3.15" if major == "3" and minor.isdigit() and int(minor) >= 15 else ""


def table(release: str, arch: str, identity: str = "alpine") -> Table | None:
    if release not in RELEASES or arch not in ARCHES:
        return None
    target = QEMU_TARGETS[arch]
    found = generic(arch)
    return Table(
        family="alpine",
        ids=IDS,
        versions=(release,),
        arch=arch,
        names=found._replace(
            emulators=(f"/usr/bin/qemu-system-{target}",),
            daemons=("/usr/sbin/libvirtd",),
            qemu_user="root",
            qemu_group="root",
        ),
        packages=(("emulator", (f"qemu-system-{target}",)), *PACKAGES, ("firmware", FIRMWARE.get(arch, ()))),
        package_manager="apk",
        libvirt_set="monolithic",
        units=(("monolithic", SERVICES),),
        title="Alpine Linux",
        accounts="busybox",
    )
