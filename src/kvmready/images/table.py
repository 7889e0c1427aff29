"""The cloud images that are known by a name: where each is published, and the file that holds its checksum."""

from __future__ import annotations

from kvmready.typed import NamedTuple

_DEBIAN = "https://cloud.debian.org/images/cloud"
_UBUNTU = "https://cloud-images.ubuntu.com/releases"
_FEDORA = "pub/fedora/linux/releases/44/Cloud/{machine}/images"
_ROCKY = "https://dl.rockylinux.org/pub/rocky/9/images/{machine}/Rocky-9-GenericCloud-Base.latest.{machine}.qcow2"
_ALPINE = (
    "https://dl-cdn.alpinelinux.org/alpine/v3.23/releases/cloud/"
    "nocloud_alpine-3.23.4-{machine}-{firmware}-cloudinit-r0.qcow2"
)


class Known(NamedTuple):
    """One image. Each address stood like this in other projects' public files in 2026, where they download it.

    In an address ``{machine}`` is uname -m, ``{debian}`` Debian's word for it, ``{firmware}`` bios/uefi.

    ``checksums`` is the file with the checksum, of ``algorithm``, in whatever form its maker writes it (checksum.py).
    ``login`` is the user that cloud-init makes when it is not told another; ``osinfo`` is libosinfo's short id.
    """

    url: str
    checksums: str
    algorithm: str
    login: str
    osinfo: str
    title: str


KNOWN = {
    "debian-12": Known(
        f"{_DEBIAN}/bookworm/latest/debian-12-generic-{{debian}}.qcow2",
        f"{_DEBIAN}/bookworm/latest/SHA512SUMS",
        "sha512",
        "debian",
        "debian12",
        "Debian 12",
    ),
    "debian-13": Known(
        f"{_DEBIAN}/trixie/latest/debian-13-generic-{{debian}}.qcow2",
        f"{_DEBIAN}/trixie/latest/SHA512SUMS",
        "sha512",
        "debian",
        "debian13",
        "Debian 13",
    ),
    "ubuntu-24.04": Known(
        f"{_UBUNTU}/noble/release/ubuntu-24.04-server-cloudimg-{{debian}}.img",
        f"{_UBUNTU}/noble/release/SHA256SUMS",
        "sha256",
        "ubuntu",
        "ubuntu24.04",
        "Ubuntu 24.04 LTS",
    ),
    # The image comes from a mirror; its checksum from the project itself, where no mirror can change it.
    "fedora": Known(
        f"https://download.fedoraproject.org/{_FEDORA}/Fedora-Cloud-Base-Generic-44-1.7.{{machine}}.qcow2",
        f"https://dl.fedoraproject.org/{_FEDORA}/Fedora-Cloud-44-1.7-{{machine}}-CHECKSUM",
        "sha256",
        "fedora",
        "fedora-unknown",
        "Fedora 44",
    ),
    "rocky-9": Known(_ROCKY, f"{_ROCKY}.CHECKSUM", "sha256", "rocky", "rocky9", "Rocky Linux 9"),
    "alpine": Known(_ALPINE, f"{_ALPINE}.sha512", "sha512", "alpine", "alpinelinux-unknown", "Alpine Linux 3.23"),
}

_DEBIAN_WORDS = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el"}


def address(text: str, arch: str) -> str:
    """An address of the table for a machine of that ``uname -m``."""
    firmware = "bios" if arch == "x86_64" else "uefi"
    return text.format(machine=arch, debian=_DEBIAN_WORDS.get(arch, arch), firmware=firmware)
