"""Every fault of ``faults/`` on a real Debian 12 host: named alone, mended, ready again, and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.vm import fault_matrix, product
from tests.vm.fault_matrix import Fault, Healthy, Trial
from tests.vm.lab import bases, cache, machine, needs, nspawn
from tests.vm.lab.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]


SETTLED = """
systemctl is-system-running --wait || true
virsh -q -c qemu:///system net-list
"""
"""A host that is broken while libvirt is still at its start has two faults."""


class Prepared(NamedTuple):
    """Trees with the program installed on a ready host, and what that host says."""

    trees: bases.Trees
    healthy: Healthy


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    work = cache.root() / f"faults-{tmp_path_factory.getbasetemp().name}"
    with nspawn.start("faults", "ready", kvm="absent") as host:
        product.place(host)
        product.kvmready(host, "explain", "kernel").check()
        healthy = Trial(host).healthy()
        host.shut_down()
        (host.directory / "upper").rename(work)
    below = bases.trees("ready")
    try:
        yield Prepared(below._replace(layers=(work, *below.layers)), healthy)
    finally:
        cache.remove_tree(work)


@pytest.mark.parametrize("fault", fault_matrix.load("native"), ids=lambda fault: fault.name)
def test_at_native_speed(prepared: Prepared, fault: Fault, fault_rows: dict[str, dict[str, object]]) -> None:
    with nspawn.start("fault", prepared.trees, kvm="absent") as host:
        Trial(host).shell(SETTLED)
        fault_rows[fault.name] = fault_matrix.try_fault(host, fault, prepared.healthy)


BUSY = """
cat >/root/hold.py <<'PROGRAM'
import fcntl, time
held = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(held, fcntl.LOCK_EX)
open("/run/held", "w").close()
time.sleep(12)
PROGRAM
DEBIAN_FRONTEND=noninteractive apt-get remove -y -qq qemu-system-x86 >/dev/null
setsid python3 /root/hold.py </dev/null >/dev/null 2>&1 &
until [ -e /run/held ]; do sleep 0.1; done
"""


def test_up_waits_for_the_package_manager_and_goes_on(prepared: Prepared) -> None:
    with nspawn.start("fault", prepared.trees, kvm="absent") as host:
        trial = Trial(host)
        trial.shell(BUSY)
        done = product.kvmready(host, "up", "--yes", *trial.words)
        assert done.status == 0, done.stdout[-6000:] + done.stderr[-6000:]
        assert "python3 /root/hold.py (process " in " ".join(done.stderr.split())
        found = product.report(done)
        assert fault_matrix.added(found, prepared.healthy) == []
        assert found["verdict"] == prepared.healthy.verdict


def test_doctor_reads_what_a_broken_host_wrote(prepared: Prepared) -> None:
    fault = next(fault for fault in fault_matrix.load("native") if fault.name == "libvirtd-conf-invalid")
    with nspawn.start("doctor", prepared.trees, kvm="absent") as host:
        Trial(host, fault).shell(fault.breaks)
        words = ("doctor", "--user", "alice", "--accel", "tcg", "--format", "json")
        for user in ("root", "alice"):
            told = json.loads(product.kvmready(host, *words, user=user).check().stdout)
            assert told["matches"][0]["cause"] == "libvirt.config-invalid", told["matches"]
            journal = next(one for one in told["sources"] if one["name"].startswith("journalctl"))
            assert journal["status"] == ("read" if user == "root" else "partial"), journal


class Shared:
    """The virtual machine that the faults share: a ready one, and another one after a fault that was not mended."""

    def __init__(self) -> None:
        self._host: Machine | None = None
        self._healthy: Healthy | None = None

    def sound(self) -> tuple[Machine, Healthy]:
        if self._host is None:
            self._host = machine.start("ready", "ready")
            product.place(self._host)
            # libvirt asks each emulator what it can do when it is asked first, which takes emulated CPUs half a minute.
            self._host.run(["virsh", "-q", "-c", "qemu:///system", "capabilities"], timeout=300).check()
            self._healthy = Trial(self._host).healthy()
            assert (self._healthy.verdict, self._healthy.causes) == ("ready", ()), self._healthy
        assert self._healthy is not None
        return self._host, self._healthy

    def throw_away(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            host.stop()


@pytest.fixture(scope="module")
def shared(vm_tools: None) -> Iterator[Shared]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(f"the ready disk is made of a host at native speed: {reason}")
    found = Shared()
    try:
        yield found
    finally:
        found.throw_away()


@pytest.mark.parametrize("fault", fault_matrix.load("vm"), ids=lambda fault: fault.name)
def test_with_a_kernel_of_its_own(shared: Shared, fault: Fault, fault_rows: dict[str, dict[str, object]]) -> None:
    host, healthy = shared.sound()
    try:
        fault_rows[fault.name] = fault_matrix.try_fault(host, fault, healthy)
    except BaseException:
        shared.throw_away()
        raise


@pytest.fixture(scope="module")
def fault_rows(request: pytest.FixtureRequest) -> Iterator[dict[str, dict[str, object]]]:
    """The rows of this run; with --write-faults they replace those of the table, and the page is written anew."""
    rows: dict[str, dict[str, object]] = {}
    yield rows
    if request.config.getoption("--write-faults", default=False):
        known = {row["fault"]: row for row in _rows(fault_matrix.ROWS)}
        names = [fault.name for fault in fault_matrix.load()]
        merged = [row for name in names for row in [rows.get(name, known.get(name))] if row]
        fault_matrix.ROWS.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        fault_matrix.PAGE.write_text(fault_matrix.page(merged), encoding="utf-8")


def _rows(path: Path) -> list[dict[str, object]]:
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []
