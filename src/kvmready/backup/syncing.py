"""A file brought onto the disk while something else goes on."""

from __future__ import annotations

import threading

from kvmready.host.door import Workshop
from kvmready.typed import Optional


class Syncing:
    """fsync(2) of ``path`` in a thread of its own, begun at once."""

    def __init__(self, host: Workshop, path: str) -> None:
        self._host = host
        self._path = path
        self._error: Optional[OSError] = None
        self._thread = threading.Thread(target=self._sync, daemon=True)
        self._thread.start()

    def _sync(self) -> None:
        try:
            self._host.sync(self._path)
        except OSError as error:
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Raises OSError where it failed: a disk says so only once, so that a second fsync would hear nothing of it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
