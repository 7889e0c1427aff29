"""What an image is that may be used, and what is wrong with one that may not."""

from __future__ import annotations

from kvmready.errors import WorkError
from kvmready.i18n import _
from kvmready.images import header
from kvmready.images.table import KNOWN
from kvmready.typed import NamedTuple

INVALID = "storage.image-invalid"
CHECKSUM = "storage.image-checksum"
DOWNLOAD = "storage.image-download"
NO_SPACE = "storage.no-space"
UNWRITABLE = "storage.not-writable"


class Image(NamedTuple):
    """An image that may be used now. It is to be read only; a guest gets a copy, or an overlay over it.

    ``format`` is qcow2 or raw, never to be guessed again; ``size`` what a guest sees of it and ``length`` the file's,
    in bytes. ``name`` is for people. ``verified`` says how its content is known: ``checksum`` (published by its maker,
    or given), ``https`` (only the server's word) or ``nothing`` (a local file). ``login`` and ``osinfo`` are known of
    the images in the table, else "".
    """

    path: str
    format: str
    name: str
    sha256: str
    size: int
    length: int
    verified: str
    login: str = ""
    osinfo: str = ""


class ImageError(WorkError):
    """An image that cannot be had or used. ``cause`` is a cause id."""

    def __init__(self, cause: str, what: str, why: str = "", next_move: str = "") -> None:
        super().__init__(what, why, next_move)
        self.cause = cause


def usable(shown: str, start: bytes, length: int, image: Image) -> Image:
    """``image`` with its format and size, from the ``start`` of its content; ``shown`` names it. Raises ImageError."""
    seen = header.read(start, length)
    if seen.why:
        raise ImageError(
            INVALID,
            _("{path} is no disk image that a guest can start from.").format(path=repr(shown)),
            seen.why,
            _("Take a qcow2 or raw image of an installed system, or one of: {names}").format(names=", ".join(KNOWN)),
        )
    return image._replace(format=seen.format, size=seen.size)
