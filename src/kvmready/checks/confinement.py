"""AppArmor and SELinux: switched on as the distribution wants it, and no guest's disk kept from its guest."""

from __future__ import annotations

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    Remedy,
    manual,
    passed,
    skipped,
    unknown,
    warned,
)
from kvmready.facts.confinement import ABSTRACTION, APPARMOR, PROFILES, SELINUX, Denial
from kvmready.facts.known import Absent, Fact, Known
from kvmready.facts.reach import parent
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts

SYSTEM_FOLDERS = (
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run",
    "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/tmp",
)  # fmt: skip
"""Folders that hold more than guests' disks: their label is not ours to change."""


def folders(denials: tuple[Denial, ...]) -> tuple[str, ...]:
    """The directories of the files that were denied, where they are known."""
    return tuple(dict.fromkeys(parent(one.path) for one in denials if one.path.startswith("/")))


def _off(name: str, state: Fact[bool], path: str) -> Judgement | None:
    """What there is to say of a host that this one does not confine; None where it does."""
    if isinstance(state, Known):
        return None if state.value else skipped(_("Not needed: {name} is not enforcing here.").format(name=name))
    if isinstance(state, Absent):
        return skipped(_("Not needed: this kernel runs without {name}.").format(name=name))
    return unknown(
        _("It could not be seen whether {name} confines guests.").format(name=name),
        manual(_("Look by hand."), ("cat", path)),
        Evidence(path, state.why),
    )


def _unread(why: str, pattern: str) -> Judgement:
    return unknown(
        _("It could not be seen whether a guest was denied its disk: only root may read the kernel log."),
        manual(_("Ask as root, and look for {pattern} in it:").format(pattern=pattern), ("sudo", "dmesg")),
        Evidence("dmesg", why),
    )


def _of(facts: Facts, by: str) -> tuple[Denial, ...]:
    found = facts.confinement.denials
    return tuple(one for one in found.value if one.by == by) if isinstance(found, Known) else ()


def apparmor(facts: Facts) -> Judgement:
    """storage.apparmor: AppArmor kept no guest from its disk."""
    off = _off("AppArmor", facts.confinement.apparmor, APPARMOR)
    if off is not None:
        return off
    if not isinstance(facts.confinement.denials, Known):
        return _unread(facts.confinement.denials.why, 'apparmor="DENIED"')
    denied = _of(facts, "apparmor")
    if denied:
        rules = ", ".join(f'"{folder.rstrip("/")}/**" rwk,' for folder in folders(denied))
        return warned(
            "storage.apparmor-denied",
            _("AppArmor kept a guest from its disk: {paths}.").format(paths=", ".join(one.path for one in denied)),
            manual(
                _(
                    "Move the disk into the storage pool {pool}, or write this line into {file}, "
                    "and start the guest again: {rules}"
                ).format(pool=facts.storage.path, file=ABSTRACTION, rules=rules)
            ),
            *(Evidence("dmesg", one.text) for one in denied),
        )
    profiles = facts.confinement.profiles
    listed = profiles.value[:4] if isinstance(profiles, Known) else ()
    return passed(
        _("AppArmor is on, and kept no guest from its disk."),
        Evidence(APPARMOR, "Y"),
        *(Evidence(PROFILES, f"{name} ({mode})") for name, mode in listed),
    )


def _relabel(denied: tuple[Denial, ...]) -> Remedy:
    where = folders(denied)
    folder = where[0] if where and where[0] not in SYSTEM_FOLDERS else "/DIRECTORY"
    return manual(
        _("Keep guests' disks in a directory of their own, and label it as root (with policycoreutils installed):"),
        ("semanage", "fcontext", "-a", "-t", "virt_image_t", f"{folder}(/.*)?"),
        ("restorecon", "-R", "-v", folder),
    )


def selinux(facts: Facts) -> Judgement:
    """storage.selinux: SELinux kept no guest from its disk."""
    off = _off("SELinux", facts.confinement.selinux, SELINUX)
    if off is not None:
        return off
    if not isinstance(facts.confinement.denials, Known):
        return _unread(facts.confinement.denials.why, "svirt_t")
    denied = _of(facts, "selinux")
    if denied:
        return warned(
            "storage.selinux-denied",
            _("SELinux kept a guest from its disk, for its label: {paths}.").format(
                paths=", ".join(f"{one.path} ({one.label})" for one in denied)
            ),
            _relabel(denied),
            *(Evidence("ausearch -m avc", one.text) for one in denied),
        )
    return passed(_("SELinux is enforcing, and kept no guest from its disk."), Evidence(SELINUX, "1"))


CHECKS = (
    Check("storage.apparmor", apparmor, needs=("libvirt.daemon",)),
    Check("storage.selinux", selinux, needs=("libvirt.daemon",)),
)
