"""What guests need of the kernel besides KVM: network devices, control groups, and, when wanted, IOMMU and nesting."""

from __future__ import annotations

from kvmready.checks.finding import Evidence, Judgement, automatic, failed, manual, passed, skipped, unknown, warned
from kvmready.checks.hardware import unanswered
from kvmready.checks.kernel_modules import (
    as_evidence,
    in_container,
    outside,
    reboot,
    unblock,
    unless_emulated,
    updated,
)
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Remedy
    from kvmready.facts import Facts

CONTROLLERS = (("cpu",), ("cpuset",), ("memory",), ("io", "blkio"))
"""The controllers that libvirt uses for guests; blkio is the name that version 1 gives to io."""


NESTING = ("kvm_intel", "kvm_amd")
"""The modules whose parameter ``nested`` is read once, when they are loaded."""


def vhost_net(facts: Facts) -> Judgement:
    """kernel.vhost-net: the kernel can carry guests' network traffic itself."""
    if facts.kernel.offers("vhost-net"):
        return passed(_("vhost_net is there: guests' networking is quick."), _driver(facts, "vhost-net"))
    if _untold(facts):
        return _unknown_driver(facts, "vhost-net")
    # A container has no module tree of the kernel that it shares: that says nothing of an update.
    if updated(facts.kernel) and not in_container(facts):
        return warned(
            "kernel.modules-missing",
            _("The kernel cannot load {module} any more: it was updated, and not rebooted.").format(module="vhost_net"),
            reboot(),
            *_why_missing(facts, "vhost-net", "/dev/vhost-net"),
        )
    return warned(
        "kernel.vhost-net-missing",
        _("The kernel has no vhost_net: guests' networking works, but slower."),
        _load(facts, "vhost_net"),
        *_why_missing(facts, "vhost-net", "/dev/vhost-net"),
    )


def tun(facts: Facts) -> Judgement:
    """kernel.tun: guests can be connected to a network of the host."""
    offered = facts.kernel.offers("tun")
    node = facts.kernel.tun
    if offered and isinstance(node, Known):
        return passed(_("/dev/net/tun is there."), _driver(facts, "tun"))
    if not isinstance(node, (Known, Absent)) or (not offered and _untold(facts)):
        return _unknown_driver(facts, "tun")
    if not offered and updated(facts.kernel) and not in_container(facts):
        return failed(
            "kernel.modules-missing",
            _("The kernel cannot load {module} any more: it was updated, and not rebooted.").format(module="tun"),
            reboot(),
            *_why_missing(facts, "tun", "/dev/net/tun"),
        )
    return failed(
        "kernel.tun-missing",
        _("/dev/net/tun is missing: guests cannot be connected to a network of the host.")
        if isinstance(node, Absent)
        else _("The kernel has no tun driver: guests cannot be connected to a network of the host."),
        _make_node(facts) if isinstance(node, Absent) and _registered(facts, "tun") else _load(facts, "tun"),
        *_why_missing(facts, "tun", "/dev/net/tun"),
    )


def _registered(facts: Facts, device: str) -> bool:
    return isinstance(facts.kernel.registered, Known) and device in facts.kernel.registered.value


def _make_node(facts: Facts) -> Remedy:
    if in_container(facts):
        return manual(_("Start the container with the device: docker run --device /dev/net/tun"))
    if facts.kernel.udev:
        return automatic(_("Make the node again, and have udev give it its owner."))
    return manual(
        _("Make the node, as root: mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200"),
        ("mkdir", "-p", "/dev/net"),
        ("mknod", "-m", "0666", "/dev/net/tun", "c", "10", "200"),
    )


def _driver(facts: Facts, device: str) -> Evidence:
    if _registered(facts, device):
        return Evidence(f"/sys/class/misc/{device}", _("the driver has started"))
    return Evidence(f"/lib/modules/{facts.kernel.release}/modules.dep", _("loaded when first used"))


def _untold(facts: Facts) -> bool:
    """Whether neither the drivers nor the module tree could be looked at."""
    return not isinstance(facts.kernel.registered, Known) or not isinstance(facts.kernel.available, (Known, Absent))


def _unknown_driver(facts: Facts, device: str) -> Judgement:
    module = device.replace("-", "_")
    return unknown(
        _("It is not known whether the kernel has {module}.").format(module=module),
        manual(_("Try it, as root: modprobe {module}").format(module=module), ("modprobe", module)),
        Evidence("/sys/class/misc", unanswered(facts.kernel.registered) or unanswered(facts.kernel.available)),
    )


def _load(facts: Facts, module: str) -> Remedy:
    if in_container(facts):
        return outside("modprobe", module)
    blocked = facts.kernel.blocks(module)
    if blocked:
        return unblock(blocked)
    if isinstance(facts.kernel.available, Known) and module in facts.kernel.available.value:
        return automatic(_("Load it with modprobe, now and at every boot."))
    return manual(
        _("This kernel has no module {module}. Install the distribution's standard kernel and reboot into it.").format(
            module=module
        )
    )


def _why_missing(facts: Facts, device: str, path: str) -> tuple[Evidence, ...]:
    module = device.replace("-", "_")
    node = facts.kernel.tun if device == "tun" else facts.kernel.vhost_net
    seen = [Evidence(path, _("there") if isinstance(node, Known) else _("not there"))]
    available = facts.kernel.available
    tree = f"/lib/modules/{facts.kernel.release}/modules.dep"
    if isinstance(available, Known):
        seen.append(Evidence(tree, module if module in available.value else _("no {module}").format(module=module)))
    else:
        seen.append(Evidence(tree, unanswered(available)))
    return (*seen, *as_evidence(facts.kernel.blocks(module)))


def cgroups(facts: Facts) -> Judgement:
    """kernel.cgroups: the control group controllers are there with which libvirt limits guests."""
    found = facts.kernel.cgroup
    if isinstance(found, Known):
        have, version = found.value.controllers, found.value.version
        place = "/sys/fs/cgroup/cgroup.controllers" if version == 2 else "/proc/mounts"
        seen = Evidence(
            place, _("version {version}: {controllers}").format(version=version, controllers=" ".join(have))
        )
    elif isinstance(found, Absent):
        have, version, seen = (), 2, Evidence("/sys/fs/cgroup", unanswered(found))
    else:
        return unknown(
            _("It is not known which control group controllers there are."),
            manual(_("Look by hand: cat /proc/cgroups"), ("cat", "/proc/cgroups")),
            Evidence("/sys/fs/cgroup", unanswered(found)),
        )
    missing = [names[min(2 - version, len(names) - 1)] for names in CONTROLLERS if not set(names).intersection(have)]
    if not missing:
        return passed(_("All control group controllers that libvirt uses are there."), seen)
    if in_container(facts):
        text = _("The machine around this container decides which controllers it gets: have it delegate them.")
    elif "memory" in missing and len(missing) == 1:
        text = _("Put cgroup_enable=memory on the kernel command line and reboot. Guests run without it, unlimited.")
    else:
        text = _(
            "Use the distribution's standard kernel, booted by its init system. Guests run without them, unlimited."
        )
    return warned(
        "kernel.cgroup-missing",
        _("Control group controllers are missing: {names}.").format(names=", ".join(missing)),
        manual(text),
        seen,
    )


def hugepages(facts: Facts) -> Judgement:
    """kernel.hugepages: as many huge pages are reserved as somebody asked for."""
    if facts.want.hugepages:
        from kvmready.checks.kernel_hugepages import wanted_hugepages

        return wanted_hugepages(facts)
    known = facts.memory.huge_pages
    if not facts.memory.requests and not (isinstance(known, Known) and known.value):
        return skipped(_("Not needed: nobody asked for huge pages."))
    if not isinstance(known, Known):
        return unknown(
            _("It is not known how many huge pages are reserved."),
            manual(_("Look by hand: grep Huge /proc/meminfo"), ("grep", "Huge", "/proc/meminfo")),
            Evidence("/proc/meminfo", unanswered(known)),
        )
    seen = Evidence("/proc/meminfo", f"HugePages_Total: {known.value}")
    if not facts.memory.requests or facts.memory.requests[-1].pages <= known.value:
        return passed(_("{count} huge pages are reserved for guests.").format(count=known.value), seen)
    asked = facts.memory.requests[-1]
    return warned(
        "qemu.guest-memory",
        _("Of {wanted} huge pages that were asked for, only {count} could be reserved.").format(
            wanted=asked.pages, count=known.value
        ),
        manual(
            _(
                "Ask for fewer in {file}, then run, as root: sysctl --system. Or reserve them early, before memory is "
                "in pieces: hugepages={wanted} on the kernel command line, and reboot. Guests with huge pages need "
                "them; others do without."
            ).format(file=asked.source, wanted=asked.pages)
        ),
        Evidence(asked.source, asked.line),
        seen,
    )


def iommu(facts: Facts) -> Judgement:
    """kernel.iommu: devices of the host can be given to guests; asked only when that is wanted."""
    if not facts.want.iommu:
        return skipped(
            _("Not needed: only giving a host's device to a guest needs an IOMMU, and nobody asked for that.")
        )
    found = facts.kernel.iommu
    if not isinstance(found, Known):
        return unknown(
            _("It is not known whether there is an IOMMU."),
            manual(_("Look by hand: ls /sys/kernel/iommu_groups"), ("ls", "/sys/kernel/iommu_groups")),
            Evidence("/sys/kernel/iommu_groups", unanswered(found)),
        )
    groups = Evidence("/sys/kernel/iommu_groups", _("{count} groups").format(count=found.value.groups))
    if found.value.groups:
        return passed(_("The IOMMU is on."), groups)
    table = found.value.table
    seen = Evidence("/sys/firmware/acpi/tables", table or _("no DMAR, IVRS or IORT"))
    if table == "DMAR":
        text = _("Put intel_iommu=on on the kernel command line (GRUB_CMDLINE_LINUX in /etc/default/grub), and reboot.")
    elif table:
        text = _("Take amd_iommu=off, iommu=off and the like out of the kernel command line, and reboot.")
    else:
        text = _(
            "Switch the IOMMU (Intel VT-d, AMD IOMMU) on in the firmware setup; where it is not offered, there is none."
        )
    return failed("kernel.iommu-off", _("The IOMMU is off."), manual(text), groups, seen)


@unless_emulated
def nested(facts: Facts) -> Judgement:
    """kernel.nested: guests can run guests of their own; asked only when that is wanted."""
    if not facts.want.nested:
        return skipped(_("Not needed: nobody asked for guests that run guests of their own."))
    found = facts.kernel.nested
    module = facts.kernel.vendor_loaded or facts.kernel.vendor_module
    place, users = f"/sys/module/{module}/parameters/nested", facts.kernel.users
    if isinstance(found, Known) and found.value:
        return passed(_("Guests can run guests of their own."), Evidence(place, "Y"))
    if isinstance(found, Known):
        remedy = _load_with_nesting(facts, module)
        return failed(
            "kernel.nested-disabled",
            _("Guests cannot run guests of their own: {module} has that switched off.").format(module=module),
            remedy,
            Evidence(place, "N"),
            *([Evidence(f"/sys/module/{module}/refcnt", str(users.value))] if isinstance(users, Known) else []),
        )
    return unknown(
        _("It is not known whether guests can run guests of their own."),
        manual(_("Look by hand: cat {path}").format(path=place), ("cat", place)),
        Evidence(place, unanswered(found)),
    )


def _load_with_nesting(facts: Facts, module: str) -> Remedy:
    if in_container(facts):
        return outside("modprobe", module, "nested=1")
    if module in facts.kernel.built_in or module not in NESTING:
        return manual(
            _("Put {module}.nested=1 on the kernel command line, and reboot.").format(module=module),
        )
    if isinstance(facts.kernel.users, Known) and not facts.kernel.users.value:
        return automatic(_("Set nested=1 for {module} in /etc/modprobe.d, and load it again.").format(module=module))
    return manual(
        _(
            "Guests run now, and {module} cannot be loaded again under them. Shut them all down, then check again; or "
            "write options {module} nested=1 into a file in /etc/modprobe.d, and reboot."
        ).format(module=module)
    )
