"""Where downloaded images are kept: root's for everybody to read, anybody else's for themselves alone."""

from __future__ import annotations

import re

from kvmready.i18n import _
from kvmready.images.http import Version
from kvmready.images.image import UNWRITABLE, ImageError
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Workshop

ROOTS = "/var/cache/kvmready/images"
USERS = ".cache/kvmready/images"


class Note(NamedTuple):
    """What is written down of an image: whence it is, which version, and its SHA-256.

    ``algorithm`` and ``digest`` are of the checksum that its maker published, "" where there was none.
    """

    url: str = ""
    version: Version = Version()
    sha256: str = ""
    algorithm: str = ""
    digest: str = ""


class Shelf:
    """The caller's folder of images. Raises ImageError where it cannot be used, or where others could put files."""

    def __init__(self, host: Workshop) -> None:
        self._host = host
        caller = host.caller()
        self._root = caller.uid == 0
        self._uid = caller.uid
        home = host.account(caller.user).home or "/nonexistent"
        self.folder = ROOTS if self._root else f"{home}/{USERS}"
        self.mode = 0o644 if self._root else 0o600
        self._ready()

    def _ready(self) -> None:
        host, folder = self._host, self.folder
        try:
            host.mkdir(folder, 0o755 if self._root else 0o700)
        except OSError as error:
            what = _("Images cannot be kept in {folder}.").format(folder=folder)
            move = _("Make room there, or mount it read-write.")
            raise ImageError(UNWRITABLE, what, error.strerror or str(error), move) from None
        for path in (folder, folder.rpartition("/")[0]):
            seen = host.stat(path)
            link = not host.readlink(path).error
            if link or seen.error or seen.uid != self._uid or seen.mode & 0o022:
                what = _("Images cannot be kept in {folder}: others could put files there.").format(folder=path)
                why = _("It belongs to user {uid}, mode {mode}.").format(uid=seen.uid, mode=f"{seen.mode:04o}")
                raise ImageError(UNWRITABLE, what, why, _("Make it yours alone to write: chown and chmod go-w."))

    def path(self, url: str) -> str:
        """Where the image of that address is kept, or will be."""
        import hashlib

        base = re.sub("[^A-Za-z0-9._-]", "_", url.rpartition("/")[2])[-80:].lstrip(".-") or "image"
        return f"{self.folder}/{hashlib.sha256(url.encode()).hexdigest()[:12]}-{base}"

    def note(self, path: str) -> Note:
        """What was written down of an image or of a part of one; empty where nothing was, or it cannot be read."""
        import json

        try:
            values = json.loads(self._host.read(f"{path}.json").text)
            version = Version(str(values["etag"]), str(values["modified"]))
            texts = [str(values[name]) for name in ("sha256", "algorithm", "digest")]
            return Note(str(values["url"]), version, *texts)
        except (ValueError, KeyError, TypeError):
            return Note()

    def write(self, path: str, note: Note) -> None:
        """Raises OSError."""
        import json

        values = {**note._asdict(), "etag": note.version.etag, "modified": note.version.modified}
        del values["version"]
        self._host.write(f"{path}.json", json.dumps(values).encode(), self.mode)

    def forget(self, path: str) -> None:
        """Remove what was written down. Raises OSError."""
        try:
            self._host.remove(f"{path}.json")
        except FileNotFoundError:
            return  # nothing had arrived yet
