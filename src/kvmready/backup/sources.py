"""The disks of a guest that a backup holds, and those that it cannot hold, with the reason."""

from __future__ import annotations

import re

from kvmready.backup import image
from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import Definition, Disk
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Workshop

SPOOL = ".kvmready-"
SPOOL_NAME = re.compile(r"\.kvmready-\d{8}T\d{6}Z-[0-9a-f]{8}-[a-z0-9]+\.qcow2")
FALLBACK_SPOOL = "/var/lib/libvirt/images"
"""Where QEMU writes what it copies from a disk that lies in no folder, as a logical volume does."""

MEDIUM_LARGEST = 64 << 20
"""Bytes; a larger CD is an installation medium, which is to be had again, and no cloud-init seed."""


class Source(NamedTuple):
    """A disk to be saved. ``spool``: where QEMU writes it while the guest runs; ``used`` and ``size`` as in Extent."""

    target: str
    path: str
    format: str
    spool: str
    used: int
    size: int


class Medium(NamedTuple):
    """A small CD or floppy to be saved as a file, such as a cloud-init seed."""

    target: str
    path: str


class Sources(NamedTuple):
    """``others`` are the targets of all drives not saved as disks; ``left_out`` sentences on what is missing."""

    disks: tuple[Source, ...]
    media: tuple[Medium, ...]
    others: tuple[str, ...]
    left_out: tuple[str, ...]


def sources(host: Workshop, libvirt: Libvirt, definition: Definition, id: str) -> Sources:
    """Asks about each drive of a guest. Raises WorkError for a disk that cannot be read."""
    disks: list[Source] = []
    media: list[Medium] = []
    others: list[str] = []
    left_out: list[str] = []
    for disk in definition.disks:
        path = _path(libvirt, disk)
        if disk.device in ("cdrom", "floppy"):
            others.append(disk.target)
            if path:
                seen = host.stat(path)
                if seen.kind == "file" and seen.size <= MEDIUM_LARGEST:
                    media.append(Medium(disk.target, path))
                else:
                    left_out.append(_("the medium in {target}: {path}").format(target=disk.target, path=path))
        elif not path or disk.device != "disk":
            others.append(disk.target)
            if disk.image is not None:
                kind = disk.image.kind if disk.device == "disk" else disk.device
                left_out.append(
                    _("the disk {target}, which is of the kind {kind}").format(target=disk.target, kind=kind)
                )
        else:
            format = (disk.image.format if disk.image is not None else "") or "raw"
            seen_extent = image.extent(host, path, format)
            disks.append(Source(disk.target, path, format, spool(path, id, disk.target), *seen_extent))
    return Sources(tuple(disks), tuple(media), tuple(others), tuple(left_out))


def _path(libvirt: Libvirt, disk: Disk) -> str:
    if disk.image is not None and disk.image.kind == "volume":
        pool, _slash, volume = disk.image.path.partition("/")
        return libvirt.text("vol-path", f"--pool={pool}", f"--vol={volume}").rstrip("\n")
    return disk.path


def disk_file(target: str) -> str:
    """What a disk is called in a backup."""
    return f"disk-{target}.qcow2"


def spool(path: str, id: str, target: str) -> str:
    folder = FALLBACK_SPOOL if path.startswith("/dev/") else path.rpartition("/")[0]
    return f"{folder}/{SPOOL}{id}-{target}.qcow2"


def has_agent(definition: Definition) -> bool:
    """Whether the agent in the guest has opened its channel; of a running guest's definition."""
    from kvmready.domains.definition import tree

    for target in tree(definition.xml).findall("devices/channel/target"):
        if target.get("name") == "org.qemu.guest_agent.0":
            return target.get("state") == "connected"
    return False
