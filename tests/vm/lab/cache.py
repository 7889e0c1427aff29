"""The cache: finished images, keyed by their recipe, safe when two test processes build at once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Callable


class LabError(Exception):
    """The lab could not do what a test asked; the text says why and shows the program's own words."""


def root() -> Path:
    """``$KVMREADY_TEST_CACHE``, by default ``~/.cache/kvmready-tests``; made if it is not there."""
    path = Path(os.environ.get("KVMREADY_TEST_CACHE") or Path.home() / ".cache" / "kvmready-tests").absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


def machines() -> Path:
    """Where each running host has a directory of its own."""
    path = root() / "machines"
    path.mkdir(exist_ok=True)
    return path


def key(*parts: str | Path) -> str:
    """Twelve hex digits for texts and for the contents of files."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.read_bytes() if isinstance(part, Path) else part.encode()).digest())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the cache's lock ``name``; another process waits."""
    with open(root() / f"{name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def as_root() -> list[str]:
    """What to put before a command that makes or reads a tree as root: nothing for root.

    For anybody else a user namespace of their own, in which the tree's owners are real.
    """
    if os.geteuid() == 0:
        return []
    return ["unshare", "--user", "--map-auto", "--map-root-user", "--mount", "--fork"]


def entry(kind: str, digest: str, build: Callable[[Path], None]) -> Path:
    """The directory ``<kind>-<digest>``, made by ``build(directory)`` if it is not there yet.

    It is built under another name and renamed when whole. Older keys of the same kind go, unless a running host
    uses them.
    """
    path = root() / f"{kind}-{digest}"
    if path.is_dir():
        return path
    with locked(kind):
        if path.is_dir():
            return path
        for stale in root().glob(f".{kind}-*"):
            remove_tree(stale)
        work = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=root()))
        work.chmod(0o755)
        try:
            build(work)
        except BaseException:
            remove_tree(work)
            raise
        work.rename(path)
        used = _used()
        for old in root().glob(f"{kind}-*"):
            if old != path and old.name not in used:
                remove_tree(old)
    return path


def remove_tree(path: Path) -> None:
    """Remove a directory of the cache, also one whose files belong to other users of an own user namespace."""
    # rm minds no file that somebody else removes at the same time, as the end of another host does.
    subprocess.run([*as_root(), "rm", "-rf", "--one-file-system", "--", str(path)], check=True, timeout=120)


def _used() -> set[str]:
    """Names of the cache entries that running hosts stand on."""
    names: set[str] = set()
    for info in machines().glob("*/info.json"):
        with contextlib.suppress(FileNotFoundError):
            names.update(json.loads(info.read_text())["entries"])
    return names


def command(argv: list[str], timeout: float, log: Path | None = None) -> str:
    """Run a tool of the lab, give its standard output; its words also go to ``log``.

    Raises LabError with the end of what it said when it fails, is missing, or takes more than ``timeout`` seconds.
    """
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=environment,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{argv[0]} did not finish in {timeout:.0f} s") from error
    if log is not None:
        with log.open("a") as handle:
            handle.write(f"$ {argv}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        raise LabError(f"{argv[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-3000:]}")
    return done.stdout
