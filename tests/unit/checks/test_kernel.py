"""The kernel layer: for each check a table of facts and what it says of them."""

from __future__ import annotations

from typing import Any

import pytest

from kvmready.checks import engine, hardware, kernel
from kvmready.checks.finding import Judgement
from kvmready.facts.kernel import Blocked, Kernel
from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown
from kvmready.facts.names import Want
from kvmready.facts.probe import Answer, Probe
from tests.unit.checks.lower import (
    ALICE,
    ALICE_ACCOUNT,
    ALICE_IN_KVM,
    BLACKLISTED,
    CONTAINER,
    GUEST,
    KERNEL,
    KVM_GID,
    NO,
    RAN,
    RELEASE,
    ROOT_KVM,
    UNLOADED,
    answer,
    facts,
    no_guest,
    node,
    probe,
)

CHECKS = {check.id: check.judge for check in kernel.CHECKS}
DENIED = Denied("EACCES")
GONE = Absent(f"/lib/modules/{RELEASE}/modules.dep")
FORBIDDEN = Blocked("kvm_amd", "/proc/cmdline", "module_blacklist=kvm_amd", "kernel")


def judge(check: str, **changes: Any) -> Judgement:
    return CHECKS[check](facts(**changes))


def kind(said: Judgement) -> str:
    return said.remedy.kind if said.remedy else ""


PVM = KERNEL._replace(loaded=Known(("kvm", "kvm_pvm")), registered=Known(("kvm", "tun")), built_in=("kvm", "kvm_pvm"))

MODULES: list[tuple[str, Kernel, Probe, str, str, str]] = [
    ("loaded", KERNEL, no_guest("real-mode"), "pass", "", ""),
    ("a guest ran on kvm_pvm", PVM, probe(RAN), "pass", "", ""),
    ("a guest ran, modules unseen", UNLOADED._replace(loaded=DENIED, registered=DENIED), probe(RAN), "pass", "", ""),
    ("not loaded", UNLOADED, no_guest(), "fail", "kernel.module-not-loaded", "automatic"),
    (
        "blacklisted",
        UNLOADED._replace(blocked=(BLACKLISTED,)),
        no_guest(),
        "fail",
        "kernel.module-blacklisted",
        "automatic",
    ),
    (
        "blacklisted on the command line",
        UNLOADED._replace(blocked=(BLACKLISTED, FORBIDDEN)),
        no_guest(),
        "fail",
        "kernel.module-blacklisted",
        "manual",
    ),
    (
        "updated, not rebooted",
        UNLOADED._replace(tree=GONE, available=Absent("/lib/modules/x"), trees=Known(("6.1.0-36-amd64",))),
        no_guest(),
        "fail",
        "kernel.modules-missing",
        "manual",
    ),
    (
        "no modules at all",
        UNLOADED._replace(tree=GONE, available=Absent("/lib/modules/x"), trees=Absent("/lib/modules")),
        no_guest(),
        "fail",
        "kernel.modules-missing",
        "manual",
    ),
    (
        "a kernel without kvm",
        UNLOADED._replace(available=Known(("tun",)), trees=Known((RELEASE,))),
        no_guest(),
        "fail",
        "kernel.modules-missing",
        "manual",
    ),
    (
        "built in, but it did not start",
        UNLOADED._replace(loaded=Known(("kvm", "kvm_amd")), log=Known(("kvm: no",))),
        no_guest(),
        "fail",
        "kernel.module-not-loaded",
        "manual",
    ),
    ("modules unseen", UNLOADED._replace(loaded=DENIED, registered=DENIED), no_guest(), "unknown", "", "manual"),
    ("tree unseen", UNLOADED._replace(available=DENIED), no_guest(), "unknown", "", "manual"),
    ("unknown cpu", UNLOADED._replace(vendor_module=""), no_guest(), "unknown", "", "manual"),
]


@pytest.mark.parametrize(
    ("known", "probed", "status", "cause", "remedy"), [r[1:] for r in MODULES], ids=[r[0] for r in MODULES]
)
def test_modules(known: Kernel, probed: Probe, status: str, cause: str, remedy: str) -> None:
    said = judge("kernel.modules", kernel=known, probe=probed)
    assert (said.status, said.cause, kind(said)) == (status, cause, remedy)


def test_after_an_update_the_new_kernel_is_named() -> None:
    trees: Fact[tuple[str, ...]] = Known((RELEASE, "6.1.0-36-amd64"))
    known = UNLOADED._replace(tree=GONE, available=Absent("/lib/modules/x"), trees=trees)
    said = judge("kernel.modules", kernel=known, probe=no_guest())
    assert said.remedy is not None
    assert said.remedy.commands == (("reboot",),)
    assert ("/lib/modules", "6.1.0-36-amd64") in said.evidence


def test_in_a_container_the_modules_are_loaded_outside() -> None:
    said = judge("kernel.modules", kernel=UNLOADED, probe=no_guest(), machine=CONTAINER)
    assert (said.status, said.cause, kind(said)) == ("fail", "kernel.module-not-loaded", "manual")
    assert "modprobe kvm_amd" in (said.remedy.text if said.remedy else "")
    assert judge("kernel.modules-persist", kernel=UNLOADED, machine=CONTAINER).status == "skip"


NOT_KEPT = KERNEL._replace(kept=())
PERSIST: list[tuple[str, Kernel, Probe, str, str, str]] = [
    ("kept", KERNEL, probe(RAN), "pass", "", ""),
    ("not kept", NOT_KEPT, probe(RAN), "warn", "kernel.module-not-persistent", "automatic"),
    (
        "not kept, not loaded",
        UNLOADED._replace(kept=()),
        no_guest(),
        "warn",
        "kernel.module-not-persistent",
        "automatic",
    ),
    ("kept, not loaded", UNLOADED, no_guest(), "pass", "", ""),
    (
        "forbidden",
        KERNEL._replace(blocked=(BLACKLISTED,)),
        probe(RAN),
        "warn",
        "kernel.module-blacklisted",
        "automatic",
    ),
    (
        "built in, whatever a file says",
        KERNEL._replace(built_in=("kvm_amd",), kept=(("/sys/module/kvm_amd", "built in"),), blocked=(BLACKLISTED,)),
        probe(RAN),
        "pass",
        "",
        "",
    ),
    ("no such module", UNLOADED._replace(kept=(), available=Known(())), no_guest(), "unknown", "", "manual"),
    ("unknown cpu", UNLOADED._replace(vendor_module="", kept=()), no_guest(), "unknown", "", "manual"),
]


@pytest.mark.parametrize(
    ("known", "probed", "status", "cause", "remedy"), [r[1:] for r in PERSIST], ids=[r[0] for r in PERSIST]
)
def test_modules_persist(known: Kernel, probed: Probe, status: str, cause: str, remedy: str) -> None:
    said = judge("kernel.modules-persist", kernel=known, probe=probed)
    assert (said.status, said.cause, kind(said)) == (status, cause, remedy)


DEVICE: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("right", {}, "pass", "", ""),
    ("open to all", {"kernel": KERNEL._replace(kvm=node("", 232, 0o666, 0))}, "pass", "", ""),
    ("root's", {"kernel": KERNEL._replace(kvm=ROOT_KVM)}, "fail", "kernel.device-permissions", "automatic"),
    (
        "root's, no udev",
        {"kernel": KERNEL._replace(kvm=ROOT_KVM, udev=False)},
        "fail",
        "kernel.device-permissions",
        "manual",
    ),
    (
        "root's, container",
        {"kernel": KERNEL._replace(kvm=ROOT_KVM), "machine": CONTAINER},
        "fail",
        "kernel.device-permissions",
        "manual",
    ),
    (
        "another group",
        {"kernel": KERNEL._replace(kvm=node("", 232, 0o660, 7))},
        "fail",
        "kernel.device-permissions",
        "automatic",
    ),
    (
        "read-only",
        {"kernel": KERNEL._replace(kvm=node("", 232, 0o640))},
        "fail",
        "kernel.device-permissions",
        "automatic",
    ),
    ("no group kvm", {"access": facts().access._replace(kvm_gid=NO)}, "fail", "kernel.device-permissions", "manual"),
    (
        "root's, and only root asks",
        {"kernel": KERNEL._replace(kvm=ROOT_KVM), "want": Want("minimal", ("root",))},
        "pass",
        "",
        "",
    ),
    (
        "root's, and alice asks",
        {"kernel": KERNEL._replace(kvm=ROOT_KVM), "want": Want("minimal", ("alice",))},
        "fail",
        "kernel.device-permissions",
        "automatic",
    ),
    ("missing", {"kernel": KERNEL._replace(kvm=Absent("/dev/kvm"))}, "fail", "kernel.device-missing", "automatic"),
    (
        "missing, no udev",
        {"kernel": KERNEL._replace(kvm=Absent("/dev/kvm"), udev=False)},
        "fail",
        "kernel.device-missing",
        "manual",
    ),
    (
        "not given to the container",
        {"kernel": KERNEL._replace(kvm=Absent("/dev/kvm")), "machine": CONTAINER},
        "fail",
        "kernel.device-denied-by-container",
        "manual",
    ),
    (
        "/dev/null over it, container",
        {"kernel": KERNEL._replace(kvm=node("", 3, 0o666)), "machine": CONTAINER},
        "fail",
        "kernel.device-denied-by-container",
        "manual",
    ),
    (
        "a file in its place",
        {"kernel": KERNEL._replace(kvm=node("", 232, 0o666, 0, "file"))},
        "fail",
        "kernel.device-missing",
        "manual",
    ),
    ("refused", {"kernel": KERNEL._replace(kvm=DENIED)}, "unknown", "", "manual"),
]


@pytest.mark.parametrize(("changes", "status", "cause", "remedy"), [r[1:] for r in DEVICE], ids=[r[0] for r in DEVICE])
def test_kvm_device(changes: dict[str, Any], status: str, cause: str, remedy: str) -> None:
    said = judge("kernel.kvm-permissions" if cause == "kernel.device-permissions" else "kernel.kvm-device", **changes)
    assert (said.status, said.cause, kind(said)) == (status, cause, remedy)
    if cause == "kernel.device-permissions":
        assert judge("kernel.kvm-device", **changes).status == "pass"
    elif status == "pass":
        assert judge("kernel.kvm-permissions", **changes).status == "pass"


QEMU_REFUSED = answer(False, "open", "EACCES", user="libvirt-qemu")
VBOX = KERNEL._replace(loaded=Known(("kvm", "kvm_amd", "vboxdrv")))
ALICE_REFUSED = answer(False, "open", "EACCES")


def as_alice(groups: tuple[int, ...], account: Any, want: Want | None = None) -> dict[str, Any]:
    return {
        "caller": ALICE._replace(groups=groups),
        "probe": probe(ALICE_REFUSED, caller="alice", account=account),
        "want": want or Want(users=("alice",)),
    }


RUNS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("ran", {}, "pass", "", ""),
    ("ran as qemu too", {"probe": probe(RAN, answer(True, user="libvirt-qemu"))}, "pass", "", ""),
    ("not as qemu, whom qemu-user judges", {"probe": probe(RAN, QEMU_REFUSED)}, "pass", "", ""),
    (
        "not as alice, whom access judges",
        {"probe": probe(RAN, answer(False, "open", "EACCES", user="alice"))},
        "pass",
        "",
        "",
    ),
    ("qemu could not be tried", {"probe": probe(RAN, answer(None, "privilege", user="libvirt-qemu"))}, "pass", "", ""),
    ("ENOENT", {"probe": no_guest("open", "ENOENT")}, "fail", "kernel.device-missing", "automatic"),
    ("ENODEV", {"probe": no_guest("open", "ENODEV")}, "fail", "kernel.module-not-loaded", "automatic"),
    (
        "ENXIO, container",
        {"probe": no_guest("open", "ENXIO"), "machine": CONTAINER},
        "fail",
        "kernel.module-not-loaded",
        "manual",
    ),
    ("EBUSY", {"probe": no_guest("create-vm", "EBUSY"), "kernel": VBOX}, "fail", "kernel.other-hypervisor", "manual"),
    ("EBUSY, nobody seen", {"probe": no_guest("create-vm", "EBUSY")}, "fail", "kernel.other-hypervisor", "manual"),
    ("EPERM", {"probe": no_guest("open", "EPERM")}, "fail", "kernel.device-denied-by-container", "manual"),
    (
        "EACCES, container",
        {"probe": no_guest("open", "EACCES"), "machine": CONTAINER},
        "fail",
        "kernel.device-denied-by-container",
        "manual",
    ),
    ("EACCES as root", {"probe": no_guest("open", "EACCES")}, "fail", "kernel.device-permissions", "manual"),
    ("FAIL_ENTRY", {"probe": no_guest("real-mode", "", "FAIL_ENTRY")}, "fail", "kernel.run-fails", "manual"),
    ("hangs", {"probe": no_guest("long-mode", "EINTR")}, "fail", "kernel.run-fails", "manual"),
    ("no VM", {"probe": no_guest("create-vm", "ENOMEM")}, "fail", "kernel.run-fails", "manual"),
    ("EPERM later", {"probe": no_guest("create-vcpu", "EPERM")}, "fail", "kernel.run-fails", "manual"),
    ("not the KVM device", {"probe": no_guest("api", "ENOTTY")}, "fail", "kernel.run-fails", "manual"),
    ("another errno at open", {"probe": no_guest("open", "EMFILE")}, "fail", "kernel.run-fails", "manual"),
    ("not in the group", as_alice((1000,), Known(ALICE_ACCOUNT)), "fail", "access.not-in-kvm-group", "automatic"),
    ("session too old", as_alice((1000,), Known(ALICE_IN_KVM)), "fail", "access.session-stale", "manual"),
    (
        "in group and session",
        as_alice((1000, KVM_GID), Known(ALICE_IN_KVM)),
        "fail",
        "kernel.device-permissions",
        "manual",
    ),
    ("account refused", as_alice((1000,), DENIED), "fail", "kernel.device-permissions", "manual"),
    ("on behalf of bob", as_alice((1000,), Known(ALICE_ACCOUNT), Want(users=("bob",))), "unknown", "", "manual"),
    ("no such machine code", {"probe": probe(answer(None, "unsupported-arch"))}, "unknown", "", "manual"),
    (
        "timeout",
        {"probe": Probe(Unknown("the probe did not answer within 10 s"), "root", DENIED)},
        "unknown",
        "",
        "manual",
    ),
]


@pytest.mark.parametrize(("changes", "status", "cause", "remedy"), [r[1:] for r in RUNS], ids=[r[0] for r in RUNS])
def test_kvm_runs(changes: dict[str, Any], status: str, cause: str, remedy: str) -> None:
    said = judge("kernel.kvm-runs", **changes)
    assert (said.status, said.cause, kind(said)) == (status, cause, remedy)
    assert said.evidence


def test_the_other_hypervisor_is_named() -> None:
    said = judge("kernel.kvm-runs", probe=no_guest("create-vm", "EBUSY"), kernel=VBOX)
    assert "vboxdrv" in said.summary
    assert said.remedy is not None
    assert said.remedy.commands == (("systemctl", "stop", "vboxdrv"),)


def test_the_exit_reason_is_evidence() -> None:
    said = judge("kernel.kvm-runs", probe=no_guest("real-mode", "", "FAIL_ENTRY"))
    assert "KVM_EXIT_FAIL_ENTRY" in said.summary
    assert "KVM_EXIT_FAIL_ENTRY" in said.evidence[0].text


SPEED = [
    (RAN, "pass", "", "Guests run at native speed, ratio 0.98."),
    (
        RAN._replace(native_ratio=0.00005, emulated=False, held_up=True),
        "pass",
        "",
        "Guests run at native speed: the CPU runs their code itself.",
    ),
    (RAN._replace(native_ratio=0.00005, held_up=True), "unknown", "", "It is not known how fast guests run."),
    (RAN._replace(native_ratio=0.0003367), "warn", "kernel.degraded", "KVM runs guests, degraded, ratio 0.00034."),
    (RAN._replace(native_ratio=None, exit_us=None), "unknown", "", "It is not known how fast guests run."),
    (answer(False, "open", "ENOENT"), "unknown", "", "It is not known how fast guests run."),
]


@pytest.mark.parametrize(("said_by_probe", "status", "cause", "summary"), SPEED)
def test_acceleration(said_by_probe: Answer, status: str, cause: str, summary: str) -> None:
    said = judge("kernel.acceleration", probe=probe(said_by_probe))
    assert (said.status, said.cause, said.summary) == (status, cause, summary)


def test_a_degraded_host_is_usable() -> None:
    seen = facts(
        machine=GUEST, kernel=PVM._replace(built_in=("kvm_pvm",)), probe=probe(RAN._replace(native_ratio=0.0003))
    )
    findings = engine.judge(hardware.CHECKS + kernel.CHECKS, seen)
    by_check = {f.check: f for f in findings}
    assert by_check["hardware.cpu-virtualization"].status == "pass"
    assert by_check["kernel.modules"].status == "pass"
    assert by_check["kernel.kvm-runs"].status == "pass"
    assert by_check["kernel.acceleration"].cause == "kernel.degraded"
    assert engine.verdict(findings) == "ready-with-warnings"


EMULATED = Want(accel="tcg", nested=True)
OF_KVM = (
    "kernel.modules", "kernel.modules-persist", "kernel.kvm-device", "kernel.kvm-runs", "kernel.acceleration",
    "kernel.nested",
)  # fmt: skip


def test_where_emulation_was_accepted_kvm_is_not_asked_for() -> None:
    seen = facts(machine=GUEST, kernel=UNLOADED._replace(kept=()), probe=no_guest(), want=EMULATED)
    findings = {f.check: f for f in engine.judge(hardware.CHECKS + kernel.CHECKS, seen)}
    assert {findings[check].status for check in OF_KVM} == {"skip"}
    assert all("emulation" in findings[check].summary for check in OF_KVM)
    assert findings["hardware.cpu-virtualization"].status == "warn"
    assert findings["kernel.tun"].status == "pass"
    assert engine.verdict(tuple(findings.values())) == "ready-with-warnings"
