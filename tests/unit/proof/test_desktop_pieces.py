"""The pure parts of a desktop's and a web console's proof: pictures, cookies, and what programs print."""

from __future__ import annotations

import os
import struct
import zlib

import pytest

from kvmready.guest.bootsector import PALETTE, expected_cells, expected_mix
from kvmready.host import x11
from kvmready.host.door import Picture
from kvmready.proof import picture, web, windows
from kvmready.proof.windows import Shown

NONCE, KEY = "0123456789abcdef", 0x12345678
CELLS = expected_cells(NONCE, KEY)


def drawn(cells: tuple[int, ...], wide: int, left: int = 7, high: int = 40, soft: bool = False) -> Picture:
    """A grey picture with coloured cells in it; ``soft``: colours mix at each edge, as where a program scales."""
    row = [b"\x30\x31\x32"] * left
    for number, cell in enumerate(cells):
        row += [bytes(PALETTE[cell])] * wide
        if soft and number + 1 < len(cells):
            row[-1] = bytes((a + b) // 2 for a, b in zip(PALETTE[cell], PALETTE[cells[number + 1]]))
    row += [b"\x30\x31\x32"] * 9
    return Picture(len(row), high, b"".join(row) * high)


def test_the_cells_are_what_the_guest_computes() -> None:
    assert len(CELLS) == 27 and CELLS[0] == CELLS[-1] == 15
    assert "".join(f"{cell:x}" for cell in CELLS[1:-1]) == f"{NONCE}0{expected_mix(NONCE, KEY):08x}"


@pytest.mark.parametrize(("wide", "soft"), [(18, False), (18, True), (9, True), (5, False), (31, True)])
def test_the_cells_are_found_at_any_place_and_size(wide: int, soft: bool) -> None:
    assert picture.shows(drawn(CELLS, wide, soft=soft), CELLS)


def test_other_cells_are_not_taken_for_these() -> None:
    for number in range(1, 26):
        other = (*CELLS[:number], (CELLS[number] + 1) % 16, *CELLS[number + 1 :])
        assert not picture.shows(drawn(other, 18), CELLS)
    assert not picture.shows(drawn(CELLS[::-1], 18), CELLS)
    assert not picture.shows(drawn(CELLS[:-1], 18), CELLS)
    assert not picture.shows(drawn(CELLS, 1), CELLS)
    assert not picture.shows(Picture(720, 400, bytes(720 * 400 * 3)), CELLS)
    assert not picture.shows(Picture(0, 0, b""), CELLS)


def test_cells_of_unequal_width_are_none() -> None:
    """The right colours in a row, one of them thrice as wide: a chance meeting of colours in a window."""
    row = b"".join(bytes(PALETTE[cell]) * (40 if number == 3 else 12) for number, cell in enumerate(CELLS))
    assert not picture.shows(Picture(len(row) // 3, 8, row * 8), CELLS)


def filtered(shown: Picture, kind: int) -> bytes:
    """A PNG of the picture whose rows all have one filter, written as the standard has it."""
    stride = shown.width * 3
    rows = b""
    for y in range(shown.height):
        row = shown.pixels[y * stride : (y + 1) * stride]
        above = shown.pixels[(y - 1) * stride : y * stride] if y else bytes(stride)
        rows += bytes([kind])
        for at, value in enumerate(row):
            left, corner = (row[at - 3], above[at - 3]) if at >= 3 else (0, 0)
            up = above[at]
            guess = left + up - corner
            near = min((left, up, corner), key=lambda one, guess=guess: abs(guess - one))  # type: ignore[misc]
            rows += bytes([(value - (0, left, up, (left + up) // 2, near)[kind]) & 255])
    head = struct.pack(">IIBBBBB", shown.width, shown.height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.mark.parametrize("kind", range(5))
def test_pictures_are_read_with_every_filter(kind: int) -> None:
    shown = Picture(9, 7, os.urandom(9 * 7 * 3))
    assert picture.from_file(filtered(shown, kind)) == shown


def test_pictures_are_read_as_they_were_written() -> None:
    shown = drawn(CELLS, 9)
    assert picture.from_file(picture.png(shown)) == shown
    ppm = b"P6\n%d %d\n255\n" % (shown.width, shown.height) + shown.pixels
    assert picture.from_file(ppm) == shown


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"P6",
        b"P6 1 1 255",
        b"P6 -1 4 255\nxx",
        b"P5 1 1 255\nx",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 60,
    ],
)
def test_what_is_no_picture_is_none(content: bytes) -> None:
    assert picture.from_file(content) is None
    whole = picture.png(drawn(CELLS, 9))
    for end in range(0, len(whole) - 16, 7):
        assert picture.from_file(whole[:end]) is None


def test_pictures_stand_side_by_side() -> None:
    both = picture.beside((Picture(2, 1, b"aaabbb"), Picture(1, 3, b"cccdddeee")))
    assert (both.width, both.height) == (2 + 1 + 3 * picture.GAP, 3 + 2 * picture.GAP)
    assert len(both.pixels) == both.width * both.height * 3
    assert b"aaabbb" in both.pixels and both.pixels.index(b"ccc") < both.pixels.index(b"ddd")


def test_cookies_are_found_by_the_number_of_the_display() -> None:
    def entry(number: bytes, data: bytes, name: bytes = x11.COOKIE) -> bytes:
        parts = (b"host", number, name, data)
        return b"\x01\x00" + b"".join(struct.pack(">H", len(part)) + part for part in parts)

    content = entry(b"0", b"zero") + entry(b"1", b"other", b"XDM-AUTHORIZATION-1") + entry(b"1", b"one")
    assert x11.cookies(content, ":1.0") == (b"one", b"")
    assert x11.cookies(content, "localhost:10.0") == (b"",)
    assert x11.cookies(x11.cookie_file("", b"all"), ":7") == (b"all", b"")
    for end in range(len(content)):
        assert len(x11.entries(content[:end])) < 3
    with pytest.raises(OSError, match="not a display"):
        x11.opened("wayland-0", b"")


@pytest.mark.parametrize(
    ("first", "python"),
    [
        ("#!/usr/bin/python3", ("/usr/bin/python3",)),
        ("#! /usr/bin/env python3", ("/usr/bin/env", "python3")),
        ("#!/usr/bin/python3 -Es", ("/usr/bin/python3", "-Es")),
        ("#!/bin/sh", ()),
        ("#!/usr/libexec/platform-python", ()),  # older than what the watcher is written in
        ("\x7fELF", ()),
        ("", ()),
    ],
)
def test_which_program_is_pythons(first: str, python: tuple[str, ...]) -> None:
    assert windows.interpreter(first) == python


def test_a_guest_is_listed_by_its_whole_name() -> None:
    shown = (Shown("New VM", "", ()), Shown("Manager", "", ("QEMU/KVM", "guest-10 Running")))
    assert windows.lists(shown, "guest-10") == shown[1]
    assert windows.lists(shown, "guest-1") is None


def test_cockpits_answers() -> None:
    old = "Name                 Title                                    Path\n"
    line = "machines             Virtual machines                         /usr/share/cockpit/machines\n"
    assert web.listed(old + line) == "machines Virtual machines /usr/share/cockpit/machines"
    assert web.listed("machines: /usr/share/cockpit/machines\n").startswith("machines:")
    assert web.listed("virtual-machines x\nmachines-x y\n") == ""
    assert web.is_login('<title>Cockpit</title><form id="login-user-input"><input type="password">')
    assert not web.is_login("<title>Grafana</title><input type=password>")
    assert web.LISTEN.findall("ActiveState=active\nListen=[::]:9090 (Stream)\n") == ["9090"]
    assert web.LISTEN.findall("Listen=9091 (Stream)") == ["9091"]
    assert web.LISTEN.findall("Listen=/run/x (Stream)") == []
