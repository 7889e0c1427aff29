from __future__ import annotations

import pytest

from kvmready.checks import engine, network
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.network import Bridge, DefaultNetwork, Listener, Taken
from tests.unit.checks.upper import changed, healthy, said

FACTS = healthy()
ON = DefaultNetwork(True, True, True, "virbr0", ("192.168.122.0/24",), "nat")
OFF = ON._replace(active=False)
PASS = ("pass", "", "")
SKIP = ("skip", "", "")
UNKNOWN = ("unknown", "", "manual")
NAMED = Listener("tcp", "0.0.0.0", 53, "named (pid 7)")
LAN = Known((Taken("192.168.122.0/24", "eth0"),))
OWN = Known((Taken("192.168.122.0/24", "virbr0"), Taken("10.0.0.0/24", "eth0")))


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (Known(ON), PASS),
        (Known(ON._replace(autostart=False)), PASS),
        (Absent("x"), ("fail", "network.default-undefined", "automatic")),
        (Known(OFF), ("fail", "network.default-inactive", "automatic")),
        (Unknown("x"), UNKNOWN),
        (Denied("x"), UNKNOWN),
    ],
)
def test_default_network(default: object, expected: tuple[str, str, str]) -> None:
    assert said(network.default_network(changed(FACTS, "network", default=default))) == expected


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (Known(ON), PASS),
        (Known(OFF), PASS),
        (Known(ON._replace(autostart=False)), ("fail", "network.default-no-autostart", "automatic")),
        (Known(OFF._replace(autostart=False)), ("fail", "network.default-no-autostart", "automatic")),
        (Absent("x"), UNKNOWN),
    ],
)
def test_autostart(default: object, expected: tuple[str, str, str]) -> None:
    assert said(network.autostart(changed(FACTS, "network", default=default))) == expected


@pytest.mark.parametrize(
    ("default", "taken", "expected"),
    [
        (Known(ON), OWN, PASS),
        (Known(OFF), OWN, PASS),
        (Known(OFF), LAN, ("fail", "network.subnet-clash", "automatic")),
        (Known(ON), LAN, ("warn", "network.subnet-clash", "manual")),
        (Known(ON._replace(subnets=())), LAN, SKIP),
        (Known(ON), Denied("x"), UNKNOWN),
        (Absent("x"), LAN, SKIP),
        (Unknown("x"), LAN, UNKNOWN),
    ],
)
def test_subnet(default: object, taken: object, expected: tuple[str, str, str]) -> None:
    assert said(network.subnet(changed(FACTS, "network", default=default, taken=taken))) == expected


def test_a_clash_names_the_interface() -> None:
    facts = changed(FACTS, "network", default=Known(OFF), taken=LAN)
    assert "eth0" in network.subnet(facts).summary


@pytest.mark.parametrize(
    ("default", "bridge", "expected"),
    [
        (Known(ON), Unknown("not asked"), PASS),
        (Known(OFF), Absent("x"), PASS),
        (Absent("x"), Absent("x"), PASS),
        (Known(OFF), Known(Bridge("virbr0", (), "")), ("fail", "network.stale-bridge", "automatic")),
        (Absent("x"), Known(Bridge("virbr0", ("virbr0-nic",), "")), ("fail", "network.stale-bridge", "automatic")),
        (Known(OFF), Known(Bridge("virbr0", ("vnet3",), "")), ("fail", "network.stale-bridge", "manual")),
        (Known(OFF._replace(bridge="br0")), Known(Bridge("br0", (), "")), ("fail", "network.stale-bridge", "manual")),
        (Known(OFF), Known(Bridge("virbr0", ("vnet0",), "other")), SKIP),
        (Known(OFF), Unknown("x"), UNKNOWN),
        (Unknown("x"), Unknown("x"), UNKNOWN),
    ],
)
def test_stale_bridge(default: object, bridge: object, expected: tuple[str, str, str]) -> None:
    assert said(network.stale_bridge(changed(FACTS, "network", default=default, bridge=bridge))) == expected


@pytest.mark.parametrize(
    ("default", "servers", "expected"),
    [
        (Known(ON), Unknown("not asked"), PASS),
        (Known(OFF), Known(()), PASS),
        (Known(OFF), Known((NAMED,)), ("fail", "network.dnsmasq-conflict", "manual")),
        (Known(OFF), Known((NAMED._replace(owner=""),)), ("fail", "network.dnsmasq-conflict", "manual")),
        (Known(OFF), Denied("x"), UNKNOWN),
        (Unknown("x"), Unknown("x"), UNKNOWN),
    ],
)
def test_dnsmasq_conflict(default: object, servers: object, expected: tuple[str, str, str]) -> None:
    assert said(network.dnsmasq_conflict(changed(FACTS, "network", default=default, servers=servers))) == expected


def test_what_stands_in_the_way_explains_why_the_network_is_off() -> None:
    facts = changed(
        FACTS, "network", default=Known(OFF), bridge=Known(Bridge("virbr0", (), "")), servers=Known((NAMED,))
    )
    findings = engine.judge(network.CHECKS, facts)
    causes = [cause.cause for cause in engine.root_causes(findings)]
    assert causes == ["network.stale-bridge", "network.dnsmasq-conflict"]
    (blocked,) = [f for f in findings if f.check == "network.default-network"]
    assert blocked.blocked_by == ("network.stale-bridge", "network.dnsmasq-conflict")


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


@pytest.mark.parametrize(
    ("default", "taken", "wanted", "expected"),
    [
        (Known(ON), OWN, "192.168.122.0/24", PASS),
        (Known(ON), OWN, "192.168.150.0/24", ("fail", "network.other-subnet", "manual")),
        (Known(OFF), OWN, "192.168.150.0/24", ("fail", "network.other-subnet", "manual")),
        (Known(ON._replace(subnets=())), OWN, "192.168.150.0/24", ("fail", "network.other-subnet", "manual")),
        (Known(OFF), LAN, "192.168.122.0/24", ("fail", "network.subnet-clash", "automatic")),
        (Absent("x"), OWN, "192.168.150.0/24", PASS),
        (Absent("x"), LAN, "192.168.122.0/24", ("fail", "network.subnet-clash", "manual")),
        (Absent("x"), Denied("x"), "192.168.150.0/24", UNKNOWN),
        (Unknown("x"), OWN, "192.168.150.0/24", UNKNOWN),
    ],
)
def test_a_subnet_that_is_wanted(default: object, taken: object, wanted: str, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "network", default=default, taken=taken)
    judged = network.subnet(facts._replace(want=facts.want._replace(subnet=wanted)))
    assert said(judged) == expected
    assert expected[0] == "unknown" or wanted in judged.summary + judged.evidence[0].text
