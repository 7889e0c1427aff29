#!/usr/bin/env python3
"""Build ``kvmready.pyz``: the program and the library that draws for it, in one file that runs where Python does.

The same source gives the same bytes, whoever builds it, where and when, with whichever Python: the members are sorted
and stored as they are (compressors differ in what they write), their times and permissions are fixed, and the version
of rich is one whose files are known by their digest. What rich would import to colour source code and to draw Markdown
stays out, because nothing here does either.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

TREE = Path(__file__).resolve().parents[1]

RICH = "15.0.0"
RICH_DIGEST = "ad7dd06ace0ac9f9ba8270039f160fe8d0e8ed211d02f1d27ba425561bc56d14"
"""SHA-256 over the names and contents of its files, as ``digest`` takes it."""

KEPT = (".py", ".mo", ".json", ".yml", ".css", ".typed", ".elf")
"""What of the package is read at run time."""

SHEBANG = b"#!/usr/bin/env python3\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that an archive of this format can name."""

START = b'''import os
import sys

if sys.version_info < (3, 9):  # whatever stands here must be read by Python 2 as well
    sys.exit("kvmready: Python 3.9 or newer is needed; this is " + sys.version.split()[0] + ", " + sys.executable)

ARCHIVE = os.path.dirname(os.path.abspath(__file__))
"""This file; the program takes it from here when it starts itself again as root."""

if __name__ == "__main__":
    sys.path[0] = ARCHIVE  # it may have been named from a directory that is left meanwhile
    from kvmready.__main__ import main

    sys.exit(main())
'''
"""The first member that runs."""

Files = Mapping[str, bytes]
"""Content by name, the parts of which are parted by slashes."""


class Unusable(Exception):
    """What there is cannot be built from."""


def read(folder: Path, prefix: str) -> Files:
    """The files of a package that are needed at run time."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in KEPT and path.is_file():
            found[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    return found


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
    files = {**read(TREE / "src" / "kvmready", "kvmready"), **rich}
    files["kvmready/LICENSE"] = (TREE / "LICENSE").read_bytes()
    files["__main__.py"] = START
    written = io.BytesIO()
    written.write(SHEBANG)
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = 3  # Unix, also where it is built on another system
            member.external_attr = 0o100644 << 16
            archive.writestr(member, files[name])
    return written.getvalue()


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
