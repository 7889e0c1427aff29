"""The bridge that guests shall be plugged into, and who sets up its interface. Asked only where one is wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from kvmready.facts.known import Absent, Fact, Known, Unknown, missing
from kvmready.facts.network import DefaultNetwork, parse_default
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.facts.virsh import Virsh
    from kvmready.host.door import Door

PENDING = "/run/kvmready/bridge.json"
"""What a rollback that is armed would do; gone when it is over, or was called off."""

UNIT = "kvmready-rollback"
"""How the units of rollbacks begin."""

NET = "/sys/class/net"
LINKS = "/run/systemd/netif/links"
LEASES = "/run/systemd/netif/leases"
"""systemd: src/network/networkd-state-file.c; one file each, called by the interface's index."""

UNITS = ("systemctl", "is-active", "systemd-networkd.service", "NetworkManager.service")
NETPLAN = "/etc/netplan"
NETPLAN_PROGRAM = "/usr/sbin/netplan"
NETPLAN_FILE = "/run/systemd/network/10-netplan-"
"""What netplan makes for networkd begins with this."""

IFUPDOWN = "/etc/network/interfaces"
IFUPDOWN_FOLDER = "/etc/network/interfaces.d"
IFUP = ("/usr/sbin/ifup", "/sbin/ifup")

ETHERNET = 1
"""ARPHRD_ETHER of linux/if_arp.h: a bridge takes nothing else."""

NM_KEYS = (
    *("connection.zone", "802-1x.eap", "802-3-ethernet.mtu"),
    *("ipv4.method", "ipv4.addresses", "ipv4.gateway", "ipv4.dns", "ipv4.dns-search", "ipv4.routes"),
    *("ipv4.route-metric", "ipv4.ignore-auto-dns", "ipv4.never-default", "ipv4.dhcp-client-id"),
    *("ipv6.method", "ipv6.addresses", "ipv6.gateway", "ipv6.dns", "ipv6.dns-search", "ipv6.routes"),
)
"""What of a connection has to be so on the bridge as well: nm-settings-nmcli(5)."""

LIMIT = 20.0
MARK = "@@kvmready@@"


class Card(NamedTuple):
    """An interface. ``kind`` is its ARP type, ``sort`` the kernel's word for it ("" for a plain card, "wlan", "vlan",
    "bridge", "bond"…), ``master`` the bridge or bond that it is in, ``uppers`` what stands on it (VLANs, macvtaps).
    """

    mac: str
    kind: int
    sort: str
    master: str
    uppers: tuple[str, ...]


class Owner(NamedTuple):
    """The program that sets the interface up: ``netplan``, ``networkd``, ``NetworkManager`` or ``ifupdown``.

    ``source`` is where it says how, empty where it leaves the interface alone; ``text`` what it says there.
    ``client`` is the IAID of networkd's DHCP client, also under netplan; empty where there is none. ``sourced``:
    whether ifupdown reads the files in its folder.
    """

    manager: str
    source: str = ""
    text: str = ""
    client: str = ""
    sourced: bool = True


class Bridging(NamedTuple):
    """``bridge`` has the bridge's ports; Absent where there is none. ``addresses`` (10.0.0.2/24) and ``gateway`` are
    the interface's, those that last beyond the link. ``network`` is libvirt's of the bridge's name. ``pending``: a
    change of it waits for its confirmation.
    """

    card: Fact[Card]
    bridge: Fact[tuple[str, ...]]
    owner: Fact[Owner]
    addresses: Fact[tuple[str, ...]]
    gateway: str
    network: Fact[DefaultNetwork]
    pending: bool = False


def parse_link(text: str) -> dict[str, str]:
    """A state file of networkd: KEY=value lines, with quotes where they are needed."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().strip('"') for key, _equals, value in pairs}


def parse_client(text: str) -> str:
    """The IAID in a lease file's client identifier: ff, four bytes of IAID, then the DUID (RFC 4361)."""
    found = re.fullmatch("ff([0-9a-f]{8})[0-9a-f]+", parse_link(text).get("CLIENTID", "").replace(":", "").lower())
    return str(int(found.group(1), 16)) if found else ""


def parse_addresses(text: str) -> tuple[str, ...]:
    """``ip -o address``: the addresses that reach beyond the link, but for IPv6 ones that come and go."""
    found = []
    for line in text.splitlines():
        one = re.search(r"\binet6? (\S+)", line)
        if one and " scope global" in line and " temporary" not in line and "virbr" not in line:
            found.append(one.group(1))
    return tuple(found)


def parse_gateway(text: str) -> str:
    """``ip -o -4 route show default``: the gateway of the first."""
    found = re.search(r"\bvia ([0-9.]+)", text)
    return found.group(1) if found else ""


def parse_stanza(text: str, interface: str) -> str:
    """The lines of interfaces(5) that are about an interface; empty where there are none."""
    found: list[str] = []
    inside = False
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        starts = words[0] in ("iface", "mapping", "auto", "source", "source-directory", "rename", "template")
        if starts or words[0].startswith(("allow-", "no-auto-down", "no-scripts")):
            inside = words[0] in ("iface", "mapping") and words[1:2] == [interface]
            if not inside and words[0] != "iface" and interface in words[1:]:
                found.append(line)
        if inside:
            found.append(line)
    return "\n".join(found)


def sources_folder(text: str) -> bool:
    """Whether /etc/network/interfaces has the files of interfaces.d read."""
    folder = re.escape(IFUPDOWN_FOLDER)
    return re.search(rf"^\s*(source\s+(-\S+\s+)?{folder}/\*|source-directory\s+{folder}/?)\s*$", text, re.M) is not None


def _card(host: Door, name: str) -> Fact[Card]:
    folder = f"{NET}/{name}"
    listing = host.listdir(folder)
    if listing.error:
        return missing(listing.error, folder)
    kind = host.read(f"{folder}/type", 64).text.strip()
    sort = re.search(r"^DEVTYPE=(\S+)$", host.read(f"{folder}/uevent", 4096).text, re.M)
    wireless = "wireless" in listing.names or "phy80211" in listing.names
    master = host.readlink(f"{folder}/master")
    return Known(
        Card(
            host.read(f"{folder}/address", 64).text.strip(),
            int(kind) if kind.isascii() and kind.isdigit() else 0,
            "wlan" if wireless else sort.group(1) if sort else "",
            "" if master.error else master.text.rpartition("/")[2],
            tuple(one[len("upper_") :] for one in listing.names if one.startswith("upper_")),
        )
    )


def _ports(host: Door, name: str) -> Fact[tuple[str, ...]]:
    if host.stat(f"{NET}/{name}").error:
        return Absent(f"{NET}/{name}")
    listing = host.listdir(f"{NET}/{name}/brif")
    return Unknown(f"{NET}/{name}/brif: {listing.error}") if listing.error else Known(listing.names)


def _lines(host: Door, *argv: str) -> str:
    from kvmready.host.door import Command

    return host.run(Command(argv, timeout=LIMIT)).stdout


def _owner(host: Door, name: str) -> Fact[Owner]:
    """Who has the interface; else who would have it, of those that run."""
    from kvmready.host.door import Command

    index = host.read(f"{NET}/{name}/ifindex", 64).text.strip()
    said = host.run(Command(UNITS, timeout=LIMIT))
    networkd, manager = (*(word == "active" for word in said.stdout.split()), False, False)[:2]
    plans = any(one.endswith(".yaml") for one in host.listdir(NETPLAN).names)
    netplan = plans and not host.stat(NETPLAN_PROGRAM).error
    if networkd:
        link = parse_link(host.read(f"{LINKS}/{index}", 65536).text)
        file = link.get("NETWORK_FILE", "")
        if file.startswith(NETPLAN_FILE):
            return Known(_planned(host, name))
        if file and link.get("ADMIN_STATE") not in ("unmanaged", "pending"):
            parts = (file, *(one for one in link.get("NETWORK_FILE_DROPINS", "").split(":") if one))
            text = "\n".join(host.read(part, 65536).text for part in parts)
            return Known(Owner("networkd", file, text, parse_client(host.read(f"{LEASES}/{index}", 65536).text)))
    if manager:
        shown = _lines(host, "nmcli", "-g", "GENERAL.STATE,GENERAL.CON-UUID,GENERAL.CONNECTION", "device", "show", name)
        state, uuid, connection = (*(line.strip() for line in shown.splitlines()), "", "", "")[:3]
        if connection.startswith("netplan-"):
            return Known(_planned(host, name))
        if uuid and uuid != "--":
            text = _lines(host, "nmcli", "-t", "-e", "no", "-f", ",".join(NM_KEYS), "connection", "show", "uuid", uuid)
            return Known(Owner("NetworkManager", uuid, text))
        if state and not state.startswith("10 "):  # 10: unmanaged
            return Known(Owner("netplan" if netplan else "NetworkManager"))
    traditional = _traditional(host, name)
    if traditional is not None and (traditional.source or not (netplan or networkd)):
        return Known(traditional)
    if netplan:
        return Known(_planned(host, name))
    return Known(Owner("networkd")) if networkd else Absent(" ".join(UNITS))


def _planned(host: Door, name: str) -> Owner:
    text = _lines(host, "netplan", "get", f"network.ethernets.{name}")
    source = "" if text.strip() in ("", "null") else f"{NETPLAN}/*.yaml"
    index = host.read(f"{NET}/{name}/ifindex", 64).text.strip()
    return Owner("netplan", source, text, parse_client(host.read(f"{LEASES}/{index}", 65536).text) if source else "")


def _traditional(host: Door, name: str) -> Owner | None:
    """ifupdown, where it is installed."""
    if all(host.stat(path).error for path in IFUP):
        return None
    main = host.read(IFUPDOWN, 65536)
    sourced = sources_folder(main.text)
    files = [IFUPDOWN]
    if sourced:
        files += [f"{IFUPDOWN_FOLDER}/{one}" for one in host.listdir(IFUPDOWN_FOLDER).names]
    for path in files:
        text = parse_stanza(host.read(path, 65536).text, name)
        if text:
            return Owner("ifupdown", path, text, "", sourced)
    return Owner("ifupdown", "", "", "", sourced)


def _network(host: Door, client: str, name: str) -> Fact[DefaultNetwork]:
    from kvmready.facts.virsh import URI
    from kvmready.host.door import Command

    asked = f"net-info --network {name}; echo {MARK}; net-dumpxml --network {name}"
    result = host.run(Command((client, "-q", "-c", URI, asked), timeout=LIMIT))
    info, mark, xml = result.stdout.partition(MARK)
    if "not found" in result.stderr.lower():
        return Absent(f"virsh net-info {name}")
    network = parse_default(info, xml) if mark else None
    return Unknown("virsh: " + " ".join(result.stderr.split())[:200]) if network is None else Known(network)


def ask(host: Door, names: Names, want: Want, virsh: Callable[[], Virsh]) -> Callable[[], Bridging]:
    """Ask about the bridge and its interface at once, and libvirt when it has answered."""
    card, bridge = _card(host, want.interface), _ports(host, want.bridge)
    owner: Fact[Owner] = _owner(host, want.interface) if isinstance(card, Known) else Absent(want.interface)
    addresses: Fact[tuple[str, ...]] = Absent(want.interface)
    gateway = ""
    if isinstance(card, Known):
        addresses = Known(parse_addresses(_lines(host, "ip", "-o", "address", "show", "dev", want.interface)))
        gateway = parse_gateway(_lines(host, "ip", "-o", "-4", "route", "show", "default", "dev", want.interface))
    pending = not host.stat(PENDING).error

    def answered() -> Bridging:
        said = virsh()
        network: Fact[DefaultNetwork] = Unknown(said.words or said.state)
        if said.state == "connected":
            client = next(path for path in names.virsh if not host.stat(path).error)
            network = _network(host, client, want.bridge)
        return Bridging(card, bridge, owner, addresses, gateway, network, pending)

    return answered


def sections(text: str) -> Iterable[tuple[str, list[str]]]:
    """The sections of a unit file: each name with its lines, comments left out; a name may come again."""
    found: list[tuple[str, list[str]]] = []
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            found.append((line[1:-1], []))
        elif line and line[0] not in "#;" and found:
            found[-1][1].append(line)
    return found
