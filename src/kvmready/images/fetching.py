"""Gets an image from the network into the cache, or out of the cache where it is still the right one."""

from __future__ import annotations

import errno
import time

from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.images import hashing, http
from kvmready.images.image import CHECKSUM, DOWNLOAD, INVALID, NO_SPACE, UNWRITABLE, Image, ImageError, usable
from kvmready.images.shelf import Note, Shelf
from kvmready.images.table import KNOWN, address
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.host.door import Growing, Workshop

SPARE = 64 << 20
"""Bytes that have to stay free beside an image."""

WAIT = 3600.0
"""Seconds to wait for another process that downloads the same image."""


class _Order(NamedTuple):
    """What is to be had. ``digest`` is the checksum that it has to have; ``name`` is for people.

    ``checksums`` is where its maker publishes that, "" where the checksum is a person's word.
    """

    url: str
    name: str
    digest: str
    algorithm: str
    secure: bool
    login: str = ""
    osinfo: str = ""
    checksums: str = ""


def fetched(host: Workshop, what: str, say: Callable[[str], None], digest: str) -> Image:
    """The image of a known name or an address; parameters and errors are those of ``resolve``."""
    return _Fetching(host, say).get(what, digest)


class _Fetching:
    def __init__(self, host: Workshop, say: Callable[[str], None]) -> None:
        self._host = host
        self._say = say
        self._said = 0.0

    def get(self, what: str, digest: str) -> Image:
        from kvmready.images.checksum import algorithm_of

        if what not in KNOWN:
            order = _Order(_checked(what, digest), _shown(what), digest, algorithm_of(digest), not digest)
            shelf = Shelf(self._host)
            kept = shelf.note(shelf.path(order.url))
            if not digest and kept.url and not self._still(order, kept):
                kept = Note()
        else:
            known, arch = KNOWN[what], self._host.caller().arch
            url = address(known.url, arch)
            shelf = Shelf(self._host)
            kept = shelf.note(shelf.path(url))
            sums = address(known.checksums, arch)
            wanted = digest or self._published(sums, url, known.algorithm, what, kept)
            more = (known.login, known.osinfo, "" if digest else sums)
            order = _Order(url, what, wanted, algorithm_of(wanted), False, *more)
        path = shelf.path(order.url)
        kept_digest = kept.sha256 if order.algorithm == "sha256" else kept.digest
        if kept.url == order.url and (not order.digest or order.digest == kept_digest):
            image = self._kept(path, order, kept)
            if image is not None:
                return image
        try:
            return self._download(shelf, path, order, kept)
        except _Moved as moved:
            return self._download(shelf, path, order._replace(digest=moved.digest, checksums=""), kept)

    def _published(self, checksums: str, url: str, algorithm: str, name: str, kept: Note) -> str:
        """The checksum that its maker publishes now; without a network the one that was published when it came."""
        from kvmready.images import checksum

        self._say(_("Asking for the checksum of {name} …").format(name=name))
        try:
            digest = checksum.find(http.text(checksums), url.rpartition("/")[2], algorithm)
        except http.Trouble as trouble:
            if kept.digest and kept.url == url:
                self._say(_("{name}: no answer; taking the one that is here.").format(name=name))
                return kept.digest
            raise _unreachable(checksums, trouble) from None
        if not digest:
            raise ImageError(
                DOWNLOAD,
                _("The checksum of {name} is not where it should be.").format(name=name),
                checksums,
                _("Give the image's address with --image, and its checksum with --sha256."),
            )
        return digest

    def _still(self, order: _Order, kept: Note) -> bool:
        """Whether the image that is here is what its server has. Without a network it is taken as it is."""
        try:
            return http.unchanged(order.url, kept.version)
        except http.Trouble:
            self._say(_("{name}: no answer; taking the one that is here.").format(name=order.name))
            return True

    def _kept(self, path: str, order: _Order, kept: Note) -> Image | None:
        """The image in the cache, None where it is not there or not what was once verified."""
        seen = self._host.stat(path)
        if seen.error or seen.kind != "file":
            return None
        try:
            found = hashing.of(self._host.parts(path), seen.size, order.name, self._say)
        except OSError:
            return None
        if found.sha256 != kept.sha256:
            return None
        return self._image(path, found, seen.size, order)

    def _image(self, path: str, found: hashing.Hashed, length: int, order: _Order) -> Image:
        verified = "checksum" if order.digest else "https"
        image = Image(path, "", order.name, found.sha256, 0, length, verified, order.login, order.osinfo)
        return usable(order.name, found.start, length, image)

    def _download(self, shelf: Shelf, path: str, order: _Order, before: Note) -> Image:
        part = f"{path}.part"
        file = self._opened(part)
        try:
            now = shelf.note(path)
            image = self._kept(path, order, now) if now != before else None
            if image is not None:  # another process brought it while this one waited
                file.discard()
                return image
            note = shelf.note(part)
            version = note.version if note.url == order.url else http.Version()

            def begun(version: http.Version, total: int) -> None:
                shelf.write(part, Note(order.url, version))
                self._room(shelf.folder, total - file.size)

            http.fetch(order.url, file, version, order.secure, begun, self._news(order.name), self._host.sleep)
            found = hashing.of(file.parts(), file.size, order.name, self._say, order.digest)
            if order.digest and not found.matches(order.digest):
                order = self._renewed(order, found)
            image = self._image(path, found, file.size, order)
            version = shelf.note(part).version
            shelf.write(path, Note(order.url, version, found.sha256, order.algorithm, order.digest))
            shelf.forget(part)
            file.keep(path, shelf.mode)
        except http.Trouble as trouble:
            raise _unreachable(order.url, trouble) from None
        except ImageError as error:
            if error.cause in (CHECKSUM, INVALID):
                shelf.forget(part)
                file.discard()
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                shelf.forget(part)
                file.discard()
            raise _unwritable(shelf.folder, error) from None
        finally:
            file.close()
        return image

    def _renewed(self, order: _Order, found: hashing.Hashed) -> _Order:
        """The order of an image that has not its checksum: a new one may have come out after that was asked for.

        Raises ImageError, _Moved where the image has to be fetched once more.
        """
        if order.checksums:
            digest = self._published(order.checksums, order.url, order.algorithm, order.name, Note())
            if found.matches(digest):
                return order._replace(digest=digest)
            if digest != order.digest:
                raise _Moved(order, found, digest)
        raise _wrong(order, found)

    def _opened(self, part: str) -> Growing:
        end = self._host.now() + WAIT
        while True:
            try:
                return self._host.grow(part)
            except BlockingIOError:
                if self._host.now() > end:
                    what = _("Another process has been downloading this image for an hour.")
                    raise ImageError(DOWNLOAD, what) from None
                self._say(_("Waiting for another process that downloads this image …"))
                self._host.sleep(0.5)
            except OSError as error:
                raise _unwritable(part, error) from None

    def _room(self, folder: str, needed: int) -> None:
        space = self._host.space(folder)
        if not space.error and needed + SPARE > space.free:
            raise ImageError(
                NO_SPACE,
                _("There is too little room in {folder} for the image.").format(folder=folder),
                _("It needs {needed}, and {free} are free.").format(needed=_size(needed), free=_size(space.free)),
                _("Make room there."),
            )

    def _news(self, name: str) -> Callable[[http.Seen], None]:
        """Says how far a download is, how quick, and how long it still takes."""
        began = self._host.now()
        first = -1

        def news(seen: http.Seen) -> None:
            nonlocal first
            if first < 0:
                first = seen.done
            now = time.monotonic()
            if now - self._said < hashing.NEWS_EVERY:
                return
            self._said = now
            passed = max(0.001, self._host.now() - began)
            rate = max(1.0, (seen.done - first) / passed)
            if not seen.total:
                words = _("Downloading {name}: {done}, {rate}/s")
                self._say(words.format(name=name, done=_size(seen.done), rate=_size(int(rate))))
                return
            words = _("Downloading {name}: {percent} of {total}, {rate}/s, {left} s left")
            self._say(
                words.format(
                    name=name,
                    percent=f"{100 * seen.done // seen.total} %",
                    total=_size(seen.total),
                    rate=_size(int(rate)),
                    left=int((seen.total - seen.done) / rate),
                )
            )

        return news


def _checked(url: str, digest: str) -> str:
    """``url`` if it may be fetched. Raises UsageError."""
    from urllib.parse import quote, urlsplit

    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
    except ValueError as error:
        raise UsageError(_("{url} is no address of an image.").format(url=repr(url)), str(error)) from None
    if parts.scheme not in ("https", "http") or not host or any(not c.isprintable() or c == " " for c in url):
        why = _("It begins with https:// and holds no spaces.")
        raise UsageError(_("{url} is no address of an image.").format(url=repr(url)), why)
    if user:
        what = _("An address with a password in it is not taken: other users of this host can read it.")
        raise UsageError(what, "", _("Download the file yourself, and give its path."))
    if parts.scheme == "http" and not digest:
        what = _("An image that does not come over HTTPS needs its checksum.")
        raise UsageError(what, "", _("Add --sha256 with the checksum that its maker publishes."))
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def _shown(url: str) -> str:
    """The name of an image for people."""
    name = url.partition("?")[0].rstrip("/").rpartition("/")[2]
    return name[:60] or url[:60]


class _Moved(ImageError):
    """The image is neither the one whose checksum was asked for nor the one that was published since."""

    def __init__(self, order: _Order, found: hashing.Hashed, digest: str) -> None:
        wrong = _wrong(order, found)
        super().__init__(wrong.cause, wrong.what, wrong.why, wrong.next_move)
        self.digest = digest


def _wrong(order: _Order, found: hashing.Hashed) -> ImageError:
    return ImageError(
        CHECKSUM,
        _("The image {name} does not have its checksum; it was thrown away.").format(name=order.name),
        _("It has {seen}, not {wanted}.").format(seen=found.same_kind(order.digest), wanted=order.digest),
        _("Try again; if it stays so, a mirror or somebody on the way gives you another file: do not use it."),
    )


def _unreachable(url: str, trouble: http.Trouble) -> ImageError:
    return ImageError(
        DOWNLOAD,
        _("{url} cannot be downloaded.").format(url=url),
        trouble.why,
        _("Look at the network and the proxy (https_proxy), or give a file with --image; what has arrived is kept."),
    )


def _unwritable(folder: str, error: OSError) -> ImageError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return ImageError(
        NO_SPACE if full else UNWRITABLE,
        _("The image cannot be kept in {folder}.").format(folder=folder),
        error.strerror or str(error),
        _("Make room there.") if full else _("Make room there, or mount it read-write."),
    )


def _size(number: int) -> str:
    """Bytes for people, in the units that downloads are told in."""
    if number >= 10**9:
        return f"{number / 10**9:.1f} GB"
    return f"{number / 10**6:.1f} MB" if number < 10**7 else f"{number // 10**6} MB"
