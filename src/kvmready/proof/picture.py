"""Pictures of windows: whether a guest's cells are in one, several side by side, and the file that they become."""

from __future__ import annotations

import re
import struct
import zlib

from kvmready.guest.bootsector import PALETTE
from kvmready.host.door import Picture
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NEAR = 36
"""How far each channel of a pixel may be from a colour of the palette, whose colours are 85 apart."""

EVERY = 4
"""Rows between two that are looked at: the cells are many rows high."""

NARROWEST = 3.0
"""Pixels of the narrowest cell that is told from its neighbours."""

NOISE = 2
"""Pixels of the widest run that is no cell: where a picture was scaled, colours mix at an edge."""

PNG = b"\x89PNG\r\n\x1a\n"
HEAD = re.compile(rb"P6\s+(\d{1,6})\s+(\d{1,6})\s+255\s")
LARGEST = 64 << 20
"""Bytes of the largest screen that is looked at."""

GAP = 12
GROUND = b"\x50\x54\x58"

Run = tuple[int, int, int]
"""A colour of the palette (-1 for any other), and where pixels of it begin and end."""


def shows(picture: Picture, cells: Sequence[int]) -> bool:
    """Whether a row of the picture holds these colours side by side, each as wide as the others.

    A program may have scaled the guest's screen; so neither place nor size is given.
    """
    wanted = _merged(cells)
    stride = picture.width * 3
    for top in range(0, picture.height, EVERY):
        runs = list(_runs(picture.pixels[top * stride : (top + 1) * stride]))
        for first in range(len(runs) - len(wanted) + 1):
            if _fits(runs[first : first + len(wanted)], wanted, len(cells)):
                return True
    return False


def _merged(cells: Sequence[int]) -> list[tuple[int, int]]:
    """Colours with the number of neighbouring cells that have it."""
    merged: list[tuple[int, int]] = []
    for colour in cells:
        if merged and merged[-1][0] == colour:
            merged[-1] = (colour, merged[-1][1] + 1)
        else:
            merged.append((colour, 1))
    return merged


def _runs(row: bytes) -> Iterator[Run]:
    begun = 0
    known = None
    for at in range(0, len(row), 3):
        pixel = row[at : at + 3]
        if pixel != known:
            if known is not None and at // 3 - begun > NOISE:
                yield _colour(known), begun, at // 3
            begun, known = at // 3, pixel
    if known is not None:
        yield _colour(known), begun, len(row) // 3


def _colour(pixel: bytes) -> int:
    for number, colour in enumerate(PALETTE):
        if all(abs(is_ - should) <= NEAR for is_, should in zip(pixel, colour)):
            return number
    return -1


def _fits(runs: Sequence[Run], wanted: Sequence[tuple[int, int]], cells: int) -> bool:
    if any(run[0] != colour for run, (colour, _count) in zip(runs, wanted)):
        return False
    begin, end = runs[0][1], runs[-1][2]
    width = (end - begin) / cells
    if width < NARROWEST:
        return False
    at = 0
    for run, (_colour, count) in zip(runs, wanted):
        if abs(run[1] - begin - at * width) > width / 2 or abs(run[2] - begin - (at + count) * width) > width / 2:
            return False
        at += count
    return True


def from_file(content: bytes) -> Picture | None:
    """A picture as QEMU writes it: PPM (ppm(5), P6) of old, PNG since 7.1; None for anything else."""
    return _from_png(content) if content.startswith(PNG) else _from_ppm(content)


def _from_ppm(content: bytes) -> Picture | None:
    """With 255 as the highest value, which is all that QEMU writes."""
    head = HEAD.match(content)
    if head is None:
        return None
    width, height = int(head[1]), int(head[2])
    pixels = content[head.end() :]
    return Picture(width, height, pixels) if 0 < len(pixels) == width * height * 3 else None


def _from_png(content: bytes) -> Picture | None:
    """Truecolour with eight bits a channel, which is all that QEMU writes."""
    parts: dict[bytes, bytes] = {}
    at = len(PNG)
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        parts[kind] = parts.get(kind, b"") + content[at + 8 : at + 8 + size]
        at += 12 + size
    try:
        width, height, *form = struct.unpack(">IIBBBBB", parts[b"IHDR"])
        size = (width * 3 + 1) * height
        unpacked = zlib.decompressobj()
        rows = unpacked.decompress(parts[b"IDAT"], size + 1)
    except (KeyError, struct.error, zlib.error):
        return None
    if form != [8, 2, 0, 0, 0] or not 0 < size <= LARGEST or len(rows) != size or not unpacked.eof:
        return None
    pixels = bytearray()
    stride = width * 3
    above = bytes(stride)
    for top in range(0, size, stride + 1):
        above = _unfiltered(rows[top], rows[top + 1 : top + 1 + stride], above)
        pixels += above
    return Picture(width, height, bytes(pixels))


def _unfiltered(kind: int, row: bytes, above: bytes) -> bytes:
    """A row of pixels without its filter: PNG, section 9, for three bytes a pixel."""
    if kind == 0:
        return row
    done = bytearray(row)
    if kind == 2:
        return bytes((value + up) & 0xFF for value, up in zip(row, above))
    for at, value in enumerate(row):
        left = done[at - 3] if at >= 3 else 0
        up = above[at]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            corner = above[at - 3] if at >= 3 else 0
            guess = min((left, up, corner), key=lambda one: abs(left + up - corner - one))
        done[at] = (value + guess) & 0xFF
    return bytes(done)


def beside(pictures: Sequence[Picture]) -> Picture:
    """Pictures side by side on a plain ground."""
    height = max(picture.height for picture in pictures) + 2 * GAP
    width = sum(picture.width + GAP for picture in pictures) + GAP
    rows = bytearray()
    for y in range(-GAP, height - GAP):
        rows += GROUND * GAP
        for picture in pictures:
            stride = picture.width * 3
            inside = 0 <= y < picture.height
            rows += picture.pixels[y * stride : (y + 1) * stride] if inside else GROUND * picture.width
            rows += GROUND * GAP
    return Picture(width, height, bytes(rows))


def png(picture: Picture) -> bytes:
    """The picture as a file: PNG, W3C Recommendation, third edition; truecolour, eight bits a channel, no filter."""
    stride = picture.width * 3
    rows = b"".join(b"\0" + picture.pixels[y * stride : (y + 1) * stride] for y in range(picture.height))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
