"""A real Linux as proof, and a guest from an image, under KVM: on a ready host, as a user without root."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.machine import cloudimage
from tests.vm import guests
from tests.vm.lab import machine
from tests.vm.lab.machine import Machine
from tests.vm.product import kvmready, place, report

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def vm(vm_tools: None) -> Iterator[Machine]:
    with machine.start("linux-proof", "ready") as host:
        place(host)
        assert kvmready(host, "--version").status == 0
        yield host


def test_alice_proves_a_linux_under_kvm(vm: Machine) -> None:
    proved = kvmready(vm, "prove", "--level", "linux", "--format", "json", user="alice")
    proof = report(proved)["proof"]
    assert proved.status == 0, [step for step in proof["steps"] if step["status"] != "pass"]
    assert (proof["level"], proof["accel"], proof["user"]) == ("linux", "kvm", "alice")
    assert proof["witness"].endswith(" KVMKVMKVM")
    linux = proof["linux"]
    assert linux["clocksource"] == "kvm-clock"
    assert linux["kernel"] == vm.run(["uname", "-r"]).check().stdout.strip()
    assert linux["address"].startswith("192.168.122.")
    figures = {one["id"]: one for one in linux["figures"]}
    assert all(one["ratio"] for one in figures.values()), figures
    assert figures["cpu"]["ratio"] > 0.2, figures  # emulated, it would be a tenth
    for command in (["list", "--all", "--name"], ["vol-list", "default"], ["net-dhcp-leases", "default"]):
        left = vm.run(["virsh", "-q", "-c", "qemu:///system", *command]).check().stdout
        assert "kvmready" not in left and linux["address"] not in left, left
    assert "kvmready-proof" not in vm.run(["ls", "/tmp", "/var/tmp"]).check().stdout


@pytest.mark.skipif(bool(cloudimage.missing()), reason=f"not installed: {cloudimage.missing()}")
def test_alice_has_a_guest_under_kvm(vm: Machine) -> None:
    guests.place_image(vm)
    assert guests.whole_life(vm, "alice", "kvm", again=False) == "kvm-clock"
