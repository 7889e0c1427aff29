"""A display of X11: which windows it shows, and their pictures. As much of the protocol as that takes.

Source: X Window System Protocol, X Version 11 (x.org, xproto), section "Protocol Encoding"; Xsecurity(7) for the
cookies, and the format of their file from libXau's AuRead.c.
"""

from __future__ import annotations

import socket
import struct

from kvmready.host.door import Picture, Window
from kvmready.typed import NamedTuple

COOKIE = b"MIT-MAGIC-COOKIE-1"
WILD = 0xFFFF
"""The family of an entry that fits any host."""

LIMIT = 10.0
"""Seconds for one answer."""

DEEPEST = 4
"""Levels below the root at which a program's window can be: window managers put theirs around it."""

VIEWABLE = 2
ROWS = 64
"""Rows of one part of a picture: a server answers nothing else meanwhile."""


class Entry(NamedTuple):
    """One entry of a file of cookies."""

    family: int
    address: bytes
    number: bytes
    name: bytes
    data: bytes


def cookie_file(number: str, data: bytes) -> bytes:
    """The content of a file that holds one cookie, for the display of that number of any host, "" for any number."""
    parts = (b"", number.encode("ascii"), COOKIE, data)
    return struct.pack(">H", WILD) + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def entries(content: bytes) -> tuple[Entry, ...]:
    """The entries of a file of cookies, as far as it is whole."""
    found: list[Entry] = []
    at = 0
    while at + 2 <= len(content):
        family = int.from_bytes(content[at : at + 2], "big")
        at += 2
        parts = []
        for _part in range(4):
            size = int.from_bytes(content[at : at + 2], "big")
            part = content[at + 2 : at + 2 + size]
            if at + 2 > len(content) or len(part) != size:
                return tuple(found)
            parts.append(part)
            at += 2 + size
        found.append(Entry(family, *parts))
    return tuple(found)


def cookies(content: bytes, display: str) -> tuple[bytes, ...]:
    """The cookies of a file that may open that display; the empty one, for a server that asks for none, comes last."""
    number = address(display)[1]
    fits = [e.data for e in entries(content) if e.name == COOKIE and e.number in (b"", str(number).encode("ascii"))]
    return (*dict.fromkeys(fits), b"")


def address(display: str) -> tuple[str, int]:
    """Host, "" for this one, and number of a display as in $DISPLAY. Raises ValueError for another form."""
    host, colon, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not colon or not number.isdigit():
        raise ValueError(display)
    return ("" if host == "unix" else host), int(number)


def opened(display: str, content: bytes) -> Screen:
    """Open a display with the first cookie of a file that it takes. Raises OSError."""
    try:
        candidates = cookies(content, display)
    except ValueError:
        raise OSError(f"not a display: {display}") from None
    refused: OSError = PermissionError("refused")
    for cookie in candidates:
        try:
            return Screen(display, cookie)
        except PermissionError as error:
            refused = error
    raise refused


class Screen:
    """A connection to a display; implements ``door.Screen``. Raises OSError where the server or the network fails."""

    def __init__(self, display: str, cookie: bytes) -> None:
        host, number = address(display)
        if host:
            self._socket = socket.create_connection((host, 6000 + number), LIMIT)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(LIMIT)
            self._socket.connect(f"/tmp/.X11-unix/X{number}")
        try:
            self._root = self._greet(cookie)
            self._names = [self._atom(name) for name in (b"_NET_WM_NAME", b"WM_NAME")]
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def windows(self) -> tuple[Window, ...]:
        """The windows that are shown and have a title, in the order of the server's tree."""
        found: list[Window] = []
        self._below(self._root, 0, found)
        return tuple(found)

    def picture(self, window: Window) -> Picture:
        """What the window shows now; parts of it that others cover are as the server has them."""
        parts = []
        for top in range(0, window.height, ROWS):
            rows = min(ROWS, window.height - top)
            request = struct.pack("<BBHIhhHHI", 73, 2, 5, window.id, 0, top, window.width, rows, 0xFFFFFFFF)
            try:
                head, data = self._ask(request)
            except LookupError:
                raise OSError(f"the window is gone: {window.title}") from None
            if head[1] not in (24, 32) or len(data) < window.width * rows * 4:
                raise OSError(f"pictures of depth {head[1]} are not known")
            parts.append(data[: window.width * rows * 4])
        pixels = b"".join(parts)
        colours = bytearray(len(pixels) // 4 * 3)
        for channel in range(3):
            colours[channel::3] = pixels[2 - channel :: 4]
        return Picture(window.width, window.height, bytes(colours))

    def move(self, window: Window, left: int, top: int) -> None:
        """Put a window elsewhere; where there is a window manager, that is only a wish."""
        self._socket.sendall(struct.pack("<BBHIHHii", 12, 0, 5, window.id, 3, 0, left, top))

    def _greet(self, cookie: bytes) -> int:
        """Open the connection; returns the root window of the first screen."""
        name = COOKIE if cookie else b""
        opening = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie))
        self._socket.sendall(opening + _padded(name) + _padded(cookie))
        head = self._read(8)
        body = self._read(int.from_bytes(head[6:8], "little") * 4)
        if head[0] != 1:
            raise PermissionError(body[: head[1]].decode("ascii", "replace").strip() or "refused")
        vendor = int.from_bytes(body[16:18], "little")
        if body[22] != 0:
            raise OSError("pictures with the high byte first are not known")
        at = 32 + (vendor + 3) // 4 * 4 + 8 * body[21]
        return int.from_bytes(body[at : at + 4], "little")

    def _below(self, window: int, depth: int, found: list[Window]) -> None:
        answer = self._try(struct.pack("<BxHI", 15, 2, window))
        if answer is None:
            return
        head, data = answer
        for number in range(int.from_bytes(head[16:18], "little")):
            child = int.from_bytes(data[4 * number : 4 * number + 4], "little")
            attributes = self._try(struct.pack("<BxHI", 3, 2, child))
            if attributes is None or attributes[0][26] != VIEWABLE:
                continue
            title = self._title(child)
            geometry = self._try(struct.pack("<BxHI", 14, 2, child)) if title else None
            if geometry is not None:
                width, height = struct.unpack_from("<HH", geometry[0], 16)
                found.append(Window(child, title, width, height))
            if depth < DEEPEST:
                self._below(child, depth + 1, found)

    def _title(self, window: int) -> str:
        for atom in self._names:
            answer = self._try(struct.pack("<BxHIIIII", 20, 6, window, atom, 0, 0, 256))
            if answer is not None and answer[0][1] == 8:
                size = int.from_bytes(answer[0][16:20], "little")
                if size:
                    return answer[1][:size].decode("utf-8", "replace")
        return ""

    def _atom(self, name: bytes) -> int:
        request = struct.pack("<BxHHxx", 16, 2 + (len(name) + 3) // 4, len(name)) + _padded(name)
        return int.from_bytes(self._ask(request)[0][8:12], "little")

    def _try(self, request: bytes) -> tuple[bytes, bytes] | None:
        """The answer; None where the server refuses, because the window is gone meanwhile."""
        try:
            return self._ask(request)
        except LookupError:
            return None

    def _ask(self, request: bytes) -> tuple[bytes, bytes]:
        """The answer's head of 32 bytes and what follows. Raises LookupError for what the server refuses."""
        self._socket.sendall(request)
        while True:
            head = self._read(32)
            size = int.from_bytes(head[4:8], "little") * 4
            if head[0] == 1:
                return head, self._read(size)
            if head[0] == 0 and head[10] == request[0]:
                raise LookupError(head[1])
            if head[0] & 0x7F == 35:  # an event with an extension of its own
                self._read(size)

    def _read(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            part = self._socket.recv(size - len(content))
            if not part:
                raise ConnectionResetError("the X server closed the connection")
            content += part
        return bytes(content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
