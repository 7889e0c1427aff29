"""The bases that hosts start from: fresh ones, and ready ones with the virtualization stack installed.

A virtual machine starts from a disk; a host at native speed starts from trees, the upper ones first.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from . import cache, images, nspawn, recipe
from .cache import LabError

_HERE = Path(__file__).parent


class Start(NamedTuple):
    """What a machine starts from. ``entries`` are the names of the cache entries in use."""

    base: images.Base
    disk: Path
    disk_format: str
    entries: tuple[str, ...]


class Trees(NamedTuple):
    """What a host at native speed starts from: trees for an overlay, the uppermost first."""

    base: images.Base
    layers: tuple[Path, ...]
    entries: tuple[str, ...]


class _Name(NamedTuple):
    suite: recipe.Suite
    ready: bool
    kind: str


_NAMES = {
    "fresh": _Name(recipe.BOOKWORM, False, "base"),
    "ready": _Name(recipe.BOOKWORM, True, "base"),
    "trixie": _Name(recipe.TRIXIE, False, "trixie"),
    "trixie-ready": _Name(recipe.TRIXIE, True, "trixie"),
}
NAMES = tuple(_NAMES)
"""``fresh`` and ``ready`` are Debian 12, ``trixie`` and ``trixie-ready`` Debian 13."""


def by_name(name: str) -> Start:
    """The disk that a virtual machine starts from; making a ready one needs root. Raises LabError for other names."""
    wanted, below = _find(name), trees(name)
    if not wanted.ready:
        return Start(below.base, below.base.disk, "raw", below.entries)
    digest = cache.key(*below.entries, _HERE / "images.py")
    path = cache.entry(
        f"{wanted.kind}disk", digest, lambda work: images.disk(below.layers, work / "root.raw", "10G", "labroot")
    )
    return Start(below.base, path / "root.raw", "raw", (*below.entries, path.name))


def trees(name: str) -> Trees:
    """The trees that a host at native speed starts from; on ready ones the stack is installed by plain apt-get and set
    up by hand. Built on first use, about a minute for each. Raises LabError for other names.
    """
    wanted = _find(name)
    digest = cache.key(wanted.suite.codename, *(_HERE / part for part in ("recipe.py", "repo.py", "images.py")))
    base = images.Base(cache.entry(wanted.kind, digest, lambda work: images.build(work, wanted.suite)))
    if not wanted.ready:
        return Trees(base, (base.tree,), (base.path.name,))
    digest = cache.key(base.path.name, Path(__file__), _HERE / "nspawn.py")
    fresh = next(other for other, it in _NAMES.items() if it.suite == wanted.suite and not it.ready)
    path = cache.entry(f"{wanted.kind}tree", digest, lambda work: _install_tree(work, fresh, wanted.suite))
    return Trees(base, (path / "upper", base.tree), (base.path.name, path.name))


def _find(name: str) -> _Name:
    if name not in _NAMES:
        raise LabError(f"no such base: {name} (there are {', '.join(NAMES)})")
    return _NAMES[name]


def _install_tree(work: Path, fresh: str, suite: recipe.Suite) -> None:
    with nspawn.start("making-tree", fresh, kvm="absent") as host:
        host.run(["apt-get", "update"], timeout=300).check()
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--no-install-recommends"]
        host.run([*install, *recipe.STACK_PACKAGES, *suite.split, *recipe.READY_PACKAGES], timeout=1200).check()
        host.run(["sh", "-c", recipe.READY_SCRIPT], timeout=120).check()
        host.run(["apt-get", "clean"]).check()
        host.shut_down()
        upper = host.directory / "upper"
        for name in nspawn.HOST_FILES:
            (upper / name).unlink(missing_ok=True)
        upper.rename(work / "upper")
