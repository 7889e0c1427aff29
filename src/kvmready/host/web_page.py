"""One page of a web server on this very machine."""

from __future__ import annotations

import http.client
import ssl

from kvmready.host.door import Page

SERVER = "localhost"
LONGEST = 1 << 20
"""Bytes of a page that are read at the most."""


def ask(port: int, path: str, limit: float) -> Page:
    """GET over TLS. Raises OSError where nobody listens, or what answers is no web server."""
    import hashlib

    context = ssl.create_default_context()
    # Its certificate is its own, made at its first start. Nothing leaves this machine, and nothing secret is sent.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(SERVER, port, timeout=limit, context=context)
    try:
        connection.request("GET", path, headers={"Accept": "text/html"})
        certificate = connection.sock.getpeercert(binary_form=True) or b""
        answer = connection.getresponse()
        text = answer.read(LONGEST).decode("utf-8", "replace")
        return Page(answer.status, tuple(answer.getheaders()), text, hashlib.sha256(certificate).hexdigest())
    except http.client.HTTPException as error:
        raise OSError(f"no web server: {error or type(error).__name__}") from None
    finally:
        connection.close()
