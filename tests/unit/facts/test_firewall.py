"""The packet filter: what is read of iptables-save, and when it is asked."""

from __future__ import annotations

from kvmready.facts import firewall, virsh
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.names import Want
from kvmready.host.door import Caller, Command, Ended, Reading, Result, Running, Status
from kvmready.host.replay import ReplayHost
from tests.unit.facts.debian import ALICE, ANSWERS, NAMES, NET_INFO, SAVED, VERSION, Recorded

AS_ALICE = Caller(ALICE, (ALICE,), "alice", "", "fresh", "6.1.0-18-amd64", "x86_64")
NEWER = {**ANSWERS, "version": VERSION.replace("libvirt 9.0.0", "libvirt 10.4.0")}
EMPTY = SAVED.partition("*filter")[0]


def ask(recorded: Recorded) -> firewall.Firewall:
    host = recorded.host()
    return firewall.ask(host, NAMES, Want(), virsh.ask(host, NAMES, Want()))()


def test_a_healthy_host() -> None:
    found = ask(Recorded())
    assert (found.iptables, found.nft) == (Known("/usr/sbin/iptables"), Known("/usr/sbin/nft"))
    assert (found.forwarding, found.backend) == (Known(True), Known("iptables"))
    assert isinstance(found.rules, Known)
    assert found.rules.value.variant == "nf_tables"
    assert found.rules.value.policies == {"INPUT": "ACCEPT", "FORWARD": "ACCEPT", "OUTPUT": "ACCEPT"}
    assert len(found.rules.value.own("virbr0")) == 2
    assert found.rules.value.own("virbr") == ()
    assert {type(fact) for fact in (found.table, found.legacy)} == {Unknown}


def test_libvirts_own_table_is_asked_where_iptables_shows_nothing() -> None:
    recorded = Recorded()
    recorded.virsh(NEWER)
    assert isinstance(ask(recorded).table, Unknown)
    recorded.run(Result(firewall.SAVE, 0, EMPTY))
    recorded.run(Result(firewall.OWN_TABLE, 0, 'iif "virbr0"'))
    found = ask(recorded)
    assert (found.backend, found.table) == (Known("nftables"), Known('iif "virbr0"'))
    recorded.run(Result(firewall.OWN_TABLE, 1, "", "Error: No such file or directory\nlist table ip libvirt_network\n"))
    assert isinstance(ask(recorded).table, Absent)
    recorded.run(Result(firewall.OWN_TABLE, 1, "", "Error: cache initialization failed\n"))
    assert isinstance(ask(recorded).table, Unknown)


def test_the_other_variants_rules_are_asked_where_iptables_warns_of_them() -> None:
    recorded = Recorded()
    warning = "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"
    recorded.run(Result(firewall.SAVE, 0, SAVED, warning))
    recorded.run(Result(firewall.LEGACY_SAVE, 0, "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j DROP\nCOMMIT\n"))
    assert ask(recorded).legacy == Known((":FORWARD DROP [0:0]", "-A FORWARD -j DROP"))
    recorded.run(Result(firewall.LEGACY_SAVE, 0, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"))
    assert ask(recorded).legacy == Known(())
    recorded.run(Result(firewall.LEGACY_SAVE, None, problem="absent"))
    assert isinstance(ask(recorded).legacy, Absent)


class Started(ReplayHost):
    """libvirt's daemon was started by the question that virsh asked: its rules were not there before that answer."""

    def begin(self, command: Command) -> Running:
        running = super().begin(command)
        return Ended(Result(firewall.SAVE, 0, EMPTY)) if command.argv == firewall.SAVE else running

    def run(self, command: Command) -> Result:
        return super().begin(command).wait()


def test_rules_that_came_with_libvirts_answer_are_not_gone() -> None:
    host = Recorded().host(Started)
    found = firewall.ask(host, NAMES, Want(), virsh.ask(host, NAMES, Want()))()
    assert isinstance(found.rules, Known)
    assert len(found.rules.value.own("virbr0")) == 2


def test_a_network_that_is_off_needs_no_rules() -> None:
    recorded = Recorded()
    recorded.virsh({**ANSWERS, "net-info": NET_INFO.replace("Active:         yes", "Active:         no")})
    assert isinstance(ask(recorded).rules, Unknown)
    recorded.absent("/sys/class/net/virbr0/bridge")
    assert isinstance(ask(recorded).rules, Unknown)


def test_a_bridge_of_another_name_is_asked_for_later() -> None:
    recorded = Recorded()
    recorded.absent("/sys/class/net/virbr0/bridge")
    assert isinstance(ask(recorded).rules, Known)


def test_who_may_not_ask_and_what_is_not_there() -> None:
    recorded = Recorded()
    recorded.caller(AS_ALICE)
    assert isinstance(ask(recorded).rules, Denied)
    recorded = Recorded()
    recorded.absent(*firewall.IPTABLES, *firewall.NFT)
    recorded.read(Reading("/proc/sys/net/ipv4/ip_forward", error="ENOENT"))
    found = ask(recorded)
    assert {type(fact) for fact in (found.iptables, found.nft, found.rules, found.forwarding)} == {Absent}
    recorded.stat(Status("/usr/sbin/iptables", "file", 0o755, size=1))
    recorded.run(Result(firewall.SAVE, 4, "", "iptables-save v1.8.9: Could not fetch rule set: Permission denied\n"))
    assert isinstance(ask(recorded).rules, Denied)
    recorded.run(Result(firewall.SAVE, None, problem="timeout"))
    assert isinstance(ask(recorded).rules, Unknown)


def test_forwarding_is_off_only_at_zero() -> None:
    recorded = Recorded()
    recorded.read(Reading("/proc/sys/net/ipv4/ip_forward", "0\n"))
    assert ask(recorded).forwarding == Known(False)


def test_versions() -> None:
    assert firewall.parse_version(VERSION) == (9, 0)
    assert firewall.parse_version("Using library: libvirt 10.4.0\n") == (10, 4)
    assert firewall.parse_version("Using library: libvirt git\n") is None
    assert firewall.parse_version("") is None


def test_the_variant() -> None:
    assert firewall.parse_rules("# Generated by iptables-save v1.8.9 on Tue\n*filter\nCOMMIT\n").variant == "legacy"
    assert firewall.parse_rules("").variant == ""
    nat = "*nat\n:FORWARD DROP [0:0]\n-A FORWARD -i virbr0 -j ACCEPT\nCOMMIT\n"
    assert firewall.parse_rules(nat) == ("", {}, (), False)
