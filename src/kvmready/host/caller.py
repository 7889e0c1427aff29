"""Asks a program over TCP, within a time limit."""

from __future__ import annotations

import errno
import socket
import time

from kvmready.host.door import Answer

KEPT = 4096
"""Bytes of an answer that are kept as text; the others only count."""


def call(address: str, port: int, words: str, limit: float) -> Answer:
    began = time.monotonic()
    end = began + limit
    head = b""
    size = 0
    try:
        with socket.create_connection((address, port), limit) as peer:
            peer.sendall(words.encode())
            while True:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(errno.ETIMEDOUT, "")
                peer.settimeout(left)
                part = peer.recv(1 << 18)
                if not part:
                    break
                size += len(part)
                head += part[: KEPT - len(head)]
    except OSError as error:
        name = errno.errorcode.get(error.errno or errno.ETIMEDOUT, type(error).__name__)
        return Answer(head.decode("utf-8", "replace"), size, time.monotonic() - began, name)
    return Answer(head.decode("utf-8", "replace"), size, time.monotonic() - began)
