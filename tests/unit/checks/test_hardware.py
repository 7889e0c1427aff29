"""Can this machine run guests: one row for each kind of machine that says so, or says why not."""

from __future__ import annotations

import pytest

from kvmready.checks import engine, hardware, kernel
from kvmready.facts.kernel import Kernel
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.machine import Dmi, Machine
from kvmready.facts.names import Want
from kvmready.facts.probe import Probe
from tests.unit.checks.lower import BARE_METAL, CONTAINER, GUEST, NO, RAN, UNLOADED, answer, facts, no_guest, probe

INTEL = BARE_METAL._replace(cpu_vendor=Known("GenuineIntel"))
NO_FLAG = BARE_METAL._replace(cpu_flags=Known(("lm",)))
ARM = BARE_METAL._replace(arch="aarch64", cpu_flags=Known(()), cpu_vendor=Known("0x41"))
WSL = GUEST._replace(kind="wsl", container="wsl", hypervisor="hyperv")
TDX = GUEST._replace(cpu_flags=Known(("hypervisor", "lm", "tdx_guest")))
DOM0 = NO_FLAG._replace(xen_dom0=True)
UNREADABLE = BARE_METAL._replace(cpu_flags=Denied("/proc/cpuinfo: EACCES"))


def log(*lines: str) -> Kernel:
    return UNLOADED._replace(log=Known(lines))


BY_BIOS_AMD = log("[    0.1] SVM disabled (by BIOS) in MSR_VM_CR")
BY_BIOS_INTEL = log("[    0.1] x86/cpu: VMX (outside TXT) disabled by BIOS")
SEV = log("[    0.1] Memory Encryption Features active: AMD SEV SEV-ES")
SME = log("[    0.1] Memory Encryption Features active: AMD SME")
NO_HYP = log("[    0.1] kvm [1]: HYP mode not available")
NO_LOG = UNLOADED._replace(log=Denied("dmesg: only root may read the kernel log"))

FAILED = no_guest()

CPU: list[tuple[str, Machine, Kernel, Probe, str, str]] = [
    ("flag", BARE_METAL, UNLOADED, FAILED, "pass", ""),
    ("a guest ran without a flag", GUEST, UNLOADED, probe(RAN), "pass", ""),
    ("a guest ran, flags unreadable", UNREADABLE, UNLOADED, probe(RAN), "pass", ""),
    ("a guest ran as another user", GUEST, UNLOADED, probe(answer(None), answer(True, user="alice")), "pass", ""),
    ("no flag, but the driver started", GUEST, UNLOADED._replace(registered=Known(("kvm",))), FAILED, "pass", ""),
    ("s390x", BARE_METAL._replace(arch="s390x", cpu_flags=Known(("sie",))), UNLOADED, FAILED, "pass", ""),
    ("firmware, flag cleared", NO_FLAG, BY_BIOS_AMD, FAILED, "fail", "hardware.firmware-disabled"),
    ("firmware, flag kept by an old kernel", INTEL, BY_BIOS_INTEL, FAILED, "fail", "hardware.firmware-disabled"),
    ("firmware or CPU, log refused", NO_FLAG, NO_LOG, FAILED, "fail", "hardware.firmware-disabled"),
    ("no extension", NO_FLAG, log(), FAILED, "fail", "hardware.cpu-unsupported"),
    ("host memory encryption is no guest", NO_FLAG, SME, FAILED, "fail", "hardware.cpu-unsupported"),
    ("vm", GUEST, log(), FAILED, "fail", "hardware.nested-off"),
    ("vm, log refused", GUEST, NO_LOG, FAILED, "fail", "hardware.nested-off"),
    ("container in a vm", GUEST._replace(kind="container"), log(), FAILED, "fail", "hardware.nested-off"),
    ("wsl", WSL, log(), FAILED, "fail", "hardware.wsl-nested-off"),
    ("xen dom0", DOM0, log(), FAILED, "fail", "hardware.xen-dom0"),
    ("sev", GUEST, SEV, FAILED, "fail", "hardware.confidential-guest"),
    ("tdx", TDX, log(), FAILED, "fail", "hardware.confidential-guest"),
    ("arm below EL2", ARM, NO_HYP, FAILED, "fail", "hardware.arm-not-el2"),
    ("arm guest", ARM._replace(kind="vm", hypervisor="kvm"), NO_HYP, FAILED, "fail", "hardware.nested-off"),
    ("arm, nobody tells", ARM, log(), FAILED, "unknown", ""),
    ("arm, log refused", ARM, NO_LOG, FAILED, "unknown", ""),
    ("flags refused", UNREADABLE, log(), FAILED, "unknown", ""),
    ("no flags line", BARE_METAL._replace(cpu_flags=Unknown("no line")), log(), FAILED, "unknown", ""),
]


@pytest.mark.parametrize(("host", "known", "probed", "status", "cause"), [r[1:] for r in CPU], ids=[r[0] for r in CPU])
def test_cpu_virtualization(host: Machine, known: Kernel, probed: Probe, status: str, cause: str) -> None:
    said = hardware.cpu_virtualization(facts(machine=host, kernel=known, probe=probed))
    assert (said.status, said.cause) == (status, cause)
    assert said.evidence
    assert (said.remedy is None) == (status == "pass")
    accepted = hardware.cpu_virtualization(facts(machine=host, kernel=known, probe=probed, want=Want(accel="tcg")))
    assert (accepted.status, accepted.cause) == ("warn" if status == "fail" else status, cause)


MACHINE: list[tuple[str, Machine, Kernel, Probe, str, str, str]] = [
    ("bare metal", BARE_METAL, UNLOADED, FAILED, "pass", "", "a bare-metal machine (LENOVO 20UD)"),
    ("vm", GUEST, log(), FAILED, "pass", "", "a virtual machine under kvm (QEMU)"),
    ("container", CONTAINER, log(), FAILED, "pass", "", "a container (docker)"),
    ("wsl", WSL, log(), FAILED, "pass", "", "WSL"),
    ("dom0", DOM0, log(), FAILED, "fail", "hardware.xen-dom0", "Xen"),
    ("sev", GUEST, SEV, FAILED, "fail", "hardware.confidential-guest", "confidential"),
    ("sev, and yet a guest ran", GUEST, SEV, probe(RAN), "pass", "", "a virtual machine"),
    ("flags refused", UNREADABLE, log(), FAILED, "unknown", "", "not known"),
]


@pytest.mark.parametrize(
    ("host", "known", "probed", "status", "cause", "text"), [r[1:] for r in MACHINE], ids=[r[0] for r in MACHINE]
)
def test_machine(host: Machine, known: Kernel, probed: Probe, status: str, cause: str, text: str) -> None:
    said = hardware.machine(facts(machine=host, kernel=known, probe=probed))
    assert (said.status, said.cause) == (status, cause)
    assert text in said.summary


def _remedy(host: Machine, known: Kernel) -> str:
    remedy = hardware.cpu_virtualization(facts(machine=host, kernel=known, probe=FAILED)).remedy
    assert remedy is not None
    assert remedy.kind == "manual"
    return remedy.text


@pytest.mark.parametrize(
    ("vendor", "keys"),
    [
        ("LENOVO", "F1, F2, Enter"), ("Dell Inc.", "F2"), ("HP", "F10, Esc"), ("HPE", "F9"),
        ("Hewlett-Packard", "F10, Esc"), ("ASUSTeK COMPUTER INC.", "Del, F2"), ("Micro-Star International", "Del"),
        ("Gigabyte Technology Co., Ltd.", "Del"), ("Intel(R) Client Systems", "F2"), ("Supermicro", "Del"),
    ],
)  # fmt: skip
def test_firmware_setup_keys_of_the_maker(vendor: str, keys: str) -> None:
    text = _remedy(NO_FLAG._replace(dmi=Dmi(Known(vendor), NO, NO)), BY_BIOS_AMD)
    assert text.startswith(f"Press {keys} while the machine ({vendor}) starts. Switch on AMD-V (SVM Mode)")


def test_firmware_setup_keys_of_an_unknown_maker() -> None:
    text = _remedy(INTEL._replace(dmi=Dmi(Absent(""), NO, NO)), BY_BIOS_INTEL)
    assert "often F2, Del, F10 or F1" in text
    assert "Intel VT-x" in text
    assert "off completely" in text


@pytest.mark.parametrize(
    ("hypervisor", "vendor", "word"),
    [
        ("kvm", "QEMU", "host-passthrough"), ("kvm", "Amazon EC2", "--cpu-options NestedVirtualization=enabled"),
        ("kvm", "Google", "--enable-nested-virtualization"), ("hyperv", "Microsoft Corporation", "Set-VMProcessor"),
        ("vmware", "VMware, Inc.", "vhv.enable"), ("virtualbox", "innotek GmbH", "--nested-hw-virt on"),
        ("xen", "Xen", "nestedhvm=1"), ("unknown", "", "nested virtualization"), ("bhyve", "", "nested virtualization"),
    ],
)  # fmt: skip
def test_nested_virtualization_is_switched_on_where_the_hypervisor_wants_it(
    hypervisor: str, vendor: str, word: str
) -> None:
    host = GUEST._replace(hypervisor=hypervisor, dmi=Dmi(Known(vendor) if vendor else NO, NO, NO))
    assert word in _remedy(host, log())


def test_a_hidden_flag_is_told() -> None:
    hidden = log()._replace(words=Known(("clearcpuid=svm",)))
    said = hardware.cpu_virtualization(facts(machine=NO_FLAG, kernel=hidden, probe=FAILED))
    assert ("/proc/cmdline", "clearcpuid=svm") in said.evidence


@pytest.mark.parametrize(
    ("host", "known"), [(GUEST, log()), (NO_FLAG, BY_BIOS_AMD), (DOM0, log()), (WSL, log()), (GUEST, SEV)]
)
def test_a_cpu_that_cannot_is_the_one_root_cause_of_all_kvm_failures(host: Machine, known: Kernel) -> None:
    seen = facts(machine=host, kernel=known._replace(kept=()), probe=FAILED)
    findings = engine.judge(hardware.CHECKS + kernel.CHECKS, seen)
    failing = [f for f in findings if f.status in ("fail", "warn")]
    assert {f.layer for f in failing} == {"hardware"}
    assert len(engine.root_causes(findings)) == 1
    assert [f.check for f in findings if f.status == "blocked" and f.layer == "kernel"] == [
        "kernel.modules", "kernel.modules-persist", "kernel.kvm-device", "kernel.kvm-runs", "kernel.acceleration",
    ]  # fmt: skip
    assert engine.verdict(findings) == "not-ready"
