"""A real fresh Debian 12 on a CPU without AMD-V: one cause, no change, and emulation only when it is asked for.

The tests build on each other, in the order of this file.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm import snapshot
from tests.vm.lab import machine
from tests.vm.lab.machine import Machine
from tests.vm.product import OURS, kvmready, look, place, report

pytestmark = [pytest.mark.vm, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def vm(vm_tools: None) -> Iterator[Machine]:
    with machine.start("no-svm", svm=False) as host:
        place(host)
        yield host


def test_the_lab_made_a_cpu_without_the_extension(vm: Machine) -> None:
    flags = vm.read("/proc/cpuinfo").split()
    assert "svm" not in flags and "vmx" not in flags
    assert vm.run(["ls", "/dev/kvm"]).status != 0 and "kvm_amd" not in vm.read("/proc/modules")


def test_the_hardware_is_the_one_cause_and_up_changes_nothing(vm: Machine) -> None:
    assert kvmready(vm, "--version").status == 0
    before = look(vm)
    checked = kvmready(vm, "check", "--user", "alice", "--format", "json")
    document = report(checked)
    assert checked.status == 1
    assert [cause["layer"] for cause in document["root_causes"]] == ["hardware"]
    by_status: dict[str, list[dict[str, object]]] = {}
    for finding in document["findings"]:
        by_status.setdefault(finding["status"], []).append(finding)
    assert [finding["check"] for finding in by_status["fail"]] == ["hardware.nested-host"]
    assert "warn" not in by_status
    assert {finding["check"] for finding in by_status["blocked"]} >= {
        "hardware.cpu-virtualization",
        "kernel.kvm-runs",
        "qemu.emulator",
        "libvirt.daemon",
        "access.kvm-group",
    }
    assert {str(finding["blocked_by"]) for finding in by_status["blocked"]} == {"['hardware.nested-host']"}

    refused = kvmready(vm, "up", "--yes", "--user", "alice")
    assert refused.status == 1, refused
    assert snapshot.differences(before, look(vm), OURS) == []


def test_emulation_is_accepted_and_proved_as_such(vm: Machine) -> None:
    words = ("--profile", "minimal", "--user", "alice", "--accel", "tcg")
    accepted = kvmready(vm, "up", "--yes", *words, "--format", "json")
    document = report(accepted)
    assert accepted.status == 0, accepted
    assert document["proof"]["level"] == "qemu"
    assert document["proof"]["accel"] == "tcg"
    assert "TCGTCGTCGTCG" in document["proof"]["witness"]
    assert document["acceleration"]["state"] == "none"
    text = kvmready(vm, "prove", "--profile", "minimal", "--accel", "tcg", user="alice")
    assert text.status == 0, text
    assert "EMULATION" in text.stdout
