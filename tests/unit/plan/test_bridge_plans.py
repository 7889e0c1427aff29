"""A bridge as files and commands, for each network manager; and what is left to a person."""

from __future__ import annotations

from typing import Any

import pytest

from kvmready.facts.bridging import Bridging, Card, Owner
from kvmready.facts.known import Absent, Fact, Known, Unknown
from kvmready.facts.network import DefaultNetwork
from kvmready.plan.step import Step
from tests.unit.checks.upper import WANT, changed, healthy
from tests.unit.plan.test_make import FRESH, VIRSH, findings, planned

MAC = "52:54:00:12:34:57"
CARD = Card(MAC, 1, "", "", ())
HERE: Fact[Card] = Known(CARD)
NO_BRIDGE = Absent("/sys/class/net/br0")
DEFINED = DefaultNetwork(True, True, True, "br0", (), "bridge")
NO_NETWORK = Absent("virsh net-info br0")
WANTED = WANT._replace(bridge="br0", interface="eth1")

NETWORK_FILE = """[Match]
Name=eth*

[Link]
MTUBytes=9000

[Network]
# the office
DHCP=ipv4
DNS=10.9.9.1

[Route]
Destination=10.8.0.0/16
Gateway=10.9.9.1
"""


def wanting(
    owner: Owner | None, card: Fact[Card] = HERE, bridge: Fact[tuple[str, ...]] = NO_BRIDGE, **more: Any
) -> Any:
    known: Fact[Owner] = Absent("systemctl is-active") if owner is None else Known(owner)
    addresses = Known(tuple(more.pop("addresses", ())))
    bridging = Bridging(card, bridge, known, addresses, more.pop("gateway", ""), more.pop("network", NO_NETWORK))
    return healthy(want=WANTED, bridging=bridging._replace(**more))


def step(owner: Owner, **more: Any) -> Step:
    made = planned(wanting(owner, **more))
    assert [one.id for one in made.steps] == ["network.bridge", "network.bridge-network"]
    return made.steps[0]


def files(one: Step) -> dict[str, str]:
    return {path: content.partition("\n")[2] for path, content, _mode in one.arguments["files"]}


def found(facts: Any, check: str = "network.bridge") -> tuple[str, str, str, str]:
    (one,) = [finding for finding in findings(facts) if finding.check == check]
    remedy = one.remedy
    return one.status, one.cause, remedy.kind if remedy else "", remedy.text if remedy else ""


DELETE = ["ip", "link", "delete", "dev", "br0", "type", "bridge"]


def test_networkd_moves_the_sections_of_the_interface() -> None:
    one = step(Owner("networkd", "/etc/systemd/network/60-eth.network", NETWORK_FILE, "3735928559"))
    folder = "/etc/systemd/network/05-kvmready-br0"
    assert files(one) == {
        f"{folder}.netdev": f"[NetDev]\nName=br0\nKind=bridge\nMACAddress={MAC}\n\n[Bridge]\nSTP=false\n",
        f"{folder}-port.network": "[Match]\nName=eth1\n\n[Link]\nMTUBytes=9000\n\n"
        "[Network]\nBridge=br0\nLinkLocalAddressing=no\n",
        f"{folder}.network": "[Match]\nName=br0\n\n[Network]\nDHCP=ipv4\nDNS=10.9.9.1\n\n"
        "[Route]\nDestination=10.8.0.0/16\nGateway=10.9.9.1\n\n[DHCPv4]\nIAID=3735928559\n",
    }
    assert one.commands == (("networkctl", "reload"),)
    assert one.arguments["down"] == [DELETE, ["networkctl", "reload"], ["networkctl", "reconfigure", "eth1"]]
    assert "; networkctl reload; networkctl reconfigure eth1" in one.note
    assert "DHCP=ipv4" in one.note and "timer of systemd" in one.note and "60 s" in one.note


def test_networkd_takes_a_card_that_nobody_has_set_up() -> None:
    one = step(Owner("networkd"))
    assert files(one)["/etc/systemd/network/05-kvmready-br0.network"] == (
        "[Match]\nName=br0\n\n[Network]\nLinkLocalAddressing=no\n\n[Link]\nRequiredForOnline=no\n"
    )
    one = step(Owner("networkd"), addresses=["10.9.9.2/24"], gateway="10.9.9.1")
    assert "Address=10.9.9.2/24\nGateway=10.9.9.1" in files(one)["/etc/systemd/network/05-kvmready-br0.network"]
    assert one.commands[0] == ("ip", "address", "flush", "dev", "eth1", "scope", "global")
    assert one.arguments["down"][-2:] == [
        ["ip", "address", "add", "10.9.9.2/24", "dev", "eth1"],
        ["ip", "route", "add", "default", "via", "10.9.9.1", "dev", "eth1"],
    ]


def test_ifupdown_gets_a_file_of_its_own() -> None:
    one = step(Owner("ifupdown"), addresses=["10.9.9.2/24", "10.9.9.3/24"], gateway="10.9.9.1")
    assert files(one) == {
        "/etc/network/interfaces.d/kvmready-br0": "auto br0\niface br0 inet static\n    address 10.9.9.2/24\n"
        f"    gateway 10.9.9.1\n    pre-up ip link add name br0 address {MAC} type bridge stp_state 0\n"
        "    pre-up ip link set dev eth1 master br0 up\n    up ip address add 10.9.9.3/24 dev br0\n"
        "    post-down ip link delete dev br0 type bridge\n"
    }
    assert one.commands[-1] == ("ifup", "br0")
    assert one.arguments["first"] == [["ifdown", "--force", "br0"], DELETE]
    plain = files(step(Owner("ifupdown")))["/etc/network/interfaces.d/kvmready-br0"]
    assert "iface br0 inet manual" in plain and "up ip link set dev br0 up" in plain


def test_network_manager_is_told_by_nmcli() -> None:
    text = (
        "connection.zone:--\n802-1x.eap:--\n802-3-ethernet.mtu:auto\nipv4.method:manual\n"
        "ipv4.addresses:10.9.9.2/24\nipv4.gateway:10.9.9.1\nipv6.method:disabled\n"
    )
    one = step(Owner("NetworkManager", "c0ffee", text))
    add = ("nmcli", "connection", "add", "type")
    kept = ("autoconnect", "yes", "connection.autoconnect-priority", "100")
    settings = ("ipv4.method", "manual", "ipv4.addresses", "10.9.9.2/24", "ipv4.gateway", "10.9.9.1")
    assert one.commands == (
        (*add, "bridge", "con-name", "kvmready-br0", "ifname", "br0", *kept, "bridge.stp", "no",
         "bridge.mac-address", MAC, *settings, "ipv6.method", "disabled"),
        (*add, "ethernet", "con-name", "kvmready-br0-port", "ifname", "eth1", *kept,
         "master", "br0", "slave-type", "bridge"),
        ("nmcli", "--wait", "20", "connection", "up", "kvmready-br0-port"),
    )  # fmt: skip
    assert one.arguments["down"] == [
        ["nmcli", "connection", "delete", "kvmready-br0-port", "kvmready-br0"],
        DELETE,
        ["nmcli", "--wait", "20", "connection", "up", "uuid", "c0ffee"],
    ]


def test_netplan_gets_a_file_of_its_own() -> None:
    one = step(Owner("netplan", "/etc/netplan/*.yaml", "dhcp4: true\noptional: true\n"))
    assert files(one) == {
        "/etc/netplan/99-kvmready-br0.yaml": "network:\n  version: 2\n  ethernets:\n    eth1:\n      dhcp4: false\n"
        f'      dhcp6: false\n  bridges:\n    br0:\n      interfaces: [eth1]\n      macaddress: "{MAC}"\n'
        "      dhcp4: true\n      parameters: {stp: false, forward-delay: 0}\n"
    }
    assert one.arguments["files"][0][2] == 0o600
    assert one.commands == (("netplan", "generate"), ("netplan", "apply"))
    assert one.arguments["down"] == [DELETE, ["netplan", "generate"], ["netplan", "apply"]]


def test_netplan_keeps_the_name_that_the_dhcp_server_knows() -> None:
    one = step(Owner("netplan", "/etc/netplan/*.yaml", "dhcp4: true\n", "3735928559"))
    folder = "/etc/systemd/network/10-netplan-br0.network.d"
    assert files(one)[f"{folder}/kvmready.conf"] == "[DHCPv4]\nIAID=3735928559\n"
    assert one.arguments["down"][0] == ["rmdir", "--", folder]


def test_libvirt_gets_a_network_on_it() -> None:
    made = planned(wanting(Owner("networkd")))
    network = made.steps[1]
    assert network.arguments["xml"] == (
        "<network><name>br0</name><forward mode='bridge'/><bridge name='br0'/></network>"
    )
    assert network.commands == (
        (*VIRSH, "net-define", "/dev/stdin"),
        (*VIRSH, "net-start", "--network", "br0"),
        (*VIRSH, "net-autostart", "--network", "br0"),
    )


def test_a_fresh_host_gets_no_default_network_beside_it() -> None:
    facts = FRESH._replace(want=WANTED, bridging=wanting(Owner("networkd")).bridging)
    facts = changed(facts, "services", manager=Known("systemd"))
    ids = [one.id for one in planned(facts).steps]
    assert "network.default-network" not in ids and ids.index("network.bridge") < ids.index("network.bridge-network")
    packages = next(one for one in planned(facts).steps if one.kind == "packages")
    assert "dnsmasq-base" not in packages.arguments["packages"]


def test_a_host_that_has_it_gets_nothing() -> None:
    facts = wanting(Owner("networkd"), Known(CARD._replace(master="br0")), Known(("eth1",)), network=Known(DEFINED))
    assert planned(facts).steps == () and found(facts)[0] == "pass"
    assert found(facts, "network.bridge-network")[0] == "pass"
    off = changed(facts, "bridging", network=Known(DEFINED._replace(active=False)))
    assert [one.commands for one in planned(off).steps] == [((*VIRSH, "net-start", "--network", "br0"),)]
    other = changed(facts, "bridging", network=Known(DEFINED._replace(forward="nat", bridge="virbr1")))
    assert found(other, "network.bridge-network")[1:3] == ("network.bridge-undefined", "manual")
    waiting = changed(facts, "bridging", pending=True)
    assert planned(waiting).steps == () and found(waiting)[1:3] == ("network.bridge-missing", "manual")


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (CARD._replace(sort="wlan"), "wireless"),
        (CARD._replace(kind=65534), "no Ethernet"),
        (CARD._replace(sort="bridge"), "is a bridge itself"),
        (CARD._replace(master="bond0"), "is in bond0 already"),
        (CARD._replace(uppers=("eth1.7",)), "eth1.7 stands on eth1"),
    ],
)
def test_what_cannot_be_in_a_bridge(card: Card, words: str) -> None:
    facts = wanting(Owner("networkd"), Known(card))
    (one,) = [finding for finding in findings(facts) if finding.check == "network.bridge"]
    assert (one.cause, planned(facts).steps) == ("network.interface-unfit", ())
    assert words in one.summary and one.remedy is not None and one.remedy.kind == "manual"


def test_what_is_not_there_or_not_known() -> None:
    assert found(wanting(None, Absent("/sys/class/net/eth1")))[:3] == ("fail", "network.interface-missing", "manual")
    assert found(wanting(None, Unknown("EIO")))[0] == "unknown"
    assert found(wanting(None))[:3] == ("fail", "network.manager-unknown", "manual")
    assert found(wanting(Owner("networkd"), bridge=Known(("eth7",))))[1] == "network.interface-unfit"


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (Owner("networkd", "/x/60.network", "[Match]\nName=eth1\n[Network]\nVLAN=v7\n"), "VLAN=v7"),
        (Owner("networkd", "/x/60.network", "[Network]\nDHCP=yes\n[SR-IOV]\nTrust=yes\n"), "[SR-IOV]"),
        (Owner("networkd", "/x/60.network", "[Link]\nARP=no\n[Network]\nDHCP=yes\n"), "ARP=no"),
        (Owner("networkd", "/x/00-all.network", "[Network]\nDHCP=yes\n"), "00-all.network"),
        (Owner("NetworkManager", "c0ffee", "802-1x.eap:tls\nipv4.method:auto\n"), "802-1x"),
        (Owner("NetworkManager", "c0ffee", ""), "ipv4.method"),
        (Owner("netplan", "/etc/netplan/*.yaml", "dhcp4: false\naddresses:\n- 10.9.9.2/24\n"), "addresses:"),
        (Owner("ifupdown", "/etc/network/interfaces", "auto eth1\niface eth1 inet dhcp"), "iface br0 inet dhcp"),
        (Owner("ifupdown", sourced=False), "source /etc/network/interfaces.d/*"),
    ],
)
def test_what_is_not_understood_is_left_to_a_person(owner: Owner, words: str) -> None:
    facts = wanting(owner)
    status, cause, kind, text = found(facts)
    assert (status, cause, kind) == ("fail", "network.bridge-missing", "manual")
    assert words in text and planned(facts).steps == ()


def test_without_systemd_nothing_would_take_it_back() -> None:
    facts = changed(wanting(Owner("ifupdown")), "services", manager=Known("openrc"))
    assert found(facts)[2] == "manual" and "systemd" in found(facts)[3]
