"""The main job on a fresh Debian 13 at native speed, where KVM is out of reach and emulation is accepted; and a ready
Debian 13 with a kernel of its own, in which KVM works.

The tests of the fresh host build on each other, in the order of this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vm import snapshot
from tests.vm.lab import machine, needs, nspawn
from tests.vm.lab.nspawn import Container
from tests.vm.product import OURS, causes, kill_at, kvmready, look, place, report

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]

WORDS = ("--user", "alice", "--accel", "tcg")


@pytest.fixture(scope="module")
def host() -> Iterator[Container]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with nspawn.start("trixie", "trixie", kvm="absent") as container:
        place(container)
        assert kvmready(container, "--version").status == 0  # makes the environment, with python3-venv
        yield container


@pytest.fixture(scope="module")
def before(host: Container) -> dict[str, Any]:
    return look(host)


def test_up_makes_the_host_ready_and_proves_it(host: Container, before: dict[str, Any]) -> None:
    done = kvmready(host, "up", "--yes", *WORDS, "--format", "json")
    assert done.status == 0, done.stdout[-3000:] + done.stderr[-3000:]
    document = report(done)
    assert document["host"]["os"] == {"id": "debian", "version_id": "13", "name": "Debian GNU/Linux 13 (trixie)"}
    assert document["verdict"] in ("ready", "ready-with-warnings")
    # The machine below decides about its kernel and its control groups.
    assert [cause for cause in causes(document) if not cause.startswith("kernel.")] == []
    assert (document["proof"]["level"], document["proof"]["accel"]) == ("libvirt", "tcg")
    units = host.run(["systemctl", "is-active", "libvirtd.socket", "virtlogd.socket", "virtlockd.socket"])
    assert units.stdout.split() == ["active"] * 3


def test_a_second_up_changes_nothing(host: Container) -> None:
    ready = look(host)
    again = kvmready(host, "up", "--yes", *WORDS)
    assert again.status == 0, again
    assert "nothing to change" in again.stderr
    assert snapshot.differences(ready, look(host), OURS) == []


def test_alice_proves_it_without_root(host: Container) -> None:
    proved = kvmready(host, "prove", "--level", "libvirt", "--accel", "tcg", "--format", "json", user="alice")
    assert proved.status == 0, proved.stdout[-3000:] + proved.stderr[-3000:]
    assert report(proved)["proof"]["accel"] == "tcg"


def test_undo_restores_what_was_there(host: Container, before: dict[str, Any]) -> None:
    undone = kvmready(host, "undo", "--yes")
    assert undone.status == 0, undone
    assert snapshot.differences(before, look(host), OURS) == []


@pytest.mark.parametrize(("kind", "delay"), [("packages", 6.0), ("network", 0.0)])
def test_up_is_killed(host: Container, kind: str, delay: float) -> None:
    kill_at(host, kind, delay, "up", "--yes", *WORDS)


def test_a_plain_user_carries_on_through_sudo(host: Container) -> None:
    resumed = kvmready(host, "up", "--yes", *WORDS, "--format", "json", user="bob")
    assert resumed.status == 0, resumed.stdout[-3000:] + resumed.stderr[-3000:]
    document = report(resumed)
    assert (document["run"]["resumed"], document["proof"]["level"]) == (True, "libvirt")
    runs = json.loads(kvmready(host, "history", "--format", "json").stdout)["runs"]
    assert runs[-1]["state"] == "finished"


def test_undo_of_a_run_that_was_killed_restores_it_too(host: Container, before: dict[str, Any]) -> None:
    undone = kvmready(host, "undo", "--yes")
    assert undone.status == 0, undone
    assert snapshot.differences(before, look(host), OURS) == []


def test_guests_run_under_its_own_kernel(vm_tools: None) -> None:
    """Linux 6.12 lets no vCPU into long mode that was given no CPUID: the probe must not call that a broken KVM."""
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(f"the ready disk is made of a host at native speed: {reason}")
    with machine.start("trixie-vm", "trixie-ready") as vm:
        place(vm)
        found = report(kvmready(vm, "check", "--user", "alice", "--format", "json"))
        assert (found["verdict"], found["acceleration"]["state"], causes(found)) == ("ready", "native", [])
        proved = report(kvmready(vm, "prove", "--level", "libvirt", "--format", "json", user="alice"))
        assert (proved["proof"]["ok"], proved["proof"]["accel"]) == (True, "kvm")
        assert "KVMKVMKVM" in proved["proof"]["witness"]
