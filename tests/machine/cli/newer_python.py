"""A newer Python than this Debian has, from Debian's next release: fetched once, made to run where it lies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.vm.lab import cache, repo

SUITE = "forky"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def python(version: str) -> Path | None:
    """The Python of that version; None where it cannot be had, such as without root or on another architecture."""
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None or shutil.which("patchelf") is None:
        return None
    if os.uname().machine != "x86_64":
        return None

    def build(work: Path) -> None:
        tree = work / "tree"
        # What is fetched keeps its signature; a mirror that stood still may hand out an index that has expired.
        still = 'Acquire::Check-Valid-Until "false"'
        wanted = f"python{version},libpython{version}-stdlib,libssl3t64"
        sources = work / "sources.list"
        sources.write_text(repo.sources(SUITE))
        make = ["mmdebstrap", "--quiet", "--variant=extract", f"--aptopt={still}", f"--include={wanted}"]
        cache.command([*make, SUITE, str(tree), str(sources)], timeout=300)

    try:
        tree = cache.entry(f"python{version}", cache.key(version, SUITE, Path(__file__)), build) / "tree"
    except cache.LabError:
        return None  # Debian moves on: one day that release has another Python
    program = tree / "usr" / "bin" / f"python{version}"
    libraries = tree / LIBRARIES
    loader = libraries / "ld-linux-x86-64.so.2"
    # Its own loader and libraries: this system's are older than it was built for. The paths are those of the cache.
    said = cache.command(["patchelf", "--print-interpreter", str(program)], timeout=30)
    if said.strip() != str(loader):
        place = ["--force-rpath", "--set-rpath", str(libraries), "--set-interpreter", str(loader)]
        cache.command(["patchelf", *place, str(program)], timeout=30)
    return program
