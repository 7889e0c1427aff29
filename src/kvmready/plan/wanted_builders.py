"""From what only a configuration file asks for to the steps that bring it; see ``builders``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kvmready.checks.autostart import waiting
from kvmready.checks.kernel_hugepages import kept, pages
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _
from kvmready.plan import autostart, bridge_files, host_bridge, hugepages, network, virsh
from kvmready.plan.command import shown
from kvmready.plan.step import Step
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Finding
    from kvmready.distro.table import Table
    from kvmready.facts import Facts

Builder = Callable[["Finding", "Facts", "Table"], Iterator[Step]]

HUGEPAGES = "/etc/sysctl.d/zz-kvmready-hugepages.conf"
"""A file of its own, read after those that begin with a number: sysctl.d(5)."""


def _hugepages(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    """The file for every boot, and the pages now: what is missing of both."""
    count, reserved = pages(facts), facts.memory.huge_pages
    if not count:
        return
    if kept(facts) is None:
        line = f"vm.nr_hugepages = {count}"
        yield Step(
            "kernel.hugepages-persist",
            "file",
            finding.layer,
            _("Write {path} with the line {line}, so that they are there after every boot").format(
                path=HUGEPAGES, line=line
            ),
            (),
            {"path": HUGEPAGES, "content": f"# Written by kvmready: huge pages for guests.\n{line}\n", "mode": 0o644},
            (finding.cause,),
        )
    if not isinstance(reserved, Known) or reserved.value < count:
        yield Step(
            "kernel.hugepages",
            "hugepages",
            finding.layer,
            _("Reserve {count} huge pages, {size} MiB, for guests").format(count=count, size=facts.want.hugepages),
            (hugepages.command(count),),
            {"pages": count},
            (finding.cause,),
            _("Nothing but guests that ask for huge pages can use this memory then."),
        )


def _autostart(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    names = waiting(facts)
    if names:
        yield Step(
            "libvirt.autostart",
            "autostart",
            finding.layer,
            _("Have libvirt start these guests with the host: {names}").format(names=", ".join(names)),
            tuple(autostart.command(name) for name in names),
            {"guests": list(names)},
            (finding.cause,),
            _("None of them is started now."),
        )


def _bridge(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    known = facts.bridging
    if known is None:
        return
    card, owner, found = known.card, known.owner, known.addresses
    if not isinstance(card, Known) or not isinstance(owner, Known):
        return
    bridge, interface = facts.want.bridge, facts.want.interface
    addresses = found.value if isinstance(found, Known) else ()
    wanted = bridge_files.Wanted(bridge, interface, card.value.mac, addresses, known.gateway)
    change = bridge_files.change(wanted, owner.value)
    notes = [
        _(
            "Connections over {interface} stop for a moment. Where {bridge} has not got {addresses} soon, or the "
            "gateway does not answer on it, all of it is taken back; a timer of systemd does so after {limit} s also "
            "when kvmready or your connection has ended by then. What could go wrong: a switch that allows one "
            "address only, a DHCP server that gives another one, a firewall with rules for {interface} by name. A "
            "power cut meanwhile leaves the bridge: then run kvmready undo."
        ).format(
            interface=interface,
            bridge=bridge,
            addresses=", ".join(addresses) or _("its link"),
            limit=host_bridge.TIME_LIMIT,
        )
    ]
    notes += [_("{path} holds: {text}").format(path=path, text=_flat(text)) for path, text, _mode in change.files]
    files = [path for path, _text, _mode in change.files]
    back = [*change.first, *([("rm", "--", *files)] if files else []), *change.down]
    notes.append(_("It is taken back by: {commands}").format(commands="; ".join(shown(argv) for argv in back)))
    yield Step(
        "network.bridge",
        "host-bridge",
        finding.layer,
        _("Make the bridge {bridge} with {interface} in it, through {manager}").format(
            bridge=bridge, interface=interface, manager=owner.value.manager
        ),
        change.up,
        {
            "bridge": bridge,
            "interface": interface,
            "files": [list(one) for one in change.files],
            "first": [list(argv) for argv in change.first],
            "down": [list(argv) for argv in change.down],
        },
        (finding.cause,) if finding.cause else (),
        "\n".join(notes),
    )


def _flat(text: str) -> str:
    """The lines of a file in one, as a note has them."""
    lines = (line.strip() for line in text.splitlines())
    return " | ".join(line for line in lines if line and not line.startswith("#"))


def _network(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    if facts.bridging is None:
        return
    found, bridge = facts.bridging.network, facts.want.bridge
    defined = found.value if isinstance(found, Known) else None
    xml = network.plugged(bridge)
    commands: list[tuple[str, ...]] = []
    if defined is None or not defined.persistent:
        commands.append((*virsh.BASE, "net-define", network.STDIN))
    if defined is None or not defined.active:
        commands.append((*virsh.BASE, "net-start", "--network", bridge))
    if defined is None or not defined.autostart:
        commands.append((*virsh.BASE, "net-autostart", "--network", bridge))
    yield Step(
        "network.bridge-network",
        "network",
        finding.layer,
        _("Have a network of libvirt named {bridge} on that bridge, running, and started at every boot").format(
            bridge=bridge
        ),
        tuple(commands),
        {"network": bridge, "packaged": "", "xml": xml},
        (finding.cause,) if finding.cause else (),
        _("virsh reads this: {text}").format(text=xml) if isinstance(found, Absent) or defined is None else "",
    )


CAUSES: Mapping[str, Builder] = {
    "kernel.hugepages-missing": _hugepages,
    "libvirt.guest-no-autostart": _autostart,
    "network.bridge-missing": _bridge,
    "network.bridge-undefined": _network,
}
