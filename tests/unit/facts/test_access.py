"""Who is in which group, and since when."""

from __future__ import annotations

from kvmready.facts import access, storage, virsh
from kvmready.facts.known import Absent, Known
from kvmready.facts.names import Want
from kvmready.host.door import Account, Caller, Group, Session
from tests.unit.facts.debian import ALICE, KVM, LIBVIRT, NAMES, Recorded


def ask(recorded: Recorded, *users: str) -> access.Access:
    host, want = recorded.host(), Want(users=users)
    pools = storage.ask(host, NAMES, want, virsh.ask(host, NAMES, want))
    return access.ask(host, NAMES, want, pools)()


def test_another_user_with_a_running_session() -> None:
    found = ask(Recorded(), "alice")
    assert (found.kvm_gid, found.libvirt_gid) == (Known(KVM), Known(LIBVIRT))
    (alice,) = found.people
    assert isinstance(alice.account, Known)
    assert access.member(alice.account.value, found.kvm_gid)
    assert access.member(alice.account.value, found.libvirt_gid)
    assert alice.sessions == Known(((ALICE, KVM, LIBVIRT),))


def test_equal_sessions_count_once() -> None:
    recorded = Recorded()
    recorded.sessions(ALICE, *(Session(pid, "bash", (ALICE,)) for pid in range(100)), Session(200, "sh", (ALICE, KVM)))
    assert ask(recorded, "alice").people[0].sessions == Known(((ALICE,), (ALICE, KVM)))


def test_no_session() -> None:
    recorded = Recorded()
    recorded.sessions(ALICE)
    assert isinstance(ask(recorded, "alice").people[0].sessions, Absent)


def test_the_caller_is_its_own_session() -> None:
    recorded = Recorded()
    recorded.caller(Caller(ALICE, (ALICE, KVM), "alice", "", "fresh", "6.1", "x86_64"))
    assert ask(recorded, "alice").people[0].sessions == Known(((ALICE, KVM),))


def test_a_user_in_neither_group_has_no_session_that_could_be_behind() -> None:
    recorded = Recorded()
    recorded.account(Account("bob", 1001, 1001, "/home/bob", (("bob", 1001),)))
    assert isinstance(ask(recorded, "bob").people[0].sessions, Absent)


def test_nobody_and_no_group() -> None:
    recorded = Recorded()
    recorded.account(Account("no such\nuser", error="absent"))
    recorded.group(Group("libvirt", error="absent"))
    found = ask(recorded, "no such\nuser", "no such\nuser")
    assert isinstance(found.libvirt_gid, Absent)
    (person,) = found.people
    assert isinstance(person.account, Absent)
    assert ask(recorded).people == ()
