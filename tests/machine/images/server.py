"""A web server on the loopback device that breaks off, changes its files, or ignores ranges, as it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """``files`` by path. ``cut`` ends each answer after so many bytes; ``asked`` is what was asked, with its range."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.cut = 0
        self.validators = True
        self.ranges = True
        self.status = 0
        self.pieces: tuple[int, float] | None = None
        """Sends so many bytes at a time, and rests so many seconds behind each."""
        self.asked: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def do_CONNECT(self) -> None:
                server.connect(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append((request.path, wanted))
        if self.status:
            request.send_error(self.status)
            return
        if request.path in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[request.path])
            request.end_headers()
            return
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        tag = f'"{hash(content) & 0xFFFFFFFF:x}"'
        if request.headers.get("If-None-Match") == tag:
            request.send_response(304)
            request.end_headers()
            return
        start = 0
        if wanted and self.ranges and request.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        if start >= len(content) > 0:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        if self.validators:
            request.send_header("ETag", tag)
        request.end_headers()
        body = content[start : start + self.cut] if self.cut else content[start:]
        size, rest = self.pieces or (len(body) or 1, 0.0)
        for at in range(0, len(body), size):
            try:
                request.wfile.write(body[at : at + size])
            except OSError:
                break  # it is given up
            time.sleep(rest)
        request.close_connection = True

    def connect(self, request: BaseHTTPRequestHandler) -> None:
        """It is no proxy."""
        request.send_error(405)

    @contextmanager
    def running(self) -> Iterator[Server]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join(10)
