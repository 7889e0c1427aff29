"""The main job on a real fresh Debian 12 host: check, plan, up, and the proof without root.

The tests build on each other, in the order of this file. Undo, kill and resume: ``test_undo.py``.
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
