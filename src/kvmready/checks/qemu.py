"""QEMU: is there an emulator for this architecture, does it start, does it know KVM, is qemu-img there."""

from __future__ import annotations

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    skipped,
    unknown,
    warned,
)
from kvmready.facts.known import Absent, Known
from kvmready.facts.qemu import DESCRIPTORS, WITHOUT_UEFI
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Remedy
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
            _again(facts),
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


def _again(facts: Facts) -> Remedy:
    owners = facts.qemu.owners
    if isinstance(owners, Known):
        return automatic(_("Install these packages again: {packages}").format(packages=" ".join(owners.value)))
    return manual(_("Install the QEMU package again, with the libraries and files that it needs."))


def rom(facts: Facts) -> Judgement:
    """qemu.rom: the BIOS is there with which guests of a PC start."""
    found = facts.qemu.rom
    if not facts.names.roms:
        return skipped(
            _("Not needed: guests of {arch} start without that file, or its place is not known here.").format(
                arch=facts.caller.arch
            )
        )
    if isinstance(found, Known):
        return passed(_("The BIOS with which guests start is there."), Evidence(found.value, _("is there")))
    if isinstance(found, Absent):
        return failed(
            "qemu.broken",
            _("The BIOS with which guests start (SeaBIOS) is missing: QEMU cannot start one."),
            automatic(_("Install the package with it.")) if isinstance(facts.qemu.owners, Absent) else _again(facts),
            *(Evidence(path, _("no such file")) for path in facts.names.roms),
        )
    return unknown(
        _("It could not be seen whether the BIOS for guests is there."),
        manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", facts.names.roms[0])),
        Evidence(facts.names.roms[0], found.why),
    )


ROOM = 256 << 20
"""Bytes of memory for one small guest: a cloud image starts in 256 MiB."""


def memory(facts: Facts) -> Judgement:
    """qemu.memory: there is memory for one small guest, and the kernel would promise it."""
    known = facts.memory
    if isinstance(known.overcommit, Known) and known.overcommit.value == 2 and isinstance(known.promised, Known):
        seen = (
            Evidence("/proc/sys/vm/overcommit_memory", "2"),
            Evidence(
                "/proc/meminfo", _("CommitLimit less Committed_AS: {size} MiB").format(size=known.promised.value >> 20)
            ),
        )
        if known.promised.value < ROOM:
            return failed(
                "qemu.guest-memory",
                _("The kernel promises no more memory: vm.overcommit_memory is 2, and its limit is reached."),
                manual(
                    _(
                        "Raise the limit with vm.overcommit_ratio or more swap, or set vm.overcommit_memory=0 in a "
                        "file under /etc/sysctl.d, then run, as root: sysctl --system"
                    )
                ),
                *seen,
            )
    if not isinstance(known.available, Known):
        return unknown(
            _("It is not known how much memory is free."),
            manual(_("Look by hand: free -m"), ("free", "-m")),
            Evidence("/proc/meminfo", known.available.why),
        )
    available = Evidence("/proc/meminfo", f"MemAvailable: {known.available.value >> 10} kB")
    if known.available.value >= ROOM:
        return passed(
            _("{size} MiB of memory are free for guests.").format(size=known.available.value >> 20), available
        )
    pages = known.huge_pages.value if isinstance(known.huge_pages, Known) else 0
    held = pages * known.huge_size.value if isinstance(known.huge_size, Known) else 0
    if held >= ROOM:
        how = _(
            "Huge pages hold {size} MiB, which ordinary guests cannot use: reserve fewer (vm.nr_hugepages)."
        ).format(size=held >> 20)
        return warned(
            "qemu.guest-memory",
            _("Only {size} MiB of memory are free: too little for a guest.").format(size=known.available.value >> 20),
            manual(how),
            available,
            Evidence("/proc/meminfo", f"HugePages_Total: {pages}"),
        )
    return warned(
        "qemu.guest-memory",
        _("Only {size} MiB of memory are free: too little for a guest.").format(size=known.available.value >> 20),
        manual(_("End programs that need much memory (top shows them), or give the machine more."), ("top",)),
        available,
    )


def firmware(facts: Facts) -> Judgement:
    """qemu.firmware: UEFI firmware for guests is there; guests with a BIOS run without it."""
    found, arch = facts.qemu.firmware, facts.caller.arch
    if arch in WITHOUT_UEFI:
        return skipped(_("Not needed: guests of {arch} do not start with UEFI.").format(arch=arch))
    if isinstance(found, Known):
        seen = [Evidence(found.value.image, _("is there"))]
        if found.value.descriptor:
            seen.append(Evidence(found.value.descriptor, found.value.image))
        return passed(_("UEFI firmware for guests is installed."), *seen)
    if isinstance(found, Absent):
        if isinstance(facts.qemu.emulator, Absent):
            return unknown(
                _("UEFI firmware for guests is not installed, and neither is QEMU."),
                manual(_("First get QEMU installed: see qemu.emulator.")),
                Evidence(DESCRIPTORS[-1], _("names no firmware that is there")),
            )
        named = [Evidence(path, _("no such file")) for path in found.why.split()]
        return warned(
            "qemu.firmware-missing",
            _("UEFI firmware for guests is missing: Windows 11 and many new images need it."),
            automatic(_("Install the firmware's package.")),
            Evidence(DESCRIPTORS[-1], _("names no firmware that is there")),
            *named,
        )
    return unknown(
        _("It could not be seen whether UEFI firmware for guests is installed."),
        manual(_("Look at the folder and at its rights."), ("ls", "-l", DESCRIPTORS[-1])),
        Evidence(DESCRIPTORS[-1], found.why),
    )


def tpm(facts: Facts) -> Judgement:
    """qemu.tpm: guests can have a TPM, which Windows 11 wants."""
    if not facts.names.tpm:
        return skipped(_("Not needed: this release has no swtpm."))
    found = facts.qemu.tpm
    if isinstance(found, Known):
        return passed(_("Guests can have a TPM."), *(Evidence(path, _("is there")) for path in found.value))
    if isinstance(found, Absent):
        seen = Evidence(found.why, _("no such file"))
        if isinstance(facts.qemu.emulator, Absent):
            return unknown(
                _("swtpm, which gives guests a TPM, is not installed, and neither is QEMU."),
                manual(_("First get QEMU installed: see qemu.emulator.")),
                seen,
            )
        return warned(
            "qemu.tpm-missing",
            _("swtpm is missing: guests cannot have a TPM, which Windows 11 wants."),
            automatic(_("Install the package with swtpm and swtpm_setup.")),
            seen,
        )
    return unknown(
        _("It could not be seen whether swtpm is installed."),
        manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", facts.names.tpm[0])),
        Evidence(facts.names.tpm[0], found.why),
    )


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
    Check("qemu.rom", rom, needs=("qemu.emulator",), profiles=EVERYWHERE),
    Check("qemu.memory", memory, profiles=EVERYWHERE),
    Check("qemu.firmware", firmware, needs=("qemu.emulator",)),
    Check("qemu.tpm", tpm, needs=("qemu.emulator",)),
)
