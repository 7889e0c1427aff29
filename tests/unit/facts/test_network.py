"""The default network, and the networks that are taken."""

from __future__ import annotations

import pytest

from kvmready.facts import network, virsh
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.names import Want
from kvmready.facts.network import (
    Listener,
    Taken,
    clashes,
    free_subnet,
    overlap,
    parse_routes,
    parse_subnets,
    subnet_of,
)
from kvmready.host.door import Listing, Reading, Result, Status
from tests.unit.facts.debian import ANSWERS, NAMES, NET_INFO, NET_XML, NO_NETWORK, ROUTES, Recorded


def ask(recorded: Recorded) -> network.Network:
    host = recorded.host()
    return network.ask(host, NAMES, Want(), virsh.ask(host, NAMES, Want()))()


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n"
UDP = HEAD + " 8118: 00000000:0035 00000000:0000 07 0 0\n 8132: 00000000:0043 00000000:0000 07 0 0\n"
TCP = HEAD + "   0: 00000000:0035 00000000:0000 0A 0 0\n   1: 0600D50A:0035 0500D50A:EE24 01 0 0\n"
SHOWN = """\
udp UNCONN 0      0          0.0.0.0:53 0.0.0.0:* users:(("dnsmasq",pid=2823,fd=4))
udp UNCONN 0      0   0.0.0.0%virbr1:67 0.0.0.0:* users:(("dnsmasq",pid=11,fd=4))
udp UNCONN 0      0             [::]:53    [::]:* users:(("dnsmasq",pid=2823,fd=6))
tcp LISTEN 0      32      127.0.0.53:53 0.0.0.0:*
"""


def nobody(recorded: Recorded) -> None:
    recorded.read(Reading("/proc/net/udp", HEAD))
    recorded.read(Reading("/proc/net/tcp", HEAD))


def off(recorded: Recorded) -> None:
    recorded.virsh({**ANSWERS, "net-info": NET_INFO.replace("Active:         yes", "Active:         no")})


def test_who_holds_the_ports() -> None:
    assert network.parse_listeners(UDP, "udp") == (Listener("udp", "0.0.0.0", 53), Listener("udp", "0.0.0.0", 67))
    assert network.parse_listeners(TCP, "tcp") == (Listener("tcp", "0.0.0.0", 53),)
    assert network.parse_ss(SHOWN) == (
        Listener("udp", "0.0.0.0", 53, "dnsmasq (pid 2823)"),
        Listener("tcp", "127.0.0.53", 53),
    )
    assert network.in_the_way(network.parse_ss(SHOWN), ("192.168.122.0/24",)) == network.parse_ss(SHOWN)[:1]
    own = (Listener("tcp", "192.168.122.1", 53),)
    assert network.in_the_way(own, ("192.168.122.0/24",)) == own


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (Result(network.SS, 0, SHOWN), (Listener("udp", "0.0.0.0", 53, "dnsmasq (pid 2823)"),)),
        (Result(network.SS, None, problem="absent"), (Listener("udp", "0.0.0.0", 53), Listener("tcp", "0.0.0.0", 53))),
    ],
)
def test_another_server_is_looked_for_only_while_the_network_is_off(
    shown: Result, expected: tuple[Listener, ...]
) -> None:
    recorded = Recorded()
    off(recorded)
    recorded.read(Reading("/proc/net/udp", UDP))
    recorded.read(Reading("/proc/net/tcp", TCP))
    recorded.listdir(Listing("/sys/class/net/virbr0/brif", error="ENOENT"))
    recorded.run(shown)
    assert ask(recorded).servers == Known(expected)
    assert isinstance(ask(Recorded()).servers, Unknown)


@pytest.mark.parametrize(
    ("active", "owner"), [("", ""), ("other\n", "other"), ("third\n", "")], ids=["none", "its owner", "not its owner"]
)
def test_whose_bridge_it_is(active: str, owner: str) -> None:
    recorded = Recorded()
    off(recorded)
    nobody(recorded)
    recorded.listdir(Listing("/sys/class/net/virbr0/brif", ("vnet0",)))
    base = ("/usr/bin/virsh", "-q", "-c", "qemu:///system")
    recorded.run(Result((*base, "net-list --name"), 0, active))
    recorded.run(Result((*base, "net-dumpxml", "--network", "other"), 0, NET_XML))
    recorded.run(Result((*base, "net-dumpxml", "--network", "third"), 0, NET_XML.replace("virbr0", "virbr3")))
    assert ask(recorded).bridge == Known(network.Bridge("virbr0", ("vnet0",), owner))
    recorded.run(Result((*base, "net-list --name"), 1, "", "error: no\n"))
    assert isinstance(ask(recorded).bridge, Unknown)


def test_the_bridge_helper_is_looked_at_where_somebody_wants_it() -> None:
    recorded = Recorded()
    assert isinstance(ask(recorded).bridge_conf, Absent)
    recorded.read(Reading("/etc/qemu/bridge.conf", "allow br0\n"))
    helper = Status("/usr/libexec/qemu-bridge-helper", "file", 0o4755, size=1000)
    recorded.absent("/usr/lib/qemu/qemu-bridge-helper", "/usr/lib/qemu-bridge-helper")
    recorded.stat(helper)
    assert ask(recorded).helper == Known(helper)
    recorded.absent(helper.path)
    assert isinstance(ask(recorded).helper, Absent)


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (NET_XML, "nat"),
        ('<network><forward mode="route"/></network>', "route"),
        ("<network><forward/></network>", "nat"),
        ("<network></network>", ""),
    ],
)
def test_the_forward_mode(xml: str, expected: str) -> None:
    found = network.parse_default(NET_INFO, xml)
    assert found is not None
    assert (found.forward, found.routed) == (expected, expected != "")


def test_a_healthy_host() -> None:
    found = ask(Recorded())
    assert found.default == Known(network.DefaultNetwork(True, True, True, "virbr0", ("192.168.122.0/24",), "nat"))
    assert found.taken == Known((Taken("10.0.2.0/24", "eth0"), Taken("192.168.122.0/24", "virbr0")))
    assert found.dnsmasq == Known("/usr/sbin/dnsmasq")
    assert found.packaged == Known("/usr/share/libvirt/networks/default.xml")
    assert found.subnets == ("192.168.122.0/24",)


def test_no_such_network_is_absent() -> None:
    recorded = Recorded()
    recorded.virsh({**ANSWERS, "net-info": "", "net-dumpxml": ""}, {"net-info": NO_NETWORK, "net-dumpxml": NO_NETWORK})
    nobody(recorded)
    recorded.listdir(Listing("/sys/class/net/virbr0/brif", error="ENOENT"))
    assert isinstance(ask(recorded).default, Absent)


def test_nonsense_is_unknown() -> None:
    recorded = Recorded()
    recorded.virsh({**ANSWERS, "net-info": "Nom : default\nActif : oui\n"})
    assert isinstance(ask(recorded).default, Unknown)


def test_nothing_to_read() -> None:
    recorded = Recorded()
    recorded.read(Reading("/proc/net/route", error="EACCES"))
    recorded.read(Reading(NAMES.default_network[0], error="ENOENT"))
    found = ask(recorded)
    assert isinstance(found.taken, Denied)
    assert isinstance(found.packaged, Absent)


def test_routes_of_a_big_endian_machine() -> None:
    text = "Iface\tDestination\nenc0\tC0A80100\t00000000\t0001\t0\t0\t0\tFFFFFF00\t0\t0\t0\n"
    assert parse_routes(text, big_endian=True) == (Taken("192.168.1.0/24", "enc0"),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000", "a default route"),
        ("tun0\t00000000\t0202000A\t0003\t0\t0\t0\t00000080", "half of everything: a VPN's default route"),
        ("eth0\t0002000A\t00000000\t0000\t0\t0\t0\t00FFFFFF", "not up"),
        ("*\t0002000A\t00000000\t0201\t0\t0\t0\t00FFFFFF", "rejected"),
        ("eth0\t0002000A", "cut off"),
        ("eth0\tnonsense\t0\t1\t0\t0\t0\t00FFFFFF", "no number"),
    ],
)
def test_routes_that_take_no_network(line: str, why: str) -> None:
    assert parse_routes("headline\n" + line + "\n") == (), why


def test_a_network_is_taken_once() -> None:
    line = ROUTES.splitlines()[2]
    assert parse_routes(f"headline\n{line}\n{line}\n") == (Taken("10.0.2.0/24", "eth0"),)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("192.168.122.0/24", "192.168.122.0/24", True),
        ("192.168.122.0/24", "192.168.0.0/16", True),
        ("192.168.122.128/25", "192.168.122.0/24", True),
        ("192.168.122.0/24", "192.168.123.0/24", False),
        ("192.168.122.7/32", "192.168.122.0/24", True),
        ("10.0.0.0/8", "192.168.122.0/24", False),
        ("nonsense", "192.168.122.0/24", False),
        ("192.168.122.0/99", "192.168.122.0/24", False),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


def test_the_own_bridge_is_no_clash() -> None:
    taken = (Taken("192.168.122.0/24", "virbr0"), Taken("192.168.122.0/24", "eth0"))
    assert clashes(("192.168.122.0/24",), taken, "virbr0") == taken[1:]


def test_the_next_free_subnet() -> None:
    assert free_subnet(()) == "192.168.122.0/24"
    assert free_subnet([Taken("192.168.122.0/24", "eth0"), Taken("192.168.123.4/32", "tun0")]) == "192.168.124.0/24"
    assert free_subnet([Taken("192.168.0.0/16", "eth0")]) is None


@pytest.mark.parametrize(
    ("address", "netmask", "prefix", "expected"),
    [
        ("192.168.122.1", "255.255.255.0", "", "192.168.122.0/24"),
        ("192.168.122.1", "", "25", "192.168.122.0/25"),
        ("10.1.2.3", "", "", "10.1.2.3/32"),
        ("10.1.2.3", "255.0.255.0", "", None),
        ("10.1.2.3", "", "33", None),
        ("10.1.2.3", "", "²", None),
        ("10.1.2.999", "255.255.255.0", "", None),
        ("fd00::1", "", "64", None),
        ("", "", "", None),
    ],
)
def test_subnet_of(address: str, netmask: str, prefix: str, expected: str | None) -> None:
    assert subnet_of(address, netmask, prefix) == expected


def test_subnets_of_a_definition() -> None:
    assert parse_subnets(NET_XML) == ("192.168.122.0/24",)
    assert parse_subnets(
        "<ip family='ipv6' address='fd00::1' prefix='64'/><ip address=\"10.7.0.1\" prefix=\"16\"/>"
    ) == ("10.7.0.0/16",)


def test_the_subnet_that_is_wanted_counts_more_than_the_packaged_one() -> None:
    host, want = Recorded().host(), Want(subnet="192.168.150.0/24")
    assert network.ask(host, NAMES, want, virsh.ask(host, NAMES, want))().subnets == ("192.168.150.0/24",)
    assert ask(Recorded()).subnets == ("192.168.122.0/24",)
