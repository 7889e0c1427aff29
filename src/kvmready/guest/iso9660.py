"""A disc with a few small files in its root (ECMA-119), as cloud-init reads its seed from one.

The names are written as they are, in small letters: not in the letter of the standard, and as Linux shows them.
"""

from __future__ import annotations

from collections.abc import Mapping

SECTOR = 2048
DESCRIPTOR, TERMINATOR, LITTLE, BIG, ROOT, FIRST = 16, 17, 18, 19, 20, 21
_DATE = bytes((126, 1, 1, 0, 0, 0, 0))
_LONG_DATE = b"2026010100000000\0"


def disc(label: str, files: Mapping[str, bytes]) -> bytes:
    """The whole disc. ``label`` is its volume's name; names of files are plain ASCII, of 30 characters at the most."""
    records = [_record(b"\0", ROOT, SECTOR, True), _record(b"\1", ROOT, SECTOR, True)]
    body = b""
    at = FIRST
    for name, content in sorted(files.items()):
        records.append(_record(name.encode("ascii"), at, len(content), False))
        sectors = -(-len(content) // SECTOR)
        body += content.ljust(sectors * SECTOR, b"\0")
        at += sectors
    head = b"".join(
        part.ljust(SECTOR, b"\0")
        for part in (
            _descriptor(label, at),
            b"\xffCD001\1",
            b"\1\0" + ROOT.to_bytes(4, "little") + b"\1\0\0\0",
            b"\1\0" + ROOT.to_bytes(4, "big") + b"\0\1\0\0",
            b"".join(records),
        )
    )
    return bytes(DESCRIPTOR * SECTOR) + head + body


def _both(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little") + value.to_bytes(size, "big")


def _record(name: bytes, sector: int, length: int, folder: bool) -> bytes:
    body = b"\0" + _both(sector, 4) + _both(length, 4) + _DATE + bytes((2 if folder else 0, 0, 0)) + _both(1, 2)
    body += bytes((len(name),)) + name
    body += b"\0" * ((len(body) + 1) % 2)
    return bytes((len(body) + 1,)) + body


def _descriptor(label: str, sectors: int) -> bytes:
    def text(words: str, size: int) -> bytes:
        return words.encode("ascii").ljust(size)[:size]

    tables = LITTLE.to_bytes(4, "little") + bytes(4) + BIG.to_bytes(4, "big") + bytes(4)
    return b"".join(
        (
            b"\1CD001\1\0",
            text("LINUX", 32),
            text(label, 32),
            bytes(8),
            _both(sectors, 4),
            bytes(32),
            _both(1, 2),
            _both(1, 2),
            _both(SECTOR, 2),
            _both(10, 4),
            tables,
            _record(b"\0", ROOT, SECTOR, True),
            text("", 128 * 4 + 37 * 3),
            _LONG_DATE * 4,
            b"\1",
        )
    )
