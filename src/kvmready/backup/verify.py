"""``backup verify``: every file is hashed again, every disk's structure checked; nothing is started."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.backup import image, manifest
from kvmready.backup.repository import Entry, Repository, chain, sums
from kvmready.errors import InputError, WorkError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Workshop


class Verdict(NamedTuple):
    """What is wrong with one backup, each a sentence; good where there is none."""

    id: str
    problems: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not self.problems


def verify(host: Workshop, repository: Repository, entry: Entry) -> Verdict:
    """Look at one backup and, of an incremental one, whether what it stands on is there."""
    found = entry.manifest
    if found is None or entry.problem:
        return Verdict(entry.id, (entry.problem,))
    problems = changed(host, entry, [item.path for item in found.items])
    known = {item.path for item in found.items} | {manifest.NAME}
    listed = host.listdir(entry.folder).names
    problems += [_("{file} is not in the manifest.").format(file=name) for name in listed if name not in known]
    if not problems:
        for disk in found.disks:
            said = image.check(host, f"{entry.folder}/{disk.file}")
            if said:
                problems.append(f"{disk.file}: {said}")
    try:
        chain(repository.entries(), entry)
    except InputError as error:
        problems.append(error.what)
    return Verdict(entry.id, tuple(problems))


def changed(host: Workshop, entry: Entry, names: Sequence[str]) -> list[str]:
    """Those of the files ``names`` that are not what the manifest says, each as a sentence."""
    assert entry.manifest is not None
    items = [item for item in entry.manifest.items if item.path in names]
    try:
        found = sums(host, [f"{entry.folder}/{item.path}" for item in items])
    except WorkError as error:
        return [str(error)]
    return [
        _("{file} has changed: its SHA-256 is another one.").format(file=item.path)
        for item, digest in zip(items, found)
        if digest != item.sha256
    ]
