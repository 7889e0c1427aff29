"""The two bases a machine starts from: ``fresh``, and ``ready`` with the virtualization stack installed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from . import cache, images, machine, recipe
from .cache import LabError, command

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
    """The same with the stack installed by plain apt-get, an overlay on the first; built on first use: some minutes."""
    below = fresh()
    digest = cache.key(below.base.path.name, Path(__file__))
    path = cache.entry("ready", digest, _install)
    return Start(below.base, path / "ready.qcow2", "qcow2", (*below.entries, path.name))


def by_name(name: str) -> Start:
    """The base called ``fresh`` or ``ready``. Raises LabError for any other name."""
    makers = {"fresh": fresh, "ready": ready}
    if name not in makers:
        raise LabError(f"no such base: {name} (there are {', '.join(makers)})")
    return makers[name]()


def _install(work: Path) -> None:
    with machine.start("making-ready") as host:
        host.run(["apt-get", "update"], timeout=300).check()
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--no-install-recommends"]
        done = host.run([*install, *recipe.STACK_PACKAGES], timeout=1200).check()
        (work / "install.log").write_text(f"{done.seconds:.0f} s\n{done.stdout}{done.stderr}")
        host.run(["apt-get", "clean"]).check()
        host.shut_down()
        command(["cp", "--sparse=always", str(host.directory / "disk.qcow2"), str(work / "ready.qcow2")], timeout=60)
