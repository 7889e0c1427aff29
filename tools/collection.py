#!/usr/bin/env python3
"""Build the Ansible collection: the program is put into it, and ``ansible-galaxy`` makes the archive of both."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from tools import pyz

COLLECTION = pyz.TREE / "ansible_collections" / "kvmready" / "host"
ARCHIVE = COLLECTION / "files" / "kvmready.pyz"


def version() -> str:
    """That of the program, which the collection has as well."""
    text = (pyz.TREE / "src" / "kvmready" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if found is None:
        raise pyz.Unusable("src/kvmready/__init__.py names no version")
    return found.group(1)


def main(words: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools.collection", description="Build the Ansible collection.")
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path("dist"), help="where to put the archive")
    parser.add_argument("--program-only", action="store_true", help="put the program in its place, build no archive")
    parsed = parser.parse_args(words)
    try:
        ARCHIVE.parent.mkdir(exist_ok=True)
        pyz.write(pyz.build(pyz.installed_rich() or pyz.downloaded_rich()), ARCHIVE)
        if f"\nversion: {version()}\n" not in (COLLECTION / "galaxy.yml").read_text("utf-8"):
            raise pyz.Unusable(f"galaxy.yml does not have the version {version()}")
    except (pyz.Unusable, OSError) as error:
        print(f"collection: {error}", file=sys.stderr)  # noqa: T201
        return 1
    if parsed.program_only:
        return 0
    argv = ("ansible-galaxy", "collection", "build", "--force", "--output-path", str(parsed.output), str(COLLECTION))
    return subprocess.run(argv, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
