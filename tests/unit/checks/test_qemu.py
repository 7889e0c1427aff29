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


def test_a_broken_emulator_is_mended_where_its_packages_are_known() -> None:
    broken = changed(FACTS, "qemu", accelerators=Unknown("x"), broken="signal 4", owners=Known(("qemu-system-x86",)))
    assert said(qemu.emulator(broken)) == ("fail", "qemu.broken", "automatic")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("pass", "", "")),
        ({"rom": Absent("x")}, ("fail", "qemu.broken", "manual")),
        ({"rom": Absent("x"), "owners": Known(("seabios",))}, ("fail", "qemu.broken", "automatic")),
        ({"rom": Denied("x")}, ("unknown", "", "manual")),
    ],
)
def test_rom(fields: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert said(qemu.rom(changed(FACTS, "qemu", **fields))) == expected
    elsewhere = FACTS._replace(names=FACTS.names._replace(roms=()))
    assert said(qemu.rom(changed(elsewhere, "qemu", **fields))) == ("skip", "", "")


MIB = 1 << 20
SMALL, FULL = Known(100 * MIB), {"overcommit": Known(2), "promised": Known(100 * MIB)}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("pass", "", "")),
        ({"promised": Known(0)}, ("pass", "", "")),  # it counts in mode 2 only
        (FULL, ("fail", "qemu.guest-memory", "manual")),
        ({**FULL, "promised": Known(512 * MIB)}, ("pass", "", "")),
        ({"available": SMALL}, ("warn", "qemu.guest-memory", "manual")),
        ({"available": Unknown("x")}, ("unknown", "", "manual")),
    ],
)
def test_memory(fields: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert said(qemu.memory(changed(FACTS, "memory", **fields))) == expected


def test_memory_that_huge_pages_hold_is_told() -> None:
    held = changed(FACTS, "memory", available=SMALL, huge_pages=Known(700), huge_size=Known(2 * MIB))
    remedy = qemu.memory(held).remedy
    assert remedy is not None and "1400 MiB" in remedy.text


@pytest.mark.parametrize("check", [qemu.firmware, qemu.tpm])
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Absent("/usr/share/OVMF/gone.fd"), ("warn", "automatic")),
        (Denied("x"), ("unknown", "manual")),
        (Unknown("x"), ("unknown", "manual")),
    ],
)
def test_firmware_and_tpm(check: Any, found: object, expected: tuple[str, str]) -> None:
    name = check.__name__
    facts = changed(FACTS, "qemu", **{name: found})
    assert said(check(FACTS)) == ("pass", "", "")
    assert said(check(facts))[::2] == expected
    if expected[0] == "warn":
        assert said(check(facts))[1] == f"qemu.{name}-missing"
        assert any("gone.fd" in line.source for line in check(facts).evidence)
        nothing = changed(facts, "qemu", emulator=Absent("x"))
        assert said(check(nothing)) == ("unknown", "", "manual")


def test_where_there_is_no_firmware_and_no_tpm_none_is_asked_for() -> None:
    facts = changed(FACTS, "qemu", firmware=Unknown("not asked"), tpm=Known(()))
    mainframe = facts._replace(caller=facts.caller._replace(arch="s390x"))
    assert said(qemu.firmware(mainframe)) == ("skip", "", "")
    assert said(qemu.tpm(FACTS._replace(names=FACTS.names._replace(tpm=())))) == ("skip", "", "")
