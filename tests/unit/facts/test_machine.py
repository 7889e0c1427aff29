"""What kind of machine: the files of real machines in, the facts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kvmready.facts import machine
from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown
from kvmready.facts.names import Names, Want
from kvmready.host.replay import ReplayHost

NAMES = Names((), (), (), (), (), (), (), (), "", (), (), "libvirt-qemu", "libvirt-qemu", "kvm", "libvirt")

INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz
flags\t\t: fpu vme lm vmx smx ept vpid aes
vmx flags\t: vnmi preemption_timer

processor\t: 1
vendor_id\t: GenuineIntel
flags\t\t: fpu
"""
AMD_GUEST = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nflags\t\t: fpu lm hypervisor\n"
AMD_NESTED = AMD_GUEST.replace("hypervisor", "hypervisor svm npt")
ARM = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
S390 = "vendor_id       : IBM/S390\nfeatures\t: esan3 zarch sie\nprocessor 0: version = FF,  machine = 8561\n"

ABSENT = "ENOENT"
INITIAL = machine.INITIAL_PID_NAMESPACE
INSIDE = "pid:[4026532999]"
WEAKNESSES = "/sys/devices/system/cpu/vulnerabilities"


def host(
    cpuinfo: str,
    files: Mapping[str, str] | None = None,
    *,
    arch: str = "x86_64",
    kernel: str = "6.1.0-35-amd64",
    there: tuple[str, ...] = (),
    namespace: str = INITIAL,
    refused: Mapping[str, str] | None = None,
    weaknesses: Mapping[str, str] | None = None,
) -> ReplayHost:
    """A machine with these files; ``there`` are paths of which only that they exist matters."""
    texts = {
        "/proc/cpuinfo": cpuinfo,
        "/sys/devices/system/cpu/online": "0-3\n",
        **dict.fromkeys(
            (
                "/sys/class/dmi/id/sys_vendor",
                "/sys/class/dmi/id/product_name",
                "/sys/class/dmi/id/bios_vendor",
                "/sys/class/dmi/id/chassis_asset_tag",
                "/proc/xen/capabilities",
                "/sys/hypervisor/type",
                "/sys/devices/system/clocksource/clocksource0/available_clocksource",
                "/proc/device-tree/hypervisor/compatible",
                "/run/systemd/container",
                "/proc/1/environ",
            )
        ),
        **{f"{WEAKNESSES}/{name}": text for name, text in (weaknesses or {}).items()},
        **(files or {}),
    }
    answers: list[dict[str, Any]] = []
    for path, text in texts.items():
        error = (refused or {}).get(path, "" if text is not None else ABSENT)
        answers.append(
            {"ask": {"ask": "read", "path": path}, "answer": {"path": path, "text": text or "", "error": error}}
        )
    for path in ("/run/systemd/system", "/run/.containerenv", "/.dockerenv"):
        kind = "directory" if path.endswith("system") else "file"
        answer = {"path": path, "kind": kind} if path in there else {"path": path, "error": ABSENT}
        answers.append({"ask": {"ask": "stat", "path": path}, "answer": answer})
    folder: dict[str, Any] = {"path": WEAKNESSES, "names": sorted(weaknesses or ())}
    if weaknesses is None:
        folder = {"path": WEAKNESSES, "error": (refused or {}).get(WEAKNESSES, ABSENT)}
    answers.append({"ask": {"ask": "listdir", "path": WEAKNESSES}, "answer": folder})
    ns = "/proc/self/ns/pid"
    answers.append({"ask": {"ask": "readlink", "path": ns}, "answer": {"path": ns, "text": namespace}})
    mounts = (files or {}).get("/proc/self/mounts", "/dev/vda / ext4 rw 0 0\n")
    answers.append(
        {
            "ask": {"ask": "grep", "path": "/proc/self/mounts", "needles": [" / "]},
            "answer": {"path": "/proc/self/mounts", "text": mounts},
        }
    )
    caller = {
        "uid": 0, "groups": [0], "user": "root", "sudo_user": "", "hostname": "h", "kernel": kernel, "arch": arch,
    }  # fmt: skip
    answers.append({"ask": {"ask": "caller"}, "answer": caller})
    return ReplayHost({"answers": answers}, "a test")


def look(asked: ReplayHost) -> machine.Machine:
    return machine.ask(asked, NAMES, Want())()


DMI = "/sys/class/dmi/id/"
CLOCK = "/sys/devices/system/clocksource/clocksource0/available_clocksource"
OVERLAY = "overlay / overlay rw,lowerdir=/a,upperdir=/b 0 0\n"

KINDS = [
    ("bare metal", host(INTEL, {DMI + "sys_vendor": "LENOVO\n"}), "bare-metal", None, None),
    ("qemu by dmi", host(AMD_GUEST, {DMI + "sys_vendor": "QEMU\n"}), "vm", "kvm", None),
    ("a microvm without dmi", host(AMD_GUEST, {CLOCK: "tsc kvm-clock \n"}), "vm", "kvm", None),
    ("hyper-v by clock", host(AMD_GUEST, {CLOCK: "hyperv_clocksource_tsc_page acpi_pm\n"}), "vm", "hyperv", None),
    (
        "azure",
        host(AMD_GUEST, {DMI + "sys_vendor": "Microsoft Corporation", DMI + "product_name": "Virtual Machine"}),
        "vm", "hyperv", None,
    ),
    (
        "a Surface is no Hyper-V guest",
        host(INTEL, {DMI + "sys_vendor": "Microsoft Corporation", DMI + "product_name": "Surface Pro"}),
        "bare-metal", None, None,
    ),
    ("vmware", host(AMD_GUEST, {DMI + "sys_vendor": "VMware, Inc."}), "vm", "vmware", None),
    ("virtualbox", host(AMD_GUEST, {DMI + "product_name": "VirtualBox"}), "vm", "virtualbox", None),
    ("xen guest", host(AMD_GUEST, {"/sys/hypervisor/type": "xen\n"}), "vm", "xen", None),
    ("nobody says which", host(AMD_GUEST), "vm", "unknown", None),
    (
        "ec2 arm metal",
        host(ARM, {DMI + "sys_vendor": "Amazon EC2", DMI + "product_name": "c6g.metal"}, arch="aarch64"),
        "bare-metal", None, None,
    ),
    (
        "ec2 arm",
        host(ARM, {DMI + "sys_vendor": "Amazon EC2", DMI + "product_name": "c6g.large"}, arch="aarch64"),
        "vm", "kvm", None,
    ),
    (
        "arm guest by device tree",
        host(ARM, {"/proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, arch="aarch64"),
        "vm", "kvm", None,
    ),
    ("arm board", host(ARM, arch="aarch64"), "bare-metal", None, None),
    ("docker", host(INTEL, there=("/.dockerenv",), namespace=INSIDE), "container", None, "docker"),
    (
        "docker in the host's pid namespace",
        host(INTEL, {"/proc/self/mounts": OVERLAY}, there=("/.dockerenv",)),
        "container", None, "docker",
    ),
    ("a VM made of a docker image", host(AMD_NESTED, there=("/.dockerenv",)), "vm", "unknown", None),
    ("podman", host(INTEL, there=("/run/.containerenv",), namespace=INSIDE), "container", None, "podman"),
    (
        "nspawn with systemd",
        host(INTEL, {"/run/systemd/container": "systemd-nspawn\n"}, there=("/run/systemd/system",), namespace=INSIDE),
        "container", None, "systemd-nspawn",
    ),
    (
        "lxc without systemd",
        host(INTEL, {"/proc/1/environ": "TERM=linux\0container=lxc\0"}, namespace=INSIDE),
        "container", None, "lxc",
    ),
    (
        "a container that says nothing",
        host(AMD_NESTED, {DMI + "sys_vendor": "QEMU"}, namespace=INSIDE, refused={"/proc/1/environ": "EACCES"}),
        "container", "kvm", "unknown",
    ),
    ("wsl", host(INTEL, kernel="5.15.167.4-microsoft-standard-WSL2"), "wsl", "hyperv", "wsl"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "kind", "hypervisor", "container"), [row[1:] for row in KINDS], ids=[r[0] for r in KINDS]
)
def test_kind(asked: ReplayHost, kind: str, hypervisor: str | None, container: str | None) -> None:
    found = look(asked)
    assert (found.kind, found.hypervisor, found.container) == (kind, hypervisor, container)


def test_a_xen_dom0_is_no_guest() -> None:
    found = look(host(INTEL, {"/proc/xen/capabilities": "control_d\n", "/sys/hypervisor/type": "xen\n"}))
    assert found.xen_dom0
    assert found.kind == "bare-metal"


def test_the_cpu_is_that_of_the_first_block() -> None:
    found = look(host(INTEL))
    assert found.cpu_flags == Known(("ept", "lm", "smx", "vmx", "vpid"))
    assert found.virtualization_flag == "vmx"
    assert found.cpu_vendor == Known("GenuineIntel")
    assert found.cpu_model == Known("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz")
    assert found.cpus == Known(4)


FLAGS: list[tuple[str, Fact[tuple[str, ...]], str]] = [
    (AMD_NESTED, Known(("hypervisor", "lm", "npt", "svm")), "svm"),
    (AMD_GUEST, Known(("hypervisor", "lm")), ""),
    (S390, Known(("sie",)), "sie"),
    (ARM, Known(()), ""),
    ("", Unknown("/proc/cpuinfo has no line of flags"), ""),
    ("flags : notvmx vmxe\n", Known(()), ""),
]


@pytest.mark.parametrize(("text", "flags", "flag"), FLAGS)
def test_flags(text: str, flags: Fact[tuple[str, ...]], flag: str) -> None:
    found = look(host(text))
    assert (found.cpu_flags, found.virtualization_flag) == (flags, flag)


def test_what_may_not_be_read_is_denied_and_not_no() -> None:
    found = look(host("", refused={"/proc/cpuinfo": "EACCES", DMI + "sys_vendor": "EPERM"}))
    assert found.cpu_flags == Denied("/proc/cpuinfo: EACCES")
    assert found.cpu_vendor == Denied("/proc/cpuinfo: EACCES")
    assert found.dmi.vendor == Denied(f"{DMI}sys_vendor: EPERM")
    assert found.dmi.product == Absent(f"{DMI}product_name")
    assert found.kind == "bare-metal"


@pytest.mark.parametrize(
    ("text", "count"),
    [("0\n", 1), ("0-3", 4), ("0-1,4,6-7\n", 5), ("", 0), ("x", 0), ("3-", 0), ("-3", 0), ("5-2", 0), ("²", 0)],
)
def test_cpu_count(text: str, count: int) -> None:
    assert machine.cpu_count(text) == count


@given(st.text())
def test_no_text_makes_a_parser_fail(text: str) -> None:
    fields = machine.cpu_fields(text)
    flags = machine.cpu_flags(fields)
    assert isinstance(flags, Unknown) or machine.CPUINFO_FLAGS.issuperset(flags.value)  # type: ignore[union-attr]
    assert machine.cpu_count(text) >= 0
    assert isinstance(machine.root_is_overlay(text), bool)
    assert machine.hypervisor_by_clock(text) in ("", "kvm", "hyperv", "xen")
    assert machine.container_of(text) == "" or "container=" in text
    machine.hypervisor_by_dmi(text)


SYSINFO = "Manufacturer: IBM\nLPAR Name: LNX1\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", ""),
        (SYSINFO, ""),
        (SYSINFO + "VM00 Name: LINUX1\nVM00 Control Program: z/VM    7.2.0\n", "zvm"),
        (SYSINFO + "VM00 Control Program: KVM/Linux\nVM01 Control Program: z/VM\n", "kvm"),
        (SYSINFO + "VM00 Control Program: other\n", "unknown"),
    ],
)
def test_what_a_mainframe_runs_under(text: str, name: str) -> None:
    assert machine.hypervisor_by_sysinfo(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("platform\t: PowerNV\nmachine\t\t: PowerNV 8335-GTH\n", None),
        ("platform\t: pSeries\nmachine\t\t: CHRP IBM pSeries (emulated by qemu)\n", "kvm"),
        ("platform\t: pSeries\nmachine\t\t: CHRP IBM,9009-42A\n", "powervm"),
        ("platform\t: PowerMac\n", ""),
        ("", ""),
    ],
)
def test_what_a_power_system_runs_under(text: str, name: str | None) -> None:
    assert machine.hypervisor_by_platform(machine.cpu_fields(text)) == name


def test_weaknesses_are_those_that_guests_can_use() -> None:
    found = look(host(INTEL, weaknesses={"l1tf": "Mitigation: PTE Inversion\n", "meltdown": "Vulnerable\n"}))
    assert found.weaknesses == Known((("l1tf", "Mitigation: PTE Inversion"),))
    assert isinstance(look(host(INTEL)).weaknesses, Absent)
    assert isinstance(look(host(INTEL, refused={WEAKNESSES: "EACCES"})).weaknesses, Denied)
    unread = host(INTEL, weaknesses={"mds": ""}, refused={f"{WEAKNESSES}/mds": "EIO"})
    assert isinstance(look(unread).weaknesses, Unknown)
    assert isinstance(look(host(AMD_GUEST, weaknesses={"mds": "Vulnerable"})).weaknesses, Unknown)


def test_the_cloud_below_a_vm_names_itself() -> None:
    tag = {"/sys/class/dmi/id/chassis_asset_tag": "OracleCloud.com\n"}
    assert look(host(AMD_GUEST, tag)).dmi.asset == Known("OracleCloud.com")
    assert look(host(AMD_NESTED, tag)).dmi.asset == Unknown(machine.NOT_ASKED)
