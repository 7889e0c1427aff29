"""A first word over TCP: whether a server at an address talks, and what it says before it is asked anything."""

from __future__ import annotations

LONGEST = 256


def greeting(address: str, port: int, limit: float) -> str:
    """The first line that the server sends (SSH and others do), "" where nobody answers within ``limit`` seconds.

    Only a line counts: what merely forwards a port accepts a connection before there is anybody behind it.
    """
    import socket

    try:
        with socket.create_connection((address, port), limit) as connection:
            connection.settimeout(limit)
            said = connection.recv(LONGEST)
    except OSError:
        return ""
    return said.split(b"\n")[0].decode("ascii", "replace").strip()
