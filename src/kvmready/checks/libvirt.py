"""libvirt: is it installed, does it answer on the system URI, and does it know KVM guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmready.checks import libvirt_daemon
from kvmready.checks.finding import Check, Evidence, Judgement, automatic, failed, manual, passed, skipped, unknown
from kvmready.facts.access import member
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.known import Fact
    from kvmready.host.door import Account

URI = "qemu:///system"
ASK = ("virsh", "-c", URI, "uri")
ASKED = " ".join(ASK)


def _none(paths: tuple[str, ...]) -> tuple[Evidence, ...]:
    return tuple(Evidence(path, _("no such file")) for path in paths)


def _unseen(summary: str, path: str, why: str) -> Judgement:
    remedy = manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", path))
    return unknown(summary, remedy, Evidence(path, why))


def daemon(facts: Facts) -> Judgement:
    found = facts.libvirt.daemon
    if isinstance(found, Known):
        return passed(_("libvirt's daemon is installed."), Evidence(found.value, _("is there")))
    if facts.libvirt.connection == "connected":
        # A container that was given the host's socket has no daemon of its own and needs none.
        return passed(_("A libvirt daemon answers, though none is installed here."), Evidence(ASKED, URI))
    if isinstance(found, Absent):
        return failed(
            "libvirt.not-installed",
            _("libvirt, which manages the guests, is not installed."),
            automatic(_("Install the package with libvirt's daemon.")),
            *_none(facts.names.daemons),
        )
    return _unseen(_("It could not be seen whether libvirt is installed."), facts.names.daemons[0], found.why)


def _client(found: Fact[str], name: str, paths: tuple[str, ...]) -> Judgement:
    if isinstance(found, Known):
        return passed(_("{name} is installed.").format(name=name), Evidence(found.value, _("is there")))
    if isinstance(found, Absent):
        return failed(
            "libvirt.clients-missing",
            _("{name} is not installed.").format(name=name),
            automatic(_("Install the package with {name}.").format(name=name)),
            *_none(paths),
        )
    return _unseen(_("It could not be seen whether {name} is installed.").format(name=name), paths[0], found.why)


def clients(facts: Facts) -> Judgement:
    return _client(facts.libvirt.virsh, "virsh", facts.names.virsh)


def virt_install(facts: Facts) -> Judgement:
    return _client(facts.libvirt.virt_install, "virt-install", facts.names.virt_install)


def python(facts: Facts) -> Judgement:
    found = facts.libvirt.python
    if isinstance(found, Known):
        return passed(
            _("The system's Python can use libvirt."), Evidence(found.value, _("libvirt.py and its compiled half"))
        )
    if isinstance(found, Absent):
        return failed(
            "libvirt.python-missing",
            _("The system's Python cannot use libvirt."),
            automatic(_("Install the Python binding of libvirt.")),
            Evidence(", ".join(facts.names.python_folders[:2]), _("missing: {what}").format(what=found.why)),
        )
    return unknown(
        _("It could not be seen whether the system's Python can use libvirt."),
        manual(_("Try it by hand."), ("/usr/bin/python3", "-c", "import libvirt")),
        Evidence(facts.names.python_folders[0], found.why),
    )


def _own_account(facts: Facts) -> Account | None:
    for person in facts.access.people:
        if isinstance(person.account, Known) and person.account.value.uid == facts.caller.uid:
            return person.account.value
    return facts.probe.account.value if isinstance(facts.probe.account, Known) else None


def _refused(facts: Facts) -> Judgement:
    """libvirt or polkit refused the caller: because of a group, the age of the session, or a rule."""
    said = Evidence(ASKED, facts.libvirt.words)
    user, group, gid = facts.caller.user, facts.access.libvirt_group, facts.access.libvirt_gid
    in_session = isinstance(gid, Known) and gid.value in facts.caller.groups
    account = _own_account(facts)
    if facts.caller.uid == 0 or in_session:
        return failed(
            "libvirt.polkit-denied",
            _("libvirt refuses {user}, although the groups are right.").format(user=user),
            automatic(_("Restore the rule that lets the group {group} manage guests.").format(group=group)),
            said,
        )
    if account is not None and member(account, gid):
        return failed(
            "access.session-stale",
            _("{user} is in the group {group}, but this session is older than that.").format(user=user, group=group),
            manual(_("Log out and log in again, or start a shell with the group."), ("newgrp", group)),
            said,
            Evidence("id", _("this session does not have the group {group}").format(group=group)),
        )
    return failed(
        "access.not-in-libvirt-group",
        _("{user} may not use libvirt: not in the group {group}.").format(user=user, group=group),
        automatic(_("Add {user} to the group {group}, then log in again.").format(user=user, group=group)),
        said,
    )


def connect(facts: Facts) -> Judgement:
    found = facts.libvirt
    if found.connection == "connected":
        return passed(_("libvirt answers."), Evidence(ASKED, URI))
    if found.connection == "no-client":
        return unknown(
            _("libvirt could not be asked: there is no virsh to ask it with."),
            manual(_("Install virsh, then ask again."), ASK),
        )
    if found.connection == "denied":
        return _refused(facts)
    if found.connection == "timeout":
        return failed(
            "libvirt.hangs",
            _("libvirt does not answer in time."),
            manual(
                _("See what the daemon is busy with, then start it again."),
                ("journalctl", "-u", "libvirtd", "-n", "30"),
                ("systemctl", "restart", "libvirtd"),
            ),
            Evidence(ASKED, found.words or _("no answer within the time limit")),
        )
    evidence = (
        tuple(Evidence(path, _("no such socket")) for path in facts.names.sockets)
        if found.connection == "no-socket"
        else (Evidence(ASKED, found.words),)
    )
    return failed(
        "libvirt.unreachable",
        _("libvirt's daemon does not answer."),
        automatic(_("Start libvirt's daemon and the sockets on which it listens.")),
        *evidence,
    )


def kvm_capability(facts: Facts) -> Judgement:
    if facts.want.accel == "tcg":
        return skipped(_("Not needed: emulation without KVM was accepted."))
    ask = ("virsh", "-c", URI, "capabilities")
    asked = " ".join(ask)
    found = facts.libvirt.domain_types
    if not isinstance(found, Known):
        return unknown(
            _("libvirt did not say which guests it can run."),
            manual(_("Ask it by hand; the first answer can take a minute."), ask),
            Evidence(asked, found.why),
        )
    said = Evidence(asked, _("guest types: {types}").format(types=", ".join(found.value) or _("none")))
    if "kvm" in found.value:
        return passed(_("libvirt can run KVM guests."), said)
    return failed(
        "libvirt.no-kvm-capability",
        _("libvirt answers, but knows no KVM guests."),
        automatic(_("Remove libvirt's memory of what QEMU can do, and start its daemon again.")),
        said,
    )


CHECKS = (
    Check("libvirt.daemon", daemon),
    Check("libvirt.clients", clients),
    Check("libvirt.virt-install", virt_install),
    Check("libvirt.python", python),
    *libvirt_daemon.BEFORE,
    Check(
        "libvirt.connect",
        connect,
        needs=(
            "libvirt.daemon",
            "libvirt.clients",
            "libvirt.config",
            "libvirt.answers",
            "services.libvirtd",
            "services.virtqemud",
            "services.virtlogd",
            "services.virtlockd",
        ),
    ),
    *libvirt_daemon.AFTER,
    Check(
        "libvirt.kvm-capability",
        kvm_capability,
        needs=(
            "libvirt.connect",
            "libvirt.capabilities-cache",
            "qemu.emulator",
            "qemu.kvm-accel",
            "qemu.memory",
            "kernel.kvm-runs",
        ),
    ),
)
