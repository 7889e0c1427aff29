"""Can this machine run guests: one row for each kind of machine that says so, or says why not."""

from __future__ import annotations

import pytest

from kvmready.checks import engine, hardware, kernel
from kvmready.facts.kernel import Kernel
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.machine import Dmi, Machine
from kvmready.facts.names import Want
from kvmready.facts.probe import Probe
from tests.unit.checks.lower import (
    BARE_METAL,
    CONTAINER,
    GUEST,
    KERNEL,
    NO,
    RAN,
    UNLOADED,
    answer,
    facts,
    no_guest,
    probe,
)

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
    ("dom0", DOM0, log(), FAILED, "pass", "", "Xen"),
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
    ("vendor", "product", "keys", "amd", "intel"),
    [
        ("LENOVO", "20UD", "F1, F2, Enter", "AMD SVM Technology", "Intel Virtualization Technology"),
        ("Lenovo", "ThinkSystem SR635", "F1", "Processors and switch on SVM Mode", "Intel Virtualization Technology"),
        ("Dell Inc.", "Latitude 7490", "F2", "AMD-V", "Virtualization Support"),
        ("Dell Inc.", "PowerEdge R740", "F2", "Processor Settings", "Processor Settings"),
        ("HP", "EliteBook", "Esc, F10", "AMD-V", "VTx"), ("HPE", "ProLiant DL385", "F9", "RBSU", "Intel VT"),
        ("HP", "ProLiant DL360 Gen9", "F9", "AMD-V", "Virtualization Options"),
        ("Hewlett-Packard", "HP Compaq", "Esc, F10", "System Options", "System Options"),
        ("ASUSTeK COMPUTER INC.", "", "Del, F2", "CPU Configuration and switch on SVM Mode", "Intel (VMX)"),
        ("Micro-Star International", "MS-7C02", "Del", "SVM Mode", "Intel Virtualization Tech"),
        ("Gigabyte Technology Co., Ltd.", "X570", "Del", "SVM Mode", "Advanced CPU Settings"),
        ("ASRock", "B450M", "F2, Del", "SVM Mode", "CPU Configuration"),
        ("Acer", "Aspire", "F2, Del", "SVM", "Intel VTX"),
        ("Intel(R) Client Systems", "NUC11", "F2", "SVM Mode", "Security Features"),
        ("Supermicro", "X11", "Del", "CPU Configuration and switch on SVM Mode", "VMX"),
        ("FUJITSU", "", "F2", "SVM Mode", "Intel Virtualization Technology"),
    ],
)  # fmt: skip
def test_firmware_setup_of_the_maker(vendor: str, product: str, keys: str, amd: str, intel: str) -> None:
    dmi = Dmi(Known(vendor), Known(product) if product else NO, NO)
    for host, log_line, words in ((NO_FLAG, BY_BIOS_AMD, amd), (INTEL, BY_BIOS_INTEL, intel)):
        text = _remedy(host._replace(dmi=dmi, cpu_flags=NO_FLAG.cpu_flags), log_line)
        assert text.startswith(f"Press {keys} while the machine ({vendor}) starts. Go to ")
        assert words in text
        assert "power off completely" in text


@pytest.mark.parametrize(
    ("vendor", "word"),
    [("Apple Inc.", "macOS"), ("Microsoft Corporation", "Volume Up"), ("Framework", "Press F2"), ("Somebody", "often")],
)
def test_firmware_setup_of_makers_without_a_menu_to_name(vendor: str, word: str) -> None:
    assert word in _remedy(NO_FLAG._replace(dmi=Dmi(Known(vendor), NO, NO)), BY_BIOS_AMD)


def test_in_a_container_the_machine_around_it_is_meant() -> None:
    assert _remedy(NO_FLAG._replace(kind="container"), BY_BIOS_AMD).startswith("On the machine around this container:")
    assert "around this container" in _remedy(GUEST._replace(kind="container"), log())


def test_firmware_setup_keys_of_an_unknown_maker() -> None:
    text = _remedy(INTEL._replace(dmi=Dmi(Absent(""), NO, NO)), BY_BIOS_INTEL)
    assert "often F2, Del, F10 or F1" in text
    assert "Intel VT-x" in text
    assert "off completely" in text


@pytest.mark.parametrize(
    ("asset", "word"),
    [("OracleCloud.com", "BM."), ("7783-7084-3265-9085-8269-3286-77", "Azure: resize"), ("No Asset Tag", "-cpu host")],
)
def test_clouds_that_name_themselves_in_the_asset_tag(asset: str, word: str) -> None:
    dmi = Dmi(Known("QEMU"), NO, NO, Known(asset))
    assert word in _remedy(GUEST._replace(dmi=dmi), log())


@pytest.mark.parametrize(
    ("hypervisor", "vendor", "word"),
    [
        ("kvm", "QEMU", "host-passthrough"), ("kvm", "Amazon EC2", "--cpu-options NestedVirtualization=enabled"),
        ("kvm", "Google", "--enable-nested-virtualization"), ("hyperv", "Microsoft Corporation", "Set-VMProcessor"),
        ("kvm", "Alibaba Cloud", "ecs.ebm"), ("kvm", "Tencent Cloud", "Bare Metal"),
        ("kvm", "Huawei Cloud", "physical"),
        ("kvm", "OpenStack Foundation", "nova.conf"), ("parallels", "Parallels", "CPU & Memory"),
        ("apple", "Apple", "M3"),
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
    root = engine.root_causes(findings)[0]
    blocked = [f.check for f in findings if f.status == "blocked" and f.layer == "kernel"]
    assert blocked == [
        "kernel.modules", "kernel.modules-persist", "kernel.kvm-device", "kernel.kvm-permissions", "kernel.kvm-runs",
        "kernel.acceleration",
    ]  # fmt: skip
    assert set(blocked) < set(root.explains)
    assert "hardware.cpu-virtualization" in root.explains
    assert engine.verdict(findings) == "not-ready"


WSL_1 = log()._replace(release="4.4.0-19041-Microsoft")
WSL_2 = log()._replace(release="5.15.153.1-microsoft-standard-WSL2")
FACES: list[tuple[str, str, Machine, Kernel, Probe, str, str]] = [
    ("wsl 2", "hardware.machine", WSL, WSL_2, FAILED, "pass", ""),
    ("wsl 1", "hardware.machine", WSL, WSL_1, FAILED, "fail", "hardware.wsl-1"),
    ("wsl 1", "hardware.nested-host", WSL, WSL_1, FAILED, "skip", ""),
    (
        "wsl 1 shows the flags of Windows' CPU",
        "hardware.cpu-virtualization",
        WSL._replace(cpu_flags=Known(("vmx",))),
        WSL_1,
        FAILED,
        "fail",
        "hardware.wsl-1",
    ),
    ("no Xen", "hardware.xen", BARE_METAL, UNLOADED, FAILED, "pass", ""),
    ("dom0", "hardware.xen", DOM0, log(), FAILED, "fail", "hardware.xen-dom0"),
    ("dom0, and yet a guest ran", "hardware.xen", DOM0, log(), probe(RAN), "pass", ""),
    ("no SEV", "hardware.confidential", GUEST, log(), FAILED, "pass", ""),
    ("sev", "hardware.confidential", GUEST, SEV, FAILED, "fail", "hardware.confidential-guest"),
    ("tdx", "hardware.confidential", TDX, log(), FAILED, "fail", "hardware.confidential-guest"),
    ("tdx, and yet a guest ran", "hardware.confidential", TDX, log(), probe(RAN), "pass", ""),
    ("bare metal", "hardware.nested-host", NO_FLAG, log(), FAILED, "skip", ""),
    ("passed on", "hardware.nested-host", GUEST, log(), probe(RAN), "pass", ""),
    ("not passed on", "hardware.nested-host", GUEST, log(), FAILED, "fail", "hardware.nested-off"),
    ("wsl", "hardware.nested-host", WSL, log(), FAILED, "fail", "hardware.wsl-nested-off"),
    ("sev is named for itself", "hardware.nested-host", GUEST, SEV, FAILED, "skip", ""),
    ("vm", "hardware.firmware", GUEST, log(), FAILED, "skip", ""),
    ("on", "hardware.firmware", BARE_METAL, UNLOADED, FAILED, "pass", ""),
    ("off", "hardware.firmware", NO_FLAG, BY_BIOS_AMD, FAILED, "fail", "hardware.firmware-disabled"),
    ("off, or the CPU has none", "hardware.firmware", NO_FLAG, NO_LOG, FAILED, "fail", "hardware.firmware-disabled"),
    ("the CPU has none", "hardware.firmware", NO_FLAG, log(), FAILED, "skip", ""),
    ("arm", "hardware.firmware", ARM, NO_HYP, FAILED, "skip", ""),
    ("pc", "hardware.arm-el2", BARE_METAL, UNLOADED, FAILED, "skip", ""),
    ("arm vm", "hardware.arm-el2", ARM._replace(hypervisor="kvm", kind="vm"), NO_HYP, FAILED, "skip", ""),
    ("below EL2", "hardware.arm-el2", ARM, NO_HYP, FAILED, "fail", "hardware.arm-not-el2"),
    ("at EL2", "hardware.arm-el2", ARM, log(), probe(RAN), "pass", ""),
    ("nobody tells", "hardware.arm-el2", ARM, log(), FAILED, "skip", ""),
]
BY_ID = {check.id: check.judge for check in hardware.CHECKS}


@pytest.mark.parametrize(
    ("check", "host", "known", "probed", "status", "cause"),
    [row[1:] for row in FACES],
    ids=[f"{row[1]}: {row[0]}" for row in FACES],
)
def test_each_switch_is_a_check(
    check: str, host: Machine, known: Kernel, probed: Probe, status: str, cause: str
) -> None:
    said = BY_ID[check](facts(machine=host, kernel=known, probe=probed))
    assert (said.status, said.cause) == (status, cause)
    assert bool(said.evidence) == (status != "skip")
    accepted = BY_ID[check](facts(machine=host, kernel=known, probe=probed, want=Want(accel="tcg")))
    assert accepted.status == ("warn" if status == "fail" else status)


LEVELS = [
    (KERNEL, BARE_METAL, "pass", ""),
    (KERNEL._replace(second_level=Known(False)), BARE_METAL, "warn", "hardware.no-second-level-translation"),
    (KERNEL._replace(second_level=Known(False)), GUEST, "warn", "hardware.no-second-level-translation"),
    (KERNEL._replace(second_level=Denied("x")), BARE_METAL, "unknown", ""),
    (KERNEL._replace(loaded=Known(("kvm", "kvm_pvm"))), GUEST, "skip", ""),
    (UNLOADED._replace(vendor_module="kvm"), ARM, "skip", ""),
]


@pytest.mark.parametrize(("known", "host", "status", "cause"), LEVELS)
def test_second_level_translation(known: Kernel, host: Machine, status: str, cause: str) -> None:
    said = BY_ID["hardware.second-level-translation"](facts(kernel=known, machine=host))
    assert (said.status, said.cause) == (status, cause)
    if status == "warn":
        assert said.remedy is not None
        assert ("hypervisor below" in said.remedy.text) == (host is GUEST)


@pytest.mark.parametrize(("flags", "word"), [(("hypervisor", "svm"), "hypervisor below"), (("npt",), "npt=0")])
def test_second_level_translation_that_was_switched_off_here_is_mended_here(flags: tuple[str, ...], word: str) -> None:
    host = GUEST._replace(cpu_flags=Known(flags))
    said = BY_ID["hardware.second-level-translation"](
        facts(kernel=KERNEL._replace(second_level=Known(False)), machine=host)
    )
    assert said.remedy is not None and word in said.remedy.text


def test_second_level_translation_waits_for_the_module() -> None:
    said = BY_ID["hardware.second-level-translation"](facts(kernel=UNLOADED, probe=FAILED))
    assert said.status == "skip" and "kvm_amd" in said.summary


# The wordings of arch/x86/kernel/cpu/bugs.c.
WEAK = [
    ("l1tf", "Not affected", False),
    ("l1tf", "Mitigation: PTE Inversion", False),
    ("l1tf", "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT disabled", False),
    ("l1tf", "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable", True),
    ("l1tf", "Mitigation: PTE Inversion; VMX: vulnerable, SMT disabled", True),
    ("mds", "Vulnerable: Clear CPU buffers attempted, no microcode; SMT vulnerable", True),
    ("mds", "Mitigation: Clear CPU buffers; SMT Host state unknown", False),
    ("mds", "Mitigation: Clear CPU buffers; SMT mitigated", False),
    ("itlb_multihit", "KVM: Vulnerable", True),
    ("itlb_multihit", "KVM: Mitigation: Split huge pages", False),
    ("itlb_multihit", "Processor vulnerable", False),
    ("vmscape", "Vulnerable", True),
    ("vmscape", "Mitigation: IBPB before exit to userspace", False),
]


@pytest.mark.parametrize(("name", "line", "weak"), WEAK)
def test_weaknesses_that_concern_guests(name: str, line: str, weak: bool) -> None:
    assert hardware.concerns_guests(name, line) == weak
    host = BARE_METAL._replace(weaknesses=Known(((name, line),)))
    said = BY_ID["hardware.guest-escape"](facts(machine=host))
    assert (said.status, said.cause) == (("warn", "hardware.guest-escape-risk") if weak else ("pass", ""))
    assert said.evidence[0].source.endswith(f"/{name}")
    if weak and "SMT vulnerable" in line:
        assert said.remedy is not None and "nosmt" in said.remedy.text


def test_weaknesses_are_the_business_of_bare_metal() -> None:
    judge = BY_ID["hardware.guest-escape"]
    assert judge(facts(machine=GUEST)).status == judge(facts(machine=CONTAINER)).status == "skip"
    assert judge(facts(machine=BARE_METAL._replace(weaknesses=Absent("x")))).status == "skip"
    assert judge(facts(machine=BARE_METAL._replace(weaknesses=Denied("x")))).status == "unknown"
