from __future__ import annotations

from typing import Any

import pytest

from kvmready.checks import libvirt
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.host.door import Account
from tests.unit.checks import lower
from tests.unit.checks.upper import AS_ALICE, AS_OLD_ALICE, TCG, changed, healthy, said
from tests.unit.facts.debian import ALICE

FACTS = healthy()
PASS = ("pass", "", "")
UNKNOWN = ("unknown", "", "manual")


@pytest.mark.parametrize(
    ("judge", "field", "cause"),
    [
        (libvirt.daemon, "daemon", "libvirt.not-installed"),
        (libvirt.clients, "virsh", "libvirt.clients-missing"),
        (libvirt.virt_install, "virt_install", "libvirt.clients-missing"),
        (libvirt.python, "python", "libvirt.python-missing"),
    ],
)
def test_installed(judge: Any, field: str, cause: str) -> None:
    not_connected = changed(FACTS, "libvirt", connection="no-socket")
    assert said(judge(not_connected)) == PASS
    assert said(judge(changed(not_connected, "libvirt", **{field: Absent("x")}))) == ("fail", cause, "automatic")
    assert said(judge(changed(not_connected, "libvirt", **{field: Denied("x")}))) == UNKNOWN
    assert said(judge(changed(not_connected, "libvirt", **{field: Unknown("x")}))) == UNKNOWN


def test_a_daemon_that_answers_need_not_be_installed_here() -> None:
    assert said(libvirt.daemon(changed(FACTS, "libvirt", daemon=Absent("x")))) == PASS


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("connected", PASS),
        ("no-client", UNKNOWN),
        ("no-socket", ("fail", "libvirt.unreachable", "automatic")),
        ("failed", ("fail", "libvirt.unreachable", "automatic")),
        ("timeout", ("fail", "libvirt.hangs", "manual")),
        ("denied", ("fail", "libvirt.polkit-denied", "manual")),
    ],
)
def test_connect(connection: str, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "libvirt", connection=connection, words="its own words")
    assert said(libvirt.connect(facts)) == expected
    if connection in ("failed", "timeout", "denied"):
        assert "its own words" in [evidence.text for evidence in libvirt.connect(facts).evidence]


@pytest.mark.parametrize(
    ("rule", "kind"), [(Known("/usr/share/x.rules"), "manual"), (Absent("x"), "automatic"), (Denied("x"), "manual")]
)
def test_only_a_rule_that_is_missing_can_be_written(rule: object, kind: str) -> None:
    refused = changed(FACTS, "libvirt", connection="denied", words="access denied by policy")
    facts = changed(refused._replace(caller=AS_ALICE), "libvirtd", rule=rule)
    assert said(libvirt.connect(facts)) == ("fail", "libvirt.polkit-denied", kind)


def test_why_a_plain_user_is_refused() -> None:
    facts = changed(FACTS, "libvirt", connection="denied", words="no polkit agent available")
    member = facts._replace(caller=AS_ALICE)
    assert said(libvirt.connect(member))[1] == "libvirt.polkit-denied"
    stale = facts._replace(caller=AS_OLD_ALICE)
    assert said(libvirt.connect(stale)) == ("fail", "access.session-stale", "manual")
    stranger = Account("alice", ALICE, ALICE, "/home/alice", (("alice", ALICE),))
    (person,) = facts.access.people
    outside = changed(stale, "access", people=(person._replace(account=Known(stranger)),))
    assert said(libvirt.connect(outside)) == ("fail", "access.not-in-libvirt-group", "automatic")


def test_the_callers_groups_are_known_though_others_are_asked_for() -> None:
    facts = changed(FACTS, "libvirt", connection="denied", words="no polkit agent available")
    (person,) = facts.access.people
    assert isinstance(person.account, Known)
    asked = changed(facts._replace(caller=AS_OLD_ALICE), "access", people=())
    account = lower.probe(lower.RAN, caller="alice", account=person.account)
    assert said(libvirt.connect(asked._replace(probe=account)))[1] == "access.session-stale"
    assert said(libvirt.connect(asked))[1] == "access.not-in-libvirt-group"


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (Known(("qemu", "kvm")), PASS),
        (Known(("qemu",)), ("fail", "libvirt.no-kvm-capability", "automatic")),
        (Known(()), ("fail", "libvirt.no-kvm-capability", "automatic")),
        (Unknown("no answer within 30 s"), UNKNOWN),
        (Absent("x"), UNKNOWN),
    ],
)
def test_kvm_capability(types: object, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "libvirt", domain_types=types)
    assert said(libvirt.kvm_capability(facts)) == expected
    assert said(libvirt.kvm_capability(facts._replace(want=TCG))) == ("skip", "", "")
