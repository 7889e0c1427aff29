"""The judge of witnesses: only the line of this guest, under this accelerator, is a proof."""

from __future__ import annotations

import pytest

from kvmready.guest.bootsector import SECTOR_SIZE, expected_mix, expected_witness
from kvmready.proof.witness import SIGNATURES, judge, shown

NONCE, KEY = "00112233445566aa", 0x9E3779B9
LINES = {accel: expected_witness(NONCE, KEY, signature) for accel, signature in SIGNATURES.items()}
MIX = f"{expected_mix(NONCE, KEY):08x}"


@pytest.mark.parametrize("accel", ["kvm", "tcg"])
@pytest.mark.parametrize("form", ["{line}\r\n", "{line}\r\nKVMDISK1 00000000\r\n", "noise\r\n{line}\r\n", "sector"])
def test_the_guests_own_line_is_a_proof(accel: str, form: str) -> None:
    line = LINES[accel]
    text = (line + "\r\n").ljust(SECTOR_SIZE, "\0") if form == "sector" else form.format(line=line)
    judged = judge(NONCE, KEY, accel, text)
    assert (judged.ok, judged.line, judged.why, judged.cause) == (True, line, "", "")


@pytest.mark.parametrize(
    ("accel", "text", "why", "cause"),
    [
        ("kvm", "", "wrote nothing", ""),
        ("kvm", "\0" * SECTOR_SIZE, "wrote nothing", ""),
        ("kvm", "Booting from Hard Disk...\r\n", "something else", ""),
        ("kvm", f"KVMREADY1 {NONCE}", "torn", ""),
        ("kvm", LINES["kvm"], "torn", ""),
        ("kvm", LINES["kvm"][:-3].ljust(SECTOR_SIZE, "\0"), "torn", ""),
        ("kvm", f"KVMREADY1 {NONCE} {MIX}\r\n", "torn", ""),
        ("kvm", f"KVMREADY1 {'f' * 16} {MIX} KVMKVMKVM\r\n", "another guest", ""),
        ("kvm", f"KVMREADY1 {NONCE} 00000000 KVMKVMKVM\r\n", "computed 00000000", "kernel.run-fails"),
        ("kvm", LINES["tcg"] + "\r\n", "emulation (TCG), not under KVM", "qemu.no-kvm-accel"),
        ("tcg", LINES["kvm"] + "\r\n", "ran under KVM", ""),
        ("kvm", f"KVMREADY1 {NONCE} {MIX} -\r\n", "no hypervisor", "qemu.no-kvm-accel"),
        ("tcg", f"KVMREADY1 {NONCE} {MIX} -\r\n", "no hypervisor", ""),
        ("kvm", f"KVMREADY1 {NONCE} {MIX} Microsoft Hv\r\n", "another hypervisor: Microsoft Hv", "qemu.no-kvm-accel"),
        ("kvm", f"KVMREADY1 {NONCE} {MIX} KVMKVMKVMX\r\n", "another hypervisor", "qemu.no-kvm-accel"),
    ],
)
def test_what_is_wrong_is_told(accel: str, text: str, why: str, cause: str) -> None:
    judged = judge(NONCE, KEY, accel, text)
    assert not judged.ok
    assert why in judged.why
    assert judged.cause == cause


def test_what_a_guest_writes_cannot_steer_a_terminal() -> None:
    judged = judge(NONCE, KEY, "kvm", "KVMREADY1 \x1b[2J\x07 a b\r\n")
    assert "\x1b" not in judged.line + judged.why
    assert "\\x1b" in judged.line
    assert len(shown("x" * 4000)) == 120
