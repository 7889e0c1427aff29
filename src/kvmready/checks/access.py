"""Who will run guests: in the groups by the database, and in the sessions that run now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    skipped,
    unknown,
    warned,
)
from kvmready.facts.access import member
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.access import Person
    from kvmready.facts.known import Fact

EVERYONE = 0o006
"""Mode bits of a device that anybody may read and write."""


def _database(person: Person) -> Evidence:
    source = f"id {person.name}"
    if not isinstance(person.account, Known):
        return Evidence(source, person.account.why)
    names = (f"{number}({name})" for name, number in person.account.value.groups)
    return Evidence(source, "groups=" + ",".join(names))


def _own(facts: Facts, person: Person) -> bool:
    """Whether the caller is this person, so that what worked for the caller works for the person now."""
    return isinstance(person.account, Known) and person.account.value.uid == facts.caller.uid


def _may_open(facts: Facts, person: Person) -> bool:
    """Whether a guest really ran with this person's rights."""
    tried = facts.probe.for_user(person.name)
    return isinstance(tried, Known) and tried.value.ok is True


def _open_to_all(facts: Facts) -> bool:
    device = facts.kernel.kvm
    return isinstance(device, Known) and device.value.mode & EVERYONE == EVERYONE


def _root(person: Person) -> bool:
    return isinstance(person.account, Known) and person.account.value.uid == 0


def _of_group(
    facts: Facts, group: str, gid: Fact[int], cause: str, works: Callable[[Person], bool], purpose: str
) -> Judgement:
    """Judge each person's membership of ``group``; ``works`` tells that the person does not need it."""
    people = [person for person in facts.access.people if not _root(person)]
    if not people:
        return skipped(_("Not needed: root needs no groups, and no other user was named."))
    strangers = [person for person in people if isinstance(person.account, Absent)]
    if strangers:
        return failed(
            "access.no-such-user",
            _("This host has no user named {names}.").format(names=_names(strangers)),
            manual(_("Create the account, or name another user with --user.")),
            *(_database(person) for person in strangers),
        )
    unseen = [person for person in people if not isinstance(person.account, Known)]
    if unseen:
        return unknown(
            _("The host did not tell the groups of {names}.").format(names=_names(unseen)),
            manual(_("Ask by hand."), ("id", unseen[0].name)),
            *(_database(person) for person in unseen),
        )
    outside = [
        person
        for person in people
        if isinstance(person.account, Known) and not member(person.account.value, gid) and not works(person)
    ]
    if outside:
        seen = [] if isinstance(gid, Known) else [Evidence(f"getent group {group}", _("no such group"))]
        return failed(
            cause,
            _("{names} may not {purpose}: not in the group {group}.").format(
                names=_names(outside), purpose=purpose, group=group
            ),
            automatic(_("Add {names} to the group {group}.").format(names=_names(outside), group=group)),
            *(_database(person) for person in outside),
            *seen,
        )
    return passed(
        _("{names} may {purpose}.").format(names=_names(people), purpose=purpose),
        *(_database(person) for person in people),
    )


def _names(people: Iterable[Person]) -> str:
    return ", ".join(person.name for person in people)


def kvm_group(facts: Facts) -> Judgement:
    if facts.want.accel == "tcg":
        return skipped(_("Not needed: emulation without KVM was accepted."))
    return _of_group(
        facts,
        facts.access.kvm_group,
        facts.access.kvm_gid,
        "access.not-in-kvm-group",
        lambda person: _open_to_all(facts) or _may_open(facts, person),
        _("use /dev/kvm"),
    )


def libvirt_group(facts: Facts) -> Judgement:
    return _of_group(
        facts,
        facts.access.libvirt_group,
        facts.access.libvirt_gid,
        "access.not-in-libvirt-group",
        lambda person: _own(facts, person) and facts.libvirt.connection == "connected",
        _("manage guests through libvirt"),
    )


def _behind(facts: Facts, person: Person) -> list[str]:
    """The groups that the database gives this person and that none of the running sessions has."""
    if not isinstance(person.account, Known) or not isinstance(person.sessions, Known):
        return []
    kvm_works = facts.want.accel == "tcg" or _open_to_all(facts) or (_own(facts, person) and _may_open(facts, person))
    libvirt_works = _own(facts, person) and facts.libvirt.connection == "connected"
    behind = []
    for group, gid, works in (
        (facts.access.kvm_group, facts.access.kvm_gid, kvm_works),
        (facts.access.libvirt_group, facts.access.libvirt_gid, libvirt_works),
    ):
        if works or not isinstance(gid, Known) or not member(person.account.value, gid):
            continue
        if not any(gid.value in groups for groups in person.sessions.value):
            behind.append(group)
    return behind


def session(facts: Facts) -> Judgement:
    people = [person for person in facts.access.people if isinstance(person.account, Known) and not _root(person)]
    if not people:
        return skipped(_("Not needed: root needs no groups, and no other user was named."))
    stale = {person.name: _behind(facts, person) for person in people}
    stale = {name: groups for name, groups in stale.items() if groups}
    if stale:
        groups = tuple(dict.fromkeys(group for missing in stale.values() for group in missing))
        return warned(
            "access.session-stale",
            _("{names} must log in again: the running session is older than the group {groups}.").format(
                names=", ".join(stale), groups=", ".join(groups)
            ),
            manual(
                _("Log out of every session, also of ssh connections kept open, and log in again. Until then:"),
                *(("sg", group) for group in groups),
            ),
            *(
                Evidence(f"ps -u {name}", _("no process has the group {groups}").format(groups=", ".join(missing)))
                for name, missing in stale.items()
            ),
        )
    idle = [(person.name, person.sessions.why) for person in people if not isinstance(person.sessions, Known)]
    if len(idle) == len(people):
        return passed(
            _("{names} has no session that is older than its groups.").format(names=_names(people)),
            *(Evidence(f"ps -u {name}", why) for name, why in idle),
        )
    return passed(_("The running session of {names} has the groups of the database.").format(names=_names(people)))


CHECKS = (
    Check("access.kvm-group", kvm_group, profiles=("minimal", "server", "desktop", "web")),
    Check("access.libvirt-group", libvirt_group, needs=("libvirt.daemon",)),
    Check("access.session", session),
)
