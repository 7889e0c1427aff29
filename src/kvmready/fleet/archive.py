"""The program as one file, from what is installed here: the fleet brings it to hosts, ``tools.pyz`` builds releases.

The same files give the same bytes: the members are sorted and stored as they are (compressors differ in what they
write), and their times and permissions are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEPT = (".py", ".mo", ".json", ".yml", ".css", ".js", ".typed", ".elf")
"""What of a package is read at run time."""

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


def read(folder: Path, prefix: str) -> Files:
    """The files of a package that are needed at run time."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in KEPT and path.is_file() and "ansible_collections" not in path.parts:
            found[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    return found


def build(package: Path, others: Files) -> bytes:
    """The archive, byte for byte: the program from its folder, and ``others`` by their names."""
    import io
    import zipfile

    files = {**read(package, "kvmready"), **others, "__main__.py": START}
    written = io.BytesIO()
    written.write(SHEBANG)
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = 3  # Unix, also where it is built on another system
            member.external_attr = 0o100644 << 16
            archive.writestr(member, files[name])
    return written.getvalue()


def installed() -> bytes:
    """The archive of the program that runs now, with the rich that it would draw with."""
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("rich")
    drawing = {} if spec is None or spec.origin is None else read(Path(spec.origin).parent, "rich")
    return build(Path(__file__).resolve().parents[1], drawing)
