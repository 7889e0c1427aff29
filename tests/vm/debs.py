"""Packages of Debian that the lab's own repository does not hold: fetched once, installed when a test runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.lab import bases, cache, repo
from tests.vm.lab.nspawn import Container

FOLDER = "/root/debs"


def install(host: Container, base: str, *names: str) -> None:
    """Install packages with what they need. Skips the test where no mirror of Debian can be had."""
    try:
        found = _fetched(base, names)
    except cache.LabError as error:
        pytest.skip(f"{' '.join(names)} cannot be had from Debian here: {str(error)[-300:]}")
    host.copy(found, FOLDER)
    script = 'DEBIAN_FRONTEND=noninteractive dpkg --install "$1"/*.deb && rm -r "$1"'
    host.run(["sh", "-c", script, "sh", FOLDER], timeout=180).check()


def _fetched(base: str, names: tuple[str, ...]) -> Path:
    trees = bases.trees(base)
    digest = cache.key(*trees.entries, *names)
    return cache.entry(f"debs-{names[0]}", digest, lambda work: _fetch(work, trees, names))


def _fetch(work: Path, trees: bases.Trees, names: tuple[str, ...]) -> None:
    """By this machine's apt, with the host's own list of installed packages."""
    status = next(layer / "var/lib/dpkg/status" for layer in trees.layers if (layer / "var/lib/dpkg/status").exists())
    lists = work / "apt"
    for deb in download(lists, "bookworm", names, status):
        deb.rename(work / deb.name)
    cache.remove_tree(lists)


def download(lists: Path, suite: str, names: tuple[str, ...], status: Path | None = None) -> list[Path]:
    """Fetch packages with what they need into a new folder for apt's own files.

    ``status`` is dpkg's list of what is installed already; without one nothing is, so that every library comes too.
    Raises LabError.
    """
    for part in ("lists/partial", "archives/partial"):
        (lists / part).mkdir(parents=True)
    (lists / "sources.list").write_text(repo.sources(suite))
    if status is None:
        status = lists / "status"
        status.touch()
    options = [
        f"Dir::State::status={status}",
        f"Dir::State::lists={lists}/lists",
        f"Dir::State::extended_states={lists}/extended_states",
        f"Dir::Etc::sourcelist={lists}/sources.list",
        "Dir::Etc::sourceparts=-",
        f"Dir::Cache={lists}",
        "APT::Sandbox::User=root",
    ]
    apt = ["apt-get", "--quiet", "--yes", *(word for option in options for word in ("-o", option))]
    cache.command([*apt, "update"], timeout=300)
    cache.command([*apt, "install", "--download-only", "--no-install-recommends", *names], timeout=300)
    return list((lists / "archives").glob("*.deb"))
