"""The main job on a real fresh Debian 12 host: check, plan, up through three kills, the proof without root, undo.

One installation of the packages, which is most of the time, for all of it: the tests build on each other, in the order
of this file. Undo around what stands in the way: ``test_undo.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vm import snapshot
from tests.vm.lab import machine
from tests.vm.lab.machine import Machine
from tests.vm.product import OURS, causes, kill_at, kvmready, look, place, report, statuses

pytestmark = [pytest.mark.vm, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def vm(vm_tools: None) -> Iterator[Machine]:
    with machine.start("journey") as host:
        place(host)
        yield host


@pytest.fixture(scope="module")
def before(vm: Machine) -> dict[str, Any]:
    """What the host was, after the program made its environment (which installs python3-venv) and before its work."""
    assert kvmready(vm, "--version").status == 0
    return look(vm)


def test_the_first_call_makes_the_environment(vm: Machine) -> None:
    plain = kvmready(vm, "--version", user="alice")
    assert plain.status == 3, plain
    assert "python3-venv" in plain.stderr or "not writable" in plain.stderr
    root = kvmready(vm, "--version")
    assert root.status == 0, root
    assert root.stdout.startswith("kvmready ")
    assert kvmready(vm, "--version", user="alice").stdout == root.stdout


def test_a_fresh_host_is_not_ready_and_the_causes_are_named(vm: Machine, before: dict[str, Any]) -> None:
    checked = kvmready(vm, "check", "--user", "alice", "--format", "json")
    document = report(checked)
    assert checked.status == 1
    assert document["verdict"] == "not-ready"
    assert document["acceleration"]["state"] == "native", document["acceleration"]
    assert statuses(document)["kernel.kvm-runs"] == "pass"
    assert {"qemu.not-installed", "libvirt.not-installed", "access.not-in-kvm-group"} <= set(causes(document))
    assert statuses(document)["libvirt.connect"] == "blocked"
    assert not [c for c in causes(document) if c.startswith(("hardware.", "services.", "storage."))]
    assert snapshot.differences(before, look(vm), OURS) == []


def test_a_dry_run_changes_nothing(vm: Machine, before: dict[str, Any]) -> None:
    shown = kvmready(vm, "up", "--dry-run", "--user", "alice")
    assert shown.status == 1, shown
    assert "apt-get install" in shown.stdout
    refused = kvmready(vm, "up", "--user", "alice")
    assert refused.status == 2
    assert "--yes" in refused.stderr
    assert snapshot.differences(before, look(vm), OURS) == []


@pytest.mark.parametrize(("kind", "delay"), [("packages", 30.0), ("network", 0.0), ("group", 0.0)])
def test_up_is_killed(vm: Machine, kind: str, delay: float) -> None:
    kill_at(vm, kind, delay, "up", "--yes", "--user", "alice")


def test_a_plain_user_carries_on_through_sudo(vm: Machine) -> None:
    resumed = kvmready(vm, "up", "--yes", "--user", "alice", "--format", "json", user="bob")
    assert resumed.status == 0, resumed
    assert "sudo" in resumed.stderr
    document = report(resumed)
    assert document["verdict"] in ("ready", "ready-with-warnings"), causes(document)
    assert (document["run"]["resumed"], document["acceleration"]["state"]) == (True, "native")
    assert (document["proof"]["level"], document["proof"]["accel"]) == ("libvirt", "kvm")
    assert "KVMKVMKVM" in document["proof"]["witness"]


def test_a_second_up_changes_nothing_and_says_so(vm: Machine) -> None:
    ready = look(vm)
    again = kvmready(vm, "up", "--yes", "--user", "alice")
    assert again.status == 0, again
    assert "nothing to change" in again.stderr
    assert snapshot.differences(ready, look(vm), OURS) == []
    runs = json.loads(kvmready(vm, "history", "--format", "json").stdout)["runs"]
    assert [run["state"] for run in runs] == ["finished"]


def test_alice_proves_it_under_kvm_without_root(vm: Machine) -> None:
    proved = kvmready(vm, "prove", "--level", "libvirt", "--format", "json", user="alice")
    assert proved.status == 0, proved
    document = report(proved)
    assert (document["proof"]["level"], document["proof"]["accel"]) == ("libvirt", "kvm")
    assert "KVMKVMKVM" in document["proof"]["witness"]
    assert vm.run(["virsh", "-c", "qemu:///system", "list", "--all", "--name"]).check().stdout.strip() == ""
    assert vm.run(["virsh", "-c", "qemu:///system", "vol-list", "default"]).check().stdout.count("kvmready") == 0


def test_undo_restores_what_was_there(vm: Machine, before: dict[str, Any]) -> None:
    undone = kvmready(vm, "undo", "--yes")
    assert undone.status == 0, undone
    assert snapshot.differences(before, look(vm), OURS) == []
    runs = json.loads(kvmready(vm, "history", "--format", "json").stdout)["runs"]
    assert [run["state"] for run in runs] == ["undone"]
