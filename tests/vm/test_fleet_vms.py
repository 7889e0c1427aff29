"""A fleet of three machines with kernels of their own: a fresh Debian 12 in which KVM works, one on a processor without
AMD-V, and a Debian 13 that restarts in the middle of the work.

The tests build on each other, in the order of this file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kvmready.fleet import records
from tests.vm.controller import Controller
from tests.vm.lab import machine
from tests.vm.lab.machine import Machine

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(
        os.environ.get("KVMREADY_LONG_TESTS") != "1",
        reason="three emulated machines at once take long; KVMREADY_LONG_TESTS=1 runs them",
    ),
]

WANTED = ("--user", "alice", "--timeout", "1500")
READY = {"ready", "ready-with-warnings"}

RESTART = r"""
import glob, subprocess, time
def done():
    return any('"event":"done"' in open(path).read() for path in glob.glob("/var/lib/kvmready/runs/*/journal.jsonl"))
while not done():
    time.sleep(0.05)
open("/var/lib/restarted", "w").close()
subprocess.run(["systemctl", "reboot"])
"""
"""Restarts the host as soon as the first step of a run is done; others are left."""


class Machines(Controller):
    """Three hosts: ``fresh``, ``without`` AMD-V, and ``newer``, which has the stack, but not all of it."""

    def __init__(self, folder: Path, hosts: dict[str, Machine]) -> None:
        super().__init__(folder, hosts)
        self.hosts = hosts

    def reports(self) -> dict[str, Any]:
        return {row.host: report for row, report in records.reports(self.run())}


@pytest.fixture(scope="module")
def fleet(vm_tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with ExitStack() as stack:
        hosts = {
            "fresh": stack.enter_context(machine.launch("fleet-fresh", memory=1536)),
            "without": stack.enter_context(machine.launch("fleet-without", svm=False, memory=1024)),
            "newer": stack.enter_context(machine.launch("fleet-newer", "trixie-ready", memory=1536)),
        }
        for host in hosts.values():
            host.wait_until_up()
        newer = hosts["newer"]
        newer.run(["dpkg", "--remove", "virtinst", "virt-install"], timeout=300).check()
        for words in (("net-destroy", "default"), ("net-undefine", "default"), ("pool-destroy", "default")):
            newer.run(["virsh", "-q", "-c", "qemu:///system", *words]).check()
        newer.run(["gpasswd", "--delete", "alice", "libvirt"]).check()
        yield Machines(tmp_path_factory.mktemp("fleet"), hosts)


def test_one_is_made_ready_one_cannot_be_and_one_restarts(fleet: Machines) -> None:
    newer = fleet.hosts["newer"]
    boot = newer.boot_id()
    newer.run(["systemd-run", "--quiet", "--unit=restart", "python3", "-c", RESTART]).check()
    done = fleet.kvmready("up", "--yes", *WANTED, timeout=2000)
    assert done.returncode == 1, done
    rows = {row.host: row for row in fleet.run().rows}
    assert rows["fresh"].ok and rows["fresh"].changed, fleet.messages()
    assert rows["without"].outcome == "not-ready" and not rows["without"].changed, fleet.messages()
    assert rows["newer"].outcome in {*READY, "failed", "not-ready"}, fleet.messages()
    newer.wait_until_up()
    assert newer.boot_id() != boot and newer.run(["test", "-e", "/var/lib/restarted"]).status == 0

    report = fleet.reports()["fresh"]
    assert (report["proof"]["level"], report["proof"]["accel"]) == ("libvirt", "kvm")
    assert "KVMKVMKVM" in report["proof"]["witness"]
    causes = fleet.reports()["without"]["root_causes"]
    assert [cause["layer"] for cause in causes] == ["hardware"]
    assert fleet.hosts["without"].run(["test", "-e", "/var/lib/kvmready/runs"]).status != 0, "nothing was done there"


def test_the_next_run_carries_on_and_ends_ready(fleet: Machines) -> None:
    done = fleet.kvmready("up", "--yes", "--limit", "newer", *WANTED, timeout=2000)
    assert done.returncode == 0, (done, fleet.messages())
    report = fleet.reports()["newer"]
    assert (report["host"]["os"]["version_id"], report["proof"]["accel"]) == ("13", "kvm")
    newer = fleet.hosts["newer"]
    runs = newer.run(["ls", "/var/lib/kvmready/runs"]).check().stdout.split()
    journal = newer.read(f"/var/lib/kvmready/runs/{runs[0]}/journal.jsonl")
    events = [json.loads(line)["event"] for line in journal.splitlines()]
    assert len(runs) == 1 and events.count("begin") >= 2 and events[-1] == "end", "one run, carried on"


def test_the_example_playbook_finds_nothing_to_change(fleet: Machines) -> None:
    done = fleet.example("fresh", json.dumps({"host_users": ["alice"]}), timeout=1200)
    assert done.returncode == 0 and "changed=0" in done.stdout and "failed=0" in done.stdout, done
