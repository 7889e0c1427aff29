"""Which distribution: os-release files as they are shipped, and as they should not be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from kvmready.facts.os import OsRelease, ask, from_values, parse
from kvmready.host.replay import ReplayHost

BOOKWORM = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"""

FILES = [
    (BOOKWORM, OsRelease("debian", "12", "Debian GNU/Linux 12 (bookworm)", (), "bookworm")),
    (
        'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4"\n',
        OsRelease("rocky", "9.4", "Rocky Linux 9.4", ("rhel", "fedora")),
    ),
    (  # Debian testing has no VERSION_ID
        "PRETTY_NAME='Debian GNU/Linux forky/sid'\nID=debian\nVERSION_CODENAME=forky\n",
        OsRelease("debian", "", "Debian GNU/Linux forky/sid", (), "forky"),
    ),
    ('# a comment\n\nID=arch\nNAME="Arch Linux"\n', OsRelease("arch", "", "Arch Linux", ())),
    ('NAME="a \\"quoted\\" \\$name"\nID=x\n', OsRelease("x", "", 'a "quoted" $name', ())),
    ("  ID = debian\nnonsense\n=\n", OsRelease("", "", "", ())),
    ("", OsRelease("", "", "", ())),
]


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_a_file_is_read_as_os_release_5_says(text: str, expected: OsRelease) -> None:
    assert from_values(parse(text)) == expected


def _host(*answers: dict[str, Any]) -> ReplayHost:
    return ReplayHost(
        {"answers": [{"ask": {"ask": "read", "path": one["path"]}, "answer": one} for one in answers]}, "a test"
    )


def test_the_first_file_that_is_there_counts() -> None:
    host = _host({"path": "/etc/os-release", "error": "ENOENT"}, {"path": "/usr/lib/os-release", "text": "ID=alpine\n"})
    assert ask(host).id == "alpine"


def test_where_no_file_can_be_read_nothing_is_guessed() -> None:
    host = _host({"path": "/etc/os-release", "error": "EACCES"}, {"path": "/usr/lib/os-release", "error": "ENOENT"})
    release = ask(host)
    assert release == OsRelease("", "", "", (), "", "/etc/os-release: EACCES; /usr/lib/os-release: ENOENT")


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    release = from_values(parse(text))
    assert release.id == release.id.lower()


@given(st.text(st.characters(blacklist_characters="\\'\"\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", min_codepoint=33)))
def test_a_quoted_value_comes_back_as_it_was(value: str) -> None:
    assert parse(f'NAME="{value}"')["NAME"] == value
