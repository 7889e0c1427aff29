"""Can this machine run guests at all: its CPU, its firmware, and what it runs in.

What the probe saw beats every flag: where a guest ran, the CPU can run guests.
"""

from __future__ import annotations

from kvmready.checks import outer
from kvmready.checks.finding import Check, Evidence, Judgement, failed, manual, passed, skipped, unknown, warned
from kvmready.checks.outer import EXTENSIONS
from kvmready.facts.kernel import SECOND_LEVEL
from kvmready.facts.known import Absent, Known
from kvmready.facts.machine import X86
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Remedy
    from kvmready.facts import Facts
    from kvmready.facts.known import Fact

PROBE = "kvmready prove --level probe"
"""The command by which a reader sees the probe's answer."""

FLAGGED = ("x86_64", "i686", "i586", "i386", "s390x")
"""Architectures whose CPU flags tell whether guests can run."""

_FIRMWARE_WORDS = ("disabled by bios", "(by bios)")


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
    """hardware.machine: what the host is; it fails for WSL 1, which has no Linux kernel at all."""
    text = describe(facts)
    summary = _("This is {machine}.").format(machine=text)
    seen = [Evidence("uname -m", facts.machine.arch)]
    if isinstance(facts.machine.cpu_model, Known):
        seen.append(Evidence("/proc/cpuinfo", facts.machine.cpu_model.value))
    if facts.machine.kind == "container":
        seen.append(
            Evidence("/proc/self/ns/pid", _("Kernel, modules and device nodes belong to the machine around it."))
        )
    if not facts.probe.ran and _is_wsl_1(facts):
        return accepted_emulation(facts, _wsl_1(facts))
    if not facts.probe.ran and facts.machine.kind == "bare-metal" and not isinstance(facts.machine.cpu_flags, Known):
        return unknown(
            _("It is not known whether this is a virtual machine."),
            manual(_("Look by hand: systemd-detect-virt"), ("systemd-detect-virt",)),
            Evidence("/proc/cpuinfo", unanswered(facts.machine.cpu_flags)),
        )
    return passed(summary, *seen)


def _is_wsl_1(facts: Facts) -> bool:
    """WSL 1 calls itself 4.4.0-N-Microsoft, WSL 2 N-microsoft-standard-WSL2."""
    return facts.machine.kind == "wsl" and facts.kernel.release.endswith("-Microsoft")


def _wsl_1(facts: Facts) -> Judgement:
    return failed(
        "hardware.wsl-1",
        _("This is WSL 1: Windows only imitates a Linux kernel here, and there is no KVM in it."),
        manual(_("In Windows, look up its name and make WSL 2 of it: wsl --list --verbose; wsl --set-version NAME 2")),
        Evidence("uname -r", facts.kernel.release),
    )


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
    said = _cpu_virtualization(facts)
    if said.status == "fail" and said.cause != "hardware.cpu-unsupported":
        said = said._replace(summary=_("No guest can run on this CPU as the machine is set up now."))
    return accepted_emulation(facts, said)


def xen(facts: Facts) -> Judgement:
    """hardware.xen: no Xen stands between this kernel and the CPU, as it does in a dom0."""
    place = "/proc/xen/capabilities"
    if not facts.machine.xen_dom0:
        return passed(_("This is no Xen dom0."), Evidence(place, _("no {word}").format(word="control_d")))
    seen = Evidence(place, "control_d")
    if facts.probe.ran:
        return passed(_("This is a Xen dom0, and yet a guest ran."), seen, Evidence(PROBE, _("a guest ran")))
    return accepted_emulation(facts, _xen(seen))


def confidential(facts: Facts) -> Judgement:
    """hardware.confidential: this is no confidential VM, in which KVM cannot run."""
    seen = _confidential(facts)
    if seen is None:
        words = Evidence("/proc/cpuinfo", _("no {word}").format(word="tdx_guest"))
        return passed(_("No sign of a confidential VM (SEV or TDX)."), words)
    if facts.probe.ran:
        return passed(_("This is a confidential VM, and yet a guest ran."), seen, Evidence(PROBE, _("a guest ran")))
    return accepted_emulation(facts, _guest_is_confidential(seen))


def _not_reached() -> Judgement:
    return skipped(_("Not judged: something else stands in the way first, see hardware.cpu-virtualization."))


def nested_host(facts: Facts) -> Judgement:
    """hardware.nested-host: the hypervisor below this VM passes the CPU's extension on."""
    host = facts.machine
    if not host.hypervisor:
        return skipped(_("Not needed: there is no hypervisor below this machine."))
    said = _cpu_virtualization(facts)
    if said.status == "pass":
        return passed(
            _("The hypervisor below ({hypervisor}) lets this machine run guests.").format(hypervisor=host.hypervisor),
            *said.evidence,
        )
    if said.cause in ("hardware.nested-off", "hardware.wsl-nested-off"):
        return accepted_emulation(facts, said)
    return _not_reached()


def firmware(facts: Facts) -> Judgement:
    """hardware.firmware: the firmware leaves the extension on."""
    host = facts.machine
    if host.hypervisor:
        return skipped(_("Not needed: that switch is in the machine below this VM."))
    if host.arch not in X86:
        return skipped(_("Not needed: on {arch} no switch in the firmware decides it.").format(arch=host.arch))
    said = _cpu_virtualization(facts)
    if said.status == "pass":
        return passed(_("The firmware leaves the virtualization extension on."), *said.evidence)
    if said.cause == "hardware.firmware-disabled":
        return accepted_emulation(facts, said)
    return _not_reached()


def arm_el2(facts: Facts) -> Judgement:
    """hardware.arm-el2: an ARM kernel was started at the hypervisor's privilege level."""
    if facts.machine.arch not in ("aarch64", "arm64"):
        return skipped(_("Not needed: only ARM kernels can be started without it."))
    if facts.machine.hypervisor:
        return skipped(_("Not needed: the hypervisor below this VM decides that."))
    said = _cpu_virtualization(facts)
    if said.status == "pass":
        return passed(_("The kernel was started at the hypervisor's privilege level (EL2)."), *said.evidence)
    if said.cause == "hardware.arm-not-el2":
        return accepted_emulation(facts, said)
    return _not_reached()


def second_level(facts: Facts) -> Judgement:
    """hardware.second-level-translation: the hardware translates guests' addresses (Intel EPT, AMD NPT)."""
    kernel = facts.kernel
    module = next((name for name in SECOND_LEVEL if name == kernel.vendor_loaded), "")
    if not module:
        if kernel.vendor_module in SECOND_LEVEL and not kernel.vendor_loaded:
            return skipped(_("Not judged before the module {module} is loaded.").format(module=kernel.vendor_module))
        return skipped(_("Not needed: only the KVM modules of Intel and AMD CPUs tell it."))
    name = SECOND_LEVEL[module]
    place = f"/sys/module/{module}/parameters/{name}"
    if isinstance(kernel.second_level, Known) and kernel.second_level.value:
        return passed(_("The hardware translates guests' addresses: guests' memory is quick."), Evidence(place, "Y"))
    if not isinstance(kernel.second_level, Known):
        return unknown(
            _("It is not known whether the hardware translates guests' addresses."),
            manual(_("Look by hand: cat {path}").format(path=place), ("cat", place)),
            Evidence(place, unanswered(kernel.second_level)),
        )
    flags = facts.machine.cpu_flags
    off_here = isinstance(flags, Known) and name in flags.value
    if facts.machine.hypervisor and not off_here:
        remedy = manual(
            _("Have the hypervisor below this VM pass {name} on, with the CPU: {advice}").format(
                name=name.upper(), advice=_nested_advice(facts)
            )
        )
    else:
        how = _(
            "Take {module}.{name}=0 out of the kernel command line and {name}=0 out of the files in /etc/modprobe.d, "
            "and load {module} again while no guest runs. Where there is none, the CPU is too old to have it."
        )
        remedy = manual(how.format(module=module, name=name), ("modprobe", "--remove", module), ("modprobe", module))
    return warned(
        "hardware.no-second-level-translation",
        _("KVM runs without {name}: guests work, but their memory is slow.").format(name=name.upper()),
        remedy,
        Evidence(place, "N"),
        *([Evidence("/proc/cpuinfo", name)] if off_here else []),
    )


def concerns_guests(name: str, line: str) -> bool:
    """Whether a line of /sys/devices/system/cpu/vulnerabilities says that a guest can read what is not its own.

    The wordings are those of the kernel's arch/x86/kernel/cpu/bugs.c. "Processor vulnerable" is left out: it is said
    where no KVM is built in.
    """
    low = line.lower()
    if low.startswith(("vulnerable", "kvm: vulnerable")) or "vmx: vulnerable" in low:
        return True
    return name in ("l1tf", "mds", "mmio_stale_data", "tsx_async_abort") and "smt vulnerable" in low


def guest_escape(facts: Facts) -> Judgement:
    """hardware.guest-escape: the kernel keeps guests from reading the host's memory through flaws of the CPU."""
    if facts.machine.kind != "bare-metal":
        return skipped(_("Not judged here: the machine below decides what keeps guests apart."))
    known = facts.machine.weaknesses
    place = "/sys/devices/system/cpu/vulnerabilities"
    if isinstance(known, Absent):
        return skipped(_("Not judged: this kernel does not tell the weaknesses of its CPU."))
    if not isinstance(known, Known):
        return unknown(
            _("It is not known whether the CPU lets guests read the host's memory."),
            manual(_("Look by hand: grep -r . {path}").format(path=place), ("grep", "-r", ".", place)),
            Evidence(place, unanswered(known)),
        )
    weak = [(name, line) for name, line in known.value if concerns_guests(name, line)]
    if not weak:
        return passed(
            _("The kernel reports no weakness of this CPU that a guest could use."),
            *(
                [Evidence(f"{place}/{name}", line) for name, line in known.value]
                or [Evidence(place, _("none is named"))]
            ),
        )
    advice = []
    if any("smt vulnerable" in line.lower() for _name, line in weak):
        advice.append(
            _(
                "Two guests on one core can spy on each other: switch hyper-threading off (kernel command line: "
                "mitigations=auto,nosmt), or run only guests that you trust."
            )
        )
    if any(name == "itlb_multihit" for name, _line in weak):
        advice.append(_("Load KVM with its protection: put options kvm nx_huge_pages=auto into /etc/modprobe.d."))
    if not advice or any(
        line.lower().startswith("vulnerable") or "vmx: vulnerable" in line.lower() for _n, line in weak
    ):
        advice.append(
            _(
                "Install the CPU's microcode (intel-microcode or amd64-microcode; microcode_ctl) and the newest "
                "kernel, take mitigations=off out of the kernel command line, and reboot."
            )
        )
    return warned(
        "hardware.guest-escape-risk",
        _("A hostile guest could read memory that is not its own: {names}.").format(
            names=", ".join(name for name, _line in weak)
        ),
        manual(" ".join(advice)),
        *(Evidence(f"{place}/{name}", line) for name, line in weak),
    )


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
    if _is_wsl_1(facts):
        return _wsl_1(facts)
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
            manual(outer.wsl()),
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
    words = " ".join(fact.value for fact in facts.machine.dmi if isinstance(fact, Known))
    text = outer.nested(facts.machine.hypervisor or "unknown", words)
    if facts.machine.kind == "container":
        text += " " + _("This holds for the machine around this container.")
    return text


def _extension(facts: Facts) -> str:
    return outer.extension(_text(facts.machine.cpu_vendor))


def _text(fact: Fact[str]) -> str:
    return fact.value if isinstance(fact, Known) else ""


def _firmware_remedy(facts: Facts) -> Remedy:
    dmi = facts.machine.dmi
    how = outer.firmware(_text(dmi.vendor), _text(dmi.product), _text(facts.machine.cpu_vendor))
    return manual(_("On the machine around this container: ") + how if facts.machine.kind == "container" else how)


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


_ALL = ("minimal", "server", "desktop", "web")

CHECKS = (
    Check("hardware.machine", machine, (), _ALL),
    Check("hardware.xen", xen, (), _ALL),
    Check("hardware.confidential", confidential, (), _ALL),
    Check("hardware.nested-host", nested_host, (), _ALL),
    Check("hardware.firmware", firmware, (), _ALL),
    Check("hardware.arm-el2", arm_el2, (), _ALL),
    Check(
        "hardware.cpu-virtualization",
        cpu_virtualization,
        (
            "hardware.machine",
            "hardware.xen",
            "hardware.confidential",
            "hardware.nested-host",
            "hardware.firmware",
            "hardware.arm-el2",
        ),
        _ALL,
    ),
    Check("hardware.second-level-translation", second_level, (), _ALL),
    Check("hardware.guest-escape", guest_escape, (), ("server", "desktop", "web")),
)
