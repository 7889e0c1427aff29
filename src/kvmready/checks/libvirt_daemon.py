"""libvirt's daemon: its configuration, which set of daemons runs, who can reach it, and whether it remembers KVM."""

from __future__ import annotations

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
from kvmready.checks.services import daemon_set, evidence, is_running
from kvmready.facts.known import Absent, Known
from kvmready.facts.libvirtd import setting
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.virconf import Config

URI = "qemu:///system"
ASKED = f"virsh -c {URI} uri"
CONFIG_WORDS = ("configuration file syntax error", "/etc/libvirt/", "failed to parse user", "failed to parse group")
"""What the daemon says of a file that it cannot use (libvirt: src/util/virconf.c, src/util/virutil.c), lower case."""

TCP_SOCKETS = ("libvirtd-tcp.socket", "virtproxyd-tcp.socket")
TLS_SOCKETS = ("libvirtd-tls.socket", "virtproxyd-tls.socket")
LOOPBACK = ("127.", "::1", "localhost")


def _configs(facts: Facts) -> tuple[Config, ...]:
    found = facts.libvirtd.configs
    return found.value if isinstance(found, Known) else ()


def config(facts: Facts) -> Judgement:
    found = facts.libvirtd.configs
    if isinstance(found, Absent):
        return skipped(_("libvirt has no configuration files here: its own defaults hold."), Evidence(found.why, ""))
    if not isinstance(found, Known):
        return unknown(
            _("libvirt's configuration files could not be read."),
            manual(_("Look at them by hand."), ("ls", "-l", "/etc/libvirt")),
            Evidence("/etc/libvirt", found.why),
        )
    connected = facts.libvirt.connection == "connected"
    wrong = [one for one in found.value if one.problem is not None]
    said = tuple(
        Evidence(f"{one.path}:{one.problem.line}", f"{one.problem.what}: {_shown(one.problem.text)}")
        for one in wrong
        if one.problem is not None
    )
    if wrong:
        remedy = manual(
            _(
                "Correct the line, then start the daemon again. A setting is NAME = VALUE, text stands in quotes, "
                "a comment begins with #."
            ),
            *(("editor", f"+{one.problem.line}", one.path) for one in wrong if one.problem is not None),
            ("systemctl", "restart", _unit(facts)),
        )
        paths = ", ".join(one.path for one in wrong)
        if connected:
            summary = _("{paths} has an error: the daemon runs, but will not start again.").format(paths=paths)
            return warned("libvirt.config-invalid", summary, remedy, *said)
        summary = _("{paths} has an error that keeps libvirt from starting.").format(paths=paths)
        return failed("libvirt.config-invalid", summary, remedy, *said)
    complaint = _complaint(facts)
    if complaint and not connected:
        return failed(
            "libvirt.config-invalid",
            _("libvirt's daemon does not accept its configuration."),
            manual(
                _("Correct the setting that the daemon names, then start it again."),
                ("journalctl", "-b", "-u", _unit(facts)),
                ("systemctl", "restart", _unit(facts)),
            ),
            *(Evidence(f"journalctl -u {_unit(facts)}", line) for line in complaint),
        )
    closed = [one for one in found.value if one.refused]
    evidence_ = tuple(
        Evidence(one.path, one.refused or _("{count} settings, no error").format(count=len(one.values)))
        for one in found.value
    )
    if closed and not connected:
        return unknown(
            _("Not all of libvirt's configuration files could be read."),
            manual(_("Ask again as root."), ("sudo", "kvmready", "check", "--only", "libvirt.config")),
            *evidence_,
        )
    return passed(_("libvirt's configuration files have no error."), *evidence_)


def _shown(line: str) -> str:
    """A line without its value where that is a secret."""
    return line.partition("=")[0] + "= …" if "password" in line.partition("=")[0] else line


def _complaint(facts: Facts) -> tuple[str, ...]:
    """The daemon's own words about its configuration, from the journal of a unit that failed or does not answer."""
    lines: list[str] = []
    if isinstance(facts.libvirtd.words, Known):
        lines += facts.libvirtd.words.value
    if isinstance(facts.services.units, Known):
        for unit in facts.services.units.value.values():
            if unit.name in ("libvirtd.service", "virtqemud.service"):
                lines += unit.words
    return tuple(
        dict.fromkeys(
            line for line in lines if any(word in line.lower() for word in CONFIG_WORDS) and ".xml" not in line
        )
    )


def _unit(facts: Facts) -> str:
    return "virtqemud.service" if daemon_set(facts) == "modular" else "libvirtd.service"


def _no_daemon(facts: Facts) -> Judgement | None:
    """The answer where no daemon is installed: a container may use its host's."""
    if not isinstance(facts.libvirt.daemon, Absent):
        return None
    if facts.libvirt.connection == "connected":
        return skipped(_("No daemon of libvirt's own is installed here; the one that answers belongs to another host."))
    return unknown(
        _("libvirt's daemon is not installed yet."),
        manual(_("Install it, then look again."), ("kvmready", "check", "--only", "libvirt.daemon")),
        Evidence(facts.libvirt.daemon.why, _("no such file")),
    )


def one_set(facts: Facts) -> Judgement:
    units = facts.services.units
    missing = _no_daemon(facts)
    if missing is not None:
        return missing
    if facts.services.manager != Known("systemd"):
        if isinstance(facts.services.manager, (Known, Absent)):
            return skipped(_("Only systemd's units can start two sets of libvirt's daemons."))
        return unknown(
            _("It could not be seen which of libvirt's daemons run."),
            manual(_("Ask systemd by hand."), ("systemctl", "list-units", "--all", "libvirtd*", "virt*d*")),
            Evidence("/run/systemd/system", facts.services.manager.why),
        )
    if not isinstance(units, Known):
        return unknown(
            _("It could not be seen which of libvirt's daemons run."),
            manual(_("Ask systemd by hand."), ("systemctl", "list-units", "--all", "libvirtd*", "virt*d*")),
            Evidence("systemctl show", units.why),
        )
    one = [unit for name, unit in units.value.items() if name in ("libvirtd.service", "libvirtd.socket")]
    many = [
        unit
        for name, unit in units.value.items()
        if name.rpartition(".")[0] in ("virtqemud", "virtnetworkd", "virtstoraged") and unit.exists
    ]
    if not many:
        return passed(_("There is one set of libvirt's daemons: libvirtd."), *(evidence(u, "systemd") for u in one))
    running = [[unit for unit in group if is_running(unit)] for group in (one, many)]
    enabled = [[unit for unit in group if unit.file_state == "enabled"] for group in (one, many)]
    remedy = automatic(
        _("Stop and disable the set that is not this distribution's own, and keep the other. Guests go on running.")
    )
    if all(running):
        return failed(
            "libvirt.mixed-daemons",
            _("libvirtd and the modular daemons run at the same time and fight over the same guests."),
            remedy,
            *(evidence(group[0], "systemd") for group in running),
        )
    if all(enabled):
        return warned(
            "libvirt.mixed-daemons",
            _("libvirtd and the modular daemons are both enabled: after the next boot both run."),
            remedy,
            *(evidence(group[0], "systemd") for group in enabled),
        )
    if daemon_set(facts) == "modular":
        return passed(_("Only the modular daemons are in use."), *(evidence(u, "systemd") for u in many[:2]))
    return passed(_("Only libvirtd is in use."), *(evidence(u, "systemd") for u in one))


def answers(facts: Facts) -> Judgement:
    """Whether libvirt answers at all within the time limit, be it with a refusal."""
    from kvmready.facts.virsh import TIMEOUT

    state = facts.libvirt.connection
    if state == "timeout":
        seen = [Evidence(ASKED, facts.libvirt.words or _("no answer within {limit} s").format(limit=f"{TIMEOUT:.0f}"))]
        if isinstance(facts.libvirtd.waiting, Known):
            seen.append(Evidence("/proc/PID/status, /proc/PID/wchan", facts.libvirtd.waiting.value))
        return failed(
            "libvirt.hangs",
            _("libvirt's daemon is there but does not answer."),
            manual(
                _(
                    "See what it waits for: storage on a server that is gone, a firewall program that holds its lock, "
                    "or a full disk. Then start it again; guests go on running."
                ),
                ("journalctl", "-b", "-u", _unit(facts), "-n", "30"),
                ("systemctl", "restart", _unit(facts)),
            ),
            *seen,
        )
    if state == "no-socket":
        return skipped(_("There is no socket yet behind which libvirt could hang."))
    if state == "no-client":
        return unknown(
            _("libvirt could not be asked."),
            manual(_("Ask it by hand."), ("virsh", "-c", URI, "uri")),
            Evidence(ASKED, facts.libvirt.words or state),
        )
    return passed(_("libvirt answers within the time limit."), Evidence(ASKED, facts.libvirt.words or URI))


def exposed(facts: Facts) -> Judgement:
    units = facts.services.units
    missing = _no_daemon(facts)
    if missing is not None:
        return missing
    if not isinstance(units, Known) and not isinstance(facts.services.manager, Absent):
        return unknown(
            _("It could not be seen whether libvirt listens on the network."),
            manual(_("Look at who listens on its ports."), ("ss", "-lntp", "sport = :16509 or sport = :16514")),
            Evidence("systemctl show", units.why),
        )
    known = units.value if isinstance(units, Known) else {}
    tcp = [known[name] for name in TCP_SOCKETS if name in known and is_running(known[name])]
    tls = [known[name] for name in TLS_SOCKETS if name in known and is_running(known[name])]
    files = ("libvirtd.conf", "virtproxyd.conf")
    configs = _configs(facts)
    auth_tcp, auth_tls = setting(configs, "auth_tcp", *files), setting(configs, "auth_tls", *files)
    unverified = setting(configs, "tls_no_verify_certificate", *files)
    told = tuple(
        Evidence(found[0], f"{name} = {found[1]}")
        for name, found in (("auth_tcp", auth_tcp), ("auth_tls", auth_tls), ("tls_no_verify_certificate", unverified))
        if found is not None
    )
    remedy = manual(
        _(
            "Turn the socket off and reach this host through SSH instead (qemu+ssh://HOST/system), which needs no open "
            "port of libvirt's; or use the TLS socket with certificates on both sides."
        ),
        *(("systemctl", "disable", "--now", unit.name) for unit in (*tcp, *tls)),
    )
    if tcp:
        nobody = auth_tcp is not None and auth_tcp[1] == "none"
        return warned(
            "libvirt.exposed",
            _("Everybody on the network can take over this host: libvirt listens without encryption and password.")
            if nobody
            else _("libvirt listens on the network without encryption."),
            remedy,
            *(evidence(unit, "systemd") for unit in tcp),
            *told,
        )
    if tls and unverified is not None and unverified[1] == 1 and (auth_tls is None or auth_tls[1] == "none"):
        return warned(
            "libvirt.exposed",
            _("libvirt listens on the network and checks neither certificate nor password."),
            remedy,
            *(evidence(unit, "systemd") for unit in tls),
            *told,
        )
    seen = tuple(evidence(known[name], "systemd") for name in (*TCP_SOCKETS, *TLS_SOCKETS) if name in known)
    if tls:
        return passed(_("libvirt listens on the network with TLS and certificates only."), *seen, *told)
    return passed(_("libvirt does not listen on the network."), *seen[:2], *told)


def graphics(facts: Facts) -> Judgement:
    found = facts.libvirtd.configs
    path = "/etc/libvirt/qemu.conf"
    look = manual(
        _("Look at the settings as root."), ("sudo", "grep", "-E", "^(vnc|spice)_(listen|tls|sasl|password)", path)
    )
    mine = [one for one in _configs(facts) if one.path == path]
    if isinstance(found, Absent) or (isinstance(found, Known) and not mine):
        return skipped(_("There is no qemu.conf: guests' screens are offered on this host only."))
    if not isinstance(found, Known) or mine[0].refused:
        why = mine[0].refused if mine else getattr(found, "why", "")
        return unknown(_("It could not be seen where guests offer their screens."), look, Evidence(path, why))
    values = mine[0].values
    open_: list[Evidence] = []
    for kind in ("vnc", "spice"):
        listen = values.get(f"{kind}_listen")
        if not isinstance(listen, str) or not listen or listen.startswith(LOOPBACK):
            continue
        guarded = (
            values.get(f"{kind}_tls") == 1 or values.get(f"{kind}_sasl") == 1 or bool(values.get(f"{kind}_password"))
        )
        if not guarded:
            open_.append(Evidence(path, f'{kind}_listen = "{listen}"'))
    if open_:
        return warned(
            "libvirt.graphics-exposed",
            _("Everybody on the network can see and use the screens of new guests: no password, no TLS."),
            manual(
                _(
                    "Remove the line, so that screens are offered on this host only, and reach them through SSH as "
                    "virt-manager and virt-viewer do; or switch on TLS (vnc_tls, spice_tls) with a password. Guests "
                    "that run now keep what they have until they are started again."
                ),
                ("editor", path),
                ("systemctl", "restart", _unit(facts)),
            ),
            *open_,
        )
    return passed(
        _("Guests' screens are not offered to the network without protection."),
        Evidence(path, _("no vnc_listen or spice_listen beyond this host without password or TLS")),
    )


def capabilities_cache(facts: Facts) -> Judgement:
    if facts.want.accel == "tcg":
        return skipped(_("Emulation was accepted, so libvirt need not know KVM."))
    types = facts.libvirt.domain_types
    asked = f"virsh -c {URI} capabilities"
    if not isinstance(types, Known):
        return unknown(
            _("It could not be asked what libvirt remembers of the emulators."),
            manual(_("Ask it by hand."), ("virsh", "-c", URI, "capabilities")),
            Evidence(asked, types.why),
        )
    if "kvm" in types.value:
        return passed(
            _("What libvirt remembers of the emulators includes KVM."), Evidence(asked, "<domain type='kvm'/>")
        )
    cache = facts.libvirtd.cache
    folder = "/var/cache/libvirt/qemu/capabilities"
    if isinstance(cache, Known) and cache.value:
        return failed(
            "libvirt.no-kvm-capability",
            _("libvirt remembers an emulator that could not use KVM, from a time before KVM worked here."),
            automatic(_("Remove libvirt's memory of what QEMU can do, and start its daemon again.")),
            *(Evidence(path, _("no line with {what}").format(what="<flag name='kvm'/>")) for path in cache.value[:3]),
        )
    if isinstance(cache, (Known, Absent)):
        return skipped(_("libvirt remembers nothing of the emulators that could be out of date."), Evidence(folder, ""))
    return unknown(
        _("Only root can see what libvirt remembers of the emulators."),
        manual(_("Look at it as root."), ("sudo", "grep", "-L", "name='kvm'", "-r", folder)),
        Evidence(folder, cache.why),
    )


def polkit(facts: Facts) -> Judgement:
    found = facts.libvirtd
    group = facts.access.libvirt_group
    people = [person.name for person in facts.access.people if person.name != "root"]
    if not people:
        return skipped(_("Only root will run guests, who needs no rule."))
    auth = setting(_configs(facts), "auth_unix_rw", "libvirtd.conf", "virtqemud.conf")
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
    if isinstance(found.rule, Known) and isinstance(found.polkitd, Known):
        return passed(
            _("polkit lets the group {group} manage guests.").format(group=group),
            Evidence(found.rule.value, _("is there")),
            Evidence(found.polkitd.value, _("is there")),
        )
    why = next(fact.why for fact in (found.rule, found.polkitd) if not isinstance(fact, Known))
    return _polkit_unseen(facts, why)


def _polkit_unseen(facts: Facts, why: str) -> Judgement:
    people = [person.name for person in facts.access.people if person.name != "root"] or ["USER"]
    return unknown(
        _("It could not be seen whether polkit lets people manage guests."),
        manual(_("Try it as that user."), ("sudo", "-u", people[0], "virsh", "-c", URI, "uri")),
        Evidence("/usr/share/polkit-1/rules.d", why),
    )


BEFORE = (
    Check("libvirt.config", config, needs=("libvirt.daemon",)),
    Check("libvirt.daemon-set", one_set, needs=("libvirt.daemon", "services.manager")),
    Check(
        "libvirt.answers",
        answers,
        needs=(
            "libvirt.daemon",
            "libvirt.daemon-set",
            "libvirt.clients",
            "libvirt.config",
            "services.libvirtd",
            "services.virtqemud",
        ),
    ),
)
"""What ``libvirt.connect`` rests on."""

AFTER = (
    Check("libvirt.polkit", polkit, needs=("libvirt.daemon", "libvirt.connect")),
    Check(
        "libvirt.capabilities-cache",
        capabilities_cache,
        needs=("libvirt.connect", "qemu.emulator", "qemu.kvm-accel", "qemu.memory", "kernel.kvm-runs"),
    ),
    Check("libvirt.exposed", exposed, needs=("libvirt.daemon",)),
    Check("libvirt.graphics", graphics, needs=("libvirt.daemon",)),
)
