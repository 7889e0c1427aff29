"""The checks that are one part of what keeps a guest from running: tree, blacklist, rivals, QEMU's user, huge pages."""

from __future__ import annotations

from typing import Any

import pytest

from kvmready.checks import engine, hardware, kernel
from kvmready.checks.finding import Judgement
from kvmready.facts.kernel import Blocked, Kernel
from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown
from kvmready.facts.memory import Memory, Request
from kvmready.facts.names import Want
from kvmready.facts.probe import Probe
from kvmready.host.door import Account
from tests.unit.checks.lower import (
    ALICE,
    BLACKLISTED,
    CONTAINER,
    KERNEL,
    KVM_GID,
    MEMORY,
    RAN,
    RELEASE,
    ROOT,
    ROOT_KVM,
    UNLOADED,
    answer,
    facts,
    no_guest,
    probe,
)

CHECKS = {check.id: check.judge for check in kernel.CHECKS}
GONE = Absent(f"/lib/modules/{RELEASE}/modules.dep")
NEWER: Fact[tuple[str, ...]] = Known(("6.1.0-36-amd64",))
BUILT_IN = KERNEL._replace(built_in=("kvm", "kvm_amd"), tree=GONE)
ON_COMMAND_LINE = Blocked("kvm_amd", "/proc/cmdline", "modprobe.blacklist=kvm_amd", "blacklist")
PACKAGED = Blocked("kvm_amd", "/usr/lib/modprobe.d/x.conf", "blacklist kvm_amd", "blacklist")


def kind(said: Judgement) -> str:
    return said.remedy.kind if said.remedy else ""


TREES: list[tuple[str, Kernel, Probe, str, str]] = [
    ("there", KERNEL, probe(RAN), "pass", ""),
    ("built in", BUILT_IN, probe(RAN), "pass", ""),
    ("gone, loaded", KERNEL._replace(tree=GONE, trees=NEWER), probe(RAN), "warn", "kernel.modules-missing"),
    (
        "gone, not loaded",
        UNLOADED._replace(tree=GONE, available=GONE, trees=NEWER),
        no_guest(),
        "fail",
        "kernel.modules-missing",
    ),
    ("without kvm", UNLOADED._replace(available=Known(("tun",))), no_guest(), "fail", "kernel.modules-missing"),
    ("not loaded", UNLOADED, no_guest(), "pass", ""),
    ("unseen", UNLOADED._replace(tree=Denied("x"), available=Denied("x")), no_guest(), "unknown", ""),
]


@pytest.mark.parametrize(
    ("known", "probed", "status", "cause"), [row[1:] for row in TREES], ids=[row[0] for row in TREES]
)
def test_module_tree(known: Kernel, probed: Probe, status: str, cause: str) -> None:
    said = CHECKS["kernel.module-tree"](facts(kernel=known, probe=probed))
    assert (said.status, said.cause) == (status, cause)
    assert CHECKS["kernel.module-tree"](facts(kernel=known, probe=probed, machine=CONTAINER)).status == "skip"


def test_a_tree_that_is_gone_is_the_cause_of_modules_that_do_not_load() -> None:
    seen = facts(kernel=UNLOADED._replace(tree=GONE, available=GONE, trees=NEWER), probe=no_guest())
    causes = engine.root_causes(engine.judge(hardware.CHECKS + kernel.CHECKS, seen))
    assert causes[0].cause == "kernel.modules-missing"
    assert {"kernel.modules", "kernel.kvm-runs"} <= set(causes[0].explains)
    assert causes[0].remedy is not None and causes[0].remedy.commands == (("reboot",),)


BLOCKS: list[tuple[str, Kernel, Probe, str, str]] = [
    ("nothing", UNLOADED, no_guest(), "pass", ""),
    ("in a file", UNLOADED._replace(blocked=(BLACKLISTED,)), no_guest(), "fail", "automatic"),
    ("loaded all the same", KERNEL._replace(blocked=(BLACKLISTED,)), probe(RAN), "warn", "automatic"),
    ("command line", UNLOADED._replace(blocked=(BLACKLISTED, ON_COMMAND_LINE)), no_guest(), "fail", "manual"),
    ("a package's file", UNLOADED._replace(blocked=(PACKAGED,)), no_guest(), "fail", "manual"),
    ("built in", BUILT_IN._replace(blocked=(BLACKLISTED,)), probe(RAN), "pass", ""),
    ("unknown CPU", UNLOADED._replace(vendor_module=""), no_guest(), "pass", ""),
]


@pytest.mark.parametrize(
    ("known", "probed", "status", "remedy"), [row[1:] for row in BLOCKS], ids=[row[0] for row in BLOCKS]
)
def test_blacklist(known: Kernel, probed: Probe, status: str, remedy: str) -> None:
    said = CHECKS["kernel.blacklist"](facts(kernel=known, probe=probed))
    assert (said.status, kind(said)) == (status, remedy)
    assert said.cause == ("" if status == "pass" else "kernel.module-blacklisted")
    assert CHECKS["kernel.blacklist"](facts(kernel=known, probe=probed, machine=CONTAINER)).status == "skip"


def test_a_blacklist_is_one_cause_for_all_that_it_hinders() -> None:
    seen = facts(kernel=UNLOADED._replace(blocked=(BLACKLISTED,), kept=()), probe=no_guest())
    causes = [cause.cause for cause in engine.root_causes(engine.judge(hardware.CHECKS + kernel.CHECKS, seen))]
    assert causes == ["kernel.module-blacklisted"]


VBOX = KERNEL._replace(loaded=Known(("kvm", "kvm_amd", "vboxdrv")))


def test_a_rival_that_holds_the_extension_explains_that_no_guest_runs() -> None:
    seen = facts(kernel=VBOX, probe=no_guest("create-vm", "EBUSY"))
    found = {f.check: f for f in engine.judge(hardware.CHECKS + kernel.CHECKS, seen)}
    assert (found["kernel.extension-free"].status, found["kernel.extension-free"].cause) == (
        "fail",
        "kernel.other-hypervisor",
    )
    assert found["kernel.kvm-runs"].blocked_by == ("kernel.extension-free",)


def test_a_rival_that_sleeps_is_no_fault() -> None:
    said = CHECKS["kernel.extension-free"](facts(kernel=VBOX, probe=probe(RAN)))
    assert said.status == "pass" and "vboxdrv" in said.summary
    assert CHECKS["kernel.extension-free"](facts(probe=no_guest("open", "EACCES"))).status == "pass"


QEMU = Account("libvirt-qemu", 64055, KVM_GID, "", (("kvm", KVM_GID),))
STRANGER = QEMU._replace(gid=64055, groups=(("libvirt-qemu", 64055),))


def as_alice(account: Any, node: Any = None) -> dict[str, Any]:
    own = probe(RAN, caller="alice")._replace(qemu_account=account)
    return {"caller": ALICE, "probe": own, **({"kernel": KERNEL._replace(kvm=node)} if node else {})}


QEMU_USERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("ran", {"probe": probe(RAN, answer(True, user="libvirt-qemu"))}, "pass", ""),
    (
        "refused",
        {"probe": probe(RAN, answer(False, "open", "EACCES", user="libvirt-qemu"))},
        "fail",
        "kernel.device-permissions",
    ),
    (
        "no memory for it",
        {"probe": probe(RAN, answer(False, "create-vm", "ENOMEM", user="libvirt-qemu"))},
        "fail",
        "kernel.run-fails",
    ),
    ("not tried", {"probe": probe(RAN, answer(None, "privilege", user="libvirt-qemu"))}, "unknown", ""),
    ("no such user yet", {"probe": probe(RAN)}, "skip", ""),
    ("the database says yes", as_alice(Known(QEMU)), "pass", ""),
    ("an ACL might say yes", as_alice(Known(STRANGER)), "unknown", ""),
    ("root's device", as_alice(Known(QEMU), ROOT_KVM), "unknown", ""),
    ("no such user, says the database", as_alice(Absent("libvirt-qemu")), "skip", ""),
    ("database refused", as_alice(Denied("x")), "unknown", ""),
]


@pytest.mark.parametrize(
    ("changes", "status", "cause"), [row[1:] for row in QEMU_USERS], ids=[row[0] for row in QEMU_USERS]
)
def test_qemu_user(changes: dict[str, Any], status: str, cause: str) -> None:
    said = CHECKS["kernel.qemu-user"](facts(**changes))
    assert (said.status, said.cause) == (status, cause)


def asked(pages: int, reserved: int) -> Memory:
    request = Request("/etc/sysctl.d/80-vms.conf", f"vm.nr_hugepages={pages}", pages)
    return MEMORY._replace(requests=(request,), huge_pages=Known(reserved))


HUGE: list[tuple[str, Memory, str]] = [
    ("nobody asked", MEMORY, "skip"),
    ("met", asked(512, 512), "pass"),
    ("reserved by hand", MEMORY._replace(huge_pages=Known(4)), "pass"),
    ("not met", asked(4096, 700), "warn"),
    ("unseen", asked(4096, 0)._replace(huge_pages=Unknown("x")), "unknown"),
]


@pytest.mark.parametrize(("memory", "status"), [row[1:] for row in HUGE], ids=[row[0] for row in HUGE])
def test_hugepages(memory: Memory, status: str) -> None:
    said = CHECKS["kernel.hugepages"](facts(memory=memory))
    assert (said.status, said.cause) == (status, "qemu.guest-memory" if status == "warn" else "")
    if status == "warn":
        assert "4096" in said.summary and "700" in said.summary
        assert said.remedy is not None and "/etc/sysctl.d/80-vms.conf" in said.remedy.text


def test_emulation_asks_for_none_of_kvms_parts() -> None:
    seen = facts(kernel=UNLOADED._replace(blocked=(BLACKLISTED,)), probe=no_guest(), want=Want(accel="tcg"))
    assert CHECKS["kernel.blacklist"](seen).status == "skip"
    assert CHECKS["kernel.kvm-permissions"](seen).status == "skip"


@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_after_an_update_all_that_cannot_be_loaded_has_one_cause(accel: str) -> None:
    gone = UNLOADED._replace(tree=GONE, available=GONE, trees=NEWER)
    seen = facts(kernel=gone, probe=no_guest(), want=Want(accel=accel))
    causes = engine.root_causes(engine.judge(hardware.CHECKS + kernel.CHECKS, seen))
    assert [cause.cause for cause in causes] == ["kernel.modules-missing"]
    assert {"kernel.tun", "kernel.vhost-net"} <= set(causes[0].explains)


def test_the_rules_of_udev_are_evidence() -> None:
    rule = ("/usr/lib/udev/rules.d/50-udev-default.rules", 'KERNEL=="kvm", GROUP="kvm", MODE="0660"')
    wrong = KERNEL._replace(kvm=ROOT_KVM)
    told = CHECKS["kernel.kvm-permissions"](facts(kernel=wrong._replace(kvm_rules=Known((rule,)))))
    assert rule in told.evidence
    nothing = CHECKS["kernel.kvm-permissions"](facts(kernel=wrong._replace(kvm_rules=Known(()))))
    assert "no rule" in nothing.evidence[-1].text


@pytest.mark.parametrize(
    ("node", "device", "permissions"), [(Absent("/dev/kvm"), "fail", "blocked"), (Denied("x"), "unknown", "unknown")]
)
def test_nobody_judges_the_owner_of_a_device_that_was_not_seen(node: Any, device: str, permissions: str) -> None:
    found = {f.check: f.status for f in engine.judge(kernel.CHECKS, facts(kernel=KERNEL._replace(kvm=node)))}
    assert (found["kernel.kvm-device"], found["kernel.kvm-permissions"]) == (device, permissions)


def test_where_there_is_no_guest_of_ours_nobody_is_told_to_run_it() -> None:
    seen = facts(probe=probe(answer(None, "unsupported-arch")), caller=ROOT._replace(arch="aarch64"))
    for check in ("kernel.kvm-runs", "kernel.acceleration"):
        said = CHECKS[check](seen)
        assert said.status == "unknown" and said.remedy is not None
        assert "aarch64" in said.remedy.text and said.remedy.commands == ()
