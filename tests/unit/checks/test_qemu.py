from __future__ import annotations

from typing import Any

import pytest

from kvmready.checks import qemu
from kvmready.facts.known import Absent, Denied, Known, Unknown
from tests.unit.checks.upper import TCG, changed, healthy, said

FACTS = healthy()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("pass", "", "")),
        ({"emulator": Absent("x"), "accelerators": Absent("x")}, ("fail", "qemu.not-installed", "automatic")),
        ({"emulator": Denied("x: EACCES"), "accelerators": Absent("x")}, ("unknown", "", "manual")),
        ({"accelerators": Unknown("status 127: no library"), "broken": "status 127: no library"},
         ("fail", "qemu.broken", "manual")),
        ({"accelerators": Unknown("no answer within 10 s")}, ("unknown", "", "manual")),
        ({"accelerators": Denied("x")}, ("unknown", "", "manual")),
    ],
)  # fmt: skip
def test_emulator(fields: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert said(qemu.emulator(changed(FACTS, "qemu", **fields))) == expected


def test_the_version_is_told_where_libvirt_told_it() -> None:
    assert "7.2.22" in qemu.emulator(FACTS).summary
    assert said(qemu.emulator(changed(FACTS, "libvirt", versions=Unknown("not asked")))) == ("pass", "", "")


def test_how_it_broke_is_evidence() -> None:
    facts = changed(FACTS, "qemu", accelerators=Unknown("x"), broken="status 127: libfdt.so.1: not found")
    assert "libfdt.so.1" in qemu.emulator(facts).evidence[0].text


@pytest.mark.parametrize(
    ("accelerators", "expected"),
    [
        (Known(("tcg", "kvm")), ("pass", "", "")),
        (Known(("tcg",)), ("fail", "qemu.no-kvm-accel", "automatic")),
        (Known(()), ("fail", "qemu.no-kvm-accel", "automatic")),
        (Absent("no emulator"), ("unknown", "", "manual")),
        (Unknown("broken"), ("unknown", "", "manual")),
    ],
)
def test_kvm_accel(accelerators: object, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "qemu", accelerators=accelerators)
    assert said(qemu.kvm_accel(facts)) == expected
    assert said(qemu.kvm_accel(facts._replace(want=TCG))) == ("skip", "", "")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Known("/usr/bin/qemu-img"), ("pass", "", "")),
        (Absent("x"), ("fail", "qemu.img-missing", "automatic")),
        (Denied("x"), ("unknown", "", "manual")),
        (Unknown("x"), ("unknown", "", "manual")),
    ],
)
def test_img(found: object, expected: tuple[str, str, str]) -> None:
    assert said(qemu.image_tool(changed(FACTS, "qemu", image_tool=found))) == expected
