from __future__ import annotations

import pytest

from kvmready.checks import network
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.network import DefaultNetwork, Taken
from tests.unit.checks.upper import changed, healthy, said

FACTS = healthy()
ON = DefaultNetwork(True, True, True, "virbr0", ("192.168.122.0/24",))
LAN = Known((Taken("192.168.122.0/24", "eth0"),))
OWN = Known((Taken("192.168.122.0/24", "virbr0"), Taken("10.0.0.0/24", "eth0")))


@pytest.mark.parametrize(
    ("default", "taken", "expected"),
    [
        (Known(ON), OWN, ("pass", "", "")),
        (Known(ON), Denied("x"), ("pass", "", "")),
        (Absent("x"), OWN, ("fail", "network.default-undefined", "automatic")),
        (Known(ON._replace(active=False, autostart=False)), OWN, ("fail", "network.default-inactive", "automatic")),
        (Known(ON._replace(active=False)), OWN, ("fail", "network.default-inactive", "automatic")),
        (Known(ON._replace(autostart=False)), OWN, ("fail", "network.default-no-autostart", "automatic")),
        (Known(ON._replace(active=False)), LAN, ("fail", "network.subnet-clash", "automatic")),
        (Known(ON), LAN, ("warn", "network.subnet-clash", "manual")),
        (Known(ON._replace(subnets=())), LAN, ("pass", "", "")),
        (Unknown("x"), OWN, ("unknown", "", "manual")),
        (Denied("x"), OWN, ("unknown", "", "manual")),
    ],
)
def test_default_network(default: object, taken: object, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "network", default=default, taken=taken)
    assert said(network.default_network(facts)) == expected


def test_a_clash_names_the_interface() -> None:
    facts = changed(FACTS, "network", default=Known(ON._replace(active=False)), taken=LAN)
    assert "eth0" in network.default_network(facts).summary


def test_an_undefined_network_tells_that_its_addresses_are_taken() -> None:
    facts = changed(FACTS, "network", default=Absent("x"), taken=LAN)
    assert any("eth0" in evidence.text for evidence in network.default_network(facts).evidence)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Known("/usr/sbin/dnsmasq"), ("pass", "", "")),
        (Absent("x"), ("fail", "network.dnsmasq-missing", "automatic")),
        (Denied("x"), ("unknown", "", "manual")),
    ],
)
def test_dnsmasq(found: object, expected: tuple[str, str, str]) -> None:
    assert said(network.dnsmasq(changed(FACTS, "network", dnsmasq=found))) == expected
