"""Is the kernel ready to run guests: its modules, its device nodes, control groups, and a guest that really ran."""

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
from kvmready.checks.hardware import PROBE, unanswered
from kvmready.checks.kernel_drivers import cgroups, hugepages, iommu, nested, tun, vhost_net
from kvmready.checks.kernel_modules import (
    blacklist,
    in_container,
    module_tree,
    modules,
    modules_persist,
    outside,
    unless_emulated,
)
from kvmready.facts.kernel import OTHER_HYPERVISORS
from kvmready.facts.known import Absent, Known
from kvmready.facts.probe import ratio_text
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Remedy
    from kvmready.facts import Facts
    from kvmready.facts.probe import Answer
    from kvmready.host.door import Status

KVM_DEVICE = (10, 232)
"""Major and minor number of /dev/kvm: MISC_MAJOR and KVM_MINOR of the kernel's include/linux/miscdevice.h."""


@unless_emulated
def kvm_device(facts: Facts) -> Judgement:
    """kernel.kvm-device: /dev/kvm is there, and is KVM's."""
    node = facts.kernel.kvm
    if isinstance(node, Absent):
        return _no_device(facts)
    if not isinstance(node, Known):
        return unknown(
            _("It is not known whether /dev/kvm is there."),
            manual(_("Look by hand: ls -l /dev/kvm"), ("ls", "-l", "/dev/kvm")),
            Evidence("/dev/kvm", unanswered(node)),
        )
    status = node.value
    owner = _owner(facts, status)
    if status.kind != "character" or status.device != KVM_DEVICE:
        other = Evidence("/dev/kvm", f"{status.kind} {status.device[0]}:{status.device[1]}, {owner}")
        if in_container(facts):
            return _denied_by_container(_("Another file stands in the place of /dev/kvm in this container."), other)
        return failed(
            "kernel.device-missing",
            _("/dev/kvm is not the KVM device: something else stands in its place."),
            manual(
                _("Find out what put it there and remove it; then kvmready makes the node again: {command}").format(
                    command="kvmready up"
                ),
                ("ls", "-l", "/dev/kvm"),
                ("rm", "/dev/kvm"),
                ("kvmready", "up"),
            ),
            other,
        )
    return passed(_("/dev/kvm is there."), Evidence("/dev/kvm", owner))


@unless_emulated
def kvm_permissions(facts: Facts) -> Judgement:
    """kernel.kvm-permissions: /dev/kvm has the owner and mode that guests need."""
    node = facts.kernel.kvm
    if not isinstance(node, Known) or node.value.kind != "character":
        return unknown(
            _("It is not known who may use /dev/kvm."),
            manual(_("Look by hand: ls -l /dev/kvm"), ("ls", "-l", "/dev/kvm")),
            Evidence("/dev/kvm", _("not there") if isinstance(node, Absent) else unanswered(node)),
        )
    status, group = node.value, facts.access.kvm_gid
    seen = Evidence("/dev/kvm", _owner(facts, status))
    if status.mode & 0o006 == 0o006 or (
        isinstance(group, Known) and status.gid == group.value and status.mode & 0o060 == 0o060
    ):
        return passed(_("/dev/kvm has the right owner and mode."), seen)
    users = [user for user in (facts.want.users or (facts.caller.user,)) if user != "root"]
    if facts.want.profile == "minimal" and not users:
        return passed(_("/dev/kvm is for root only; nobody else is to use it."), seen)
    return _wrong_owner(facts, seen)


def _owner(facts: Facts, status: Status) -> str:
    group = facts.access.kvm_gid
    if isinstance(group, Known) and status.gid == group.value:
        return f"{status.uid}:{facts.names.kvm_group} {status.mode:04o}"
    return f"{status.uid}:{status.gid} {status.mode:04o}"


def _no_device(facts: Facts) -> Judgement:
    seen = Evidence("/dev/kvm", _("not there"))
    if in_container(facts) and facts.kernel.alive:
        return _denied_by_container(_("The machine has /dev/kvm, but this container was not given it."), seen)
    return failed("kernel.device-missing", _("/dev/kvm is missing."), _node_again(facts), seen)


def _node_again(facts: Facts) -> Remedy:
    if in_container(facts) or not facts.kernel.udev:
        return manual(_("Make the node, as root: mknod /dev/kvm c 10 232"), ("mknod", "/dev/kvm", "c", "10", "232"))
    return automatic(_("Make the node again, and have udev give it its owner."))


def _denied_by_container(summary: str, *evidence: Evidence) -> Judgement:
    return failed(
        "kernel.device-denied-by-container",
        summary,
        manual(
            _(
                "Start the container with the device and its group: docker run --device /dev/kvm --group-add GID, "
                "with GID from: stat -c %g /dev/kvm on the machine around it. In podman: --device /dev/kvm "
                "--group-add keep-groups. In a systemd unit: DeviceAllow=/dev/kvm rw"
            )
        ),
        *evidence,
    )


def _wrong_owner(facts: Facts, seen: Evidence) -> Judgement:
    group = facts.names.kvm_group
    summary = _("Only root may use /dev/kvm: it should belong to the group {group}, with mode 0660.").format(
        group=group
    )
    evidence = [seen]
    if not isinstance(facts.access.kvm_gid, Known):
        evidence.append(Evidence(f"getent group {group}", _("no such group")))
    rules = facts.kernel.kvm_rules
    if isinstance(rules, Known):
        evidence += [Evidence(path, line) for path, line in rules.value] or [
            Evidence("/usr/lib/udev/rules.d", _("no rule for {device}").format(device="/dev/kvm"))
        ]
    if isinstance(facts.access.kvm_gid, Absent) and not in_container(facts):
        remedy = manual(
            _("Make the group, and let udev set up the device again, as root: {commands}").format(
                commands=f"groupadd --system {group} && udevadm trigger --action=add --sysname-match=kvm"
            ),
            ("groupadd", "--system", group),
            ("udevadm", "trigger", "--action=add", "--sysname-match=kvm"),
        )
    elif facts.kernel.udev and not in_container(facts):
        remedy = automatic(_("Restore the udev rule for /dev/kvm, and apply it."))
    else:
        remedy = manual(
            _("udev does not run here, so the change lasts only until the next boot. As root: {commands}").format(
                commands=f"chgrp {group} /dev/kvm && chmod 0660 /dev/kvm"
            ),
            ("chgrp", group, "/dev/kvm"),
            ("chmod", "0660", "/dev/kvm"),
        )
    return failed("kernel.device-permissions", summary, remedy, *evidence)


@unless_emulated
def kvm_runs(facts: Facts) -> Judgement:
    """kernel.kvm-runs: KVM ran a guest, with the rights of the caller."""
    answer = facts.probe.own
    if answer is None:
        return unknown(
            _("It is not known whether KVM runs guests: the probe gave no answer."),
            manual(_("Try it by hand: {command}").format(command=PROBE), tuple(PROBE.split())),
            Evidence(PROBE, unanswered(facts.probe.answers)),
        )
    if answer.ok is None:
        return unknown(
            _("It is not known whether KVM runs guests: it could not be tried."), _by_hand(facts), _said(answer)
        )
    if not answer.ok:
        return _did_not_run(facts, answer)
    others = (
        [one.user for one in facts.probe.answers.value[1:] if one.ok] if isinstance(facts.probe.answers, Known) else []
    )
    who = ", ".join([facts.probe.caller, *others])
    return passed(_("KVM runs guests."), Evidence(PROBE, _("a guest ran as {users}").format(users=who)))


def _said(answer: Answer) -> Evidence:
    words = [f"{answer.user}:" if answer.user else "", f"{answer.failed_at}:" if answer.failed_at else ""]
    words += [answer.errno, f"KVM_EXIT_{answer.exit_reason}" if answer.exit_reason else "", answer.detail]
    return Evidence(PROBE, " ".join(word for word in words if word))


def _did_not_run(facts: Facts, answer: Answer) -> Judgement:
    """What each errno means is written in the kernel's Documentation/virt/kvm/api.rst and virt/kvm/kvm_main.c."""
    said = _said(answer)
    if answer.errno == "EBUSY":
        return _busy(facts, said)
    if answer.failed_at != "open":
        return _run_fails(answer, said)
    if answer.errno in ("EACCES", "EPERM"):
        if in_container(facts) or answer.errno == "EPERM":
            return _denied_by_container(_("The device rules here do not allow /dev/kvm to be opened."), said)
        return _no_rights(facts, said)
    if answer.errno in ("ENODEV", "ENXIO"):
        return failed(
            "kernel.module-not-loaded",
            _("/dev/kvm is there, but no KVM driver stands behind it."),
            outside("modprobe", facts.kernel.vendor_module or "kvm")
            if in_container(facts)
            else automatic(_("Load it with modprobe.")),
            said,
        )
    if answer.errno == "ENOENT":
        return failed("kernel.device-missing", _("/dev/kvm is missing."), _node_again(facts), said)
    return _run_fails(answer, said)


def _busy(facts: Facts, said: Evidence) -> Judgement:
    names = facts.kernel.other_hypervisors
    return failed(
        "kernel.other-hypervisor",
        _("Another hypervisor holds the CPU's virtualization extension: {names}.").format(
            names=", ".join(names) or _("which one is not known")
        ),
        _stop_other(names),
        said,
        *(Evidence(f"/sys/module/{name}", _("loaded")) for name in names),
    )


@unless_emulated
def extension_free(facts: Facts) -> Judgement:
    """kernel.extension-free: no other hypervisor holds the CPU's extension, which only one can have at a time."""
    answer, names = facts.probe.own, facts.kernel.other_hypervisors
    if answer is not None and answer.ok is False and answer.errno == "EBUSY":
        return _busy(facts, _said(answer))
    if names:
        return passed(
            _("Another hypervisor is loaded, but does not hold the CPU's extension: {names}.").format(
                names=", ".join(names)
            ),
            *(Evidence(f"/sys/module/{name}", _("loaded")) for name in names),
        )
    return passed(
        _("No other hypervisor is loaded."),
        Evidence("/sys/module", _("no {word}").format(word=", ".join(OTHER_HYPERVISORS))),
    )


@unless_emulated
def qemu_user(facts: Facts) -> Judgement:
    """kernel.qemu-user: KVM runs guests for the user as whom libvirt starts QEMU."""
    name, group = facts.names.qemu_user, facts.names.kvm_group
    found = facts.probe.for_user(name)
    if isinstance(found, Known) and found.value.ok:
        return passed(
            _("KVM runs guests for {user}, the user of QEMU.").format(user=name),
            Evidence(PROBE, _("a guest ran as {users}").format(users=name)),
        )
    if isinstance(found, Known):
        if facts.probe.own is not None and facts.probe.own.ok and found.value.errno not in ("EACCES", "EPERM"):
            return _run_fails(found.value, _said(found.value))
        remedy = manual(
            _("Add it to the group of /dev/kvm, as root: usermod -aG {group} {user}").format(group=group, user=name),
            ("usermod", "-aG", group, name),
        )
        if _group_may_use(facts):
            remedy = automatic(_("Add {user} to the group {group}.").format(user=name, group=group))
        return failed(
            "kernel.device-permissions",
            _("KVM does not run guests for {user}, the user of QEMU.").format(user=name),
            remedy,
            _said(found.value),
        )
    tried = facts.probe.answers.value if isinstance(facts.probe.answers, Known) else ()
    account, node = facts.probe.qemu_account, facts.kernel.kvm
    nobody = facts.caller.uid == 0 and bool(tried) and all(one.user != name for one in tried)
    if nobody or isinstance(account, Absent):
        return skipped(_("Not needed yet: there is no user {user}; libvirt's package makes it.").format(user=name))
    if isinstance(account, Known) and isinstance(node, Known):
        status, groups = node.value, account.value.groups
        if status.mode & 0o006 == 0o006 or (
            status.mode & 0o060 == 0o060 and status.gid in (account.value.gid, *(gid for _name, gid in groups))
        ):
            return passed(
                _("{user}, the user of QEMU, may open /dev/kvm.").format(user=name),
                Evidence("/dev/kvm", _owner(facts, status)),
                Evidence(f"id {name}", " ".join(named for named, _gid in groups)),
            )
    return unknown(
        _("It is not known whether KVM runs guests for {user}, the user of QEMU.").format(user=name),
        manual(_("Only root can try it as somebody else: sudo kvmready check"), ("sudo", "kvmready", "check")),
        Evidence(PROBE, unanswered(found)),
    )


def _group_may_use(facts: Facts) -> bool:
    """Whether membership in the group is all that a user of this host lacks."""
    node, group = facts.kernel.kvm, facts.access.kvm_gid
    return (
        isinstance(node, Known)
        and isinstance(group, Known)
        and node.value.gid == group.value
        and node.value.mode & 0o060 == 0o060
        and not in_container(facts)
    )


def _stop_other(names: tuple[str, ...]) -> Remedy:
    if "vboxdrv" in names:
        return manual(
            _("Shut down the VirtualBox guests; if that is not enough, as root: systemctl stop vboxdrv"),
            ("systemctl", "stop", "vboxdrv"),
        )
    if "vmmon" in names:
        return manual(
            _("Shut down the VMware guests; if that is not enough, as root: systemctl stop vmware"),
            ("systemctl", "stop", "vmware"),
        )
    return manual(
        _("Shut down the other hypervisor's guests and unload its kernel module (lsmod lists them)."), ("lsmod",)
    )


def _run_fails(answer: Answer, said: Evidence) -> Judgement:
    if answer.errno == "EINTR":
        summary = _("/dev/kvm opens, but a guest that was started did not come back.")
    elif answer.exit_reason:
        summary = _("/dev/kvm opens, but a guest stopped with {reason}.").format(
            reason=f"KVM_EXIT_{answer.exit_reason}"
        )
    else:
        summary = _("/dev/kvm opens, but no guest runs.")
    return failed(
        "kernel.run-fails",
        summary,
        manual(
            _(
                "Read the kernel's own words, as root: dmesg. In a virtual machine nested virtualization is broken: "
                "ask whoever runs the machine below. On bare metal: update firmware and kernel, then switch the power "
                "off."
            ),
            ("dmesg",),
        ),
        said,
    )


def _no_rights(facts: Facts, said: Evidence) -> Judgement:
    """The caller may not open the device: not in its group, not in this session, or nobody knows why."""
    user, group, node = facts.probe.caller, facts.names.kvm_group, facts.kernel.kvm
    if facts.want.users and user not in facts.want.users:
        return unknown(
            _("It is not known whether KVM runs guests for {users}: {user} may not open /dev/kvm.").format(
                users=", ".join(facts.want.users), user=user
            ),
            manual(_("Only root can try it as somebody else: sudo kvmready check"), ("sudo", "kvmready", "check")),
            said,
        )
    account = facts.probe.account
    if facts.caller.uid != 0 and isinstance(node, Known) and isinstance(account, Known):
        gid = node.value.gid
        listed = any(number == gid for _name, number in account.value.groups)
        database = Evidence(f"id {user}", " ".join(name for name, _gid in account.value.groups))
        if listed and gid not in facts.caller.groups:
            return failed(
                "access.session-stale",
                _("{user} is in the group {group}, but this session began before that.").format(user=user, group=group),
                manual(_("Log out and in again. For one command only: sg {group} -c COMMAND").format(group=group)),
                said,
                database,
                Evidence("id", " ".join(map(str, facts.caller.groups))),
            )
        if not listed:
            return failed(
                "access.not-in-kvm-group",
                _("{user} may not open /dev/kvm: not in the group {group}.").format(user=user, group=group),
                automatic(_("Add {user} to the group {group}.").format(user=user, group=group)),
                said,
                database,
            )
    return failed(
        "kernel.device-permissions",
        _("{user} may not open /dev/kvm.").format(user=user),
        manual(
            _("Look at its owner, mode and access list: getfacl /dev/kvm. A security module may also forbid it: dmesg"),
            ("getfacl", "/dev/kvm"),
        ),
        said,
    )


@unless_emulated
def acceleration(facts: Facts) -> Judgement:
    """kernel.acceleration: guests run at the CPU's own speed, not emulated."""
    speed = facts.probe.acceleration
    seen = [Evidence(PROBE, speed.why)]
    if speed.exit_us is not None:
        times = _("exit round trip {p50:.1f} µs (p50), {p99:.1f} µs (p99)").format(
            p50=speed.exit_us[0], p99=speed.exit_us[1]
        )
        seen.append(Evidence(PROBE, times))
    if speed.state == "native" and speed.native_ratio is None:
        return passed(_("Guests run at native speed: the CPU runs their code itself."), *seen)
    if speed.state == "native" and speed.native_ratio is not None:
        return passed(
            _("Guests run at native speed, ratio {ratio}.").format(ratio=ratio_text(speed.native_ratio)), *seen
        )
    if speed.state == "degraded" and speed.native_ratio is not None:
        module = facts.kernel.vendor_loaded
        if module:
            seen.append(Evidence(f"/sys/module/{module}", _("loaded")))
        return warned(
            "kernel.degraded",
            _("KVM runs guests, degraded, ratio {ratio}.").format(ratio=ratio_text(speed.native_ratio)),
            manual(
                _(
                    "This kernel emulates much of what its guests run, so that a guest may be quicker under QEMU's own "
                    "emulation: kvmready up --accel tcg. For native speed use a bare-metal machine, or a VM whose "
                    "hypervisor passes VT-x or AMD-V on."
                )
            ),
            *seen,
        )
    return unknown(_("It is not known how fast guests run."), _by_hand(facts), *seen)


def _by_hand(facts: Facts) -> Remedy:
    """How to try it where the probe did not; it has machine code for x86 only."""
    answer = facts.probe.own
    if answer is not None and answer.failed_at == "unsupported-arch":
        text = _(
            "kvmready has no guest of its own for {arch}. Run one of yours under QEMU with -accel kvm, such as an "
            "installer's: QEMU ends at once where KVM does not work."
        )
        return manual(text.format(arch=facts.caller.arch))
    return manual(_("Try it by hand: {command}").format(command=PROBE), tuple(PROBE.split()))


_ALL = ("minimal", "server", "desktop", "web")
_LIBVIRT = ("server", "desktop", "web")

CHECKS = (
    Check("kernel.module-tree", module_tree, (), _ALL),
    Check("kernel.blacklist", blacklist, (), _ALL),
    Check("kernel.modules", modules, ("kernel.module-tree", "kernel.blacklist"), _ALL),
    Check("kernel.modules-persist", modules_persist, ("kernel.modules",), _ALL),
    Check("kernel.kvm-device", kvm_device, ("kernel.modules",), _ALL),
    Check("kernel.kvm-permissions", kvm_permissions, ("kernel.kvm-device",), _ALL),
    Check("kernel.extension-free", extension_free, ("kernel.kvm-device",), _ALL),
    Check(
        "kernel.kvm-runs",
        kvm_runs,
        ("kernel.modules", "kernel.kvm-device", "kernel.kvm-permissions", "kernel.extension-free"),
        _ALL,
    ),
    Check("kernel.acceleration", acceleration, ("kernel.kvm-runs",), _ALL),
    Check("kernel.qemu-user", qemu_user, ("kernel.kvm-runs", "kernel.kvm-permissions"), _LIBVIRT),
    Check("kernel.vhost-net", vhost_net, (), _LIBVIRT),
    Check("kernel.tun", tun, ("kernel.module-tree",), _LIBVIRT),
    Check("kernel.cgroups", cgroups, (), _ALL),
    Check("kernel.hugepages", hugepages, (), _ALL),
    Check("kernel.iommu", iommu, (), _ALL),
    Check("kernel.nested", nested, ("kernel.modules",), _ALL),
)
