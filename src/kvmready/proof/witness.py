"""Judges the text that a guest wrote: only one that ran now, and under the right accelerator, can have written it."""

from __future__ import annotations

from kvmready.guest.bootsector import WITNESS_MAGIC, expected_mix
from kvmready.i18n import _
from kvmready.typed import NamedTuple

SIGNATURES = {"kvm": "KVMKVMKVM", "tcg": "TCGTCGTCGTCG"}
"""CPUID leaf 0x40000000 without NULs: the kernel's Documentation/virt/kvm/x86/cpuid.rst, QEMU's target/i386/cpu.c."""

NO_HYPERVISOR = "-"


class Judged(NamedTuple):
    """``line`` is the witness as far as there is one; ``why`` says what is wrong with it, "" when nothing is."""

    ok: bool
    line: str
    why: str = ""
    cause: str = ""


def shown(text: str) -> str:
    """Text of a guest as it may be put before people: control characters as escapes, at most 120 of it."""
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return visible if len(visible) <= 120 else visible[:119] + "…"


def judge(nonce: str, key: int, accel: str, text: str) -> Judged:
    """What ``text`` (a serial port's output, or a sector with its NULs) proves of the guest with that nonce and key.

    ``accel`` is kvm or tcg. ``cause`` names the accelerator only where the guest ran, but not under the one meant.
    """
    start = text.find(WITNESS_MAGIC)
    if start < 0:
        said = text.strip("\0\r\n ")
        if not said:
            return Judged(False, "", _("The guest wrote nothing."))
        return Judged(False, "", _("The guest wrote something else: {text}").format(text=shown(said)))
    line, end, _rest = text[start:].partition("\r\n")
    words = line.rstrip("\0").split(" ", 3)
    if not end or len(words) != 4:
        line = shown(line.rstrip("\0"))
        return Judged(False, line, _("The witness is torn: it ends early."))
    _magic, said_nonce, said_mix, signature = words
    line = shown(line)
    if said_nonce != nonce:
        why = _("The witness is of another guest: its nonce is {seen}, not {nonce}.")
        return Judged(False, line, why.format(seen=shown(said_nonce), nonce=nonce))
    mix = f"{expected_mix(nonce, key):08x}"
    if said_mix != mix:
        why = _("The guest computed {seen}, and right is {mix}: its CPU does not work as it should.")
        return Judged(False, line, why.format(seen=shown(said_mix), mix=mix), "kernel.run-fails")
    return _judge_signature(signature, accel, line)


def _judge_signature(signature: str, accel: str, line: str) -> Judged:
    if signature == SIGNATURES[accel]:
        return Judged(True, line)
    cause = "qemu.no-kvm-accel" if accel == "kvm" else ""
    if accel == "kvm" and signature == SIGNATURES["tcg"]:
        why = _("The guest ran under emulation (TCG), not under KVM: this proves nothing about KVM.")
        return Judged(False, line, why, cause)
    if accel == "tcg" and signature == SIGNATURES["kvm"]:
        return Judged(False, line, _("The guest ran under KVM, and emulation was to be proved."), cause)
    if signature == NO_HYPERVISOR:
        why = _("The guest saw no hypervisor: it cannot be told under what it ran.")
        return Judged(False, line, why, cause)
    why = _("The guest saw another hypervisor: {seen}, not {signature}.")
    return Judged(False, line, why.format(seen=shown(signature), signature=SIGNATURES[accel]), cause)
