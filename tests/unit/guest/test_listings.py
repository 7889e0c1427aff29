"""The bytes that we ship are what an assembler makes of the listings that we ship."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from kvmready.guest import code

GUEST = Path(code.__file__).parent
LISTINGS = sorted(GUEST.glob("*.s"))
COMMANDS = re.compile(r"^#   (as .*) ; (ld .*)$", re.MULTILINE)


@pytest.mark.spawns("an assembler is the only judge of a listing")
@pytest.mark.skipif(not (shutil.which("as") and shutil.which("ld")), reason="needs binutils: as and ld")
@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: str(listing.stem))
def test_listing_assembles_to_our_bytes(listing: Path, tmp_path: Path) -> None:
    commands = COMMANDS.search(listing.read_text(encoding="utf-8"))
    assert commands is not None, "the head of a listing says how to assemble it"
    built, linked = tmp_path / "built.o", tmp_path / "linked.bin"
    assemble = [*shlex.split(commands[1])[:-1], "-o", str(built), str(listing)]
    link = [*shlex.split(commands[2]), "-o", str(linked), str(built)]
    for command in (assemble, link):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    assert linked.read_bytes().hex() == getattr(code, listing.stem.upper()).hex()


def test_every_constant_has_its_listing() -> None:
    constants = {name.lower() for name in vars(code) if name.isupper()}
    assert constants == {listing.stem for listing in LISTINGS}
    assert constants


def test_compute_loop_ends_with_return_then_halt() -> None:
    assert code.COMPUTE_LOOP[-2:] == b"\xc3\xf4"
