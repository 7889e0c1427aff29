"""Children that hang, die and fail: the caller lives and knows at which stage."""

from __future__ import annotations

import os
import time
from typing import Any, Callable

import pytest

from kvmready.guest import uapi
from kvmready.guest.child import ask_in_child
from kvmready.guest.machine import Machine, NativeCode, Stopped

pytestmark = pytest.mark.machine
needs_kvm = pytest.mark.skipif(not os.access(uapi.DEVICE, os.R_OK | os.W_OK), reason="needs an open /dev/kvm")

Stage = Callable[[str], None]


def has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def ready() -> Machine:
    machine = Machine(uapi.DEVICE)
    machine.open()
    machine.create_vm()
    machine.create_memory()
    machine.create_vcpu()
    return machine


def test_answer_comes_back() -> None:
    sent: dict[str, Any] = {"a": [1, 1 << 64, 0.5, None, True, "上海"], "pid": "x" * 200_000}
    assert ask_in_child(lambda stage: sent, 10) == sent
    assert not has_children()


@needs_kvm
def test_guest_that_never_leaves_is_interrupted() -> None:
    def spin(stage: Stage) -> dict[str, Any]:
        machine = ready()
        machine.load_real_mode(b"\xeb\xfe")  # jmp to itself
        machine.start()
        stage("real-mode")
        return {"took": machine.run_to_halt()}

    answer = ask_in_child(spin, 0.3)
    assert (answer["ok"], answer["failed_at"], answer["errno"]) == (False, "real-mode", "EINTR")
    assert not has_children()


def test_child_that_dies_is_unknown() -> None:
    def die(stage: Stage) -> dict[str, Any]:
        stage("create-vm")
        os.kill(os.getpid(), 9)
        return {"ok": True}

    answer = ask_in_child(die, 10)
    assert (answer["ok"], answer["failed_at"]) == (None, "create-vm")
    assert "signal 9" in answer["detail"]
    assert not has_children()


def test_child_that_crashes_is_unknown_and_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    def crash(stage: Stage) -> dict[str, Any]:
        stage("memory")
        raise ZeroDivisionError("on purpose")

    answer = ask_in_child(crash, 10)
    assert (answer["ok"], answer["failed_at"]) == (None, "memory")
    assert "status 70" in answer["detail"]
    assert "on purpose" in capfd.readouterr().err


def test_limit_counts_from_the_call() -> None:
    def sleep(stage: Stage) -> dict[str, Any]:
        time.sleep(60)
        return {}

    began = time.monotonic()
    answer = ask_in_child(sleep, 0.1)
    assert (answer["errno"], answer["failed_at"]) == ("EINTR", None)
    assert time.monotonic() - began < 30


@needs_kvm
def test_guest_that_halts_too_early_is_named() -> None:
    machine = ready()
    machine.load_long_mode(b"\xf4")
    machine.start()
    with pytest.raises(Stopped) as stopped:
        machine.run_to_output()
    machine.close()
    assert stopped.value.exit_reason == "HLT"
    assert stopped.value.errno is None


@needs_kvm
def test_guest_that_breaks_is_named() -> None:
    machine = ready()
    machine.load_long_mode(b"\x0f\x0b")  # an undefined instruction, and no handler: a triple fault
    machine.start()
    with pytest.raises(Stopped) as stopped:
        machine.run_to_halt()
    machine.close()
    assert stopped.value.exit_reason in ("SHUTDOWN", "INTERNAL_ERROR")


@needs_kvm
def test_guest_that_uses_another_port_is_refused() -> None:
    machine = ready()
    machine.load_real_mode(b"\xe6\x11\xf4")  # out 0x11, al
    machine.start()
    with pytest.raises(Stopped, match="0x11"):
        machine.run_to_output()
    machine.close()


@needs_kvm
def test_long_mode_bytes_compute_something_else_in_real_mode() -> None:
    """So that a right answer proves 64-bit mode."""
    from kvmready.guest import code

    machine = ready()
    machine.load_real_mode(code.LONG_MODE)
    machine.start(rax=0x8000000000000003, rbx=0x8000000000000005)
    right = (0x8000000000000003 * 0x8000000000000005 + 0x8000000000000003) % 2**64
    low = machine.run_to_output()
    assert low | machine.run_to_output() << 32 != right
    machine.close()


def test_native_code_computes() -> None:
    assert NativeCode(b"\x48\x8d\x04\x37\xc3").call(40, 2) == 42  # lea rax, [rdi + rsi]; ret
