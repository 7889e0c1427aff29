"""QEMU: is there an emulator for this architecture, does it start, does it know KVM, is qemu-img there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmready.checks.finding import Check, Evidence, Judgement, automatic, failed, manual, passed, skipped, unknown
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts

EVERYWHERE = ("minimal", "server", "desktop", "web")


def emulator(facts: Facts) -> Judgement:
    found = facts.qemu.emulator
    arch = facts.caller.arch
    if isinstance(found, Absent):
        return failed(
            "qemu.not-installed",
            _("QEMU, the program that runs guests, is not installed for {arch}.").format(arch=arch),
            automatic(_("Install the QEMU package for this architecture.")),
            *(Evidence(path, _("no such file")) for path in facts.names.emulators),
        )
    if not isinstance(found, Known):
        return unknown(
            _("It could not be seen whether QEMU is installed."),
            manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", facts.names.emulators[0])),
            Evidence(facts.names.emulators[0], found.why),
        )
    asked = f"{found.value} -accel help"
    if facts.qemu.broken:
        return failed(
            "qemu.broken",
            _("QEMU is installed, but does not start."),
            manual(_("Install the QEMU package again, with the libraries that it needs.")),
            Evidence(asked, facts.qemu.broken),
        )
    if not isinstance(facts.qemu.accelerators, Known):
        return unknown(
            _("QEMU is installed, but it could not be seen whether it starts."),
            manual(_("Start it by hand and read what it says."), (found.value, "-accel", "help")),
            Evidence(asked, facts.qemu.accelerators.why),
        )
    versions = facts.libvirt.versions
    version = versions.value.hypervisor if isinstance(versions, Known) else ""
    if version:
        return passed(
            _("QEMU {version} is installed and starts.").format(version=version),
            Evidence(found.value, _("answers")),
            Evidence("virsh version", f"QEMU {version}"),
        )
    return passed(_("QEMU is installed and starts."), Evidence(found.value, _("answers")))


def kvm_accel(facts: Facts) -> Judgement:
    if facts.want.accel == "tcg":
        return skipped(_("Not needed: emulation without KVM was accepted."))
    found = facts.qemu.accelerators
    path = facts.qemu.emulator.value if isinstance(facts.qemu.emulator, Known) else facts.names.emulators[0]
    asked = f"{path} -accel help"
    if not isinstance(found, Known):
        return unknown(
            _("It could not be asked whether QEMU can use KVM."),
            manual(_("Ask QEMU for its accelerators; the list must contain kvm."), (path, "-accel", "help")),
            Evidence(asked, found.why),
        )
    said = Evidence(asked, " ".join(found.value) or _("an empty list"))
    if "kvm" in found.value:
        return passed(_("QEMU can use KVM."), said)
    return failed(
        "qemu.no-kvm-accel",
        _("This QEMU was built without KVM, or the part of it that uses KVM is missing."),
        automatic(_("Install the distribution's own QEMU package, which contains KVM.")),
        said,
    )


def image_tool(facts: Facts) -> Judgement:
    found = facts.qemu.image_tool
    if isinstance(found, Known):
        return passed(_("qemu-img, which makes guests' disks, is installed."), Evidence(found.value, _("is there")))
    if isinstance(found, Absent):
        return failed(
            "qemu.img-missing",
            _("qemu-img, which makes guests' disks, is not installed."),
            automatic(_("Install the package with qemu-img.")),
            *(Evidence(path, _("no such file")) for path in facts.names.image_tools),
        )
    return unknown(
        _("It could not be seen whether qemu-img is installed."),
        manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", facts.names.image_tools[0])),
        Evidence(facts.names.image_tools[0], found.why),
    )


CHECKS = (
    Check("qemu.emulator", emulator, profiles=EVERYWHERE),
    Check("qemu.kvm-accel", kvm_accel, needs=("qemu.emulator",), profiles=EVERYWHERE),
    Check("qemu.img", image_tool, profiles=EVERYWHERE),
)
