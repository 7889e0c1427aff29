"""acl(5), "ACCESS CHECK ALGORITHM", for passing through a directory; and what setfacl is told."""

from __future__ import annotations

import pytest

from kvmready.facts.known import Absent, Fact, Known, Unknown
from kvmready.facts.reach import (
    GROUP,
    GROUP_OBJ,
    MASK,
    OTHER,
    USER,
    USER_OBJ,
    Entry,
    Folder,
    Who,
    may_enter,
    parse_acl,
)
from kvmready.plan import acl, uri

QEMU = Who("libvirt-qemu", 64055, (107, 64055))
NONE: Fact[tuple[Entry, ...]] = Absent("/x")
BASE = (Entry(USER_OBJ, 7, 0), Entry(GROUP_OBJ, 0, 0), Entry(OTHER, 0, 0))


def known(*entries: Entry) -> Fact[tuple[Entry, ...]]:
    return Known((*BASE[:2], *entries, BASE[2]))


@pytest.mark.parametrize(
    ("folder", "may"),
    [
        (Folder("/x", 0o711, 0, 0, NONE), True),
        (Folder("/x", 0o700, 0, 0, NONE), False),
        (Folder("/x", 0o710, 0, 107, NONE), True),
        (Folder("/x", 0o701, 0, 107, NONE), False),  # the group counts, not others
        (Folder("/x", 0o077, 64055, 0, NONE), False),  # the owner counts first
        (Folder("/x", 0o711, 0, 0, Unknown("why")), None),
        (Folder("/x", 0o710, 0, 0, known(Entry(USER, 1, 64055), Entry(MASK, 1, 0))), True),
        (Folder("/x", 0o710, 0, 0, known(Entry(USER, 1, 64055), Entry(MASK, 4, 0))), False),
        (
            Folder("/x", 0o711, 0, 0, Known((*BASE[:2], Entry(USER, 0, 64055), Entry(MASK, 7, 0), Entry(OTHER, 1, 0)))),
            False,
        ),
        (Folder("/x", 0o710, 0, 0, known(Entry(GROUP, 1, 107), Entry(MASK, 1, 0))), True),
        (Folder("/x", 0o710, 0, 107, known(Entry(GROUP, 1, 4), Entry(MASK, 1, 0))), False),
    ],
)
def test_may_enter(folder: Folder, may: bool | None) -> None:
    assert may_enter(folder, QEMU) is may
    assert may_enter(folder, Who("root", 0, (0,))) is True


def test_the_bytes_of_an_acl() -> None:
    real = "0200000001000700ffffffff0200010037fa000004000000ffffffff10000100ffffffff20000000ffffffff"
    entries = parse_acl(real)
    assert entries is not None
    assert acl.text(entries) == "u::rwx,u:64055:--x,g::---,m::--x,o::---"
    for broken in ("", "zz", "02", "0300000001000700ffffffff", real[:-2]):
        assert parse_acl(broken) is None


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((), ("setfacl", "-m", "u:q:--x")),
        ((Entry(MASK, 5, 0),), ("setfacl", "-n", "-m", "u:q:--x")),
        ((Entry(MASK, 4, 0),), ("setfacl", "-n", "-m", "u:q:--x,m::r-x")),
    ],
)
def test_a_mask_is_widened_by_traversal_alone(entries: tuple[Entry, ...], words: tuple[str, ...]) -> None:
    folder = Folder("/x", 0o700, 0, 0, known(*entries) if entries else NONE)
    assert acl.command(folder, "q") == (*words, "--", "/x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'uri_default = "qemu:///system"\n'),
        ("# mine", '# mine\nuri_default = "qemu:///system"\n'),
        ('uri_default = "qemu:///session"\na = 1\n', 'uri_default = "qemu:///system"\na = 1\n'),
        ('#uri_default = "x"\n', '#uri_default = "x"\nuri_default = "qemu:///system"\n'),
    ],
)
def test_one_line_of_libvirt_conf(text: str, expected: str) -> None:
    assert uri.changed(text, "qemu:///system") == expected
    assert uri.changed(expected, "qemu:///system") == expected
