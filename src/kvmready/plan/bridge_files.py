"""How each network manager is told of a bridge: its files, the commands that make it so, and those that take it back.

Pure: from what the interface has now to what the bridge shall have. The interface's own files stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmready.checks.bridging_managers import NUMBER
from kvmready.facts.bridging import IFUPDOWN_FOLDER, NETPLAN, NM_KEYS, Owner, sections
from kvmready.typed import NamedTuple

NETWORKD = "/etc/systemd/network"
NETPLAN_DROP_IN = f"{NETWORKD}/10-netplan-{{}}.network.d"
"""What is added to the file that netplan makes for networkd: netplan's own files have no word for an IAID."""

HEAD = "# Written by kvmready: a bridge for guests.\n"
FIRST = "100"
"""The priority of NetworkManager's connections: ours before the one that the interface has, which stays as it is."""

Commands = tuple[tuple[str, ...], ...]


class Change(NamedTuple):
    """``files`` are (path, content, mode). ``up`` is done once they are there. To take it back: ``first``, then the
    files go, then ``down``; each of these may fail, as not all may have been made.
    """

    files: tuple[tuple[str, str, int], ...]
    up: Commands
    first: Commands
    down: Commands


class Wanted(NamedTuple):
    """The bridge, its interface with the card's address, and the addresses that nobody's file names."""

    bridge: str
    interface: str
    mac: str
    addresses: tuple[str, ...]
    gateway: str


def change(wanted: Wanted, owner: Owner) -> Change:
    """How the manager of the interface is told."""
    make = {"networkd": _networkd, "netplan": _netplan, "ifupdown": _ifupdown, "NetworkManager": _network_manager}
    return make[owner.manager](wanted, owner)


def _delete(bridge: str) -> tuple[str, ...]:
    return ("ip", "link", "delete", "dev", bridge, "type", "bridge")


def _by_hand(wanted: Wanted) -> Commands:
    """What puts addresses back that somebody gave the interface by hand."""
    back: list[tuple[str, ...]] = [("ip", "link", "set", "dev", wanted.interface, "up")]
    back += [("ip", "address", "add", one, "dev", wanted.interface) for one in wanted.addresses]
    if wanted.gateway:
        back.append(("ip", "route", "add", "default", "via", wanted.gateway, "dev", wanted.interface))
    return tuple(back) if wanted.addresses else ()


def _flush(wanted: Wanted) -> Commands:
    argv = ("ip", "address", "flush", "dev", wanted.interface, "scope", "global")
    return (argv,) if wanted.addresses else ()


def _networkd(wanted: Wanted, owner: Owner) -> Change:
    bridge, interface = wanted.bridge, wanted.interface
    link = [line for name, lines in sections(owner.text) if name == "Link" for line in lines]
    port = [*(["[Link]", *link, ""] if link else []), "[Network]", f"Bridge={bridge}", "LinkLocalAddressing=no"]
    netdev = ["[NetDev]", f"Name={bridge}", "Kind=bridge", f"MACAddress={wanted.mac}", "", "[Bridge]", "STP=false"]
    texts = {
        f"{bridge}.netdev": "\n".join(netdev),
        f"{bridge}-port.network": "\n".join(["[Match]", f"Name={interface}", "", *port]),
        f"{bridge}.network": "\n".join(["[Match]", f"Name={bridge}", *_moved(wanted, owner)]),
    }
    by_hand = not owner.source
    return Change(
        tuple((f"{NETWORKD}/{NUMBER}{name}", f"{HEAD}{text}\n", 0o644) for name, text in texts.items()),
        (*(_flush(wanted) if by_hand else ()), ("networkctl", "reload")),
        (),
        (
            _delete(bridge),
            ("networkctl", "reload"),
            *(_by_hand(wanted) if by_hand else (("networkctl", "reconfigure", interface),)),
        ),
    )


def _moved(wanted: Wanted, owner: Owner) -> Iterator[str]:
    """The sections about addresses and routes, as they are; with the same name for the DHCP server."""
    if not owner.source:
        yield from ("", "[Network]", *(f"Address={one}" for one in wanted.addresses))
        yield from (f"Gateway={wanted.gateway}",) if wanted.gateway else ()
        yield from () if wanted.addresses else ("LinkLocalAddressing=no", "", "[Link]", "RequiredForOnline=no")
        return
    for name, lines in sections(owner.text):
        if name not in ("Match", "Link"):
            yield from ("", f"[{name}]", *lines)
    if owner.client:
        yield from ("", "[DHCPv4]", f"IAID={owner.client}")


def _ifupdown(wanted: Wanted, owner: Owner) -> Change:
    bridge, interface = wanted.bridge, wanted.interface
    path = f"{IFUPDOWN_FOLDER}/kvmready-{bridge}"
    addresses = [one for one in wanted.addresses if ":" not in one]
    lines = [f"auto {bridge}", f"iface {bridge} inet {'static' if addresses else 'manual'}"]
    if addresses:
        lines.append(f"    address {addresses[0]}")
    if wanted.gateway:
        lines.append(f"    gateway {wanted.gateway}")
    lines += [
        f"    pre-up ip link add name {bridge} address {wanted.mac} type bridge stp_state 0",
        f"    pre-up ip link set dev {interface} master {bridge} up",
    ]
    lines += [f"    up ip address add {one} dev {bridge}" for one in addresses[1:]]
    if not addresses:
        lines.append(f"    up ip link set dev {bridge} up")
    lines.append(f"    post-down ip link delete dev {bridge} type bridge")
    return Change(
        ((path, HEAD + "\n".join(lines) + "\n", 0o644),),
        (*_flush(wanted), ("ifup", bridge)),
        (("ifdown", "--force", bridge), _delete(bridge)),
        _by_hand(wanted),
    )


def _network_manager(wanted: Wanted, owner: Owner) -> Change:
    bridge, port = f"kvmready-{wanted.bridge}", f"kvmready-{wanted.bridge}-port"
    values = dict(line.partition(":")[::2] for line in owner.text.splitlines())
    settings: list[str] = []
    for name in NM_KEYS:
        value = values.get(name, "").strip()
        if value and value != "--" and name.startswith(("ipv", "connection.")):
            settings += [name, value]
    if not owner.source:
        settings = ["ipv4.method", "disabled", "ipv6.method", "disabled"]
        if wanted.addresses:
            settings = ["ipv4.method", "manual", "ipv4.addresses", ",".join(wanted.addresses)]
            settings += ["ipv4.gateway", wanted.gateway] if wanted.gateway else []
    kept = ("autoconnect", "yes", "connection.autoconnect-priority", FIRST)
    add = ("nmcli", "connection", "add", "type")
    made = ("bridge", "con-name", bridge, "ifname", wanted.bridge, *kept, "bridge.stp", "no")
    taken = ("ethernet", "con-name", port, "ifname", wanted.interface, *kept)
    mtu = values.get("802-3-ethernet.mtu", "").strip()
    return Change(
        (),
        (
            *(_flush(wanted) if not owner.source else ()),
            (*add, *made, "bridge.mac-address", wanted.mac, *settings),
            (*add, *taken, "master", wanted.bridge, "slave-type", "bridge", *(("mtu", mtu) if mtu.isdigit() else ())),
            ("nmcli", "--wait", "20", "connection", "up", port),
        ),
        (),
        (
            ("nmcli", "connection", "delete", port, bridge),
            _delete(wanted.bridge),
            *(
                (("nmcli", "--wait", "20", "connection", "up", "uuid", owner.source),)
                if owner.source
                else _by_hand(wanted)
            ),
        ),
    )


def _netplan(wanted: Wanted, owner: Owner) -> Change:
    bridge, interface = wanted.bridge, wanted.interface
    values = dict(line.strip().partition(": ")[::2] for line in owner.text.splitlines())
    lines = [
        "network:",
        "  version: 2",
        "  ethernets:",
        f"    {interface}:",
        "      dhcp4: false",
        "      dhcp6: false",
    ]
    lines += ["  bridges:", f"    {bridge}:", f"      interfaces: [{interface}]", f'      macaddress: "{wanted.mac}"']
    lines += [f"      {name}: {value}" for name, value in values.items() if name in ("dhcp4", "dhcp6", "accept-ra")]
    if not owner.source and wanted.addresses:
        lines.append(f"      addresses: [{', '.join(f'{chr(34)}{one}{chr(34)}' for one in wanted.addresses)}]")
        if wanted.gateway:
            lines.append(f'      routes: [{{to: "0.0.0.0/0", via: "{wanted.gateway}"}}]')
    lines += ["      parameters: {stp: false, forward-delay: 0}"]
    apply = (("netplan", "generate"), ("netplan", "apply"))
    by_hand = not owner.source
    files = [(f"{NETPLAN}/99-kvmready-{bridge}.yaml", HEAD + "\n".join(lines) + "\n", 0o600)]
    emptied: Commands = ()
    if owner.client:  # a DHCP server takes another IAID for another machine, and gives it another address
        folder = NETPLAN_DROP_IN.format(bridge)
        files.append((f"{folder}/kvmready.conf", f"{HEAD}[DHCPv4]\nIAID={owner.client}\n", 0o644))
        emptied = (("rmdir", "--", folder),)
    return Change(
        tuple(files),
        (*(_flush(wanted) if by_hand else ()), *apply),
        (),
        (*emptied, _delete(bridge), *apply, *(_by_hand(wanted) if by_hand else ())),
    )
