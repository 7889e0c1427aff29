"""Disk images for guests: a file, an address, or a known name. Downloaded ones are verified before they are used."""

from __future__ import annotations

import os

from kvmready.errors import InputError, UsageError
from kvmready.i18n import _
from kvmready.images.image import CHECKSUM, Image, ImageError, usable
from kvmready.images.table import KNOWN
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.host.door import Workshop

__all__ = ["KNOWN", "Image", "ImageError", "resolve"]


def resolve(host: Workshop, what: str, say: Callable[[str], None], sha256: str = "") -> Image:
    """The image that ``what`` means: a known name, an address that begins with https:// or http://, or a file.

    ``sha256`` is its checksum as a person gives it (SHA-512 is taken as well), "" for none; an address without HTTPS
    needs one. ``say`` gets the news of a download, at most a few a second. Raises UsageError and InputError for what
    makes no sense, ImageError for what does not work, WorkError where the cache cannot be used.
    """
    from kvmready.images import checksum

    digest = sha256.strip().lower()
    if digest and not checksum.algorithm_of(digest):
        raise UsageError(_("{text} is no SHA-256 or SHA-512 checksum.").format(text=repr(sha256)))
    if what in KNOWN or "://" in what:
        from kvmready.images import fetching

        return fetching.fetched(host, what, say, digest)
    return _file(host, what, say, digest)


def _file(host: Workshop, what: str, say: Callable[[str], None], digest: str) -> Image:
    from kvmready.images import hashing

    if not what or "\0" in what:
        raise UsageError(_("An image needs a name."))
    path = os.path.abspath(what)
    seen = host.stat(path)
    names = _("A known name is one of: {names}").format(names=", ".join(KNOWN))
    if seen.error == "ENOENT" and "/" not in what:
        raise UsageError(_("There is no image {name}: it is neither a file nor a known name.").format(name=repr(what)),
                         "", names)  # fmt: skip
    if seen.error or seen.kind != "file":
        why = seen.error or _("It is no regular file: {kind}").format(kind=seen.kind)
        raise InputError(_("The image {path} cannot be read.").format(path=repr(path)), why)
    name = os.path.basename(path)
    try:
        found = hashing.of(host.parts(path), seen.size, name, say, digest)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(_("The image {path} cannot be read.").format(path=repr(path)), why) from None
    if digest and not found.matches(digest):
        raise ImageError(
            CHECKSUM,
            _("The image {path} is not the one that the checksum is of.").format(path=repr(path)),
            _("It has {seen}, not {wanted}.").format(seen=found.same_kind(digest), wanted=digest),
            _("Get the file again, or give the checksum of this one."),
        )
    return usable(path, found.start, seen.size, Image(path, "", name, found.sha256, 0, seen.size,
                                                       "checksum" if digest else "nothing"))  # fmt: skip
