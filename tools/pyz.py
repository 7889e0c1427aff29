#!/usr/bin/env python3
"""Build ``kvmready.pyz``: the program and the library that draws for it, in one file that runs where Python does.

The same source gives the same bytes, whoever builds it, where and when, with whichever Python: the room ``fleet``
writes them, and the version of rich is one whose files are known by their digest. What rich would import to colour
source code and to draw Markdown stays out, because nothing here does either.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / "src"))

from kvmready.fleet import archive  # noqa: E402  found through the line above
from kvmready.fleet.archive import Files, read  # noqa: E402

RICH = "15.0.0"
RICH_DIGEST = "ad7dd06ace0ac9f9ba8270039f160fe8d0e8ed211d02f1d27ba425561bc56d14"
"""SHA-256 over the names and contents of its files, as ``digest`` takes it."""


class Unusable(Exception):
    """What there is cannot be built from."""


def digest(files: Files) -> str:
    """SHA-256 over the files in the order of their names: name, size and content of each."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\n{len(files[name])}\n".encode())
        total.update(files[name])
    return total.hexdigest()


def installed_rich() -> Optional[Files]:
    """The files of the rich that this Python imports, when they are the ones wanted."""
    spec = importlib.util.find_spec("rich")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    licences = sorted(package.parent.glob(f"rich-{RICH}.dist-info/**/LICENSE"))
    if not licences:
        return None
    files = {**read(package, "rich"), "rich/LICENSE": licences[0].read_bytes()}
    return files if digest(files) == RICH_DIGEST else None


def downloaded_rich() -> Files:
    """The same from PyPI. Raises Unusable."""
    with tempfile.TemporaryDirectory() as folder:
        argv = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
        done = subprocess.run((*argv, "--only-binary", ":all:", "--dest", folder, f"rich=={RICH}"), check=False)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise Unusable(f"rich {RICH} is not installed, and pip could not download it")
        with zipfile.ZipFile(wheels[0]) as wheel:
            wheel.extractall(folder)
        licence = next(Path(folder).glob("rich-*.dist-info/**/LICENSE"))
        files = {**read(Path(folder, "rich"), "rich"), "rich/LICENSE": licence.read_bytes()}
    if digest(files) != RICH_DIGEST:
        raise Unusable(f"rich {RICH} is not what it was: its files have the digest {digest(files)}")
    return files


def build(rich: Files) -> bytes:
    """The archive, byte for byte."""
    return archive.build(TREE / "src" / "kvmready", {**rich, "kvmready/LICENSE": (TREE / "LICENSE").read_bytes()})


def write(content: bytes, output: Path) -> None:
    """Put the archive in its place, whole or not at all, for everybody to run."""
    new = output.with_name(f"{output.name}.new-{os.getpid()}")
    try:
        new.write_bytes(content)
        new.chmod(0o755)
        new.replace(output)
    finally:
        new.unlink(missing_ok=True)


def main(words: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools.pyz", description="Build kvmready.pyz.")
    parser.add_argument("--output", metavar="FILE", type=Path, default=Path("kvmready.pyz"), help="where to put it")
    output: Path = parser.parse_args(words).output
    try:
        content = build(installed_rich() or downloaded_rich())
        write(content, output)
    except (Unusable, OSError) as error:
        print(f"pyz: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"{hashlib.sha256(content).hexdigest()}  {output}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
