"""polkit, which libvirt asks whom to admit: does a rule let the group in, and does another keep people out."""

from __future__ import annotations

from kvmready.checks.finding import Evidence, Judgement, automatic, failed, manual, passed, skipped, unknown
from kvmready.facts.access import member
from kvmready.facts.known import Absent, Known
from kvmready.facts.libvirtd import setting
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts

URI = "qemu:///system"
ASKED = f"virsh -c {URI} uri"


def polkit(facts: Facts) -> Judgement:
    """libvirt.polkit: the users may manage guests, as far as polkit decides that."""
    found = facts.libvirtd
    group = facts.access.libvirt_group
    people = [person.name for person in facts.access.people if person.name != "root"]
    if not people:
        return skipped(_("Only root will run guests, who needs no rule."))
    configs = found.configs.value if isinstance(found.configs, Known) else ()
    auth = setting(configs, "auth_unix_rw", "libvirtd.conf", "virtqemud.conf")
    if auth is not None and auth[1] != "polkit":
        return skipped(
            _("libvirt does not ask polkit here: it was configured otherwise."),
            Evidence(auth[0], f"auth_unix_rw = {auth[1]}"),
        )
    if facts.caller.uid != 0:
        if facts.libvirt.connection == "connected":
            return passed(_("libvirt admits {user}.").format(user=facts.caller.user), Evidence(ASKED, URI))
        return _polkit_unseen(facts, _("not asked as root"))
    if isinstance(found.open_socket, Absent):
        return _polkit_unseen(facts, found.open_socket.why)
    if not isinstance(found.open_socket, Known):
        return _polkit_unseen(facts, found.open_socket.why)
    if not found.open_socket.value:
        return skipped(_("The rights of libvirt's socket decide here, not polkit."))
    if isinstance(found.polkitd, Absent):
        return failed(
            "libvirt.polkit-denied",
            _("polkit, which libvirt asks whom to admit, is not installed: it admits only root."),
            manual(_("Install polkit; the package is called polkitd or polkit."), ("systemctl", "status", "polkit")),
            Evidence(found.polkitd.why, _("no such file")),
        )
    if isinstance(found.rule, Absent):
        return failed(
            "libvirt.polkit-denied",
            _("No polkit rule lets the group {group} manage guests.").format(group=group),
            automatic(_("Write the rule that lets the group {group} manage guests.").format(group=group)),
            Evidence("grep -r org.libvirt /usr/share/polkit-1/rules.d /etc/polkit-1/rules.d", _("no line")),
        )
    refused = _refused_by_rule(facts)
    if refused is not None:
        return refused
    if isinstance(found.rule, Known) and isinstance(found.polkitd, Known):
        return passed(
            _("polkit lets the group {group} manage guests.").format(group=group),
            Evidence(found.rule.value, _("is there")),
            Evidence(found.polkitd.value, _("is there")),
        )
    why = next(fact.why for fact in (found.rule, found.polkitd) if not isinstance(fact, Known))
    return _polkit_unseen(facts, why)


def _refused_by_rule(facts: Facts) -> Judgement | None:
    """What is said where the administrator's own rule keeps out who has the right group; None where none does."""
    found, gid = facts.libvirtd, facts.access.libvirt_gid
    right = [p.name for p in facts.access.people if isinstance(p.account, Known) and member(p.account.value, gid)]
    refused = [one for one in found.refused if one.user in right]
    if not refused:
        return None
    return failed(
        "libvirt.polkit-denied",
        _("A polkit rule of this host refuses {users}, although the groups are right.").format(
            users=", ".join(one.user for one in refused)
        ),
        manual(
            _(
                "Somebody wrote that rule on purpose: ask why. Then take libvirt's actions out of it; polkit reads "
                "its rules again by itself."
            ),
            *(("editor", path) for path in found.deniers),
        ),
        *(Evidence(path, _("names libvirt's actions and can refuse them")) for path in found.deniers),
        *(Evidence(f"sudo -u {one.user} virsh -c {URI} uri", one.words) for one in refused),
    )


def _polkit_unseen(facts: Facts, why: str) -> Judgement:
    people = [person.name for person in facts.access.people if person.name != "root"] or ["USER"]
    return unknown(
        _("It could not be seen whether polkit lets people manage guests."),
        manual(_("Try it as that user."), ("sudo", "-u", people[0], "virsh", "-c", URI, "uri")),
        Evidence("/usr/share/polkit-1/rules.d", why),
    )
