"""Plans for libvirt, its services and its network as data: facts in, steps and exact commands out."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from kvmready import distro
from kvmready.checks.engine import judge
from kvmready.checks.finding import Finding, automatic
from kvmready.facts import Facts
from kvmready.facts.firewall import parse_rules
from kvmready.facts.known import Absent, Known
from kvmready.facts.network import Bridge
from kvmready.facts.os import OsRelease
from kvmready.host.door import Status
from kvmready.plan import bridge, forward, libvirt_builders, make
from kvmready.plan.kinds import KINDS
from kvmready.plan.manager import State
from kvmready.plan.step import Step
from tests.unit.checks.test_network import OFF
from tests.unit.checks.test_network_filter import CLOSED, FLUSHED, filtered
from tests.unit.checks.test_services import modular, unit
from tests.unit.checks.upper import changed, healthy
from tests.unit.facts.debian import RELEASE
from tests.unit.plan.test_make import READY, findings, planned

FACTS = healthy()
TABLE = distro.find(RELEASE, "x86_64")
assert TABLE is not None
RUNS = {"active": "active", "sub": "running", "file_state": "enabled"}


def step(facts: Facts, name: str) -> Step:
    (found,) = [one for one in planned(facts).steps if one.id == name]
    assert found.kind in KINDS
    assert found.summary and "{" not in found.summary + found.note
    return found


def test_forwarding_is_switched_on_now_and_kept() -> None:
    facts = changed(FACTS, "firewall", forwarding=Known(False))
    assert [one.id for one in planned(facts).steps] == ["network.forwarding-persist", "network.forwarding-off"]
    kept = step(facts, "network.forwarding-persist")
    assert kept.arguments["content"].splitlines()[-1] == "net.ipv4.ip_forward = 1"
    assert kept.arguments["path"].rpartition("/")[2] > "99-sysctl.conf"
    assert step(facts, "network.forwarding-off").commands == (("sysctl", "-q", "-w", "net.ipv4.ip_forward=1"),)


def test_a_left_over_bridge_goes_before_the_network_starts() -> None:
    facts = changed(FACTS, "network", default=Known(OFF), bridge=Known(Bridge("virbr0", (), "")), servers=Known(()))
    made = planned(facts).steps
    assert [one.id for one in made] == ["network.stale-bridge", "network.default-network"]
    assert made[0].commands == (("ip", "link", "delete", "dev", "virbr0", "type", "bridge"),)
    assert [command[3] for command in made[1].commands] == ["net-start"]


@pytest.mark.parametrize("name", ["br0", "virbr", "virbr0x", "docker0", "../virbr0", "virbr0\n"])
def test_only_bridges_with_libvirts_names_are_removed(name: str) -> None:
    facts = changed(FACTS, "network", default=Known(OFF._replace(bridge=name)))
    finding = Finding("network.stale-bridge", "network", "fail", "", (), "network.stale-bridge", automatic("x"))
    assert TABLE is not None
    assert list(libvirt_builders.CAUSES["network.stale-bridge"](finding, facts, TABLE)) == []
    assert bridge.NAME.fullmatch("virbr17")


def test_a_flushed_firewall_is_written_again_by_the_daemon() -> None:
    found = step(filtered(FLUSHED), "network.firewall-reloaded")
    assert found.commands == (("systemctl", "restart", "--", "libvirtd.service"),)
    assert found.arguments == {"unit": "libvirtd.service", "bridge": "virbr0"}
    assert "firewalld" in found.note


@pytest.mark.parametrize(
    ("text", "chain"), [(CLOSED, "DOCKER-USER"), (CLOSED.replace("-A FORWARD -j DOCKER-USER\n", ""), "FORWARD")]
)
def test_dockers_policy_is_passed_by_two_rules(text: str, chain: str) -> None:
    facts = filtered(text, table=Known('iif "virbr0"'), backend=Known("nftables"))
    found = step(facts, "network.docker-forward-drop")
    assert found.arguments["chain"] == chain
    assert found.commands[-1] == ("systemctl", "restart", "--", "kvmready-forward.service")
    assert [one.id for one in planned(facts).steps] == ["network.docker-forward-drop"]


def test_the_unit_of_those_rules_takes_out_what_it_puts_in() -> None:
    text = forward.content("DOCKER-USER", "virbr0")
    lines = [line.partition("=") for line in text.splitlines() if line.startswith("Exec")]
    starts = [shlex.split(rest) for name, _, rest in lines if name == "ExecStart" and not rest.startswith("-")]
    stops = [shlex.split(rest[1:]) for name, _, rest in lines if name == "ExecStop"]
    before = [shlex.split(rest[1:]) for name, _, rest in lines if name == "ExecStart" and rest.startswith("-")]
    assert len(starts) == 2
    assert stops == before == [[*words[:3], "-D", *words[4:]] for words in starts]
    added = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j DOCKER-USER\n" + "".join(
        f"-A {' '.join(words[4:])}\n" for words in starts
    )
    assert parse_rules(added).accepts("virbr0")


def test_the_helpers_bit_is_set_through_dpkg() -> None:
    helper = Status("/usr/lib/qemu/qemu-bridge-helper", "file", 0o755, size=1)
    facts = changed(FACTS, "network", bridge_conf=Known("allow br0\n"), helper=Known(helper))
    found = step(facts, "network.bridge-helper")
    assert found.commands == (("dpkg-statoverride", "--update", "--add", "root", "root", "4755", helper.path),)


def test_the_set_that_is_not_the_distributions_own_is_stopped() -> None:
    facts = modular(libvirtd_service=unit("libvirtd.service", **RUNS), libvirtd_socket=unit("libvirtd.socket", **RUNS))
    found = step(facts, "libvirt.mixed-daemons")
    assert found.kind == "units-off"
    stopped = found.arguments["units"]
    assert {"virtqemud.socket", "virtqemud.service", "virtnetworkd.socket"} <= set(stopped)
    assert not any(name.startswith(("libvirtd", "virtlogd", "virtlockd")) for name in stopped)
    assert TABLE is not None
    finding = Finding("libvirt.daemon-set", "libvirt", "fail", "", (), "libvirt.mixed-daemons", automatic("x"))
    other = TABLE._replace(libvirt_set="modular", units=(("modular", ("virtqemud.socket",)),))
    (reverse,) = libvirt_builders.CAUSES["libvirt.mixed-daemons"](finding, facts, other)
    assert reverse.arguments["units"] == ["libvirtd.socket", "libvirtd.service"]


def test_the_sockets_that_are_missing_are_enabled() -> None:
    facts = modular(virtnetworkd_socket=unit("virtnetworkd.socket"), virtsecretd_socket=unit("virtsecretd.socket"))
    found = step(facts, "libvirt.partial-modular")
    assert found.arguments["units"] == ["virtnetworkd.socket", "virtsecretd.socket"]
    assert found.mends == ("libvirt.partial-modular",)


@pytest.mark.parametrize(
    ("release", "path", "word"),
    [
        (RELEASE, "/etc/polkit-1/rules.d/60-kvmready-libvirt.rules", "polkit.Result.YES"),
        (OsRelease("debian", "11", "", ()), "/etc/polkit-1/localauthority/50-local.d/60-kvmready-libvirt.pkla",
         "Identity=unix-group:libvirt"),
    ],
)  # fmt: skip
def test_the_rule_of_polkit(release: OsRelease, path: str, word: str) -> None:
    facts = changed(FACTS, "libvirtd", rule=Absent("x"))._replace(os=release)
    table = distro.find(release, "x86_64")
    (found,) = make(findings(facts), facts, table, None, READY).steps
    assert found.id == "libvirt.polkit"
    assert (found.arguments["path"], found.arguments["mode"]) == (path, 0o644)
    assert word in found.arguments["content"]
    assert "org.libvirt.unix.manage" in found.arguments["content"]


def test_a_missing_firewall_program_is_a_package() -> None:
    facts = changed(FACTS, "firewall", iptables=Absent("x"))
    (found,) = planned(facts).steps
    assert found.arguments["packages"] == ["iptables"]


def test_independent_faults_are_mended_in_the_order_of_the_layers() -> None:
    facts = changed(FACTS, "firewall", forwarding=Known(False))
    facts = changed(facts, "libvirtd", rule=Absent("x"))
    made = [one.id for one in make(findings(facts), facts, TABLE, None, State(True, "")).steps]
    assert made == ["libvirt.polkit", "network.forwarding-persist", "network.forwarding-off"]


def test_every_automatic_cause_of_these_checks_has_a_builder() -> None:
    """Each broken host of these layers whose remedy is automatic gets a step that says that it mends the cause."""
    broken: list[Any] = [
        changed(FACTS, "firewall", forwarding=Known(False)),
        changed(FACTS, "libvirtd", rule=Absent("x")),
        changed(FACTS, "firewall", iptables=Absent("x")),
        filtered(FLUSHED),
        filtered(CLOSED, table=Known('iif "virbr0"'), backend=Known("nftables")),
        modular(virtnetworkd_socket=unit("virtnetworkd.socket")),
        modular(libvirtd_service=unit("libvirtd.service", **RUNS)),
    ]
    from kvmready import checks

    for facts in broken:
        causes = {
            f.cause
            for f in judge(checks.ALL, facts)
            if f.status in ("fail", "warn") and f.remedy is not None and f.remedy.kind == "automatic"
        }
        assert causes
        assert causes <= {cause for one in planned(facts, manager=READY).steps for cause in one.mends}
