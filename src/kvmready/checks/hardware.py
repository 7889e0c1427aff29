"""Can this machine run guests at all: its CPU, its firmware, and what it runs in.

What the probe saw beats every flag: where a guest ran, the CPU can run guests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmready.checks.finding import Check, Evidence, Judgement, failed, manual, passed, unknown
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.checks.finding import Remedy
    from kvmready.facts import Facts

PROBE = "kvmready prove --level probe"
"""The command by which a reader sees the probe's answer."""

EXTENSIONS = {"vmx": "Intel VT-x", "svm": "AMD-V", "sie": "SIE"}
"""The names under which makers sell what a flag of /proc/cpuinfo stands for."""

FLAGGED = ("x86_64", "i686", "i586", "i386", "s390x")
"""Architectures whose CPU flags tell whether guests can run."""

_FIRMWARE_WORDS = ("disabled by bios", "(by bios)")

_KEYS = (
    # word in the DMI vendor; the keys that open its firmware setup
    ("dell", "F2"),
    ("lenovo", "F1, F2, Enter"),
    ("hewlett", "F10, Esc"),
    ("hp", "F10, Esc"),
    ("hpe", "F9"),
    ("asus", "Del, F2"),
    ("asrock", "F2, Del"),
    ("gigabyte", "Del"),
    ("micro-star", "Del"),
    ("msi", "Del"),
    ("acer", "F2, Del"),
    ("supermicro", "Del"),
    ("intel", "F2"),
    ("fujitsu", "F2"),
    ("toshiba", "F2"),
    ("samsung", "F2"),
    ("sony", "F2, Assist"),
    ("framework", "F2"),
)

_NESTED: dict[str, Callable[[], str]] = {
    "amazon": lambda: _(
        "Amazon EC2: use a bare-metal instance (its type ends in .metal), or an instance type that offers nested "
        "virtualization, launched with: --cpu-options NestedVirtualization=enabled"
    ),
    "google": lambda: _(
        "Google Cloud: stop the instance and switch nested virtualization on with --enable-nested-virtualization. "
        "The machine type must be Haswell or newer; E2 types cannot do it."
    ),
    "hyperv": lambda: _(
        "On the Hyper-V host, with this VM switched off: Set-VMProcessor -VMName NAME "
        "-ExposeVirtualizationExtensions $true. On Azure: choose a size that offers nested virtualization "
        "(Dv3, Ev3 or newer)."
    ),
    "vmware": lambda: _(
        "With this VM switched off, in its settings: switch on 'Expose hardware assisted virtualization to the guest "
        'OS\', or put vhv.enable = "TRUE" into its .vmx file.'
    ),
    "virtualbox": lambda: _("With this VM switched off, on its host: VBoxManage modifyvm NAME --nested-hw-virt on"),
    "xen": lambda: _("On the Xen host: put nestedhvm=1 into the configuration of this VM and start it again."),
    "parallels": lambda: _(
        "With this VM switched off, in its settings: Hardware, CPU & Memory, Enable nested virtualization."
    ),
    "apple": lambda: _(
        "Nested virtualization needs an Apple M3 or newer and macOS 15 or newer on the Mac that runs this VM."
    ),
    "kvm": lambda: _(
        "On the machine that runs this VM: /sys/module/kvm_intel/parameters/nested (or kvm_amd) must say Y or 1, and "
        "the VM's CPU must be passed through: <cpu mode='host-passthrough'/> in virsh edit, cpu: host in Proxmox, "
        "-cpu host in QEMU. At a cloud provider: ask for nested virtualization, or for a bare-metal server."
    ),
    "unknown": lambda: _(
        "Switch nested virtualization on at the hypervisor or the cloud provider that runs this VM, or use a machine "
        "without a hypervisor below it."
    ),
}


def unanswered(fact: object) -> str:
    """Why a fact is not known; empty for a known one."""
    why: str = getattr(fact, "why", "")
    return _("not there") if isinstance(fact, Absent) and why.startswith("/") else why


def accepted_emulation(facts: Facts, judgement: Judgement) -> Judgement:
    """Where emulation was accepted, a CPU that cannot run guests is worth a warning only."""
    return judgement._replace(status="warn") if facts.want.accel == "tcg" and judgement.status == "fail" else judgement


def describe(facts: Facts) -> str:
    """What the machine is, in a few words."""
    machine = facts.machine
    product = " ".join(fact.value for fact in (machine.dmi.vendor, machine.dmi.product) if isinstance(fact, Known))
    if machine.kind == "wsl":
        return _("a WSL distribution on Windows")
    if machine.kind == "container":
        return _("a container ({engine})").format(engine=machine.container)
    if machine.kind == "vm":
        text = _("a virtual machine under {hypervisor}").format(hypervisor=machine.hypervisor)
    else:
        text = _("a Xen dom0") if machine.xen_dom0 else _("a bare-metal machine")
    return f"{text} ({product})" if product else text


def _confidential(facts: Facts) -> Evidence | None:
    flags = facts.machine.cpu_flags
    if isinstance(flags, Known) and "tdx_guest" in flags.value:
        return Evidence("/proc/cpuinfo", "tdx_guest")
    for line in _log(facts):
        low = line.lower()
        if "sev guest" in low or ("encryption features active" in low and ("amd sev" in low or "tdx" in low)):
            return Evidence("dmesg", line)
    return None


def _log(facts: Facts) -> tuple[str, ...]:
    return facts.kernel.log.value if isinstance(facts.kernel.log, Known) else ()


def machine(facts: Facts) -> Judgement:
    """hardware.machine: what the host is; it fails only for a kind of machine on which KVM cannot run."""
    text = describe(facts)
    summary = _("This is {machine}.").format(machine=text)
    seen = [Evidence("uname -m", facts.machine.arch)]
    if isinstance(facts.machine.cpu_model, Known):
        seen.append(Evidence("/proc/cpuinfo", facts.machine.cpu_model.value))
    if facts.machine.kind == "container":
        seen.append(
            Evidence("/proc/self/ns/pid", _("Kernel, modules and device nodes belong to the machine around it."))
        )
    if facts.probe.ran:
        return passed(summary, *seen)
    if facts.machine.xen_dom0:
        return accepted_emulation(facts, _xen(Evidence("/proc/xen/capabilities", "control_d")))
    confidential = _confidential(facts)
    if confidential:
        return accepted_emulation(facts, _guest_is_confidential(confidential))
    if facts.machine.kind == "bare-metal" and not isinstance(facts.machine.cpu_flags, Known):
        return unknown(
            _("It is not known whether this is a virtual machine."),
            manual(_("Look by hand: systemd-detect-virt"), ("systemd-detect-virt",)),
            Evidence("/proc/cpuinfo", unanswered(facts.machine.cpu_flags)),
        )
    return passed(summary, *seen)


def _xen(evidence: Evidence) -> Judgement:
    return failed(
        "hardware.xen-dom0",
        _("This is a Xen dom0: Xen has the CPU's virtualization extension, and KVM cannot have it too."),
        manual(_("Choose the entry without Xen in the boot menu and start the machine with it.")),
        evidence,
    )


def _guest_is_confidential(evidence: Evidence) -> Judgement:
    return failed(
        "hardware.confidential-guest",
        _("This is a confidential VM (SEV or TDX): KVM cannot run in it."),
        manual(_("Use an ordinary VM with nested virtualization, or a bare-metal machine.")),
        evidence,
    )


def cpu_virtualization(facts: Facts) -> Judgement:
    """hardware.cpu-virtualization: the CPU can run guests, or why it cannot."""
    return accepted_emulation(facts, _cpu_virtualization(facts))


def _cpu_virtualization(facts: Facts) -> Judgement:
    host, flag = facts.machine, facts.machine.virtualization_flag
    seen = _flag_evidence(facts)
    if facts.probe.ran:
        summary = _("The CPU can run guests: one ran.")
        if flag in EXTENSIONS:
            summary = _("The CPU can run guests with {extension}: one ran.").format(extension=EXTENSIONS[flag])
        return passed(summary, Evidence(PROBE, _("a guest ran")), *seen)
    if facts.kernel.alive:
        return passed(
            _("The CPU can run guests: the KVM driver has started."), Evidence("/sys/class/misc/kvm", _("there")), *seen
        )
    if host.xen_dom0:
        return _xen(Evidence("/proc/xen/capabilities", "control_d"))
    firmware = [line for line in _log(facts) if any(word in line.lower() for word in _FIRMWARE_WORDS)]
    if firmware:
        return _firmware(facts, *(Evidence("dmesg", line) for line in firmware[:2]), *seen)
    if flag:
        return passed(_("The CPU offers {extension}.").format(extension=EXTENSIONS[flag]), *seen)
    if host.arch not in FLAGGED:
        return _without_flags(facts)
    if not isinstance(host.cpu_flags, Known):
        return unknown(
            _("It is not known whether the CPU can run guests: its flags cannot be read."),
            manual(_("Look by hand for vmx or svm in /proc/cpuinfo."), ("grep", "-m1", "flags", "/proc/cpuinfo")),
            *seen,
        )
    confidential = _confidential(facts)
    if confidential:
        return _guest_is_confidential(confidential)
    if host.kind == "wsl":
        return failed(
            "hardware.wsl-nested-off",
            _("Windows does not pass the CPU's virtualization extension on to WSL."),
            manual(
                _(
                    "On Windows 11: put nestedVirtualization=true under [wsl2] into .wslconfig in your Windows user "
                    "folder, then run: wsl --shutdown. Windows 10 cannot do it."
                )
            ),
            *seen,
        )
    if host.hypervisor:
        return failed(
            "hardware.nested-off",
            _("This is {machine}, and its hypervisor does not pass the CPU's virtualization extension on.").format(
                machine=_("a virtual machine under {hypervisor}").format(hypervisor=host.hypervisor)
            ),
            manual(_nested_advice(facts)),
            *seen,
        )
    return _bare_metal_without_flag(facts, seen)


def _flag_evidence(facts: Facts) -> list[Evidence]:
    flags = facts.machine.cpu_flags
    if not isinstance(flags, Known):
        seen = [Evidence("/proc/cpuinfo", unanswered(flags))]
    elif facts.machine.virtualization_flag:
        seen = [Evidence("/proc/cpuinfo", _("flag {flag}").format(flag=facts.machine.virtualization_flag))]
    elif facts.machine.arch in FLAGGED:
        seen = [Evidence("/proc/cpuinfo", _("no flag vmx, svm or sie"))]
    else:
        seen = []
    words = facts.kernel.words.value if isinstance(facts.kernel.words, Known) else ()
    return seen + [Evidence("/proc/cmdline", word) for word in words if word.startswith("clearcpuid=")]


def _without_flags(facts: Facts) -> Judgement:
    """arm64 and others, where no flag tells: the driver does, or the kernel log."""
    for line in _log(facts):
        if "hyp mode not available" in line.lower():
            if facts.machine.hypervisor:
                return failed(
                    "hardware.nested-off",
                    _("This is a virtual machine whose CPU cannot run guests of its own."),
                    manual(_nested_advice(facts)),
                    Evidence("dmesg", line),
                )
            return failed(
                "hardware.arm-not-el2",
                _("The firmware started the kernel below the hypervisor's privilege level (EL2)."),
                manual(_("Update the firmware or boot loader to one that starts the kernel at EL2.")),
                Evidence("dmesg", line),
            )
    why = unanswered(facts.kernel.log) or _("the kernel log does not tell")
    return unknown(
        _("It is not known whether the CPU can run guests."),
        manual(_("Read what the kernel says of KVM, as root: dmesg"), ("dmesg",)),
        Evidence("dmesg", why),
    )


def _nested_advice(facts: Facts) -> str:
    vendor = facts.machine.dmi.vendor
    maker = vendor.value.lower() if isinstance(vendor, Known) else ""
    key = facts.machine.hypervisor or "unknown"
    if "amazon" in maker:
        key = "amazon"
    elif "google" in maker:
        key = "google"
    text = _NESTED.get(key, _NESTED["unknown"])()
    if facts.machine.kind == "container":
        text += " " + _("This holds for the machine around this container.")
    return text


def _extension(facts: Facts) -> str:
    """The name of what has to be switched on, with the words that firmware menus use."""
    vendor = facts.machine.cpu_vendor
    maker = vendor.value if isinstance(vendor, Known) else ""
    if maker in ("AuthenticAMD", "HygonGenuine"):
        return "AMD-V (SVM Mode)"
    if maker == "GenuineIntel":
        return "Intel VT-x (Intel Virtualization Technology, VMX)"
    return "Intel VT-x / AMD-V (Intel Virtualization Technology, SVM Mode)"


def _firmware_remedy(facts: Facts) -> Remedy:
    vendor = facts.machine.dmi.vendor
    words = vendor.value.lower().replace(".", " ").split() if isinstance(vendor, Known) else []
    keys = next(
        (keys for word, keys in _KEYS if any(w == word or (len(word) > 3 and w.startswith(word)) for w in words)), ""
    )
    if facts.machine.kind == "container":
        where = _("On the machine around this container: ")
    else:
        where = ""
    if keys and isinstance(vendor, Known):
        how = _("Press {keys} while the machine ({vendor}) starts.").format(keys=keys, vendor=vendor.value)
    else:
        how = _("Press the key for the firmware setup while the machine starts (often F2, Del, F10 or F1).")
    then = _("Switch on {extension}, save, then switch the power off completely for ten seconds: a restart may not do.")
    return manual(f"{where}{how} {then.format(extension=_extension(facts))}")


def _firmware(facts: Facts, *evidence: Evidence) -> Judgement:
    return failed(
        "hardware.firmware-disabled",
        _("{extension} is switched off in the firmware (BIOS/UEFI).").format(extension=_extension(facts)),
        _firmware_remedy(facts),
        *evidence,
    )


def _bare_metal_without_flag(facts: Facts, seen: list[Evidence]) -> Judgement:
    """Current kernels clear the flag when firmware has the extension off, and say so in their log only."""
    log = facts.kernel.log
    if not isinstance(log, Known):
        return failed(
            "hardware.firmware-disabled",
            _("The CPU shows no virtualization extension: it is switched off in the firmware, or the CPU has none."),
            manual(
                _(
                    "The kernel log tells which of the two: run this check as root. If it is the firmware: {advice}"
                ).format(advice=_firmware_remedy(facts).text),
                ("sudo", "dmesg"),
            ),
            *seen,
            Evidence("dmesg", unanswered(log)),
        )
    return failed(
        "hardware.cpu-unsupported",
        _("The CPU has no virtualization extension."),
        manual(
            _(
                "This CPU cannot run guests with KVM: use another machine. Before that, make sure in the firmware "
                "setup that no virtualization setting is off. To go on without KVM, much slower: "
                "kvmready up --accel tcg"
            )
        ),
        *seen,
        Evidence("dmesg", _("says nothing of an extension that the firmware disabled")),
    )


CHECKS = (
    Check("hardware.machine", machine, (), ("minimal", "server", "desktop", "web")),
    Check("hardware.cpu-virtualization", cpu_virtualization, (), ("minimal", "server", "desktop", "web")),
)
