"""Who will run guests, and what groups each has: in the database, and in the sessions that run now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kvmready.facts.known import Absent, Fact, Known
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Account, Door


class Person(NamedTuple):
    """One user of ``want.users``.

    ``account`` is Absent where the database knows no such user. ``sessions`` are the groups (by number) of each
    different set among the user's running processes: the caller's own alone where the caller is this user, Absent
    where the user runs nothing now or is in neither group, so that no session can be behind the database.
    """

    name: str
    account: Fact[Account]
    sessions: Fact[tuple[tuple[int, ...], ...]]


class Access(NamedTuple):
    """``kvm_gid`` and ``libvirt_gid`` are the groups' numbers, Absent where there is no such group."""

    people: tuple[Person, ...]
    kvm_group: str
    kvm_gid: Fact[int]
    libvirt_group: str
    libvirt_gid: Fact[int]


def member(account: Account, gid: Fact[int]) -> bool:
    """Whether a new login of this account is in the group."""
    return isinstance(gid, Known) and any(number == gid.value for _, number in account.groups)


def _gid(host: Door, name: str) -> Fact[int]:
    group = host.group(name)
    return Absent(name) if group.error else Known(group.gid)


def _person(host: Door, name: str, gids: tuple[Fact[int], ...], own: tuple[int, tuple[int, ...]]) -> Person:
    account = host.account(name)
    if account.error:
        return Person(name, Absent(name), Absent(_("no such user")))
    if account.uid == own[0]:
        return Person(name, Known(account), Known((own[1],)))
    if not any(member(account, gid) for gid in gids):
        return Person(name, Known(account), Absent(_("in neither group")))
    groups = tuple(dict.fromkeys(session.groups for session in host.sessions(account.uid)))
    return Person(name, Known(account), Known(groups) if groups else Absent(_("no running session")))


def ask(host: Door, names: Names, want: Want) -> Callable[[], Access]:
    """Ask the database of users and groups, and the kernel about running sessions; this waits for nothing."""
    kvm_gid = _gid(host, names.kvm_group)
    libvirt_gid = _gid(host, names.libvirt_group)
    caller = host.caller()
    people = tuple(
        _person(host, name, (kvm_gid, libvirt_gid), (caller.uid, caller.groups)) for name in dict.fromkeys(want.users)
    )
    access = Access(people, names.kvm_group, kvm_gid, names.libvirt_group, libvirt_gid)
    return lambda: access
