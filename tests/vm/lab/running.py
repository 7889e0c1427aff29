"""Which hosts run: each has a directory and holds a lock in it for as long as its process lives.

The lock is inherited by the host's process, so that it falls with it, however it ends; process ids alone may be reused.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from . import cache
from .cache import LabError

#: In a host's directory: the control groups made for it, one a line.
CGROUPS = "cgroups"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}\Z")


def claim(name: str) -> Path:
    """A new directory for a host called ``name`` or, where that one runs, ``name-2`` and so on.

    Clears away what dead hosts left.
    """
    if not _NAME.match(name):
        raise LabError(f"not a name for a host: {name!r} (small letters, digits and hyphens)")
    with cache.locked("machines"):
        sweep()
        for number in itertools.count(1):
            directory = cache.machines() / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                directory.mkdir()
                # Held by this process until its host has it: a directory with a free lock is a dead host's.
                _claims[directory] = _take(directory)
                return directory
    raise AssertionError("unreachable")


_claims: dict[Path, int] = {}


def _take(directory: Path) -> int:
    handle = os.open(directory / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise LabError(f"{directory.name} is running already") from error
    return handle


@contextlib.contextmanager
def lock(directory: Path) -> Iterator[int]:
    """The file descriptor to hand to the host's process; this process lets go of it afterwards."""
    handle = _claims.pop(directory, None)
    if handle is None:
        handle = _take(directory)
    try:
        yield handle
    finally:
        os.close(handle)


def is_alive(directory: Path) -> bool:
    """Whether the process of this host lives (or another process is just starting it)."""
    try:
        handle = os.open(directory / "alive", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def kill(directory: Path, number: signal.Signals, timeout: float = 30) -> None:
    """Send a signal to a living host's process and wait for its end."""
    if not is_alive(directory):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(int((directory / "pid").read_text()), number)
    if not wait_for_end(directory, timeout):
        raise LabError(f"{directory.name} did not end in {timeout:.0f} s")


def wait_for_end(directory: Path, timeout: float) -> bool:
    """Whether the host's process has ended within ``timeout`` seconds."""
    limit = time.monotonic() + timeout
    while is_alive(directory):
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def end(directory: Path) -> None:
    """Kill the host, if it lives, and remove its files."""
    if directory in _claims:
        os.close(_claims.pop(directory))
    kill(directory, signal.SIGKILL)
    if directory.exists():
        _clear(directory)


def sweep() -> None:
    """Remove what hosts left that are no longer alive, because their test was killed. Called with the lock held."""
    for directory in cache.machines().iterdir():
        if not is_alive(directory):
            _clear(directory)


def _clear(directory: Path) -> None:
    """Remove a dead host's control groups and files; its last processes may take a moment to be gone."""
    limit = time.monotonic() + 10
    while True:
        try:
            for group in _lines(directory / CGROUPS):
                for below, _, _ in os.walk(group, topdown=False):
                    os.rmdir(below)
            cache.remove_tree(directory)
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)
        else:
            return


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
