"""The kernel's KVM modules: loaded now, and again at the next boot; with what other kernel checks share."""

from __future__ import annotations

from kvmready.checks.finding import Evidence, Judgement, automatic, failed, manual, passed, skipped, unknown, warned
from kvmready.checks.hardware import PROBE, cpu_virtualization, unanswered
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.checks.finding import Remedy
    from kvmready.facts import Facts
    from kvmready.facts.kernel import Blocked, Kernel


def unless_emulated(judge: Callable[[Facts], Judgement]) -> Callable[[Facts], Judgement]:
    """Where emulation was accepted, KVM is not asked for: what would not pass is left out."""

    def judged(facts: Facts) -> Judgement:
        said = judge(facts)
        if facts.want.accel != "tcg" or said.status == "pass":
            return said
        return skipped(_("Not needed: emulation (tcg) was accepted instead of KVM."), *said.evidence)

    judged.__doc__ = judge.__doc__
    return judged


def in_container(facts: Facts) -> bool:
    return facts.machine.kind == "container"


def outside(*command: str) -> Remedy:
    text = _("The machine around this container decides that. Run there, as root: {command}")
    return manual(text.format(command=" ".join(command)))


def as_evidence(blocked: tuple[Blocked, ...]) -> list[Evidence]:
    return [Evidence(one.path, one.line) for one in blocked]


def editable(blocked: tuple[Blocked, ...]) -> bool:
    """Whether ``up`` may take these settings back: whole lines in files under /etc/modprobe.d, and nothing else."""
    return all(one.path.startswith("/etc/modprobe.d/") and not one.line.endswith("\\") for one in blocked)


def unblock(blocked: tuple[Blocked, ...]) -> Remedy:
    words = [one.line for one in blocked if one.path == "/proc/cmdline"]
    if words:
        return manual(
            _(
                "Take {words} out of the kernel command line (on most systems GRUB_CMDLINE_LINUX in /etc/default/grub, "
                "then update-grub or grub2-mkconfig), and reboot."
            ).format(words=" ".join(words))
        )
    if editable(blocked):
        return automatic(_("Make a comment of that line, and load the module."))
    return manual(
        _(
            "Take the line out of {files}, and load the module. A file of a package is best hidden by one of the same "
            "name in /etc/modprobe.d."
        ).format(files=", ".join(dict.fromkeys(one.path for one in blocked)))
    )


def _module(facts: Facts) -> str:
    """The module that runs guests here, or would."""
    return facts.kernel.vendor_loaded or facts.kernel.vendor_module


@unless_emulated
def module_tree(facts: Facts) -> Judgement:
    """kernel.module-tree: the running kernel has its modules on disk, KVM's among them, or needs none."""
    kernel, wanted = facts.kernel, _module(facts)
    if in_container(facts):
        return skipped(_("Not needed: the machine around this container loads the modules."))
    place = f"/lib/modules/{kernel.release}/modules.dep"
    if wanted and wanted in kernel.built_in:
        return passed(
            _("KVM is part of this kernel: it needs no module."), Evidence(f"/sys/module/{wanted}", _("built in"))
        )
    if isinstance(kernel.tree, Absent):
        here = bool(kernel.vendor_loaded) or kernel.alive or facts.probe.ran
        return _no_module(kernel, wanted, place, only_warn=here)
    if (
        isinstance(kernel.available, Known)
        and wanted
        and not (kernel.vendor_loaded or wanted in kernel.available.value)
    ):
        return _no_module(kernel, wanted, place, only_warn=kernel.alive or facts.probe.ran)
    if isinstance(kernel.tree, Known):
        return passed(_("The modules of the running kernel are there."), Evidence(place, _("there")))
    return unknown(
        _("It is not known whether the modules of the running kernel are there."),
        manual(_("Look by hand: ls {path}").format(path=place), ("ls", place)),
        Evidence(place, unanswered(kernel.tree)),
    )


@unless_emulated
def blacklist(facts: Facts) -> Judgement:
    """kernel.blacklist: no setting forbids the KVM module."""
    kernel, module = facts.kernel, _module(facts)
    if in_container(facts):
        return skipped(_("Not needed: the machine around this container loads the modules."))
    blocked = kernel.blocks(module) if module and module not in kernel.built_in else ()
    if not blocked:
        return passed(
            _("Nothing forbids the KVM modules."),
            Evidence("/etc/modprobe.d", _("no line against {module}").format(module=module or "kvm")),
        )
    if kernel.vendor_loaded or kernel.alive or facts.probe.ran:
        return warned(
            "kernel.module-blacklisted",
            _("The module {module} is loaded now, but the configuration forbids it at boot.").format(module=module),
            unblock(blocked),
            *as_evidence(blocked),
        )
    return failed(
        "kernel.module-blacklisted",
        _("The module {module} is forbidden by the configuration.").format(module=module),
        unblock(blocked),
        *as_evidence(blocked),
    )


@unless_emulated
def modules(facts: Facts) -> Judgement:
    """kernel.modules: kvm and the CPU's own module are loaded."""
    kernel = facts.kernel
    module = kernel.vendor_loaded or kernel.vendor_module
    place = f"/sys/module/{module}" if module else "/sys/module"
    if facts.probe.ran or kernel.alive:
        seen = [Evidence(place, _("built in") if module in kernel.built_in else _("loaded"))]
        if not kernel.vendor_loaded:
            seen = [Evidence("/sys/class/misc/kvm", _("the KVM driver has started"))] if kernel.alive else []
        if facts.probe.ran:
            seen.append(Evidence(PROBE, _("a guest ran")))
        return passed(_("The KVM modules are loaded."), *seen)
    if not isinstance(kernel.loaded, Known):
        return unknown(
            _("It is not known which modules are loaded."),
            manual(_("Look by hand: lsmod"), ("lsmod",)),
            Evidence("/sys/module", unanswered(kernel.loaded)),
        )
    if not kernel.vendor_module:
        return unknown(
            _("It is not known which KVM module this CPU needs."),
            manual(_("Look by hand which CPU this is: lscpu"), ("lscpu",)),
            Evidence("/proc/cpuinfo", unanswered(facts.machine.cpu_vendor) or str(facts.machine.cpu_vendor)),
        )
    return _not_loaded(facts, place)


def _not_loaded(facts: Facts, place: str) -> Judgement:
    kernel, wanted = facts.kernel, facts.kernel.vendor_module
    seen = Evidence(place, _("not there"))
    if kernel.vendor_loaded:
        seen = Evidence(place, _("there, but the KVM driver has not started"))
        said = kernel.log.value[-3:] if isinstance(kernel.log, Known) else ()
        return failed(
            "kernel.module-not-loaded",
            _("The module {module} is there, but KVM did not start.").format(module=kernel.vendor_loaded),
            manual(_("The kernel log tells why: run dmesg as root and look for kvm."), ("dmesg",)),
            seen,
            *(Evidence("dmesg", line) for line in said),
        )
    if in_container(facts):
        return failed(
            "kernel.module-not-loaded",
            _("The module {module} is not loaded.").format(module=wanted),
            outside("modprobe", wanted),
            seen,
        )
    blocked = kernel.blocks(wanted)
    if blocked:
        return failed(
            "kernel.module-blacklisted",
            _("The module {module} is forbidden by the configuration.").format(module=wanted),
            unblock(blocked),
            seen,
            *as_evidence(blocked),
        )
    tree = f"/lib/modules/{kernel.release}"
    if isinstance(kernel.available, Known) and wanted in kernel.available.value:
        return failed(
            "kernel.module-not-loaded",
            _("The module {module} is not loaded.").format(module=wanted),
            automatic(_("Load it with modprobe.")),
            seen,
        )
    if not isinstance(kernel.available, (Known, Absent)):
        return unknown(
            _("The module {module} is not loaded, and it is not known whether this kernel has it.").format(
                module=wanted
            ),
            manual(_("Try it, as root: modprobe {module}").format(module=wanted), ("modprobe", wanted)),
            seen,
            Evidence(f"{tree}/modules.dep", unanswered(kernel.available)),
        )
    return _no_module(kernel, wanted, f"{tree}/modules.dep", seen)


def updated(kernel: Kernel) -> tuple[str, ...]:
    """The kernels that have modules on disk, where the running one has none any more; else nothing."""
    if not isinstance(kernel.tree, Absent) or not isinstance(kernel.trees, Known):
        return ()
    return tuple(name for name in kernel.trees.value if name != kernel.release)


def reboot() -> Remedy:
    return manual(_("Reboot into the new kernel, then check again."), ("reboot",))


def _no_module(kernel: Kernel, module: str, place: str, *seen: Evidence, only_warn: bool = False) -> Judgement:
    """``only_warn``: KVM is there now, and only what is loaded later will be missed."""
    judged = warned if only_warn else failed
    others = updated(kernel)
    if others:
        return judged(
            "kernel.modules-missing",
            _("The running kernel {release} has no modules any more: it was updated.").format(release=kernel.release),
            reboot(),
            *seen,
            Evidence(place, _("not there")),
            Evidence("/lib/modules", " ".join(others)),
        )
    if isinstance(kernel.tree, Absent):
        why, summary = _("not there"), _("The running kernel {release} has no modules on disk.")
    else:
        why = unanswered(kernel.available) or _("no {module}").format(module=module)
        summary = _("The running kernel {release} has no module {module}.")
    return judged(
        "kernel.modules-missing",
        summary.format(release=kernel.release, module=module),
        manual(
            _("Install the distribution's standard kernel with all of its modules, reboot into it, and check again.")
        ),
        *seen,
        Evidence(place, why),
    )


@unless_emulated
def modules_persist(facts: Facts) -> Judgement:
    """kernel.modules-persist: the module comes back at the next boot."""
    kernel = facts.kernel
    if in_container(facts):
        return skipped(_("Not needed: the machine around this container loads the modules."))
    module = kernel.vendor_loaded or kernel.vendor_module
    blocked = kernel.blocks(module) if module not in kernel.built_in else ()
    if module and not blocked and kernel.kept:
        return passed(
            _("The module {module} is loaded at every boot.").format(module=module),
            *(Evidence(path, line) for path, line in kernel.kept),
        )
    before = cpu_virtualization(facts), modules(facts)
    if not module or any(
        said.status in ("fail", "unknown") and said.cause != "kernel.module-not-loaded" for said in before
    ):
        return unknown(
            _("It is not known what would load the KVM modules at boot."),
            manual(_("First get the modules loaded: see kernel.modules.")),
        )
    if blocked:
        return warned(
            "kernel.module-blacklisted",
            _("The module {module} is loaded now, but the configuration forbids it at boot.").format(module=module),
            unblock(blocked),
            *as_evidence(blocked),
        )
    return warned(
        "kernel.module-not-persistent",
        _("Nothing loads the module {module} at boot.").format(module=module),
        automatic(_("Name it in a file under /etc/modules-load.d.")),
        Evidence("/etc/modules-load.d", _("no line with {module}").format(module=module)),
    )
