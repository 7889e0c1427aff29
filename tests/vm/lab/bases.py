"""The bases that hosts start from: ``fresh``, and ``ready`` with the virtualization stack installed.

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


def fresh() -> Start:
    """A fresh Debian, built on first use: about a minute."""
    digest = cache.key(*(_HERE / name for name in ("recipe.py", "repo.py", "images.py")))
    base = images.Base(cache.entry("base", digest, images.build))
    return Start(base, base.disk, "raw", (base.path.name,))


def ready() -> Start:
    """The same with the stack installed and set up: the disk of the ready trees. Needs root."""
    below = trees("ready")
    digest = cache.key(*below.entries, Path(__file__), _HERE / "images.py")
    path = cache.entry("ready", digest, lambda work: images.disk(below.layers, work / "root.raw", "10G", "labroot"))
    return Start(below.base, path / "root.raw", "raw", (*below.entries, path.name))


class Trees(NamedTuple):
    """What a host at native speed starts from: trees for an overlay, the uppermost first."""

    base: images.Base
    layers: tuple[Path, ...]
    entries: tuple[str, ...]


def trees(name: str) -> Trees:
    """The trees of ``fresh``, or of ``ready``: there the stack is installed by plain apt-get and set up by hand.

    Built on first use: about a minute. Raises LabError for any other name.
    """
    below = fresh()
    if name == "fresh":
        return Trees(below.base, (below.base.tree,), below.entries)
    if name != "ready":
        raise LabError(f"no such base: {name} (there are fresh, ready)")
    digest = cache.key(below.base.path.name, Path(__file__), *(_HERE / name for name in ("recipe.py", "nspawn.py")))
    path = cache.entry("tree", digest, _install_tree)
    return Trees(below.base, (path / "upper", below.base.tree), (*below.entries, path.name))


def by_name(name: str) -> Start:
    """The base called ``fresh`` or ``ready``. Raises LabError for any other name."""
    makers = {"fresh": fresh, "ready": ready}
    if name not in makers:
        raise LabError(f"no such base: {name} (there are {', '.join(makers)})")
    return makers[name]()


def _install_tree(work: Path) -> None:
    with nspawn.start("making-tree", kvm="absent") as host:
        host.run(["apt-get", "update"], timeout=300).check()
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--no-install-recommends"]
        host.run([*install, *recipe.STACK_PACKAGES, *recipe.READY_PACKAGES], timeout=1200).check()
        host.run(["sh", "-c", recipe.READY_SCRIPT], timeout=120).check()
        host.run(["apt-get", "clean"]).check()
        host.shut_down()
        upper = host.directory / "upper"
        for name in nspawn.HOST_FILES:
            (upper / name).unlink(missing_ok=True)
        upper.rename(work / "upper")
