from __future__ import annotations

from typing import Any

import pytest

from kvmready.checks import network_filter
from kvmready.facts import Facts
from kvmready.facts.firewall import parse_rules
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.host.door import Status
from tests.unit.checks.test_libvirt_daemon import with_files
from tests.unit.checks.test_network import OFF, ON
from tests.unit.checks.upper import AS_ALICE, changed, healthy, said
from tests.unit.facts.debian import SAVED

FACTS = healthy()
PASS = ("pass", "", "")
SKIP = ("skip", "", "")
UNKNOWN = ("unknown", "", "manual")
DROP = SAVED.replace(":FORWARD ACCEPT", ":FORWARD DROP")
FLUSHED = "\n".join(line for line in SAVED.splitlines() if not line.startswith("-A"))
TABLE = 'table ip libvirt_network {\n\tchain guest_output {\n\t\tiif "virbr0" counter reject\n\t}\n}\n'


def filtered(text: str = SAVED, facts: Facts = FACTS, **fields: Any) -> Facts:
    return changed(facts, "firewall", rules=Known(parse_rules(text)), **fields)


@pytest.mark.parametrize(
    "judge", [network_filter.forwarding, network_filter.rules, network_filter.docker_forward], ids=lambda f: f.__name__
)
def test_a_network_that_is_off_or_isolated_needs_none_of_it(judge: Any) -> None:
    assert said(judge(FACTS)) == PASS
    assert said(judge(changed(FACTS, "network", default=Known(OFF)))) == SKIP
    assert said(judge(changed(FACTS, "network", default=Known(ON._replace(forward=""))))) == SKIP
    assert said(judge(changed(FACTS, "network", default=Known(ON._replace(forward="bridge"))))) == SKIP
    assert said(judge(changed(FACTS, "network", default=Unknown("x")))) == UNKNOWN


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Known(True), PASS),
        (Known(False), ("fail", "network.forwarding-off", "automatic")),
        (Absent("x"), UNKNOWN),
        (Denied("x"), UNKNOWN),
    ],
)
def test_forwarding(found: Any, expected: tuple[str, str, str]) -> None:
    assert said(network_filter.forwarding(changed(FACTS, "firewall", forwarding=found))) == expected


IPT, NFT, NO = Known("/usr/sbin/iptables"), Known("/usr/sbin/nft"), Absent("x")
MISSING = ("fail", "network.firewall-backend", "automatic")


@pytest.mark.parametrize(
    ("backend", "iptables", "nft", "conf", "expected"),
    [
        ("iptables", IPT, NO, "", PASS),
        ("iptables", NO, NFT, "", MISSING),
        ("iptables", Denied("x"), NFT, "", UNKNOWN),
        ("nftables", NO, NFT, "", PASS),
        ("nftables", IPT, NO, "", PASS),
        ("nftables", NO, NO, "", MISSING),
        ("nftables", IPT, NO, 'firewall_backend = "nftables"\n', MISSING),
        ("nftables", NO, NFT, 'firewall_backend = "iptables"\n', MISSING),
        ("nftables", NO, NFT, 'firewall_backend = "other"\n', PASS),
        ("", IPT, NFT, "", UNKNOWN),
    ],
)
def test_the_program_of_the_backend(
    backend: str, iptables: Any, nft: Any, conf: str, expected: tuple[str, str, str]
) -> None:
    known = Known(backend) if backend else Unknown("x")
    facts = changed(with_files(FACTS, network_conf=conf), "firewall", backend=known, iptables=iptables, nft=nft)
    assert said(network_filter.firewall(facts)) == expected


def test_two_firewalls_at_once() -> None:
    assert said(network_filter.firewall(changed(FACTS, "firewall", legacy=Known(())))) == PASS
    both = changed(FACTS, "firewall", legacy=Known(("-A FORWARD -j DROP",)))
    assert said(network_filter.firewall(both)) == ("warn", "network.firewall-backend", "manual")


GONE = ("fail", "network.firewall-reloaded", "automatic")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (filtered(), PASS),
        (filtered(FLUSHED), GONE),
        (filtered(SAVED.replace("-A FORWARD -j LIBVIRT_FWI\n", "").replace("-A FORWARD -j LIBVIRT_FWO\n", "")), GONE),
        (filtered(SAVED.replace("virbr0", "virbr7")), GONE),
        (filtered(FLUSHED, backend=Known("nftables"), table=Known(TABLE)), PASS),
        (filtered(FLUSHED, backend=Known("nftables"), table=Known(TABLE.replace("virbr0", "virbr7"))), GONE),
        (filtered(FLUSHED, backend=Known("nftables"), table=Absent("x")), GONE),
        (filtered(FLUSHED, backend=Known("nftables"), table=Unknown("x")), UNKNOWN),
        (filtered(FLUSHED, backend=Unknown("x"), table=Absent("x")), UNKNOWN),
        (changed(FACTS, "firewall", rules=Unknown("x")), UNKNOWN),
        (changed(FACTS, "firewall", rules=Denied("root"))._replace(caller=AS_ALICE), UNKNOWN),
        (changed(FACTS, "firewall", rules=NO, backend=Known("nftables"), table=Known(TABLE)), PASS),
        (changed(FACTS, "firewall", rules=NO, backend=Known("nftables"), table=Absent("x")), GONE),
        (changed(FACTS, "network", default=Known(ON._replace(forward="open"))), SKIP),
    ],
)
def test_libvirts_rules(facts: Facts, expected: tuple[str, str, str]) -> None:
    assert said(network_filter.rules(facts)) == expected


CUT = ("fail", "network.docker-forward-drop", "automatic")
DOCKER = DROP.replace("-A FORWARD -j LIBVIRT_FWX\n", "-A FORWARD -j DOCKER-USER\n-A FORWARD -j LIBVIRT_FWX\n")
CLOSED = "\n".join(line for line in DOCKER.splitlines() if "LIBVIRT" not in line) + "\n"
ACCEPTS = (
    "-A DOCKER-USER -i virbr0 -j ACCEPT\n"
    "-A DOCKER-USER -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SAVED, PASS),
        (DROP, PASS),
        (DOCKER, PASS),
        (CLOSED, CUT),
        (CLOSED.replace("COMMIT\n", ACCEPTS), PASS),
        (CLOSED.replace("COMMIT\n", ACCEPTS.replace("virbr0", "virbr01")), CUT),
        (CLOSED.replace("COMMIT\n", ACCEPTS.partition("\n")[0] + "\n"), CUT),
        (CLOSED.replace("-A FORWARD -j DOCKER-USER\n", "").replace("COMMIT\n", ACCEPTS), CUT),
        (FLUSHED.replace(":FORWARD ACCEPT", ":FORWARD DROP"), CUT),
        (CLOSED.replace("COMMIT\n", "-A FORWARD -s 192.168.122.0/24 -j ACCEPT\nCOMMIT\n"), UNKNOWN),
        (CLOSED.replace("COMMIT\n", "-A FORWARD -j ufw-before-forward\nCOMMIT\n"), UNKNOWN),
        (CLOSED.replace("COMMIT\n", "-A FORWARD -i docker0 -j ACCEPT\nCOMMIT\n"), CUT),
        (CLOSED.replace("COMMIT\n", "-A FORWARD -s 10.0.0.0/8 -j DROP\nCOMMIT\n"), CUT),
    ],
)
def test_the_policy_of_docker(text: str, expected: tuple[str, str, str]) -> None:
    assert said(network_filter.docker_forward(filtered(text))) == expected


def test_docker_is_named_only_where_it_is() -> None:
    assert "Docker" in network_filter.docker_forward(filtered(CLOSED)).summary
    assert "Docker" not in network_filter.docker_forward(filtered(FLUSHED.replace("ARD ACCEPT", "ARD DROP"))).summary


def test_without_iptables_there_is_no_policy() -> None:
    assert said(network_filter.docker_forward(changed(FACTS, "firewall", rules=NO))) == SKIP
    assert said(network_filter.docker_forward(changed(FACTS, "firewall", rules=Unknown("x")))) == UNKNOWN


HELPER = Status("/usr/lib/qemu/qemu-bridge-helper", "file", 0o4755, size=1)
WARN = ("warn", "network.bridge-helper")


@pytest.mark.parametrize(
    ("conf", "helper", "expected"),
    [
        (Absent("x"), Unknown("not asked"), SKIP),
        (Known("# allow br0\n"), Known(HELPER), SKIP),
        (Known("deny br0\n"), Known(HELPER), SKIP),
        (Known("allow br0\n"), Known(HELPER), PASS),
        (Known("allow br0\n"), Known(HELPER._replace(mode=0o755)), (*WARN, "automatic")),
        (Known("allow br0\n"), Known(HELPER._replace(uid=1000)), (*WARN, "automatic")),
        (Known("allow br0\n"), Absent("x"), (*WARN, "manual")),
        (Known("allow br0\nallow\n"), Known(HELPER), (*WARN, "manual")),
        (Known("permit br0\n"), Known(HELPER), (*WARN, "manual")),
        (Denied("x"), Known(HELPER), UNKNOWN),
        (Known("allow br0\n"), Denied("x"), UNKNOWN),
    ],
)
def test_bridge_helper(conf: Any, helper: Any, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "network", bridge_conf=conf, helper=helper)
    assert said(network_filter.bridge_helper(facts)) == expected
