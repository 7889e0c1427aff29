"""Fetches files over HTTP with time limits, through the proxies that the environment names, and carries on where a
transfer broke off. A file that changed meanwhile is noticed by its ETag or its date (RFC 9110, If-Range)."""

from __future__ import annotations

import time

from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvmready.host.door import Growing

PAUSE = 30.0
"""Seconds without a byte after which a server is given up."""

TRIES = 5
"""Attempts in a row that bring nothing new before a transfer is given up."""

PIECE = 1 << 17
SMALL = 1 << 20
"""Bytes of a checksum file at the most."""

LOOK_EVERY = 60.0
SLOWEST = 1024
"""A server that brings fewer bytes a second than this over so many seconds is given up as well."""


class Trouble(Exception):
    """A transfer that failed. ``why`` is a sentence or the system's words; ``lasting`` when trying again is no use."""

    def __init__(self, why: str, lasting: bool = False, slow: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.lasting = lasting
        self.slow = slow
        """Whether it brings too little: then the little that it did bring is no reason to go on for ever."""
        self.version: Version | None = None
        """Which version the bytes are of that did arrive."""


class Version(NamedTuple):
    """Which state of a file a server gives: what it says of it, "" where it says nothing."""

    etag: str = ""
    modified: str = ""

    @property
    def condition(self) -> str:
        """A value for If-Range: a strong ETag, else the date, else "" (then nothing can be carried on with)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class Seen(NamedTuple):
    """How far a transfer is: bytes so far, bytes in all (0: not told)."""

    done: int
    total: int


class Pace:
    """Notices a server that sends so little that it would take for ever."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._size = 0

    def check(self, size: int) -> None:
        """``size`` bytes are here by now. Raises Trouble."""
        passed = time.monotonic() - self._began
        if passed < LOOK_EVERY:
            return
        if size - self._size < SLOWEST * passed:
            raise Trouble(_("The server sends next to nothing."), slow=True)
        self._began, self._size = time.monotonic(), size


def text(url: str) -> str:
    """A small text file, over HTTPS to the end. Raises Trouble."""
    pace = Pace()
    content = b""
    with _open(url, {}, secure=True) as response:
        while part := _read(response):
            content += part
            pace.check(len(content))
            if len(content) > SMALL:
                raise Trouble(_("It is too large for a checksum file."), lasting=True)
    return content.decode("utf-8", "replace")


def unchanged(url: str, version: Version) -> bool:
    """Whether the server still has that version. Raises Trouble."""
    if not version.etag and not version.modified:
        return False
    headers = {"If-None-Match": version.etag} if version.etag else {"If-Modified-Since": version.modified}
    try:
        _open(url, headers, secure=False).close()
    except _Status as status:
        if status.code == 304:
            return True
        raise
    return False


def fetch(
    url: str,
    file: Growing,
    version: Version,
    secure: bool,
    begun: Callable[[Version, int], None],
    seen: Callable[[Seen], None],
    rest: Callable[[float], None],
) -> None:
    """Fill ``file``, which may hold the beginning of that ``version``, until it is whole.

    ``secure`` refuses to leave HTTPS. ``begun`` is told each version that arrives with its length (0: unknown), before
    its bytes; ``seen`` how far it is; ``rest`` waits. Raises Trouble, and OSError where the file cannot be written.
    """
    failed = 0
    while True:
        before = file.size
        try:
            version = _some(url, file, version, secure, begun, seen)
        except Trouble as trouble:
            failed = failed + 1 if trouble.slow or file.size <= before else 1
            if trouble.lasting or failed >= TRIES:
                raise
            version = trouble.version or version
            rest(min(2.0 ** (failed - 1), 8.0))
            continue
        return


def _some(
    url: str,
    file: Growing,
    version: Version,
    secure: bool,
    begun: Callable[[Version, int], None],
    seen: Callable[[Seen], None],
) -> Version:
    """One attempt: the rest of the file, or all of it. A Trouble carries the version of what did arrive."""
    headers = {}
    if file.size and version.condition:
        headers = {"Range": f"bytes={file.size}-", "If-Range": version.condition}
    try:
        response = _open(url, headers, secure)
    except _Status as status:
        if status.code != 416 or not headers:
            raise
        if status.total == file.size:
            return version  # all of it was there
        file.restart()
        raise Trouble(status.why) from None
    with response:
        now = Version(response.headers.get("ETag") or "", response.headers.get("Last-Modified") or "")
        if response.status == 206 and _starts_at(response, file.size):
            total = _total(response.headers.get("Content-Range") or "")
        else:
            file.restart()
            total = int(response.headers.get("Content-Length") or 0)
        begun(now, total)
        pace = Pace()
        try:
            while part := _read(response):
                file.append(part)
                pace.check(file.size)
                seen(Seen(file.size, total))
            if total and file.size < total:
                raise Trouble(_("The connection ended early."))
            if total and file.size > total:
                file.restart()
                raise Trouble(_("The server sent more than it announced."))
        except Trouble as trouble:
            trouble.version = now
            raise
    return now


class _Status(Trouble):
    """An answer that is an error."""

    def __init__(self, code: int, reason: str, total: int) -> None:
        lasting = code < 500 and code not in (408, 416, 425, 429)
        super().__init__(_("The server answers: {code} {reason}").format(code=code, reason=reason), lasting)
        self.code = code
        self.total = total


def _open(url: str, headers: Mapping[str, str], secure: bool) -> Any:
    """An open answer. Raises Trouble."""
    import http.client
    import ssl
    import urllib.error
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if secure and not newurl.lower().startswith("https:"):
                raise Trouble(
                    _("The server sends us on to an address that is not HTTPS: {url}").format(url=newurl), True
                )
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    sent = {"User-Agent": "kvmready", "Accept-Encoding": "identity", **headers}
    try:
        opener = urllib.request.build_opener(Redirects)
        return opener.open(urllib.request.Request(url, headers=sent), timeout=PAUSE)
    except urllib.error.HTTPError as error:
        error.close()
        raise _Status(error.code, str(error.reason), _total(error.headers.get("Content-Range") or "")) from None
    except urllib.error.URLError as error:
        why = error.reason
        lasting = isinstance(why, ssl.SSLCertVerificationError)
        raise Trouble(str(getattr(why, "strerror", None) or why), lasting) from None
    except (OSError, http.client.HTTPException) as error:
        raise Trouble(str(error) or type(error).__name__) from None
    except ValueError as error:
        raise Trouble(str(error), lasting=True) from None


def _read(response: Any) -> bytes:
    """What has arrived, at most ``PIECE`` bytes; "" at the end. Raises Trouble."""
    import http.client

    try:
        return bytes(response.read1(PIECE))
    except (OSError, http.client.HTTPException) as error:
        raise Trouble(str(error) or type(error).__name__) from None


def _total(content_range: str) -> int:
    """The whole length of ``bytes 5-9/100`` and of ``bytes */100``; 0 where it is not said."""
    length = content_range.rpartition("/")[2]
    return int(length) if length.isdigit() else 0


def _starts_at(response: Any, offset: int) -> bool:
    said = (response.headers.get("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
    return bool(said == str(offset))
