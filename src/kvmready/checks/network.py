"""The default network: defined, active, kept over a reboot, with nothing in its way; and dnsmasq, which serves it."""

from __future__ import annotations

from kvmready.checks import network_filter
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
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.network import USUAL_BRIDGE, clashes
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.facts import Facts
    from kvmready.facts.network import DefaultNetwork, Taken

ASK = ("virsh", "-c", "qemu:///system", "net-info", "default")
ASKED = " ".join(ASK)


def _taken(others: tuple[Taken, ...]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("ip route", _("{subnet} is on {interface}").format(subnet=other.subnet, interface=other.interface))
        for other in others
    )


def _unasked(found: Absent | Denied | Unknown) -> Judgement:
    return unknown(
        _("libvirt did not tell the state of the default network."),
        manual(_("Ask it by hand."), ASK),
        Evidence(ASKED, found.why),
    )


def _said(network: DefaultNetwork) -> Evidence:
    text = "Active: {} Autostart: {} Bridge: {} {}".format(
        "yes" if network.active else "no",
        "yes" if network.autostart else "no",
        network.bridge,
        ", ".join(network.subnets),
    )
    return Evidence(ASKED, text.strip())


def default_network(facts: Facts) -> Judgement:
    found = facts.network.default
    taken = facts.network.taken.value if isinstance(facts.network.taken, Known) else ()
    if isinstance(found, Absent):
        return failed(
            "network.default-undefined",
            _("libvirt has no network named default for its guests."),
            automatic(_("Define it, start it, and have it started at every boot.")),
            Evidence(ASKED, found.why),
            *_taken(clashes(facts.network.subnets, taken, "")),
        )
    if not isinstance(found, Known):
        return _unasked(found)
    if not found.value.active:
        return failed(
            "network.default-inactive",
            _("The default network is defined, but not active."),
            automatic(_("Start it, and have it started at every boot.")),
            _said(found.value),
        )
    return passed(_("The default network is active."), _said(found.value))


def autostart(facts: Facts) -> Judgement:
    found = facts.network.default
    if not isinstance(found, Known):
        return _unasked(found)
    if found.value.autostart:
        return passed(_("The default network is started at every boot."), _said(found.value))
    return failed(
        "network.default-no-autostart",
        _("The default network will not be there after the next boot.")
        if not found.value.active
        else _("The default network is active now, but will not be after the next boot."),
        automatic(_("Have it started at every boot.")),
        _said(found.value),
    )


def subnet(facts: Facts) -> Judgement:
    found, taken = facts.network.default, facts.network.taken
    if isinstance(found, Absent):
        return _wanted_subnet(facts)
    if not isinstance(found, Known):
        return _unasked(found)
    network = found.value
    subnets = ", ".join(network.subnets)
    if facts.want.subnet and facts.want.subnet not in network.subnets:
        return failed(
            "network.other-subnet",
            _("The default network is on {subnets}, not on {wanted} as it is wanted.").format(
                subnets=subnets or "-", wanted=facts.want.subnet
            ),
            manual(
                _(
                    "Switch off the guests that use it, and remove its definition; with the same configuration, "
                    "kvmready up then defines it on {wanted}. Or write the subnet that it has into the configuration."
                ).format(wanted=facts.want.subnet),
                ("virsh", "-c", "qemu:///system", "net-destroy", "default"),
                ("virsh", "-c", "qemu:///system", "net-undefine", "default"),
            ),
            _said(network),
        )
    if not network.subnets:
        return skipped(_("The default network has no IPv4 addresses of its own."), _said(network))
    if not isinstance(taken, Known):
        return _unseen(taken)
    others = clashes(network.subnets, taken.value, network.bridge)
    if not others:
        return passed(_("Nothing else on this host uses the addresses of the default network."), _said(network))
    summary = _("The default network's addresses {subnets} are also those of {interfaces}.").format(
        subnets=subnets, interfaces=", ".join(dict.fromkeys(other.interface for other in others))
    )
    if network.active:
        remedy = manual(
            _("Give the default network another subnet while its guests are off, or change the other network."),
            ("virsh", "-c", "qemu:///system", "net-edit", "default"),
        )
        return warned("network.subnet-clash", summary, remedy, _said(network), *_taken(others))
    return failed(
        "network.subnet-clash",
        summary,
        automatic(_("Give the default network a subnet that nothing here uses, and start it.")),
        _said(network),
        *_taken(others),
    )


def _wanted_subnet(facts: Facts) -> Judgement:
    """Of a network that is not defined yet: whether the subnet that is wanted for it is free."""
    wanted, taken = facts.want.subnet, facts.network.taken
    if not wanted:
        return skipped(_("There is no default network yet whose addresses could be in use elsewhere."))
    if not isinstance(taken, Known):
        return _unseen(taken)
    others = clashes((wanted,), taken.value, USUAL_BRIDGE)
    if not others:
        return passed(
            _("Nothing else on this host uses {wanted}, which the default network shall have.").format(wanted=wanted),
            Evidence("ip route", ", ".join(one.subnet for one in taken.value) or "-"),
        )
    return failed(
        "network.subnet-clash",
        _("The default network shall have {wanted}, but {interfaces} has addresses of it.").format(
            wanted=wanted, interfaces=", ".join(dict.fromkeys(other.interface for other in others))
        ),
        manual(_("Write another subnet into the configuration (network.subnet), or change the other network.")),
        *_taken(others),
    )


def _unseen(taken: Absent | Denied | Unknown) -> Judgement:
    return unknown(
        _("It could not be seen which addresses are in use on this host."),
        manual(_("Look at the routes by hand."), ("ip", "route")),
        Evidence("/proc/net/route", taken.why),
    )


def stale_bridge(facts: Facts) -> Judgement:
    found, bridge = facts.network.default, facts.network.bridge
    if isinstance(found, Known) and found.value.active:
        return passed(
            _("The bridge {name} is that of the active network.").format(name=found.value.bridge), _said(found.value)
        )
    if isinstance(found, (Denied, Unknown)):
        return _unasked(found)
    name = (found.value.bridge if isinstance(found, Known) else "") or USUAL_BRIDGE
    source = f"/sys/class/net/{name}/brif"
    if isinstance(bridge, Absent):
        return passed(
            _("No bridge {name} is left over from before.").format(name=name),
            Evidence(bridge.why, _("no such directory")),
        )
    if not isinstance(bridge, Known):
        return unknown(
            _("It could not be seen whether a bridge {name} is left over.").format(name=name),
            manual(_("Look at it by hand."), ("ip", "link", "show", "type", "bridge")),
            Evidence(source, bridge.why),
        )
    if bridge.value.network:
        return skipped(
            _("The bridge {name} belongs to the active network {network}.").format(
                name=name, network=bridge.value.network
            ),
            Evidence("virsh net-list", bridge.value.network),
        )
    ports = [port for port in bridge.value.ports if port != f"{name}-nic"]
    seen = Evidence(source, ", ".join(bridge.value.ports) or _("empty"))
    summary = _("A bridge {name} is left over, so the default network cannot make its own.").format(name=name)
    if ports or not name.startswith("virbr"):
        return failed(
            "network.stale-bridge",
            summary,
            manual(
                _(
                    "Interfaces are still attached to it, or it is not libvirt's. Find out whose it is; remove it when "
                    "nothing needs it, or give the default network another bridge name."
                ),
                ("ip", "link", "show", "master", name),
                ("ip", "link", "delete", "dev", name, "type", "bridge"),
                ("virsh", "-c", "qemu:///system", "net-edit", "default"),
            ),
            seen,
            Evidence("virsh net-list", _("no active network has this bridge")),
        )
    return failed(
        "network.stale-bridge",
        summary,
        automatic(_("Remove the bridge, to which nothing is attached, and start the network.")),
        seen,
        Evidence("virsh net-list", _("no active network has this bridge")),
    )


def dnsmasq_conflict(facts: Facts) -> Judgement:
    found, servers = facts.network.default, facts.network.servers
    if isinstance(found, Known) and found.value.active:
        return passed(_("The default network's dnsmasq has the addresses that it needs."), _said(found.value))
    if isinstance(found, (Denied, Unknown)):
        return _unasked(found)
    if not isinstance(servers, Known):
        return unknown(
            _("It could not be seen whether another DNS or DHCP server is in the way."),
            manual(_("Look at who listens."), ("ss", "-lntup", "sport = :53 or sport = :67")),
            Evidence("/proc/net/udp", servers.why),
        )
    if not servers.value:
        return passed(
            _("No other DNS or DHCP server is in the way of the default network."),
            Evidence("/proc/net/udp, /proc/net/tcp", _("nothing on ports 53 and 67")),
        )
    owners = dict.fromkeys(one.owner.partition(" ")[0] for one in servers.value if one.owner)
    return failed(
        "network.dnsmasq-conflict",
        _("Another DNS or DHCP server holds the addresses of the default network: {names}.").format(
            names=", ".join(owners) or _("whose, only root can see")
        ),
        manual(
            _(
                "Let that server serve its own interfaces only. dnsmasq: write bind-interfaces and "
                "except-interface=virbr0 into a file in /etc/dnsmasq.d. Others: list the addresses on which they "
                "listen. Then start the network."
            ),
            ("ss", "-lntup", "sport = :53 or sport = :67"),
            ("virsh", "-c", "qemu:///system", "net-start", "default"),
        ),
        *(
            Evidence("ss -lntup", f"{one.protocol} {one.address}:{one.port} {one.owner}".rstrip())
            for one in servers.value
        ),
    )


def dnsmasq(facts: Facts) -> Judgement:
    found = facts.network.dnsmasq
    if isinstance(found, Known):
        return passed(
            _("dnsmasq, which gives guests their addresses, is installed."), Evidence(found.value, _("is there"))
        )
    if isinstance(found, Absent):
        return failed(
            "network.dnsmasq-missing",
            _("dnsmasq, which gives guests their addresses, is not installed."),
            automatic(_("Install the package with the program dnsmasq (not the service).")),
            *(Evidence(path, _("no such file")) for path in facts.names.dnsmasq),
        )
    return unknown(
        _("It could not be seen whether dnsmasq is installed."),
        manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", facts.names.dnsmasq[0])),
        Evidence(facts.names.dnsmasq[0], found.why),
    )


def _by_default(judge: Callable[[Facts], Judgement]) -> Callable[[Facts], Judgement]:
    """A check of the default network, which nobody needs who has a bridge in its place."""

    def judged(facts: Facts) -> Judgement:
        if facts.want.bridge:
            words = _("Not needed: guests are plugged into the bridge {name}, in place of the default network.")
            return skipped(words.format(name=facts.want.bridge))
        return judge(facts)

    return judged


CHECKS = (
    Check("network.dnsmasq", _by_default(dnsmasq)),
    Check("network.firewall", _by_default(network_filter.firewall), needs=("libvirt.connect",)),
    Check("network.subnet", _by_default(subnet), needs=("libvirt.connect",)),
    Check("network.stale-bridge", _by_default(stale_bridge), needs=("libvirt.connect",)),
    Check("network.dnsmasq-conflict", _by_default(dnsmasq_conflict), needs=("libvirt.connect",)),
    Check(
        "network.default-network",
        _by_default(default_network),
        needs=(
            "libvirt.connect",
            "services.virtnetworkd",
            "network.dnsmasq",
            "network.firewall",
            "network.subnet",
            "network.stale-bridge",
            "network.dnsmasq-conflict",
        ),
    ),
    Check("network.autostart", _by_default(autostart), needs=("network.default-network",)),
    Check("network.forwarding", _by_default(network_filter.forwarding), needs=("network.default-network",)),
    Check(
        "network.firewall-rules",
        _by_default(network_filter.rules),
        needs=("network.default-network", "network.firewall"),
    ),
    Check(
        "network.docker-forward",
        _by_default(network_filter.docker_forward),
        needs=("network.default-network", "network.firewall-rules"),
    ),
    Check("network.bridge-helper", network_filter.bridge_helper),
)
