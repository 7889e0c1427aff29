"""The rules that say who may use a device."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from kvmready.facts import udev
from kvmready.facts.known import Denied, Known, Unknown
from kvmready.host.door import Listing, Reading
from tests.unit.facts.debian import Recorded

# A line of systemd's 50-udev-default.rules.
RULE = 'KERNEL=="kvm", GROUP="kvm", MODE="0660", OPTIONS+="static_node=kvm"'


def host(**folders: dict[str, str]) -> Recorded:
    """A host with these rules, by the first word of the folder's path."""
    recorded = Recorded()
    for folder in udev.FOLDERS:
        files = folders.get(folder.split("/")[1] if "local" not in folder else "local")
        recorded.listdir(Listing(folder, tuple(files)) if files is not None else Listing(folder, error="ENOENT"))
        for name, text in (files or {}).items():
            path = f"{folder}/{name}"
            recorded.keep({"ask": "grep", "path": path, "needles": ['KERNEL=="kvm"']}, Reading(path, text))
    return recorded


def test_the_rule_of_systemd() -> None:
    found = udev.rules(host(usr={"50-udev-default.rules": RULE + "\n", "README": ""}).host(), "kvm")
    assert found == Known((("/usr/lib/udev/rules.d/50-udev-default.rules", RULE),))


def test_a_file_of_the_same_name_hides_it() -> None:
    hidden = host(etc={"50-udev-default.rules": ""}, usr={"50-udev-default.rules": RULE})
    assert udev.rules(hidden.host(), "kvm") == Known(())
    other = host(etc={"99-mine.rules": 'KERNEL=="kvm", MODE:="0666"'}, usr={"50-udev-default.rules": RULE})
    found = udev.rules(other.host(), "kvm")
    assert isinstance(found, Known)
    assert [path for path, _line in found.value] == [
        "/usr/lib/udev/rules.d/50-udev-default.rules",
        "/etc/udev/rules.d/99-mine.rules",
    ]


def test_what_could_not_be_read() -> None:
    refused = host(usr={"50-udev-default.rules": RULE})
    refused.listdir(Listing("/etc/udev/rules.d", error="EACCES"))
    assert isinstance(udev.rules(refused.host(), "kvm"), Denied)
    path = "/usr/lib/udev/rules.d/50-udev-default.rules"
    broken = host(usr={"50-udev-default.rules": ""})
    broken.keep({"ask": "grep", "path": path, "needles": ['KERNEL=="kvm"']}, Reading(path, error="EIO"))
    assert isinstance(udev.rules(broken.host(), "kvm"), Unknown)


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        (RULE, True),
        ('  KERNEL=="kvm", MODE:="0666"', True),
        ("# " + RULE, False),
        ('KERNEL=="kvm", TAG+="uaccess"', False),
        ('KERNEL=="kvmgt", MODE="0660"', False),
    ],
)
def test_lines(line: str, counts: bool) -> None:
    assert bool(udev.lines_about(line, "kvm")) == counts


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    udev.lines_about(text, "kvm")
