"""What the first bytes of a file say: the format of a disk image, and whether it may be handed to QEMU as it is."""

from __future__ import annotations

import struct

from kvmready.i18n import N_, _
from kvmready.typed import NamedTuple

LENGTH = 0x9000
"""Bytes from the beginning that ``read`` wants to see."""

_OTHERS = (
    (0, b"\xfd7zXZ\0", N_("It is compressed (xz): unpack it first.")),
    (0, b"\x1f\x8b", N_("It is compressed (gzip): unpack it first.")),
    (0, b"(\xb5/\xfd", N_("It is compressed (zstd): unpack it first.")),
    (0, b"PK\x03\x04", N_("It is an archive (zip): unpack it first.")),
    (0, b"KDMV", N_("It is an image of VMware: convert it with qemu-img.")),
    (0, b"vhdxfile", N_("It is an image of Hyper-V: convert it with qemu-img.")),
    (0, b"conectix", N_("It is an image of Hyper-V: convert it with qemu-img.")),
    (0x40, b"\x7f\x10\xda\xbe", N_("It is an image of VirtualBox: convert it with qemu-img.")),
)
"""Offset, bytes, and what to say of a file that has them there."""

_QCOW2 = b"QFI\xfb"
_EXTERNAL_DATA = 1 << 2
_HEADER_V2 = struct.Struct(">4sIQIIQIIQQIIQ")
"""docs/interop/qcow2.txt of QEMU: magic, version, backing offset and size, cluster bits, size, encryption, L1 size and
offset, refcount table offset and clusters, snapshots, snapshots' offset."""


class Header(NamedTuple):
    """``format`` is qcow2 or raw; ``size`` the disk that a guest sees, in bytes. ``why`` says why it is no good."""

    format: str
    size: int = 0
    why: str = ""


def read(start: bytes, length: int) -> Header:
    """Judge an image of ``length`` bytes by its ``start``.

    An image that names another file is refused: QEMU would open that file for the guest, whatever it is.
    """
    if start[:4] == _QCOW2:
        return _qcow2(start, length)
    for offset, magic, why in _OTHERS:
        if start[offset : offset + len(magic)] == magic:
            return Header("", why=_(why))
    text = start[:256].lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return Header("", why=_("It is a web page, not a disk image."))
    boots = start[510:512] == b"\x55\xaa" or start[512:520] == b"EFI PART"
    if start[0x8001:0x8006] == b"CD001" and start[512:520] != b"EFI PART":
        return Header("", why=_("It is an optical disc (ISO 9660), not an installed system."))
    if not boots or length < 1 << 20:
        return Header("", why=_("It has neither the header of a qcow2 image nor a boot record."))
    return Header("raw", length)


def _qcow2(start: bytes, length: int) -> Header:
    broken = Header("", why=_("It is a qcow2 image that is cut off or damaged."))
    if len(start) < 104:
        return broken
    (_magic, version, backing, _backing_size, bits, size, encrypted, l1, l1_at, table_at, _clusters, _count, _at) = (
        _HEADER_V2.unpack_from(start)
    )
    if version not in (2, 3) or not 9 <= bits <= 21 or l1_at + 8 * l1 > length or not 0 < table_at < length:
        return broken
    features = struct.unpack_from(">Q", start, 72)[0] if version == 3 else 0
    if backing or features & _EXTERNAL_DATA:
        return Header("", why=_("It is a qcow2 image that stands on another file: only a whole image is taken."))
    if encrypted:
        return Header("", why=_("It is an encrypted qcow2 image."))
    return Header("qcow2", size)
