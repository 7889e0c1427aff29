"""From a finding to the steps that mend it: pure, by cause where something failed, by check where it is blocked.

A blocked finding hides its own cause, so that its builder gives the whole way to the wanted state; the step itself
looks again before it runs and leaves out what is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kvmready.checks.kernel_modules import editable
from kvmready.facts.access import CONFIG, by_configuration, goes_to_session, member
from kvmready.facts.known import Absent, Known
from kvmready.facts.network import clashes, free_subnet
from kvmready.facts.storage import closed_folders
from kvmready.facts.tools import COCKPIT_SOCKET
from kvmready.i18n import _
from kvmready.plan import (
    acl,
    group,
    libvirt_builders,
    network,
    pool,
    service_builders,
    udev,
    uri,
    virsh,
)
from kvmready.plan.command import shown
from kvmready.plan.step import Step
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Finding
    from kvmready.distro.table import Table
    from kvmready.facts import Facts
    from kvmready.facts.names import Names

Builder = Callable[["Finding", "Facts", "Table"], Iterator[Step]]

PERSISTENCE = "/etc/modules-load.d/kvmready.conf"
RULES = "/etc/udev/rules.d/65-kvmready.rules"
NESTING = "/etc/modprobe.d/kvmready.conf"
SYSTEM_URI = "qemu:///system"
USUAL_SUBNET = "192.168.122.0/24"
"""libvirt: src/network/default.xml.in."""

ROLES = {
    "qemu.emulator": "emulator",
    "qemu.kvm-accel": "emulator",
    "qemu.img": "image-tool",
    "qemu.firmware": "firmware",
    "qemu.tpm": "tpm",
    "libvirt.daemon": "daemon",
    "libvirt.clients": "clients",
    "libvirt.virt-install": "installer",
    "libvirt.python": "python-binding",
    "network.dnsmasq": "network",
    "network.firewall": "firewall",
    "tools.virt-manager": "manager",
    "tools.virt-viewer": "viewer",
    "tools.x-server": "x-server",
    "tools.cockpit": "machines",
    "tools.cockpit-socket": "web-console",
}
"""Check id to what its package is wanted for, in the words of ``distro.table.ROLES``."""

PACKAGE_CAUSES = (
    "qemu.not-installed",
    "qemu.no-kvm-accel",
    "qemu.img-missing",
    "qemu.firmware-missing",
    "qemu.tpm-missing",
    "libvirt.not-installed",
    "libvirt.clients-missing",
    "libvirt.python-missing",
    "network.dnsmasq-missing",
    "network.firewall-backend",
    "tools.not-installed",
    "tools.no-x-server",
)


def _module(finding: Finding, name: str) -> Step:
    return Step(
        f"kernel.module.{name}",
        "module",
        finding.layer,
        _("Load the kernel module {name}").format(name=name),
        (("modprobe", "--", name),),
        {"module": name},
        _mends(finding),
    )


def _mends(finding: Finding) -> tuple[str, ...]:
    return (finding.cause,) if finding.cause else ()


def _allow(finding: Finding, facts: Facts, module: str) -> Iterator[Step]:
    """Take back what forbids ``module``, file by file; nothing where a person must do it (see checks' ``unblock``)."""
    blocked = facts.kernel.blocks(module)
    if not blocked or not editable(blocked):
        return
    for path in dict.fromkeys(one.path for one in blocked):
        lines = list(dict.fromkeys(one.line for one in blocked if one.path == path))
        yield Step(
            f"kernel.blacklist.{path.rpartition('/')[2]}",
            "modprobe",
            finding.layer,
            _("Make comments of the lines in {path} that forbid {module}: {lines}").format(
                path=path, module=module, lines="; ".join(lines)
            ),
            (),
            {"path": path, "lines": lines},
            ("kernel.module-blacklisted",),
            _("Somebody put that there for a reason: VirtualBox and VMware cannot run guests while KVM runs some."),
        )


def _blacklist(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    module = facts.kernel.vendor_loaded or facts.kernel.vendor_module
    yield from _allow(finding, facts, module)
    if module and not facts.kernel.vendor_loaded:
        yield _module(finding, module)


def _vendor_module(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    if facts.kernel.vendor_module:
        yield _module(finding, facts.kernel.vendor_module)


def _vhost_net(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    yield from _allow(finding, facts, "vhost_net")
    yield _module(finding, "vhost_net")


def _tun(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    yield from _allow(finding, facts, "tun")
    registered = facts.kernel.registered
    if not isinstance(registered, Known) or "tun" not in registered.value:
        yield _module(finding, "tun")
        return
    yield Step(
        "kernel.tun-device",
        "udev",
        finding.layer,
        _("Make /dev/net/tun, and let udev set it up"),
        (udev.make("/dev/net/tun", 200), *udev.commands("tun")),
        {"path": "/dev/net/tun", "group": "root"},
        _mends(finding),
    )


def _nested(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    """The option for every later load, then the load; the check is automatic only while nobody uses the module."""
    module = facts.kernel.vendor_loaded
    if not module:
        return
    content = f"# Written by kvmready: guests may run guests of their own.\noptions {module} nested=1\n"
    yield Step(
        "kernel.nested-option",
        "file",
        finding.layer,
        _("Write {path} with the line {line}, so that guests can run guests of their own").format(
            path=NESTING, line=f"options {module} nested=1"
        ),
        (),
        {"path": NESTING, "content": content, "mode": 0o644},
        _mends(finding),
    )
    yield Step(
        "kernel.nested",
        "module-parameter",
        finding.layer,
        _("Load the kernel module {name} again, with that option").format(name=module),
        (("modprobe", "--remove", "--", module), ("modprobe", "--", module)),
        {"module": module, "parameter": "nested", "value": "1"},
        _mends(finding),
        _("/dev/kvm is gone for a moment. Nothing is done while a guest runs."),
    )


def _reinstall(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    from kvmready.plan.managers import by_name

    owners, emulator = facts.qemu.owners, facts.qemu.emulator
    if isinstance(owners, Known) and isinstance(emulator, Known) and table.package_manager == "apt":
        yield Step(
            "qemu.reinstall",
            "reinstall",
            finding.layer,
            _("Install again: {packages}").format(packages=" ".join(owners.value)),
            (by_name(table.package_manager).reinstall(owners.value),),
            {"packages": list(owners.value), "program": emulator.value, "files": list(table.names.roms)},
            _mends(finding),
            _("An undo leaves these packages as they are then: damaged files are no state to go back to."),
        )


def _persistence(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    name = facts.kernel.vendor_module
    if name:
        content = f"# Written by kvmready: load KVM at every boot.\n{name}\n"
        yield Step(
            "kernel.modules-persist",
            "file",
            finding.layer,
            _("Write {path} with the line {line}, so that KVM is there after every boot").format(
                path=PERSISTENCE, line=name
            ),
            (),
            {"path": PERSISTENCE, "content": content, "mode": 0o644},
            _mends(finding),
        )


def _device(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    if finding.check == "kernel.qemu-user":
        yield from _qemu_user(finding, table)
        return
    rules, group = facts.kernel.kvm_rules, table.names.kvm_group
    if isinstance(rules, Known) and not rules.value:
        rule = f'KERNEL=="kvm", GROUP="{group}", MODE="0660"'
        yield Step(
            "kernel.kvm-rule",
            "file",
            finding.layer,
            _("Write {path} with the rule {line}, because no rule gives /dev/kvm to that group").format(
                path=RULES, line=rule
            ),
            (),
            {"path": RULES, "content": f"# Written by kvmready: guests need it.\n{rule}\n", "mode": 0o644},
            _mends(finding),
        )
    made = (udev.make("/dev/kvm", 232),) if isinstance(facts.kernel.kvm, Absent) else ()
    yield Step(
        "kernel.kvm-device",
        "udev",
        finding.layer,
        _("Let udev set up /dev/kvm again"),
        (*made, *udev.commands("kvm")),
        {"path": "/dev/kvm", "group": table.names.kvm_group},
        _mends(finding),
    )


def _tool(table: Table) -> dict[str, str]:
    """How the step ``group`` knows the host's tool again; usermod is nowhere named, so that old plans keep their id."""
    return {} if table.accounts == "shadow" else {"accounts": table.accounts}


def _qemu_user(finding: Finding, table: Table) -> Iterator[Step]:
    user, target = table.names.qemu_user, table.names.kvm_group
    yield Step(
        "kernel.qemu-user",
        "group",
        finding.layer,
        _("Add {user} to the group {group}").format(user=user, group=target),
        (group.add(user, target, table.accounts),),
        {"user": user, "group": target, **_tool(table)},
        _mends(finding),
    )


def _network(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    found, taken = facts.network.default, facts.network.taken.value if isinstance(facts.network.taken, Known) else ()
    defined = found.value if isinstance(found, Known) else None
    packaged = facts.network.packaged.value if isinstance(facts.network.packaged, Known) else ""
    packaged = packaged or table.names.default_network[0]
    subnets = facts.network.subnets or (USUAL_SUBNET,)
    if defined is not None:
        subnets = defined.subnets
    bridge = defined.bridge if defined is not None and defined.bridge else "virbr0"
    commands: list[tuple[str, ...]] = []
    xml, summary = "", _("Have the default network defined, running, and started at every boot")
    if defined is None and facts.want.subnet:
        if clashes(subnets, taken, bridge):
            return  # a person chose it, and has to choose another
        xml = network.definition("default", bridge, facts.want.subnet.rpartition(".")[0])
        summary = _("Have the default network on {subnet}, running, and started at every boot").format(
            subnet=facts.want.subnet
        )
        commands.append((*virsh.BASE, "net-define", network.STDIN))
    elif clashes(subnets, taken, bridge) and not (defined is not None and defined.active):
        free = free_subnet(taken)
        if free is None:
            return
        xml = network.definition("default", bridge, free.rpartition(".")[0])
        summary = _("Have the default network on {subnet}, because {taken} is in use here").format(
            subnet=free, taken=", ".join(subnets)
        )
        if defined is not None:
            commands.append((*virsh.BASE, "net-undefine", "--network", "default"))
        commands.append((*virsh.BASE, "net-define", network.STDIN))
    elif defined is None or not defined.persistent:
        commands.append((*virsh.BASE, "net-define", packaged))
    if defined is None or not defined.active or xml:
        commands.append((*virsh.BASE, "net-start", "--network", "default"))
    if defined is None or not defined.autostart or xml:
        commands.append((*virsh.BASE, "net-autostart", "--network", "default"))
    yield Step(
        "network.default-network",
        "network",
        finding.layer,
        summary,
        tuple(commands),
        {"network": "default", "packaged": packaged, "xml": xml},
        _mends(finding),
        _("{command} reads this: {text}").format(command=shown(commands[-3]), text=xml) if xml else "",
    )


def _pool(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    found = facts.storage.pool
    defined = found.value if isinstance(found, Known) else None
    path = (defined.path if defined is not None else "") or facts.want.pool_path or table.names.pool_path
    commands: list[tuple[str, ...]] = []
    if defined is None or not defined.persistent:
        commands.append(pool.define("default", path))
    if defined is None or not defined.active:
        if isinstance(facts.storage.room, Known) and facts.storage.room.value.path != path:
            commands.append((*virsh.BASE, "pool-build", "--pool", "default"))
        commands.append((*virsh.BASE, "pool-start", "--pool", "default"))
    if defined is None or not defined.autostart:
        commands.append((*virsh.BASE, "pool-autostart", "--pool", "default"))
    yield Step(
        "storage.default-pool",
        "pool",
        finding.layer,
        _("Have the default storage pool at {path}, running, and started at every boot").format(path=path),
        tuple(commands),
        {"pool": "default", "path": path},
        _mends(finding),
    )


def _group_of(name: str) -> Builder:
    def build(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
        target = table.names.kvm_group if name == "kvm" else table.names.libvirt_group
        gid = facts.access.kvm_gid if name == "kvm" else facts.access.libvirt_gid
        for person in facts.access.people:
            if not isinstance(person.account, Known) or person.account.value.uid == 0:
                continue
            if not isinstance(gid, Absent) and member(person.account.value, gid):
                continue
            yield Step(
                f"access.{name}-group.{person.name}",
                "group",
                finding.layer,
                _("Add {user} to the group {group}").format(user=person.name, group=target),
                (group.add(person.name, target, table.accounts),),
                {"user": person.name, "group": target, **_tool(table)},
                _mends(finding),
                _("{user} has to log in again before this counts.").format(user=person.name),
            )

    return build


def files(role: str, names: Names) -> tuple[str, ...]:
    """Where a role's file is looked for, one of them being enough; empty where that says nothing of its package."""
    places = {
        "emulator": names.emulators,
        "image-tool": names.image_tools,
        "daemon": names.daemons,
        "clients": names.virsh,
        "installer": names.virt_install,
        "network": names.dnsmasq,
        "rom": names.roms,
        "tpm": names.tpm[-1:],
    }
    return places.get(role, ())


def also_wanted(finding: Finding, facts: Facts) -> tuple[str, ...]:
    """The roles of packages that the step for a finding needs to work with, where they are missing."""
    if finding.cause == "storage.path-unreachable" and isinstance(facts.storage.setfacl, Absent):
        return ("acl",)
    if finding.cause == "libvirt.not-installed":
        return ("driver", "locks")
    if finding.check == "services.virtlockd":
        return ("locks",)
    if finding.check == "network.default-network" and not isinstance(facts.network.packaged, Known):
        return ("default-network",)
    if finding.check == "qemu.rom" and finding.status == "fail" and not isinstance(facts.qemu.owners, Known):
        return ("rom",)
    return ()


def _acl(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    who, folders = facts.storage.qemu, closed_folders(facts.storage)
    if not folders or not isinstance(who, Known) or who.value.name.startswith("+"):
        return
    user = who.value.name
    homes = [folder.path for folder in folders if folder.path == "/root" or folder.path.startswith("/home/")]
    note = _("It changes a home directory: {user} can then open what it names in {paths} and is not closed itself.")
    yield Step(
        "storage.reach",
        "acl",
        finding.layer,
        _("Let {user} pass through {paths}, without seeing what is in there").format(
            user=user, paths=", ".join(folder.path for folder in folders)
        ),
        tuple(acl.command(folder, user) for folder in folders),
        {"paths": [folder.path for folder in folders], "user": user},
        _mends(finding),
        note.format(user=user, paths=", ".join(homes)) if homes else "",
    )


def _uri(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    homes = {p.name: p.account.value.home for p in facts.access.people if isinstance(p.account, Known)}
    for name, found in facts.access.uris:
        if not isinstance(found, Known) or not goes_to_session(found.value) or found.value.session_guests:
            continue
        if not by_configuration(found.value):
            continue
        path = f"{homes[name]}/{CONFIG}"
        yield Step(
            f"access.uri.{name}",
            "uri-default",
            finding.layer,
            _("Write {line} into {path}").format(line=f'uri_default = "{SYSTEM_URI}"', path=path),
            uri.commands(name, path),
            {"user": name, "path": path, "uri": SYSTEM_URI},
            _mends(finding),
            _(
                "virsh, virt-install and virt-viewer of {user} then show the guests of the system, not of the session."
            ).format(user=name),
        )


def _web_console(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    if finding.check != "tools.cockpit-socket":
        return
    yield Step(
        "tools.cockpit-socket",
        "unit",
        finding.layer,
        _("Start {name} now and at every boot").format(name=COCKPIT_SOCKET),
        (("systemctl", "enable", "--", COCKPIT_SOCKET), ("systemctl", "start", "--", COCKPIT_SOCKET)),
        {"units": [COCKPIT_SOCKET]},
        _mends(finding),
        _("The web console then listens on port 9090 of every address; who logs in there has an account of this host."),
    )


def _wanted(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    """What only a configuration file asks for; that of a blocked finding is libvirt's network on the bridge."""
    from kvmready.plan import wanted_builders

    yield from wanted_builders.CAUSES[finding.cause or "network.bridge-undefined"](finding, facts, table)


CAUSES: Mapping[str, Builder] = {
    "kernel.module-not-loaded": _vendor_module,
    "kernel.module-blacklisted": _blacklist,
    "kernel.module-not-persistent": _persistence,
    "kernel.vhost-net-missing": _vhost_net,
    "kernel.tun-missing": _tun,
    "kernel.device-missing": _device,
    "kernel.device-permissions": _device,
    "kernel.nested-disabled": _nested,
    "qemu.broken": _reinstall,
    "libvirt.unreachable": service_builders.units,
    "libvirt.no-kvm-capability": service_builders.libvirt_again,
    "services.not-running": service_builders.units,
    "services.not-enabled": service_builders.units,
    "services.masked": service_builders.units,
    "services.failed": service_builders.units,
    "network.default-undefined": _network,
    "network.default-inactive": _network,
    "network.default-no-autostart": _network,
    "network.subnet-clash": _network,
    "storage.pool-missing": _pool,
    "storage.pool-inactive": _pool,
    "storage.path-unreachable": _acl,
    "access.session-uri": _uri,
    "tools.not-installed": _web_console,
    "tools.not-listening": _web_console,
    "access.not-in-kvm-group": _group_of("kvm"),
    "access.not-in-libvirt-group": _group_of("libvirt"),
    **libvirt_builders.CAUSES,
    **dict.fromkeys(("kernel.hugepages-missing", "libvirt.guest-no-autostart"), _wanted),
    **dict.fromkeys(("network.bridge-missing", "network.bridge-undefined"), _wanted),
}
"""Cause id to builder, for findings whose remedy is automatic. Packages are gathered into one step by ``make``."""

BLOCKED: Mapping[str, Builder] = {
    "kernel.modules": _vendor_module,
    **dict.fromkeys(service_builders.WAITING, service_builders.units),
    "network.default-network": _network,
    "network.bridge-network": _wanted,
    "storage.default-pool": _pool,
    "storage.pool-autostart": _pool,
    "access.kvm-group": _group_of("kvm"),
    "access.libvirt-group": _group_of("libvirt"),
}
"""Check id to builder, for what waits for a lower layer."""
