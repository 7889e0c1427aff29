"""The default network, the IPv4 networks that are taken on this host, dnsmasq, and the bridge helper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from kvmready.facts.known import Absent, Fact, Known, Unknown, missing
from kvmready.facts.qemu import program
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.facts.virsh import Virsh
    from kvmready.host.door import Door, Status

ROUTES = "/proc/net/route"
BIG_ENDIAN = ("s390x", "s390", "ppc64", "ppc")
"""/proc/net/route prints addresses as numbers of the machine's own byte order (kernel: net/ipv4/fib_trie.c)."""

RTF_UP = 0x0001
RTF_REJECT = 0x0200

USUAL_BRIDGE = "virbr0"
"""libvirt: src/network/default.xml.in."""

SS = ("ss", "-Hlnptu", "sport = :53 or sport = :67")

BRIDGE_CONF = "/etc/qemu/bridge.conf"
HELPERS = ("/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper", "/usr/lib/qemu-bridge-helper")
"""qemu: qemu-bridge-helper.c; Debian and Arch, Fedora and its relatives, openSUSE."""

NOT_ASKED = "not asked"

WIDEST = 8
"""Shorter prefixes are default routes in disguise (a VPN's 0.0.0.0/1 and 128.0.0.0/1): nobody lives in all of them."""


class Taken(NamedTuple):
    """An IPv4 network that is routed to an interface: ``subnet`` as "192.168.1.0/24"."""

    subnet: str
    interface: str


class DefaultNetwork(NamedTuple):
    """libvirt's network "default". ``subnets`` are its own IPv4 networks, as "192.168.122.0/24". ``forward`` is the
    mode of its ``<forward>`` element: nat, route, open, bridge …, or "" for an isolated network.
    """

    active: bool
    autostart: bool
    persistent: bool
    bridge: str
    subnets: tuple[str, ...]
    forward: str

    @property
    def routed(self) -> bool:
        """Whether its guests reach beyond the host by the host's own forwarding."""
        return self.forward in ("nat", "route", "open")


class Bridge(NamedTuple):
    """A bridge of the kernel: the interfaces in it, and the active network of libvirt that it belongs to ("": none)."""

    name: str
    ports: tuple[str, ...]
    network: str


class Listener(NamedTuple):
    """A socket on a port of DNS or DHCP: "udp" or "tcp", its address, and who owns it, where that could be seen."""

    protocol: str
    address: str
    port: int
    owner: str = ""


class Network(NamedTuple):
    """``default`` is Absent where libvirt has no such network. ``packaged`` is the file with its packaged definition,
    ``subnets`` are what it would have where it is defined: what is wanted, else what that file asks for. ``dnsmasq`` is
    the program's path.

    ``bridge`` is the default network's bridge, Absent where the kernel has none; ``servers`` are the servers of DNS and
    DHCP that stand in its dnsmasq's way. Both are looked at only while the network is not active. ``bridge_conf`` is
    the text of the bridge helper's file, Absent where nobody wrote one; ``helper`` the helper then.
    """

    default: Fact[DefaultNetwork]
    taken: Fact[tuple[Taken, ...]]
    dnsmasq: Fact[str]
    packaged: Fact[str]
    subnets: tuple[str, ...]
    bridge: Fact[Bridge]
    servers: Fact[tuple[Listener, ...]]
    bridge_conf: Fact[str]
    helper: Fact[Status]


def _number(address: str) -> int | None:
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        return None
    values = [int(part) for part in parts]
    return None if max(values) > 255 else values[0] << 24 | values[1] << 16 | values[2] << 8 | values[3]


def _text(number: int, prefix: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/{prefix}"


def _mask(prefix: int) -> int:
    return 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF


def subnet_of(address: str, netmask: str = "", prefix: str = "") -> str | None:
    """The network of an address, "192.168.122.0/24", or None for what is no IPv4 network."""
    number = _number(address)
    if number is None:
        return None
    if prefix:
        length = int(prefix) if prefix.isascii() and prefix.isdigit() and len(prefix) < 3 else 33
    else:
        mask = _number(netmask or "255.255.255.255")
        length = 33 if mask is None else bin(mask).count("1")
        if mask is not None and mask != _mask(length):
            return None
    return None if length > 32 else _text(number & _mask(length), length)


def overlap(one: str, other: str) -> bool:
    """Whether two networks such as "192.168.0.0/16" share an address; what is no network shares none."""
    numbers = []
    for text in (one, other):
        address, _, prefix = text.partition("/")
        subnet = subnet_of(address, prefix=prefix or "32")
        if subnet is None:
            return False
        address, _, prefix = subnet.partition("/")
        numbers.append((_number(address) or 0, int(prefix)))
    shorter = min(prefix for _, prefix in numbers)
    return numbers[0][0] & _mask(shorter) == numbers[1][0] & _mask(shorter)


def clashes(subnets: Iterable[str], taken: Iterable[Taken], bridge: str) -> tuple[Taken, ...]:
    """The taken networks, other than those on ``bridge`` itself, that share addresses with one of ``subnets``."""
    wanted = tuple(subnets)
    return tuple(
        other for other in taken if other.interface != bridge and any(overlap(other.subnet, one) for one in wanted)
    )


def free_subnet(taken: Iterable[Taken]) -> str | None:
    """A 192.168.N.0/24 that nothing on this host is routed to, from 122 (libvirt's own choice) upwards; or None."""
    used = tuple(taken)
    for third in (*range(122, 255), *range(100, 122)):
        subnet = f"192.168.{third}.0/24"
        if not clashes((subnet,), used, ""):
            return subnet
    return None


def parse_routes(text: str, big_endian: bool = False) -> tuple[Taken, ...]:
    """/proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask …, addresses in hexadecimal."""
    taken = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or not all(re.fullmatch("[0-9A-Fa-f]{1,8}", fields[at]) for at in (1, 3, 7)):
            continue
        flags = int(fields[3], 16)
        if not flags & RTF_UP or flags & RTF_REJECT:
            continue
        order = "big" if big_endian else "little"
        address, mask = (
            int.from_bytes(int(fields[at], 16).to_bytes(4, order), "big")  # type: ignore[arg-type]
            for at in (1, 7)
        )
        prefix = bin(mask).count("1")
        if prefix >= WIDEST:
            found = Taken(_text(address & mask, prefix), fields[0])
            if found not in taken:
                taken.append(found)
    return tuple(taken)


def parse_subnets(xml: str) -> tuple[str, ...]:
    """The IPv4 networks of a network definition: its ``<ip address= netmask= | prefix=>`` elements.

    Read by pattern, as libvirt and the package write this document and loading an XML parser costs too much time.
    """
    found: list[str] = []
    for attributes in re.findall(r"<ip\b([^>]*)>", xml):
        values = dict(re.findall(r"([a-z]+)\s*=\s*['\"]([^'\"]*)['\"]", attributes))
        subnet = subnet_of(values.get("address", ""), values.get("netmask", ""), values.get("prefix", ""))
        if subnet is not None and subnet not in found:
            found.append(subnet)
    return tuple(found)


def parse_default(info: str, xml: str) -> DefaultNetwork | None:
    """``virsh net-info`` (its C-locale labels) with ``net-dumpxml``; None for text that is no such answer."""
    values = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in info.splitlines())}
    if values.get("Active") not in ("yes", "no"):
        return None
    bridge = values.get("Bridge", "")
    if not bridge:
        named = re.search(r"<bridge\b[^>]*\bname=['\"]([^'\"]+)['\"]", xml)
        bridge = named.group(1) if named else ""
    forward = re.search(r"<forward\b([^>]*)>", xml)
    mode = re.search(r"\bmode\s*=\s*['\"]([a-z-]+)['\"]", forward.group(1)) if forward else None
    return DefaultNetwork(
        values["Active"] == "yes",
        values.get("Autostart") == "yes",
        values.get("Persistent") == "yes",
        bridge,
        parse_subnets(xml),
        "" if forward is None else mode.group(1) if mode else "nat",  # libvirt's own default for <forward/>
    )


def parse_listeners(text: str, protocol: str, big_endian: bool = False) -> tuple[Listener, ...]:
    """/proc/net/udp or /proc/net/tcp: sockets on port 53, and 67 of UDP, that listen (kernel: net/ipv4/tcp_ipv4.c)."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        local = re.fullmatch("([0-9A-Fa-f]{8}):([0-9A-Fa-f]{4})", fields[1]) if len(fields) > 3 else None
        if local is None or fields[3] != ("0A" if protocol == "tcp" else "07"):
            continue
        port = int(local.group(2), 16)
        if port != 53 and not (port == 67 and protocol == "udp"):
            continue
        order = "big" if big_endian else "little"
        number = int.from_bytes(int(local.group(1), 16).to_bytes(4, order), "big")  # type: ignore[arg-type]
        one = Listener(protocol, _text(number, 32)[:-3], port)
        if one not in found:
            found.append(one)
    return tuple(found)


def parse_ss(text: str) -> tuple[Listener, ...]:
    """``ss -Hlnptu``: Netid State Recv-Q Send-Q Local Peer Process. What is bound to one device ("0.0.0.0%virbr1:67")
    stands in nobody else's way and is left out.
    """
    found = []
    for line in text.splitlines():
        fields = line.split(None, 6)
        local = re.fullmatch(r"(\d+\.\d+\.\d+\.\d+|\*):(\d{1,5})", fields[4]) if len(fields) > 4 else None
        if local is not None and fields[0] in ("udp", "tcp"):
            owner = re.search(r'\(\("([^"]*)",pid=(\d+)', fields[6]) if len(fields) > 6 else None
            address = "0.0.0.0" if local.group(1) == "*" else local.group(1)
            words = f"{owner.group(1)} (pid {owner.group(2)})" if owner else ""
            found.append(Listener(fields[0], address, int(local.group(2)), words))
    return tuple(found)


def in_the_way(listeners: Iterable[Listener], subnets: Iterable[str]) -> tuple[Listener, ...]:
    """Those that hold every address, or one of these networks."""
    wanted = tuple(subnets)
    return tuple(
        one for one in listeners if one.address == "0.0.0.0" or any(overlap(one.address, net) for net in wanted)
    )


def from_virsh(virsh: Virsh) -> Fact[DefaultNetwork]:
    """The default network by libvirt's own word."""
    info = virsh.text("net-info")
    if not isinstance(info, Known):
        return info
    xml = virsh.text("net-dumpxml")
    network = parse_default(info.value, xml.value if isinstance(xml, Known) else "")
    return Unknown("virsh net-info default: " + info.value[:200]) if network is None else Known(network)


def _servers(host: Door, subnets: tuple[str, ...]) -> Fact[tuple[Listener, ...]]:
    """Who holds the ports of DNS and DHCP. ss(8) is asked only when the kernel's tables show somebody."""
    found: tuple[Listener, ...] = ()
    big_endian = host.caller().arch in BIG_ENDIAN
    for protocol in ("udp", "tcp"):
        reading = host.read(f"/proc/net/{protocol}")
        if reading.error:
            return missing(reading.error, reading.path)
        found += parse_listeners(reading.text, protocol, big_endian)
    found = in_the_way(found, subnets)
    if not found:
        return Known(())
    from kvmready.host.door import Command

    named = host.run(Command(SS, timeout=10))
    if not named.ok:
        # Without ss it cannot be seen what is bound to one device only, as DHCP servers often are.
        return Known(tuple(one for one in found if one.port == 53))
    return Known(in_the_way(parse_ss(named.stdout), subnets))


def _bridge(host: Door, name: str, virsh: str) -> Fact[Bridge]:
    """The bridge, and, by one or two questions to libvirt, whether another active network owns it."""
    listing = host.listdir(f"/sys/class/net/{name}/brif")
    if listing.error:
        return missing(listing.error, f"/sys/class/net/{name}/brif")
    from kvmready.host.door import Command

    base = (virsh, "-q", "-c", "qemu:///system")
    active = host.run(Command((*base, "net-list --name"), timeout=30))
    if not active.ok:
        return Unknown("virsh net-list: " + " ".join(active.stderr.split())[:200])
    for network in active.stdout.split():
        xml = host.run(Command((*base, "net-dumpxml", "--network", network), timeout=30))
        owned = re.search(r"<bridge\b[^>]*\bname=['\"]([^'\"]+)['\"]", xml.stdout)
        if owned is not None and owned.group(1) == name:
            return Known(Bridge(name, listing.names, network))
    return Known(Bridge(name, listing.names, ""))


def ask(host: Door, names: Names, want: Want, virsh: Callable[[], Virsh]) -> Callable[[], Network]:
    """Read the routes and look for the files; the pending virsh tells the rest."""
    reading = host.read(ROUTES)
    big_endian = host.caller().arch in BIG_ENDIAN
    taken: Fact[tuple[Taken, ...]] = (
        missing(reading.error, ROUTES) if reading.error else Known(parse_routes(reading.text, big_endian))
    )
    dnsmasq = program(host, names.dnsmasq)
    packaged: Fact[str] = Absent(", ".join(names.default_network))
    subnets: tuple[str, ...] = ()
    for path in names.default_network:
        definition = host.read(path)
        if not definition.error:
            packaged, subnets = Known(path), parse_subnets(definition.text)
            break
    if want.subnet:
        subnets = (want.subnet,)
    acl = host.read(BRIDGE_CONF, 65536)
    bridge_conf: Fact[str] = missing(acl.error, BRIDGE_CONF) if acl.error else Known(acl.text)
    helper: Fact[Status] = Unknown(NOT_ASKED)
    if not isinstance(bridge_conf, Absent):
        found = next((status for status in map(host.stat, HELPERS) if not status.error), None)
        helper = Absent(", ".join(HELPERS)) if found is None else Known(found)

    def answered() -> Network:
        said = virsh()
        default = from_virsh(said)
        bridge: Fact[Bridge] = Unknown(NOT_ASKED)
        servers: Fact[tuple[Listener, ...]] = Unknown(NOT_ASKED)
        off = isinstance(default, Absent) or (isinstance(default, Known) and not default.value.active)
        if off and said.state == "connected":
            defined = default.value if isinstance(default, Known) else None
            client = next(path for path in names.virsh if not host.stat(path).error)
            if defined is None or defined.forward != "bridge":
                bridge = _bridge(host, (defined.bridge if defined else "") or USUAL_BRIDGE, client)
            servers = _servers(host, defined.subnets if defined else subnets)
        return Network(default, taken, dnsmasq, packaged, subnets, bridge, servers, bridge_conf, helper)

    return answered
