"""The folder that holds the backups: one folder each, named by its id, and hidden until it is whole.

``.partial-ID`` is in work or was interrupted, ``.removed-ID`` is being deleted; both go with the next work there.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable, Mapping, Sequence

from kvmready.backup import manifest, refused
from kvmready.backup.manifest import Item, Manifest
from kvmready.backup.refused import Damaged, Refused
from kvmready.backup.sources import SPOOL_NAME
from kvmready.backup.syncing import Syncing
from kvmready.errors import InputError, WorkError
from kvmready.host.door import Workshop
from kvmready.i18n import _
from kvmready.typed import NamedTuple, Optional

STATE = "/var/lib/kvmready"
PARTIAL = ".partial-"
REMOVED = ".removed-"
SPOOLS = "spools.json"
"""In a hidden folder: what QEMU writes beside the guest's disks meanwhile."""


class Entry(NamedTuple):
    """A backup as it lies there. ``manifest`` is None where it is damaged, and ``problem`` says how."""

    id: str
    folder: str
    manifest: Optional[Manifest]
    problem: str


def new_id(host: Workshop) -> str:
    """The time in UTC to the microsecond, so that ids sort by it, and some chance."""
    import secrets

    now = host.now()
    day = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    return f"{day}-{int(now % 1 * 1e6):05x}{secrets.token_hex(2)[:3]}"


class Repository:
    """The backups in one folder."""

    def __init__(self, host: Workshop, folder: str) -> None:
        if not folder.startswith("/"):
            raise InputError(_("The folder of the backups needs a whole path: {folder}").format(folder=folder))
        self.host = host
        self.folder = "/" + "/".join(part for part in folder.split("/") if part)

    def prepare(self) -> None:
        """Make the folder where it is missing, take its lock, remove what interrupted work left. Raises WorkError."""
        host = self.host
        try:
            host.mkdir(self.folder, 0o700)
            seen = host.stat(self.folder)
            if seen.kind == "directory" and (seen.uid != 0 or seen.mode & 0o022):
                raise Refused(
                    refused.FOLDER,
                    _("{folder} is no safe place for backups: others than root may write there.").format(
                        folder=self.folder
                    ),
                    "",
                    _("Name a folder that belongs to root and that nobody else may write."),
                )
            holder = host.lock(f"{self.folder}/.lock")
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        if holder is not None:
            raise busy(holder)
        for name in host.listdir(self.folder).names:
            for prefix in (PARTIAL, REMOVED):
                if name.startswith(prefix) and manifest.ID.fullmatch(name[len(prefix) :]):
                    sweep_spools(host, f"{self.folder}/{name}")
                    host.remove_tree(f"{self.folder}/{name}")

    def entries(self) -> list[Entry]:
        """All backups that were finished, the oldest first. Raises InputError where the folder cannot be read."""
        listing = self.host.listdir(self.folder)
        if listing.error not in ("", "ENOENT"):
            raise InputError(_("{file} cannot be read.").format(file=self.folder), listing.error)
        return [self.entry(name) for name in listing.names if manifest.ID.fullmatch(name)]

    def entry(self, id: str) -> Entry:
        """The backup called ``id``, which must match ``manifest.ID``."""
        folder = f"{self.folder}/{id}"
        place = f"{folder}/{manifest.NAME}"
        reading = self.host.read(place, manifest.LIMIT)
        if reading.error or reading.truncated:
            return Entry(id, folder, None, f"{place}: {reading.error or 'EFBIG'}")
        try:
            found = manifest.parse(reading.text, place)
        except InputError as error:
            return Entry(id, folder, None, str(error))
        if found.id != id:
            return Entry(id, folder, None, _("{file} is that of another backup.").format(file=place))
        return Entry(id, folder, found, self._missing(folder, found))

    def _missing(self, folder: str, found: Manifest) -> str:
        """A file that is not there in its size, which costs nothing to see; what is in it, ``verify`` looks at."""
        for item in found.items:
            seen = self.host.stat(f"{folder}/{item.path}")
            if seen.error or seen.kind != "file" or seen.size != item.size:
                return _("{file} is missing or has another size.").format(file=f"{folder}/{item.path}")
        return ""

    def begin(self, id: str) -> str:
        """The hidden folder in which a new backup is made."""
        folder = f"{self.folder}/{PARTIAL}{id}"
        try:
            self.host.mkdir(folder, 0o700)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder

    def finish(self, folder: str, found: Manifest) -> Entry:
        """Every file onto the disk, then the manifest, then the name by which it is seen. Raises WorkError."""
        try:
            for item in found.items:
                self.host.chown(f"{folder}/{item.path}", 0, 0, 0o600)
                self.host.sync(f"{folder}/{item.path}")
            self.host.write(f"{folder}/{manifest.NAME}", manifest.to_json(found).encode("ascii"), 0o600)
            self.host.rename(folder, f"{self.folder}/{found.id}")
        except OSError as error:
            raise cannot_write(folder, error) from error
        return Entry(found.id, f"{self.folder}/{found.id}", found, "")

    def remove(self, id: str) -> None:
        """Delete a backup: first its name, so that half of one is never seen. Raises WorkError."""
        hidden = f"{self.folder}/{REMOVED}{id}"
        try:
            self.host.rename(f"{self.folder}/{id}", hidden)
            self.host.remove_tree(hidden)
        except OSError as error:
            raise cannot_write(hidden, error) from error


def sweep_spools(host: Workshop, folder: str) -> None:
    """Remove what a backup that a power failure ended left beside the disks; ``folder`` is its hidden folder.

    Only names that a backup gives are removed, whatever the list says.
    """
    import json

    reading = host.read(f"{folder}/{SPOOLS}")
    if reading.error:
        return
    try:
        paths = json.loads(reading.text)
    except ValueError:
        return  # it was being written when the power failed, so that nothing was made yet
    for path in paths if isinstance(paths, list) else ():
        if isinstance(path, str) and SPOOL_NAME.fullmatch(path.rpartition("/")[2]) and host.stat(path).kind == "file":
            host.remove(path, lasting=False)


def chain(entries: Iterable[Entry], top: Entry) -> list[Entry]:
    """What ``top`` stands on, itself first and the full one last. Raises InputError where one of them is not there."""
    known = {entry.id: entry for entry in entries}
    found = [top]
    while True:
        last = found[-1].manifest
        if last is None or found[-1].problem:
            raise Damaged(_("The backup {id} is damaged.").format(id=found[-1].id), found[-1].problem)
        if not last.base:
            return found
        below = known.get(last.base)
        if below is None or (below.manifest is not None and below.manifest.group != last.group):
            raise Damaged(_("The backup {id} stands on {base}, which is not there.").format(id=last.id, base=last.base))
        found.append(below)


def sums(host: Workshop, paths: list[str]) -> list[str]:
    """The SHA-256 of each file. Raises WorkError."""
    import hashlib

    found = []
    for path in paths:
        digest = hashlib.sha256()
        try:
            for part in host.parts(path):
                digest.update(part)
        except OSError as error:
            raise WorkError(_("{file} cannot be read.").format(file=path), error.strerror or str(error)) from error
        found.append(digest.hexdigest())
    return found


def items(host: Workshop, folder: str, names: Sequence[str]) -> tuple[Item, ...]:
    """Files of a backup as its manifest names them, on the disk when this returns. Raises WorkError, OSError."""
    found = []
    for name in names:
        synced = Syncing(host, f"{folder}/{name}")  # the disk writes while the CPU hashes
        found += sums(host, [f"{folder}/{name}"])
        synced.wait()
    return tuple(Item(name, host.stat(f"{folder}/{name}").size, digest) for name, digest in zip(names, found))


def busy(holder: Mapping[str, str]) -> Refused:
    return Refused(
        refused.BUSY,
        _("Another kvmready works on the backups of this host: process {pid}, since {since}.").format(
            pid=holder["pid"], since=holder["since"]
        ),
        "",
        _("Wait until it has ended, then run the same command again."),
    )


def cannot_write(folder: str, error: OSError) -> Refused:
    cause = refused.NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else refused.FOLDER
    what = _("{folder} cannot be written.").format(folder=folder)
    return Refused(cause, what, error.strerror or str(error), _("Nothing was left behind."))
