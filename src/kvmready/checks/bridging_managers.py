"""What keeps kvmready from making a bridge through a network manager: what it does not understand, it does not move."""

from __future__ import annotations

import re

from kvmready.facts.bridging import IFUPDOWN, IFUPDOWN_FOLDER, Owner, sections
from kvmready.facts.known import Known
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.bridging import Bridging

Way = tuple[Any, ...]  # the text of a manual remedy, then its commands; empty where there is nothing in the way

NUMBER = "05-kvmready-"
"""How the files for networkd begin: it takes the first, by their names, that matches an interface."""

SECTIONS = (
    *("Match", "Network", "Address", "Route", "RoutingPolicyRule", "Neighbor", "NextHop"),
    *("DHCP", "DHCPv4", "DHCPv6", "IPv6AcceptRA"),
)
"""Sections of systemd.network(5) that mean on a bridge what they mean on a card."""

FOREIGN = re.compile(
    r"\s*(Bridge|Bond|VRF|VLAN|MACVLAN|MACVTAP|IPVLAN|IPVTAP|Tunnel|VXLAN|L2TP|MACsec|Xfrm|IPoIB|BatmanAdvanced)\s*="
)
"""Settings of [Network] that put the interface into something, or something onto it."""

SIMPLE = re.compile(r"\s*(dhcp4|dhcp6|optional|accept-ra|wakeonlan):\s*(true|false|yes|no|on|off|null)\s*")
"""What netplan may say of the interface: these can be said otherwise in a later file, and lists could only grow."""


def obstacle(facts: Facts, known: Bridging, owner: Owner) -> Way:
    """The remedy by hand, where it has to be; empty where ``up`` can make the bridge."""
    if not (isinstance(facts.services.manager, Known) and facts.services.manager.value == "systemd"):
        text = _("Only systemd takes the change back where kvmready cannot, and it does not run here. Make it by hand.")
        return (text, *_commands(facts))
    if owner.manager == "ifupdown":
        return _ifupdown(facts, known, owner)
    return {"networkd": _networkd, "netplan": _netplan}.get(owner.manager, _network_manager)(facts, owner)


def _commands(facts: Facts) -> tuple[tuple[str, ...], ...]:
    bridge, interface = facts.want.bridge, facts.want.interface
    return (
        ("ip", "link", "add", "name", bridge, "type", "bridge"),
        ("ip", "link", "set", "dev", interface, "master", bridge),
    )


def _networkd(facts: Facts, owner: Owner) -> Way:
    strange = ""
    if owner.source and owner.source.rpartition("/")[2] < NUMBER:
        strange = owner.source
    for name, lines in sections(owner.text):
        strange = strange or ("" if name in (*SECTIONS, "Link") else f"[{name}]")
        if name in ("Network", "Link"):
            allowed = re.compile("RequiredForOnline|RequiredFamilyForOnline|MTUBytes")
            odd = (x for x in lines if (FOREIGN.match(x) if name == "Network" else not allowed.match(x)))
            strange = strange or next(odd, "")
    if not strange:
        return ()
    text = _(
        "{file} says of {interface} what kvmready does not move to a bridge: {strange}. Make it by hand, from a "
        "console: a .netdev file with Kind=bridge, a .network file for {interface} with Bridge={bridge}, and the "
        "addresses in one for {bridge}."
    ).format(file=owner.source, interface=facts.want.interface, strange=strange, bridge=facts.want.bridge)
    return (text, ("networkctl", "status", facts.want.interface), ("networkctl", "reload"))


def _network_manager(facts: Facts, owner: Owner) -> Way:
    values = dict(line.partition(":")[::2] for line in owner.text.splitlines())
    if owner.source and not values.get("ipv4.method"):
        strange = "ipv4.method"
    elif values.get("802-1x.eap", "").strip("- "):
        strange = "802-1x"
    else:
        return ()
    text = _(
        "The connection of {interface} has what kvmready does not move to a bridge: {strange}. Make the bridge by "
        "hand, from a console."
    ).format(interface=facts.want.interface, strange=strange)
    return (text, ("nmcli", "connection", "show", owner.source), ("nmcli", "connection", "add", "help"))


def _netplan(facts: Facts, owner: Owner) -> Way:
    lines = [line for line in owner.text.splitlines() if line.strip() not in ("", "null")]
    strange = next((line.strip() for line in lines if not SIMPLE.fullmatch(line)), "")
    if not strange:
        return ()
    text = _(
        "netplan's files say of {interface} what a later file could not take away: {strange}. Edit the one that says "
        "it: move all of it from {interface} to a bridge {bridge} with interfaces: [{interface}], and leave "
        "{interface} with dhcp4: false. Then try it; it is taken back unless you confirm it."
    ).format(interface=facts.want.interface, strange=strange, bridge=facts.want.bridge)
    return (text, ("netplan", "get"), ("netplan", "try"))


def _ifupdown(facts: Facts, known: Bridging, owner: Owner) -> Way:
    bridge, interface = facts.want.bridge, facts.want.interface
    if owner.source:
        lines = [line for line in owner.text.splitlines() if line.split()[0] == "iface"]
        first = lines[0].split(None, 2)[2:] if lines else []
        text = _(
            "{file} is not a file of kvmready, so that a person has to change it. From a console: take {interface} "
            'down; write "iface {bridge} {rest}" and "auto {bridge}" in place of its lines for {interface}; add '
            'the line "pre-up ip link add name {bridge} type bridge && ip link set dev {interface} master {bridge} up" '
            'and the line "post-down ip link delete dev {bridge}" below; then bring {bridge} up.'
        ).format(file=owner.source, interface=interface, bridge=bridge, rest=" ".join(first))
        return (text, ("ifdown", interface), ("editor", owner.source), ("ifup", bridge))
    if not owner.sourced:
        text = _("{file} does not read the files in {folder}: add the line that does, then run kvmready up.")
        line = f"source {IFUPDOWN_FOLDER}/*"
        return (text.format(file=IFUPDOWN, folder=IFUPDOWN_FOLDER) + f" {line}", ("editor", IFUPDOWN))
    found = known.addresses
    if isinstance(found, Known) and any(":" in one for one in found.value):
        text = _(
            "{interface} has IPv6 addresses that no file of ifupdown names. Make the bridge by hand, from a console."
        )
        return (text.format(interface=interface), *_commands(facts))
    return ()
