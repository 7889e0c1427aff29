#!/usr/bin/env python3
"""Build ``kvmready_VERSION_all.deb`` with debhelper and ``kvmready-VERSION-1.noarch.rpm`` with rpmbuild.

Both hold the same tree: what ``kvmready.pyz`` holds, unpacked in /usr/share/kvmready, so that a host needs nothing but
its own Python from 3.9 on; the command; the manual page and the completions. What a tool says is shown when it fails.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Optional

from tools import manual, pyz

TREE = Path(__file__).resolve().parents[1]
PACKAGING = TREE / "packaging"
KINDS = ("deb", "rpm")
LIMIT = 600.0
"""Seconds for a tool."""


class NotBuilt(Exception):
    """A package could not be built; the text says why."""


def lay_out(root: Path) -> None:
    """Put everything below ``root`` as it is installed below /."""
    archive = zipfile.ZipFile(io.BytesIO(pyz.build(pyz.installed_rich() or pyz.downloaded_rich())))
    archive.extractall(root / "usr/share/kvmready")
    for name, text in manual.files().items():
        path = root / "usr/share" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    command = root / "usr/bin/kvmready"
    command.parent.mkdir(parents=True)
    shutil.copy(PACKAGING / "launcher", command)
    documents = root / "usr/share/doc/kvmready"
    documents.mkdir(parents=True)
    for name in ("README.md", "CHANGELOG.md"):
        shutil.copy(TREE / name, documents / name.replace("CHANGELOG", "NEWS"))
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path == command else 0o644)


def version() -> tuple[str, datetime]:
    """The version to build and its date, by the Debian changelog. Raises NotBuilt where the program has another."""
    text = (PACKAGING / "debian/changelog").read_text(encoding="utf-8")
    found = re.match(r"kvmready \(([^)]+)\)", text)
    date = re.search(r"^ -- .*>  (.+)$", text, re.MULTILINE)
    if found is None or date is None:
        raise NotBuilt("packaging/debian/changelog has no version or no date")
    if found.group(1) != manual.VERSION:
        raise NotBuilt(f"packaging/debian/changelog is about {found.group(1)}, the program is {manual.VERSION}")
    return found.group(1), datetime.strptime(date.group(1), "%a, %d %b %Y %H:%M:%S %z")


def _run(argv: Sequence[str], folder: Path) -> None:
    if shutil.which(argv[0]) is None:
        raise NotBuilt(f"{argv[0]} is not installed")
    done = subprocess.run(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=False,
    )
    if done.returncode:
        raise NotBuilt(f"{argv[0]} ended with {done.returncode}:\n{done.stdout[-4000:]}")


def build_deb(work: Path) -> Path:
    """The .deb, built in ``work``."""
    source = work / "kvmready"
    lay_out(source)
    shutil.copytree(PACKAGING / "debian", source / "debian")
    _run(("dpkg-buildpackage", "--build=binary", "--no-sign", "-d"), source)
    return next(work.glob("*.deb"))


def build_rpm(work: Path) -> Path:
    """The .rpm, built in ``work``."""
    lay_out(work / "tree")
    with tarfile.open(work / "kvmready.tar", "w") as archive:
        archive.add(work / "tree/usr", "usr")
    defined = {"_topdir": str(work), "_sourcedir": str(work), "_rpmdir": str(work), "kvmready_version": version()[0]}
    words = [word for name, value in defined.items() for word in ("--define", f"{name} {value}")]
    _run(("rpmbuild", "-bb", *words, str(PACKAGING / "kvmready.spec")), work)
    return next(work.glob("noarch/*.rpm"))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools.packages", description="Build the packages.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"which: {', '.join(KINDS)} (default: all)")
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path("."), help="where to put them")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.kinds) - set(KINDS))
    if unknown:
        parser.error(f"there is no kind {', '.join(unknown)}")
    try:
        os.environ["SOURCE_DATE_EPOCH"] = str(int(version()[1].timestamp()))
        for kind in chosen.kinds or KINDS:
            with tempfile.TemporaryDirectory() as folder:
                made = {"deb": build_deb, "rpm": build_rpm}[kind](Path(folder))
                target = chosen.output / made.name
                shutil.copy(made, target)
                print(target)  # noqa: T201
    except (NotBuilt, pyz.Unusable, OSError, subprocess.TimeoutExpired) as error:
        print(f"packages: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
