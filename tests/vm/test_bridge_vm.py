"""A virtual machine with two network interfaces and a kernel of its own, ready for guests: huge pages, a guest that
starts with the host, and a bridge, first with the interface that carries ssh, then with the other one.

The tests build on each other, in the order of this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vm import snapshot
from tests.vm.lab import machine, needs
from tests.vm.lab.machine import Machine
from tests.vm.product import OURS, kvmready, look, place, report
from tests.vm.test_bridge import FILE, network, session

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]

CARRIES_SSH, OTHER = "ens2", "ens3"
SECOND = f"[Match]\nName={OTHER}\n\n[Network]\nAddress=10.0.3.15/24\nIPv6AcceptRA=no\n"

VIRSH = ["virsh", "-c", "qemu:///system"]
GUEST = "<domain type='qemu'><name>web</name><memory>16384</memory><os><type>hvm</type></os></domain>"
UP = ("up", "--yes", "--format", "json")


def wanted(vm: Machine, interface: str, more: str = "") -> None:
    vm.run(["mkdir", "-p", "/etc/kvmready"]).check()
    vm.write(FILE, f'users = ["alice"]\n{more}[network]\nbridge = "br0"\ninterface = "{interface}"\n')


def pages(vm: Machine) -> str:
    return vm.read("/proc/sys/vm/nr_hugepages").strip()


@pytest.fixture(scope="module")
def vm(vm_tools: None) -> Iterator[Machine]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(f"the ready disk is made of a host at native speed: {reason}")
    with machine.start("two-cards", "ready", cards=2) as host:
        place(host)
        assert kvmready(host, "--version").status == 0
        host.write("/etc/systemd/network/70-second.network", SECOND)
        host.run(["networkctl", "reload"]).check()
        host.run([*VIRSH, "define", "/dev/stdin"], input=GUEST).check()
        # What the proof starts, and what runs on after it.
        host.run(["systemctl", "start", "virtlogd.service", "polkit.service"]).check()
        wanted(host, CARRIES_SSH, 'hugepages = 24\nautostart = ["web"]\n')
        yield host


@pytest.fixture(scope="module")
def before(vm: Machine) -> dict[str, Any]:
    return look(vm)


def test_up_moves_the_interface_that_carries_ssh(vm: Machine, before: dict[str, Any]) -> None:
    had = network(vm, CARRIES_SSH)
    assert had == (["10.0.2.15/24"], ["10.0.2.2"]) and network(vm, OTHER)[0] == ["10.0.3.15/24"]
    assert kvmready(vm, "plan", "--drift").status == 1
    with session(vm) as alive:
        assert alive("before")
        done = kvmready(vm, *UP)
        assert alive("after")
    document = report(done)
    assert done.status == 0, done.stdout[-3000:] + done.stderr[-3000:]
    steps = ("kernel.hugepages-persist", "kernel.hugepages", "libvirt.autostart", "network.bridge")
    done_now = {step["id"]: step["status"] for step in document["run"]["steps"]}
    done_now.pop("access.uri.alice", None)  # this host is ready, but for whom alice's virsh asks
    assert done_now == dict.fromkeys((*steps, "network.bridge-network"), "done")
    assert (document["proof"]["level"], document["proof"]["accel"]) == ("libvirt", "kvm")
    assert network(vm, "br0") == had and network(vm, CARRIES_SSH) == ([], [])
    assert pages(vm) == "24" and "web" in vm.run([*VIRSH, "list", "--all", "--autostart", "--name"]).stdout.split()


def test_nothing_drifts(vm: Machine) -> None:
    drift = kvmready(vm, "plan", "--drift")
    assert drift.status == 0, drift


def test_undo_restores_what_was_there(vm: Machine, before: dict[str, Any]) -> None:
    with session(vm) as alive:
        undone = kvmready(vm, "undo", "--yes", "--force")
        assert undone.status == 0, undone
        assert alive("after")
    assert network(vm, CARRIES_SSH) == (["10.0.2.15/24"], ["10.0.2.2"]) and pages(vm) == "0"
    assert vm.run([*VIRSH, "list", "--all", "--autostart", "--name"]).stdout.split() == []
    assert snapshot.differences(before, look(vm), (*OURS, FILE)) == []


def test_the_other_interface_has_nothing_to_do_with_ssh(vm: Machine) -> None:
    wanted(vm, OTHER)
    done = kvmready(vm, "up", "--yes", "--only", "network", "--format", "json")
    runs = json.loads(done.stdout)["run"]["steps"]
    assert [step["id"] for step in runs] == ["network.bridge", "network.bridge-network"], done
    assert network(vm, "br0") == (["10.0.3.15/24"], []) and network(vm, CARRIES_SSH)[0] == ["10.0.2.15/24"]
    assert kvmready(vm, "undo", "--yes", "--force").status == 0
    assert network(vm, OTHER)[0] == ["10.0.3.15/24"]
