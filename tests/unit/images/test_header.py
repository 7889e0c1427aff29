"""What the first bytes of an image tell; qcow2 headers as QEMU's documentation lays them out."""

from __future__ import annotations

import struct

import pytest

from kvmready.images import header

MIB = 1 << 20


def qcow2(version: int = 3, backing: int = 0, size: int = 5 * MIB, encrypted: int = 0, features: int = 0) -> bytes:
    fixed = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb", version, backing, 9 if backing else 0, 16, size, encrypted, 1, 3 * 65536, 65536, 1, 0, 0,
    )  # fmt: skip
    return (fixed + struct.pack(">QQQII", features, 0, 0, 4, 104)).ljust(header.LENGTH, b"\0")


def disk(**at: bytes) -> bytes:
    body = bytearray(header.LENGTH)
    for place, content in at.items():
        offset = int(place[1:])
        body[offset : offset + len(content)] = content
    return bytes(body)


@pytest.mark.parametrize("version", [2, 3])
def test_a_whole_qcow2(version: int) -> None:
    assert header.read(qcow2(version), 4 * 65536) == header.Header("qcow2", 5 * MIB)


@pytest.mark.parametrize(
    ("start", "length", "why"),
    [
        (qcow2(), 3 * 65536, "cut off"),
        (qcow2()[:50], 50, "cut off"),
        (qcow2(version=7), 4 * 65536, "cut off"),
        (qcow2(backing=112), 4 * 65536, "another file"),
        (qcow2(features=4), 4 * 65536, "another file"),
        (qcow2(encrypted=2), 4 * 65536, "encrypted"),
        (b"\xfd7zXZ\0" + bytes(9000), 9006, "xz"),
        (b"<html><body>404</body></html>", 29, "web page"),
        (disk(), MIB, "boot record"),
        (b"", 0, "boot record"),
        (disk(_510=b"\x55\xaa", _32769=b"CD001"), 700 * MIB, "optical"),
        (disk(_510=b"\x55\xaa"), 4096, "boot record"),
    ],
)
def test_what_no_guest_starts_from(start: bytes, length: int, why: str) -> None:
    seen = header.read(start, length)
    assert seen.format == ""
    assert why in seen.why


def test_raw_disks() -> None:
    assert header.read(disk(_510=b"\x55\xaa"), 8 * MIB) == header.Header("raw", 8 * MIB)
    assert header.read(disk(_512=b"EFI PART"), 8 * MIB) == header.Header("raw", 8 * MIB)
