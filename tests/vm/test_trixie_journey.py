"""The main job on a fresh Debian 13 with a kernel of its own, in which KVM works: killed while packages are unpacked,
carried on, proved under KVM, taken back.

One installation of the packages, which is most of the time, for all of it: the tests build on each other, in the order
of this file. The program is the one file for hosts without a network, unpacked, so that nothing is installed for it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vm import snapshot
from tests.vm.lab import machine
from tests.vm.lab.machine import Machine
from tests.vm.product import CODE, OURS, ROOT, causes, kvmready, look, report

pytestmark = [pytest.mark.vm, pytest.mark.timeout(2400)]

PROGRAM = ("python3", CODE)
UP = ("up", "--yes", "--user", "alice")

UNPACKING = r"""
import json, re, signal, subprocess, sys, time
def unpacked():
    try:
        with open("/var/log/dpkg.log") as file:
            return len(re.findall(" status unpacked ", file.read()))
    except FileNotFoundError:
        return 0
before = unpacked()
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
while child.poll() is None and unpacked() < before + 12:
    time.sleep(0.02)
child.send_signal(signal.SIGKILL)
for name in ("apt-get", "dpkg", "dpkg-deb"):
    subprocess.run(["pkill", "-KILL", "-x", name])
status = child.wait()
time.sleep(1)
states = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}\n"], capture_output=True, text=True).stdout
print(json.dumps({"status": status, "states": sorted(set(states.split()))}))
"""
"""Runs a command, and ends it and apt with SIGKILL when a dozen packages are unpacked and none of them is set up."""


@pytest.fixture(scope="module")
def vm(vm_tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("program")
    built = folder / "kvmready.pyz"
    subprocess.run(
        [sys.executable, "-m", "tools.pyz", "--output", str(built)], cwd=ROOT, check=True, capture_output=True
    )
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    with machine.start("trixie-journey", "trixie") as host:
        host.copy(folder / "unpacked", CODE)
        yield host
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def before(vm: Machine) -> dict[str, Any]:
    return look(vm)


def test_up_is_killed_while_packages_are_unpacked(vm: Machine, before: dict[str, Any]) -> None:
    killed = json.loads(vm.run(["python3", "-c", UNPACKING, *PROGRAM, *UP], timeout=1800).check().stdout)
    assert killed["status"] == -9, killed
    assert set(killed["states"]) & {"unpacked", "half-installed"}, killed


def test_up_carries_on_and_ends_with_a_guest_under_kvm(vm: Machine) -> None:
    done = kvmready(vm, *UP, "--format", "json", program=PROGRAM)
    assert done.status == 0, done.stdout[-3000:] + done.stderr[-3000:]
    document = report(done)
    assert document["host"]["os"] == {"id": "debian", "version_id": "13", "name": "Debian GNU/Linux 13 (trixie)"}
    assert (document["verdict"], causes(document)) == ("ready", [])
    assert (document["run"]["resumed"], document["acceleration"]["state"]) == (True, "native")
    assert (document["proof"]["level"], document["proof"]["accel"]) == ("libvirt", "kvm")
    assert "KVMKVMKVM" in document["proof"]["witness"]


def test_a_second_up_changes_nothing(vm: Machine) -> None:
    ready = look(vm)
    again = kvmready(vm, *UP, program=PROGRAM)
    assert again.status == 0, again
    assert "nothing to change" in again.stderr
    assert snapshot.differences(ready, look(vm), OURS) == []


def test_alice_proves_it_under_kvm_without_root(vm: Machine) -> None:
    proved = kvmready(vm, "prove", "--level", "libvirt", "--format", "json", user="alice", program=PROGRAM)
    assert proved.status == 0, proved.stdout[-3000:] + proved.stderr[-3000:]
    document = report(proved)
    assert (document["proof"]["ok"], document["proof"]["accel"]) == (True, "kvm")
    assert "KVMKVMKVM" in document["proof"]["witness"]


def test_undo_restores_what_was_there(vm: Machine, before: dict[str, Any]) -> None:
    undone = kvmready(vm, "undo", "--yes", program=PROGRAM)
    assert undone.status == 0, undone
    assert snapshot.differences(before, look(vm), OURS) == []
    runs = json.loads(kvmready(vm, "history", "--format", "json", program=PROGRAM).stdout)["runs"]
    assert [run["state"] for run in runs] == ["undone"]
