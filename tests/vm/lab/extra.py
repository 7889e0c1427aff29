"""Hosts at native speed that offer more packages than the lab's own repository has, by a layer of their own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from . import bases, cache, recipe, repo
from .cache import command

FOLDER = "srv/more-packages"


def offering(suite: recipe.Suite, packages: Sequence[str]) -> bases.Trees:
    """The trees of a fresh host whose package manager also finds these packages, with what they depend on.

    Downloaded on first use from the mirrors that this machine's own apt uses. Raises LabError where that fails.
    """
    fresh = next(name for name, it in (("fresh", recipe.BOOKWORM), ("trixie", recipe.TRIXIE)) if it == suite)
    below = bases.trees(fresh)
    digest = cache.key(*below.entries, Path(__file__), *packages)
    path = cache.entry(f"offers{suite.codename}", digest, lambda work: _build(work, below, suite, packages))
    return bases.Trees(below.base, (path / "tree", *below.layers), (*below.entries, path.name))


def _build(work: Path, below: bases.Trees, suite: recipe.Suite, packages: Sequence[str]) -> None:
    log = work / "build.log"
    state, archives, files = work / "state", work / "cache", work / "tree" / FOLDER
    for folder in (state / "lists" / "partial", archives / "archives" / "partial", files):
        folder.mkdir(parents=True)
    sources = work / "sources.list"
    sources.write_text(repo.sources(suite.codename))
    options = [
        f"Dir::State={state}",
        f"Dir::State::status={below.base.tree}/var/lib/dpkg/status",
        f"Dir::Cache={archives}",
        f"Dir::Etc::SourceList={sources}",
        "Dir::Etc::SourceParts=/dev/null",
        "APT::Sandbox::User=root",
        "APT::Keep-Downloaded-Packages=true",
    ]
    apt = ["apt-get", "--quiet", *(word for option in options for word in ("-o", option))]
    command([*apt, "update"], timeout=300, log=log)
    install = ["--yes", "--download-only", "--no-install-recommends", "install", *packages]
    command([*apt, *install], timeout=900, log=log)
    for deb in (archives / "archives").glob("*.deb"):
        deb.rename(files / deb.name)
        (files / deb.name).chmod(0o644)
    index = command(["sh", "-c", 'cd "$1" && apt-ftparchive packages .', "sh", str(files)], timeout=300)
    (files / "Packages").write_text(index)
    lists = work / "tree/etc/apt/sources.list.d"
    lists.mkdir(parents=True)
    (lists / "more.list").write_text(f"deb [trusted=yes] file:/{FOLDER} ./\n")
    shutil.rmtree(state)
    shutil.rmtree(archives)
