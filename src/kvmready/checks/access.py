"""Who will run guests: in the groups by the database, and in the sessions that run now."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    Remedy,
    automatic,
    failed,
    manual,
    passed,
    skipped,
    unknown,
    warned,
)
from kvmready.facts.access import by_configuration, goes_to_session, member
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.access import Person, Uri
    from kvmready.facts.known import Fact

SYSTEM = "qemu:///system"

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
    strangers = _strangers(people)
    if strangers:
        return _no_such_user(strangers)  # blocked by access.user, which says it
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


def _strangers(people: Iterable[Person]) -> list[Person]:
    return [person for person in people if isinstance(person.account, Absent)]


def _no_such_user(strangers: list[Person]) -> Judgement:
    return failed(
        "access.no-such-user",
        _("This host has no user named {names}.").format(names=_names(strangers)),
        manual(_("Create the account, or name another user with --user.")),
        *(_database(person) for person in strangers),
    )


def user(facts: Facts) -> Judgement:
    """access.user: the host knows everybody who shall run guests."""
    people = facts.access.people
    if not people:
        return skipped(_("Not needed: root needs no groups, and no other user was named."))
    strangers = _strangers(people)
    if strangers:
        return _no_such_user(strangers)
    unseen = [person for person in people if not isinstance(person.account, Known)]
    if unseen:
        return unknown(
            _("The host did not tell the groups of {names}.").format(names=_names(unseen)),
            manual(_("Ask by hand."), ("id", unseen[0].name)),
            *(_database(person) for person in unseen),
        )
    return passed(_("This host knows {names}.").format(names=_names(people)), *(_database(person) for person in people))


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


def _set_uri(astray: list[tuple[str, Uri]]) -> Remedy:
    elsewhere = [uri.source for _name, uri in astray if not by_configuration(uri)]
    if elsewhere:
        return manual(
            _("Change LIBVIRT_DEFAULT_URI in {file} to {uri}, and log in again.").format(file=elsewhere[0], uri=SYSTEM),
            ("grep", "-n", "LIBVIRT_DEFAULT_URI", elsewhere[0]),
        )
    names = ", ".join(name for name, _uri in astray)
    return automatic(_("Write uri_default into libvirt.conf of {names}.").format(names=names))


def libvirt_uri(facts: Facts) -> Judgement:
    """access.libvirt-uri: a user's plain ``virsh list`` shows the guests of this host."""
    uris = facts.access.uris
    if not uris:
        return skipped(_("Not needed: no guest is defined on the system connection, or nobody may manage it."))
    unseen = [(name, uri.why) for name, uri in uris if not isinstance(uri, Known)]
    known = [(name, uri.value) for name, uri in uris if isinstance(uri, Known)]
    # Who keeps guests in the session chose it; who has none and looks there sees an empty list.
    astray = [(name, uri) for name, uri in known if goes_to_session(uri) and not uri.session_guests]
    if astray:
        return warned(
            "access.session-uri",
            _("virsh and virt-install of {names} look at the session, but this host's guests are under {uri}.").format(
                names=", ".join(name for name, _uri in astray), uri=SYSTEM
            ),
            _set_uri(astray),
            *(
                Evidence(uri.source, f'uri_default = "{uri.uri}"' if uri.uri else _("uri_default is not set"))
                for _name, uri in astray
            ),
        )
    if unseen:
        return unknown(
            _("It could not be seen which connection {names} uses.").format(names=", ".join(n for n, _why in unseen)),
            manual(_("Ask as that user."), ("sudo", "-u", unseen[0][0], "-i", "virsh", "uri")),
            *(Evidence(f"virsh uri ({name})", why) for name, why in unseen),
        )
    return passed(
        _("virsh of {names} goes where the user's guests are.").format(names=", ".join(name for name, _uri in known)),
        *(Evidence(uri.source, uri.uri or _("session")) for _name, uri in known),
    )


EVERYWHERE = ("minimal", "server", "desktop", "web")

CHECKS = (
    Check("access.user", user, profiles=EVERYWHERE),
    Check("access.kvm-group", kvm_group, needs=("access.user",), profiles=EVERYWHERE),
    Check("access.libvirt-group", libvirt_group, needs=("access.user", "libvirt.daemon")),
    Check("access.session", session, needs=("access.user",)),
    Check("access.libvirt-uri", libvirt_uri, needs=("access.user", "libvirt.connect")),
)
