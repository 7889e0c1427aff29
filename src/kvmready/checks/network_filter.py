"""What decides whether guests' packets get through: forwarding, libvirt's rules, Docker's policy, the bridge helper."""

from __future__ import annotations

from kvmready.checks.finding import (
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
from kvmready.facts.firewall import FORWARDING, IPTABLES, NFT
from kvmready.facts.known import Absent, Known
from kvmready.facts.libvirtd import setting
from kvmready.facts.network import BRIDGE_CONF, HELPERS
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.network import DefaultNetwork

SETUID = 0o4000
ACL_WORDS = ("allow", "deny", "include")
"""qemu: qemu-bridge-helper.c, parse_acl_file()."""


def _active(facts: Facts) -> DefaultNetwork | Judgement:
    """The default network where its guests reach beyond the host through it; else what a check says instead."""
    found = facts.network.default
    if not isinstance(found, Known):
        return unknown(
            _("libvirt did not tell the state of the default network."),
            manual(_("Ask it by hand."), ("virsh", "-c", "qemu:///system", "net-info", "default")),
            Evidence("virsh net-info default", found.why),
        )
    if not found.value.routed:
        return skipped(_("The default network does not use the host's own routing."))
    if not found.value.active:
        return skipped(_("The default network is off; libvirt sees to this when it starts it."))
    return found.value


def forwarding(facts: Facts) -> Judgement:
    network = _active(facts)
    if isinstance(network, Judgement):
        return network
    found = facts.firewall.forwarding
    if not isinstance(found, Known):
        return unknown(
            _("It could not be seen whether this host forwards packets."),
            manual(_("Ask the kernel."), ("sysctl", "net.ipv4.ip_forward")),
            Evidence(FORWARDING, found.why),
        )
    if found.value:
        return passed(_("This host forwards its guests' packets."), Evidence(FORWARDING, "1"))
    return failed(
        "network.forwarding-off",
        _("This host does not forward packets: guests on the default network reach the host and nothing else."),
        automatic(_("Switch forwarding on, now and at every boot. libvirt had done so; something switched it off.")),
        Evidence(FORWARDING, "0"),
    )


def firewall(facts: Facts) -> Judgement:
    found = facts.firewall
    wanted = (
        setting(facts.libvirtd.configs.value, "firewall_backend", "network.conf")
        if isinstance(facts.libvirtd.configs, Known)
        else None
    )
    backend = found.backend.value if isinstance(found.backend, Known) else ""
    programs = {"iptables": (found.iptables, IPTABLES), "nftables": (found.nft, NFT)}
    if wanted is not None and wanted[1] in programs and backend == "nftables":
        needed = [str(wanted[1])]
    elif backend:
        needed = ["iptables"] if backend == "iptables" else ["nftables", "iptables"]
    else:
        return unknown(
            _("libvirt did not tell its version, so it is not known which firewall program it uses."),
            manual(_("Ask it by hand."), ("virsh", "version")),
            Evidence("virsh version", getattr(found.backend, "why", "")),
        )
    answers = [programs[name] for name in needed]
    there = [fact.value for fact, _paths in answers if isinstance(fact, Known)]
    names = _(" or ").join("nft" if name == "nftables" else name for name in needed)
    if not there:
        unseen = [fact for fact, _paths in answers if not isinstance(fact, (Known, Absent))]
        if unseen:
            return unknown(
                _("It could not be seen whether {names} is installed.").format(names=names),
                manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", answers[0][1][0])),
                Evidence(answers[0][1][0], getattr(unseen[0], "why", "")),
            )
        return failed(
            "network.firewall-backend",
            _("{names}, with which libvirt lets its guests' packets through, is not installed.").format(names=names),
            automatic(_("Install it.")),
            *(Evidence(path, _("no such file")) for _fact, paths in answers for path in paths[:1]),
        )
    if isinstance(found.legacy, Known) and found.legacy.value:
        return warned(
            "network.firewall-backend",
            _("Two firewalls are in force: rules of iptables-legacy beside those of nftables that libvirt writes."),
            manual(
                _(
                    "A packet has to pass both, so a guest can be cut off by rules that nobody sees. Find out which "
                    "program writes the legacy rules, have it use the iptables of this host, then remove them."
                ),
                ("iptables-legacy-save",),
                ("update-alternatives", "--display", "iptables"),
            ),
            *(Evidence("iptables-legacy-save", line) for line in found.legacy.value[:3]),
        )
    return passed(
        _("The program with which libvirt writes its firewall rules is there."), Evidence(there[0], _("is there"))
    )


def _no_rules(facts: Facts) -> Judgement:
    why = getattr(facts.firewall.rules, "why", "")
    if facts.caller.uid != 0:
        return unknown(
            _("Only root can see the firewall's rules."),
            manual(_("Ask again as root."), ("sudo", "kvmready", "check", "--only", "network")),
            Evidence("iptables-save", why),
        )
    return unknown(
        _("The firewall's rules could not be read."),
        manual(_("Look at them by hand."), ("iptables-save",), ("nft", "list", "ruleset")),
        Evidence("iptables-save", why),
    )


def rules(facts: Facts) -> Judgement:
    network = _active(facts)
    if isinstance(network, Judgement):
        return network
    if network.forward == "open":
        return skipped(_("The default network is open: libvirt writes no rules for it."))
    found, table = facts.firewall.rules, facts.firewall.table
    own = found.value.own(network.bridge) if isinstance(found, Known) else ()
    if own:
        return passed(
            _("libvirt's firewall rules for the default network are in force."), Evidence("iptables-save", own[0])
        )
    if isinstance(table, Known) and f'"{network.bridge}"' in table.value:
        return passed(
            _("libvirt's firewall rules for the default network are in force."),
            Evidence("nft list table ip libvirt_network", _("names {name}").format(name=network.bridge)),
        )
    iptables_says_no = isinstance(found, Known) or (isinstance(found, Absent) and isinstance(facts.firewall.nft, Known))
    backend = facts.firewall.backend
    needs_table = backend != Known("iptables") and isinstance(facts.firewall.nft, Known)
    if not iptables_says_no or (needs_table and not isinstance(table, (Known, Absent))):
        return _no_rules(facts)
    if not isinstance(backend, Known):
        return _no_rules(facts)
    return failed(
        "network.firewall-reloaded",
        _("libvirt's firewall rules are gone: somebody loaded or flushed the firewall after the network was started."),
        automatic(_("Start libvirt's daemon again, which writes them anew; guests and the network go on running.")),
        Evidence("iptables-save", _("no rule in force that lets {name} through").format(name=network.bridge)),
        *(
            (Evidence("nft list table ip libvirt_network", getattr(table, "why", "") or _("does not name the bridge")),)
            if needs_table
            else ()
        ),
    )


def docker_forward(facts: Facts) -> Judgement:
    network = _active(facts)
    if isinstance(network, Judgement):
        return network
    if network.forward == "open":
        return skipped(_("The default network is open: libvirt writes no rules for it."))
    found = facts.firewall.rules
    if isinstance(found, Absent):
        return skipped(_("There is no iptables here, so nobody can have set its policy for forwarded packets."))
    if not isinstance(found, Known):
        return _no_rules(facts)
    policy = found.value.policies.get("FORWARD", "ACCEPT")
    seen = Evidence("iptables-save -t filter", f":FORWARD {policy}")
    docker = found.value.reaches("FORWARD", "DOCKER-USER")
    if policy != "DROP":
        return passed(_("The firewall's policy does not cut guests off."), seen)
    if found.value.accepts(network.bridge):
        own = next(line for line in found.value.lines if f"-i {network.bridge} " in line)
        return passed(
            _("The firewall drops what nobody asked for, but lets the default network's guests through."),
            seen,
            Evidence("iptables-save -t filter", own),
        )
    unclear = found.value.unclear(network.bridge)
    if unclear:
        return unknown(
            _("The firewall drops forwarded packets, and it is not clear whether other rules let guests through."),
            manual(_("Look at its rules, or try it from a guest."), ("iptables", "-S", "FORWARD")),
            seen,
            *(Evidence("iptables-save -t filter", line) for line in unclear[:3]),
        )
    return failed(
        "network.docker-forward-drop",
        _("Docker set the firewall to drop forwarded packets, and nothing lets the default network's guests through.")
        if docker
        else _("The firewall drops forwarded packets, and nothing lets the default network's guests through."),
        automatic(_("Let packets from and to {name} through, ahead of that policy.").format(name=network.bridge)),
        seen,
        Evidence("iptables-save -t filter", _("no rule accepts {name}").format(name=network.bridge)),
    )


def bridge_helper(facts: Facts) -> Judgement:
    conf, helper = facts.network.bridge_conf, facts.network.helper
    if isinstance(conf, Absent):
        return skipped(_("Nobody asked for guests of plain users on a bridge: there is no bridge.conf."))
    if not isinstance(conf, Known):
        return unknown(
            _("The bridge helper's file could not be read."),
            manual(_("Look at it as root."), ("sudo", "cat", BRIDGE_CONF)),
            Evidence(BRIDGE_CONF, conf.why),
        )
    lines = [(number, line.strip()) for number, line in enumerate(conf.value.splitlines(), 1)]
    told = [(number, line) for number, line in lines if line and not line.startswith("#")]
    wrong = [(number, line) for number, line in told if line.split()[0] not in ACL_WORDS or len(line.split()) != 2]
    if wrong:
        return warned(
            "network.bridge-helper",
            _("The bridge helper cannot read {path}.").format(path=BRIDGE_CONF),
            manual(
                _("Each line is: allow BRIDGE, deny BRIDGE, or include FILE."),
                ("editor", f"+{wrong[0][0]}", BRIDGE_CONF),
            ),
            *(Evidence(f"{BRIDGE_CONF}:{number}", line[:100]) for number, line in wrong[:3]),
        )
    if not any(line.startswith(("allow", "include")) for _number, line in told):
        return skipped(_("The bridge helper's file allows no bridge."), Evidence(BRIDGE_CONF, _("no line with allow")))
    allowed = Evidence(BRIDGE_CONF, "; ".join(line for _number, line in told)[:200])
    if isinstance(helper, Absent):
        return warned(
            "network.bridge-helper",
            _("A bridge is allowed for plain users' guests, but the helper is not installed."),
            manual(_("Install QEMU's common files; the package is called qemu-system-common or qemu-common.")),
            allowed,
            *(Evidence(path, _("no such file")) for path in HELPERS[:2]),
        )
    if not isinstance(helper, Known):
        return unknown(
            _("The bridge helper could not be looked at."),
            manual(_("Look at it by hand."), ("ls", "-l", *HELPERS)),
            Evidence(HELPERS[0], helper.why),
        )
    mode = Evidence(f"stat -c %a {helper.value.path}", f"{helper.value.mode:o}")
    if helper.value.mode & SETUID and helper.value.uid == 0:
        return passed(_("Plain users' guests can join the bridges that are allowed."), allowed, mode)
    return warned(
        "network.bridge-helper",
        _("A bridge is allowed for plain users' guests, but the helper has not the right to join it."),
        automatic(_("Set the helper's setuid bit, which {path} then keeps in bounds.").format(path=BRIDGE_CONF)),
        allowed,
        mode,
    )
