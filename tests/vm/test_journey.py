"""The main job on real fresh Debian 12 hosts: check, up, prove, up again, undo, and up through three kills.

The tests of one host build on each other, in the order of this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.vm import snapshot
from tests.vm.lab import machine
from tests.vm.lab.machine import Machine
from tests.vm.lab.remote import Result

ROOT = Path(__file__).resolve().parents[2]
CODE = "/opt/kvmready"
OURS = (r"/opt/kvmready(/.*)?",)
SCHEMA = json.loads((ROOT / "src/kvmready/report/schema.json").read_text(encoding="utf-8"))

pytestmark = [pytest.mark.vm, pytest.mark.timeout(2400)]

KILLER = r"""
import glob, json, os, signal, subprocess, sys, time
kind, delay = sys.argv[1], float(sys.argv[2])
before = {p: os.path.getsize(p) for p in glob.glob("/var/lib/kvmready/runs/*/journal.jsonl")}
child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
def seen():
    for path in glob.glob("/var/lib/kvmready/runs/*/journal.jsonl"):
        with open(path) as file:
            file.seek(before.get(path, 0))
            for line in file:
                if line.endswith("\n") and '"intent"' in line and '"kind": "%s"' % kind in line.replace('":"', '": "'):
                    return True
    return False
while child.poll() is None and not seen():
    time.sleep(0.02)
time.sleep(delay)
alive = child.poll() is None
child.send_signal(signal.SIGKILL)
print(json.dumps({"killed": alive, "status": child.wait()}))
"""


def kvmready(vm: Machine, *words: str, user: str = "root", timeout: float = 900) -> Result:
    return vm.run([f"{CODE}/kvmready", *words], user=user, timeout=timeout)


def report(result: Result) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    return document


def look(vm: Machine) -> dict[str, Any]:
    return snapshot.parse(vm.run(["python3", "-I", "-"], input=snapshot.program(), timeout=300).check().stdout)


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["status"] for finding in document["findings"]}


def causes(document: dict[str, Any]) -> list[str]:
    return [cause["cause"] for cause in document["root_causes"]]


def a_host(name: str, *, svm: bool) -> Iterator[Machine]:
    with machine.start(name, svm=svm) as vm:
        vm.copy(ROOT, CODE)
        yield vm


@pytest.fixture(scope="module")
def vm() -> Iterator[Machine]:
    yield from a_host("journey", svm=True)


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


def test_up_makes_the_host_ready_and_proves_it(vm: Machine, before: dict[str, Any]) -> None:
    done = kvmready(vm, "up", "--yes", "--user", "alice", "--format", "json")
    assert done.status == 0, done
    document = report(done)
    assert document["verdict"] in ("ready", "ready-with-warnings"), causes(document)
    assert document["proof"]["level"] == "libvirt"
    assert document["proof"]["accel"] == "kvm"
    assert "KVMKVMKVM" in document["proof"]["witness"]


def test_alice_proves_it_under_kvm_without_root(vm: Machine) -> None:
    proved = kvmready(vm, "prove", "--level", "libvirt", "--format", "json", user="alice")
    assert proved.status == 0, proved
    document = report(proved)
    assert (document["proof"]["level"], document["proof"]["accel"]) == ("libvirt", "kvm")
    assert "KVMKVMKVM" in document["proof"]["witness"]
    assert vm.run(["virsh", "-c", "qemu:///system", "list", "--all", "--name"]).check().stdout.strip() == ""
    assert vm.run(["virsh", "-c", "qemu:///system", "vol-list", "default"]).check().stdout.count("kvmready") == 0


def test_a_second_up_changes_nothing_and_says_so(vm: Machine) -> None:
    ready = look(vm)
    again = kvmready(vm, "up", "--yes", "--user", "alice")
    assert again.status == 0, again
    assert "nothing to change" in (again.stdout + again.stderr).lower()
    assert snapshot.differences(ready, look(vm), OURS) == []
    assert kvmready(vm, "history").stdout.count("finished") == 1


def test_undo_restores_what_was_there(vm: Machine, before: dict[str, Any]) -> None:
    undone = kvmready(vm, "undo", "--yes")
    assert undone.status == 0, undone
    assert snapshot.differences(before, look(vm), OURS) == []
    assert "undone" in kvmready(vm, "history").stdout


@pytest.mark.parametrize(("kind", "delay"), [("packages", 20.0), ("network", 0.0), ("group", 0.0)])
def test_up_is_killed(vm: Machine, kind: str, delay: float) -> None:
    command = [f"{CODE}/kvmready", "up", "--yes", "--user", "alice"]
    killed = vm.run(["python3", "-c", KILLER, kind, str(delay), *command], timeout=900)
    assert json.loads(killed.check().stdout)["killed"], killed


def test_up_after_the_kills_ends_ready_and_one_undo_takes_all_back(vm: Machine, before: dict[str, Any]) -> None:
    resumed = kvmready(vm, "up", "--yes", "--user", "alice", "--format", "json")
    assert resumed.status == 0, resumed
    assert "KVMKVMKVM" in report(resumed)["proof"]["witness"]
    assert kvmready(vm, "undo", "--yes").status == 0
    assert snapshot.differences(before, look(vm), OURS) == []


@pytest.fixture(scope="module")
def without_svm() -> Iterator[Machine]:
    yield from a_host("no-svm", svm=False)


def test_without_amd_v_the_hardware_is_the_one_cause(without_svm: Machine) -> None:
    vm = without_svm
    assert kvmready(vm, "--version").status == 0
    before = look(vm)
    checked = kvmready(vm, "check", "--user", "alice", "--format", "json")
    document = report(checked)
    assert checked.status == 1
    failing = [cause for cause in document["root_causes"] if cause["layer"] == "hardware"]
    assert len(failing) == 1
    assert failing[0]["cause"].startswith("hardware.")
    assert [f for f in document["findings"] if f["status"] == "fail"] == [
        f for f in document["findings"] if f["check"] == "hardware.cpu-virtualization"
    ]
    blocked = [f for f in document["findings"] if f["status"] == "blocked"]
    assert {f["check"] for f in blocked} >= {"kernel.kvm-runs", "qemu.emulator", "libvirt.daemon", "access.kvm-group"}
    assert {tuple(f["blocked_by"]) for f in blocked} == {("hardware.cpu-virtualization",)}

    refused = kvmready(vm, "up", "--yes", "--user", "alice")
    assert refused.status == 1, refused
    assert snapshot.differences(before, look(vm), OURS) == []


def test_without_amd_v_emulation_is_proved_as_such(without_svm: Machine) -> None:
    vm = without_svm
    accepted = kvmready(vm, "up", "--yes", "--user", "alice", "--accel", "tcg", "--format", "json")
    document = report(accepted)
    assert accepted.status == 0, accepted
    assert document["proof"]["accel"] == "tcg"
    assert "TCGTCGTCGTCG" in document["proof"]["witness"]
    assert "KVMKVMKVM" not in document["proof"]["witness"]
    assert document["acceleration"]["state"] == "none"
    text = kvmready(vm, "prove", "--accel", "tcg", user="alice")
    assert text.status == 0, text
    assert "emulat" in text.stdout.lower()
