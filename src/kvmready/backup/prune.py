"""``backup prune``: what retention does not keep is deleted, increments before what they stand on."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.backup.repository import Entry, Repository
from kvmready.backup.retention import kept


def surplus(repository: Repository, daily: int, weekly: int) -> list[Entry]:
    """The backups that may go, the newest first. Raises InputError."""
    entries = repository.entries()
    stay = kept(entries, daily, weekly)
    return [entry for entry in reversed(entries) if entry.id not in stay]


def prune(repository: Repository, daily: int, weekly: int, tell: Callable[[Entry], None]) -> list[Entry]:
    """Delete them. The repository must be prepared. Raises WorkError."""
    gone = surplus(repository, daily, weekly)
    for entry in gone:  # an increment is newer than its base: killed anywhere, no chain is cut below
        tell(entry)
        repository.remove(entry.id)
    return gone
