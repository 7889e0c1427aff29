"""What guests need of the kernel besides KVM: network devices, control groups, IOMMU, nesting."""

from __future__ import annotations

from typing import Any

import pytest

from kvmready.checks import kernel
from kvmready.checks.finding import Judgement
from kvmready.facts.kernel import Blocked, Cgroup, Iommu, Kernel
from kvmready.facts.known import Absent, Denied, Known
from kvmready.facts.machine import Machine
from kvmready.facts.names import Want
from tests.unit.checks.lower import BARE_METAL, CONTAINER, KERNEL, NO, facts

CHECKS = {check.id: check.judge for check in kernel.CHECKS}
DENIED = Denied("EACCES")


def judge(check: str, **changes: Any) -> Judgement:
    return CHECKS[check](facts(**changes))


def kind(said: Judgement) -> str:
    return said.remedy.kind if said.remedy else ""


GONE = KERNEL._replace(registered=Known(("kvm",)), available=Known(("kvm",)), vhost_net=NO, tun=NO)
LOADABLE = GONE._replace(available=Known(("kvm", "tun", "vhost_net")), tun=KERNEL.tun, vhost_net=KERNEL.vhost_net)
TUN_FORBIDDEN = LOADABLE._replace(
    blocked=(Blocked("tun", "/etc/modprobe.d/x.conf", "install tun /bin/false", "install"),)
)
NO_TREE = GONE._replace(available=Absent("/lib/modules/x/modules.dep"))
UPDATED = NO_TREE._replace(tun=KERNEL.tun, tree=NO, trees=Known(("6.1.0-37-amd64",)))
UNSEEN = GONE._replace(registered=DENIED, available=DENIED, tun=KERNEL.tun)

DRIVERS: list[tuple[str, str, Kernel, Machine, str, str, str]] = [
    ("registered", "kernel.tun", KERNEL, BARE_METAL, "pass", "", ""),
    ("loadable", "kernel.tun", LOADABLE, BARE_METAL, "pass", "", ""),
    (
        "a node without a driver",
        "kernel.tun",
        NO_TREE._replace(tun=KERNEL.tun),
        BARE_METAL,
        "fail",
        "kernel.tun-missing",
        "manual",
    ),
    (
        "a driver without a node",
        "kernel.tun",
        KERNEL._replace(tun=NO),
        BARE_METAL,
        "fail",
        "kernel.tun-missing",
        "automatic",
    ),
    (
        "loadable, no node",
        "kernel.tun",
        LOADABLE._replace(tun=NO),
        BARE_METAL,
        "fail",
        "kernel.tun-missing",
        "automatic",
    ),
    (
        "a driver without a node, no udev",
        "kernel.tun",
        KERNEL._replace(tun=NO, udev=False),
        BARE_METAL,
        "fail",
        "kernel.tun-missing",
        "manual",
    ),
    ("forbidden", "kernel.tun", TUN_FORBIDDEN, BARE_METAL, "fail", "kernel.tun-missing", "automatic"),
    ("gone", "kernel.tun", GONE, BARE_METAL, "fail", "kernel.tun-missing", "manual"),
    ("gone, container", "kernel.tun", GONE, CONTAINER, "fail", "kernel.tun-missing", "manual"),
    ("unseen", "kernel.tun", UNSEEN, BARE_METAL, "unknown", "", "manual"),
    ("node refused", "kernel.tun", KERNEL._replace(tun=DENIED), BARE_METAL, "unknown", "", "manual"),
    ("registered", "kernel.vhost-net", KERNEL, BARE_METAL, "pass", "", ""),
    ("loadable", "kernel.vhost-net", LOADABLE, BARE_METAL, "pass", "", ""),
    (
        "a static node only",
        "kernel.vhost-net",
        NO_TREE._replace(vhost_net=KERNEL.vhost_net),
        BARE_METAL,
        "warn",
        "kernel.vhost-net-missing",
        "manual",
    ),
    ("gone", "kernel.vhost-net", GONE, BARE_METAL, "warn", "kernel.vhost-net-missing", "manual"),
    (
        "forbidden",
        "kernel.vhost-net",
        LOADABLE._replace(
            blocked=(Blocked("vhost_net", "/etc/modprobe.d/x.conf", "blacklist vhost_net", "blacklist"),)
        ),
        BARE_METAL,
        "warn",
        "kernel.vhost-net-missing",
        "automatic",
    ),
    ("unseen", "kernel.vhost-net", UNSEEN, BARE_METAL, "unknown", "", "manual"),
    ("updated", "kernel.vhost-net", UPDATED, BARE_METAL, "warn", "kernel.modules-missing", "manual"),
    ("updated", "kernel.tun", UPDATED, BARE_METAL, "fail", "kernel.modules-missing", "manual"),
    ("another kernel's tree", "kernel.vhost-net", UPDATED, CONTAINER, "warn", "kernel.vhost-net-missing", "manual"),
    ("another kernel's tree", "kernel.tun", UPDATED, CONTAINER, "fail", "kernel.tun-missing", "manual"),
]


@pytest.mark.parametrize(
    ("check", "known", "host", "status", "cause", "remedy"),
    [r[1:] for r in DRIVERS],
    ids=[f"{r[1]}: {r[0]}" for r in DRIVERS],
)
def test_network_devices(check: str, known: Kernel, host: Machine, status: str, cause: str, remedy: str) -> None:
    said = judge(check, kernel=known, machine=host)
    assert (said.status, said.cause, kind(said)) == (status, cause, remedy)


CGROUPS: list[tuple[Any, str, str]] = [
    (Known(Cgroup(2, ("cpu", "cpuset", "io", "memory"))), "pass", ""),
    (Known(Cgroup(1, ("blkio", "cpu", "cpuset", "memory"))), "pass", ""),
    (Known(Cgroup(2, ("cpu", "cpuset", "io"))), "warn", "memory."),
    (Known(Cgroup(1, ("cpu", "memory"))), "warn", "cpuset, blkio."),
    (Known(Cgroup(2, ())), "warn", "cpu, cpuset, memory, io."),
    (Absent("no control group hierarchy is mounted"), "warn", "cpu, cpuset, memory, io."),
    (DENIED, "unknown", ""),
]


@pytest.mark.parametrize(("found", "status", "missing"), CGROUPS)
@pytest.mark.parametrize("host", [BARE_METAL, CONTAINER])
def test_cgroups(found: Any, status: str, missing: str, host: Machine) -> None:
    said = judge("kernel.cgroups", kernel=KERNEL._replace(cgroup=found), machine=host)
    assert (said.status, said.cause) == (status, "kernel.cgroup-missing" if status == "warn" else "")
    assert said.summary.endswith(missing)


@pytest.mark.parametrize("check", ["kernel.iommu", "kernel.nested"])
def test_what_nobody_wants_is_left_out(check: str) -> None:
    said = judge(check)
    assert said.status == "skip"
    assert said.summary.startswith("Not needed")


WANTED: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("kernel.iommu", {"iommu": Known(Iommu(12, ""))}, "pass", "", ""),
    ("kernel.iommu", {"iommu": Known(Iommu(0, "DMAR"))}, "fail", "kernel.iommu-off", "intel_iommu=on"),
    ("kernel.iommu", {"iommu": Known(Iommu(0, "IVRS"))}, "fail", "kernel.iommu-off", "amd_iommu=off"),
    ("kernel.iommu", {"iommu": Known(Iommu(0, ""))}, "fail", "kernel.iommu-off", "firmware"),
    ("kernel.iommu", {"iommu": DENIED}, "unknown", "", "ls /sys/kernel/iommu_groups"),
    ("kernel.nested", {"nested": Known(True)}, "pass", "", ""),
    ("kernel.nested", {"nested": Known(False)}, "fail", "kernel.nested-disabled", "nested=1"),
    ("kernel.nested", {"nested": Absent("no such parameter")}, "unknown", "", "kvm_amd/parameters/nested"),
]


@pytest.mark.parametrize(("check", "known", "status", "cause", "word"), WANTED)
def test_what_is_wanted_is_judged(check: str, known: dict[str, Any], status: str, cause: str, word: str) -> None:
    said = judge(check, kernel=KERNEL._replace(**known), want=Want(iommu=True, nested=True))
    assert (said.status, said.cause) == (status, cause)
    assert word in (said.remedy.text if said.remedy else "")


def test_a_driver_without_a_node_needs_the_node_and_no_module() -> None:
    remedy = judge("kernel.tun", kernel=KERNEL._replace(tun=NO, udev=False)).remedy
    assert remedy is not None
    assert remedy.commands[-1][:2] == ("mknod", "-m")
    inside = judge("kernel.tun", kernel=KERNEL._replace(tun=NO), machine=CONTAINER).remedy
    assert inside is not None
    assert "--device /dev/net/tun" in inside.text
