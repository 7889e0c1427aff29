from __future__ import annotations

import pytest

from kvmready.checks import access
from kvmready.facts import Facts
from kvmready.facts.access import Person
from kvmready.facts.known import Absent, Fact, Known, Unknown
from kvmready.host.door import Account
from tests.unit.checks import lower
from tests.unit.checks.upper import AS_ALICE, AS_OLD_ALICE, NOT_PROBED, TCG, changed, healthy, said
from tests.unit.facts.debian import ALICE, KVM, LIBVIRT

FACTS = healthy(probe=NOT_PROBED)
OUTSIDE = Account("alice", ALICE, ALICE, "/home/alice", (("alice", ALICE),))
INSIDE = OUTSIDE._replace(groups=(("alice", ALICE), ("kvm", KVM), ("libvirt", LIBVIRT)))
ROOT = Account("root", 0, 0, "/root", (("root", 0),))
NOBODY: Fact[Account] = Absent("bob")
PASS = ("pass", "", "")
SKIP = ("skip", "", "")
STRANGER = ("fail", "access.no-such-user", "manual")


def people(facts: Facts, *accounts: Fact[Account] | Account, sessions: Fact[tuple[tuple[int, ...], ...]]) -> Facts:
    found = []
    for account in accounts:
        known = Known(account) if isinstance(account, Account) else account
        name = account.name if isinstance(account, Account) else "bob"
        found.append(Person(name, known, sessions))
    return changed(facts, "access", people=tuple(found))


NO_SESSION: Fact[tuple[tuple[int, ...], ...]] = Absent("no running session")


@pytest.mark.parametrize(
    ("accounts", "kvm", "libvirt"),
    [
        ((INSIDE,), PASS, PASS),
        (
            (OUTSIDE,),
            ("fail", "access.not-in-kvm-group", "automatic"),
            ("fail", "access.not-in-libvirt-group", "automatic"),
        ),
        ((ROOT,), SKIP, SKIP),
        ((), SKIP, SKIP),
        ((ROOT, INSIDE), PASS, PASS),
        ((INSIDE, NOBODY), STRANGER, STRANGER),
        ((Unknown("no answer"),), ("unknown", "", "manual"), ("unknown", "", "manual")),
    ],
)
def test_groups(accounts: tuple[Account, ...], kvm: tuple[str, str, str], libvirt: tuple[str, str, str]) -> None:
    facts = people(FACTS, *accounts, sessions=NO_SESSION)
    assert said(access.kvm_group(facts)) == kvm
    assert said(access.libvirt_group(facts)) == libvirt


def test_only_those_outside_are_named() -> None:
    bob = Account("bob", 1001, 1001, "/home/bob", (("bob", 1001),))
    judgement = access.kvm_group(people(FACTS, INSIDE, bob, sessions=NO_SESSION))
    assert judgement.summary.startswith("bob ")
    assert judgement.remedy is not None and "alice" not in judgement.remedy.text


def test_a_guest_that_ran_as_the_user_beats_the_database() -> None:
    facts = people(FACTS, OUTSIDE, sessions=NO_SESSION)
    ran = lower.probe(lower.RAN, lower.RAN._replace(user="alice"))
    assert said(access.kvm_group(facts._replace(probe=ran))) == PASS
    refused = lower.probe(lower.RAN, lower.answer(False, "open", "EACCES", user="alice"))
    assert said(access.kvm_group(facts._replace(probe=refused)))[1] == "access.not-in-kvm-group"


def test_a_device_for_everybody_needs_no_group() -> None:
    facts = changed(people(FACTS, OUTSIDE, sessions=NO_SESSION), "kernel", kvm=lower.node("/dev/kvm", 232, 0o666))
    assert said(access.kvm_group(facts)) == PASS
    assert said(access.libvirt_group(facts))[0] == "fail"


def test_emulation_needs_no_kvm_group() -> None:
    facts = people(FACTS, OUTSIDE, sessions=NO_SESSION)._replace(want=TCG)
    assert said(access.kvm_group(facts)) == SKIP
    assert said(access.libvirt_group(facts))[0] == "fail"


def test_a_caller_whom_libvirt_answers_needs_no_group() -> None:
    facts = people(FACTS, OUTSIDE, sessions=Known(((ALICE,),)))
    assert said(access.libvirt_group(facts._replace(caller=AS_ALICE))) == PASS
    refused = changed(facts._replace(caller=AS_ALICE), "libvirt", connection="denied")
    assert said(access.libvirt_group(refused))[1] == "access.not-in-libvirt-group"


def test_a_group_that_does_not_exist_has_no_members() -> None:
    facts = changed(FACTS, "access", libvirt_gid=Absent("libvirt"))
    judgement = access.libvirt_group(facts)
    assert said(judgement) == ("fail", "access.not-in-libvirt-group", "automatic")
    assert judgement.evidence[-1].source == "getent group libvirt"


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        (Known(((ALICE, KVM, LIBVIRT),)), PASS),
        (Known(((ALICE,), (ALICE, KVM, LIBVIRT))), PASS),
        (Known(((ALICE, KVM),)), ("warn", "access.session-stale", "manual")),
        (Known(((ALICE,),)), ("warn", "access.session-stale", "manual")),
        (NO_SESSION, PASS),
        (Unknown("x"), PASS),
    ],
)
def test_session_of_another_user(sessions: Fact[tuple[tuple[int, ...], ...]], expected: tuple[str, str, str]) -> None:
    assert said(access.session(people(FACTS, INSIDE, sessions=sessions))) == expected


def test_a_session_is_not_behind_a_group_that_the_database_does_not_give() -> None:
    assert said(access.session(people(FACTS, OUTSIDE, sessions=Known(((ALICE,),))))) == PASS


def test_the_callers_own_session() -> None:
    facts = people(FACTS, INSIDE, sessions=Known(((ALICE,),)))._replace(caller=AS_OLD_ALICE)
    refused = lower.probe(lower.answer(False, "open", "EACCES"), caller="alice")
    facts = changed(facts._replace(probe=refused), "libvirt", connection="denied")
    judgement = access.session(facts)
    assert said(judgement) == ("warn", "access.session-stale", "manual")
    assert "kvm, libvirt" in judgement.summary
    assert judgement.remedy is not None and judgement.remedy.commands == (("sg", "kvm"), ("sg", "libvirt"))


def test_a_session_in_which_all_works_is_not_stale() -> None:
    facts = people(FACTS, INSIDE, sessions=Known(((ALICE,),)))._replace(caller=AS_OLD_ALICE)
    works = lower.probe(lower.RAN, caller="alice")
    assert said(access.session(facts._replace(probe=works))) == PASS


@pytest.mark.parametrize("accounts", [(), (ROOT,), (NOBODY,)])
def test_no_session_to_judge(accounts: tuple[Account, ...]) -> None:
    assert said(access.session(people(FACTS, *accounts, sessions=NO_SESSION))) == SKIP
