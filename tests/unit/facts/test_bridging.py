"""Who sets up an interface, from what each network manager writes down; and guests that start by themselves."""

from __future__ import annotations

import pytest

from kvmready.facts import autostart
from kvmready.facts.bridging import (
    parse_addresses,
    parse_client,
    parse_gateway,
    parse_link,
    parse_stanza,
    sections,
    sources_folder,
)

INTERFACES = """\
# eth1 is for guests
source /etc/network/interfaces.d/*
auto lo eth1
iface lo inet loopback

allow-hotplug eth0
iface eth0 inet dhcp
iface eth1 inet static
    address 10.9.9.2/24
    dns-nameservers 10.9.9.1 \\
        10.9.9.3
iface eth1 inet6 auto
iface eth10 inet dhcp
"""


def test_a_stanza_is_all_that_is_said_of_the_interface() -> None:
    assert parse_stanza(INTERFACES, "eth1").splitlines() == [
        "auto lo eth1",
        "iface eth1 inet static",
        "    address 10.9.9.2/24",
        "    dns-nameservers 10.9.9.1          10.9.9.3",
        "iface eth1 inet6 auto",
    ]
    assert parse_stanza(INTERFACES, "eth2") == "" and parse_stanza("", "eth1") == ""
    assert "allow-hotplug eth0" in parse_stanza(INTERFACES, "eth0")


@pytest.mark.parametrize(
    ("text", "sourced"),
    [
        (INTERFACES, True),
        ("source-directory /etc/network/interfaces.d\n", True),
        ("  source /etc/network/interfaces.d/*  \n", True),
        ("# source /etc/network/interfaces.d/*\n", False),
        ("source /etc/network/interfaces.d/*.cfg\n", False),
        ("", False),
    ],
)
def test_whether_the_folder_is_read(text: str, sourced: bool) -> None:
    assert sources_folder(text) is sourced


def test_a_link_of_networkd() -> None:
    text = '# private\nADMIN_STATE=configured\nNETWORK_FILE=/x/60.network\nNETWORK_FILE_DROPINS="/a.conf:/b.conf"\n'
    assert parse_link(text)["NETWORK_FILE_DROPINS"] == "/a.conf:/b.conf"


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("ADDRESS=10.0.0.5\nCLIENTID=ffdeadbeef0002000000ab11\n", "3735928559"),
        ("CLIENTID=01525400123457\n", ""),  # by the card's address
        ("CLIENTID=ffdeadbe\n", ""),
        ("", ""),
    ],
)
def test_the_name_for_the_dhcp_server(text: str, client: str) -> None:
    assert parse_client(text) == client


def test_addresses_that_last() -> None:
    text = (
        "3: eth1    inet 10.9.9.2/24 brd 10.9.9.255 scope global eth1\\       valid_lft forever\n"
        "3: eth1    inet 10.9.9.3/24 scope global secondary eth1\\       valid_lft forever\n"
        "3: eth1    inet6 2001:db8::5/64 scope global \\       valid_lft forever\n"
        "3: eth1    inet6 2001:db8::6/64 scope global temporary dynamic \\       valid_lft 600sec\n"
        "3: eth1    inet6 fe80::1/64 scope link \\       valid_lft forever\n"
    )
    assert parse_addresses(text) == ("10.9.9.2/24", "10.9.9.3/24", "2001:db8::5/64")
    assert parse_gateway("default via 10.9.9.1 proto static \n") == "10.9.9.1"
    assert parse_gateway("") == parse_gateway("default scope link\n") == ""


def test_sections_of_a_unit_file() -> None:
    text = "x=1\n[Match]\nName=eth1 \\\n eth2\n# no\n; no\n[Network]\nDHCP=yes\n[Match]\n"
    assert list(sections(text)) == [("Match", ["Name=eth1   eth2"]), ("Network", ["DHCP=yes"]), ("Match", [])]


def test_guests_and_those_that_start() -> None:
    """As virsh 9.0 printed it, with -q: an echo ends without a newline."""
    found = autostart.parse(f"data base\nweb\n{autostart.MARK}web\n")
    assert found == autostart.Autostart(("data base", "web"), ("web",))
    assert autostart.parse(f"web\n{autostart.MARK}\n") == autostart.Autostart(("web",), ())
    assert autostart.parse(autostart.MARK) == autostart.Autostart((), ())
    assert autostart.parse("web\n") is None and autostart.parse("") is None
