"""From a cause in libvirt, its services or its network to the steps that mend it; see ``builders``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kvmready.facts.known import Known
from kvmready.facts.libvirtd import ACTION
from kvmready.facts.network import USUAL_BRIDGE
from kvmready.facts.services import DRIVERS
from kvmready.i18n import _
from kvmready.plan import bridge, forward, service_builders, setuid
from kvmready.plan.step import Step
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Finding
    from kvmready.distro.table import Table
    from kvmready.facts import Facts
    from kvmready.facts.services import Unit

Builder = Callable[["Finding", "Facts", "Table"], Iterator[Step]]

SYSCTL_FILE = "/etc/sysctl.d/zz-kvmready.conf"
"""Read after the files that begin with a number: sysctl.d(5) sorts by name, and the last one counts."""
FORWARD = "net.ipv4.ip_forward"

RULE_FILE = "/etc/polkit-1/rules.d/60-kvmready-libvirt.rules"
PKLA_FILE = "/etc/polkit-1/localauthority/50-local.d/60-kvmready-libvirt.pkla"
"""polkit 0.105 knows no rules in JavaScript: pklocalauthority(8)."""

OLD_POLKIT = ("Debian 11", "Ubuntu 20.04", "Ubuntu 22.04")
"""Rows of releases with polkit 0.105."""


def _units(facts: Facts) -> Mapping[str, Unit]:
    return facts.services.units.value if isinstance(facts.services.units, Known) else {}


def _mixed(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    """Stop the set that the distribution does not use; the other one is seen to by the services' own steps."""
    known = _units(facts)
    own = ("libvirtd",) if table.libvirt_set == "modular" else DRIVERS
    names = [
        f"{name}{suffix}"
        for name in own
        for suffix in (".socket", ".service")
        if f"{name}{suffix}" in known and known[f"{name}{suffix}"].exists
    ]
    names = [n for n in names if known[n].active not in ("inactive", "failed") or known[n].file_state == "enabled"]
    if not names:
        return
    yield Step(
        "libvirt.mixed-daemons",
        "units-off",
        finding.layer,
        _("Stop and disable the daemons that are not this distribution's own: {units}").format(units=", ".join(names)),
        (("systemctl", "disable", "--", *names), ("systemctl", "stop", "--", *names)),
        {"units": names},
        (finding.cause,),
        _("Guests that these daemons started go on running, but the other set may not know them: see virsh list."),
    )


def _drivers(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    known = _units(facts)
    names = []
    for name in DRIVERS:
        service, socket = known.get(f"{name}.service"), known.get(f"{name}.socket")
        if service is None or socket is None or not socket.exists or service.masked or socket.masked:
            continue
        if "active" not in (service.active, socket.active):
            names.append(socket.name)
    if names:
        yield Step(
            "libvirt.partial-modular",
            "unit",
            finding.layer,
            _("Have these daemons start when they are needed: {units}").format(units=", ".join(names)),
            (("systemctl", "enable", "--", *names), ("systemctl", "start", "--", *names)),
            {"units": names},
            (finding.cause,),
        )


def _polkit(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    group = table.names.libvirt_group
    if table.title in OLD_POLKIT:
        path = PKLA_FILE
        content = (
            f"# Written by kvmready: the group {group} may manage guests.\n[{group}]\n"
            f"Identity=unix-group:{group}\nAction={ACTION}\nResultAny=yes\nResultInactive=yes\nResultActive=yes\n"
        )
    else:
        path = RULE_FILE
        content = (
            f"// Written by kvmready: the group {group} may manage guests.\n"
            "polkit.addRule(function(action, subject) {\n"
            f'    if (action.id == "{ACTION}" && subject.isInGroup("{group}")) {{\n'
            "        return polkit.Result.YES;\n    }\n});\n"
        )
    yield Step(
        "libvirt.polkit",
        "file",
        finding.layer,
        _("Write {path}, so that the group {group} may manage guests").format(path=path, group=group),
        (),
        {"path": path, "content": content, "mode": 0o644},
        (finding.cause,),
        _("Whoever is in this group can become root through libvirt, as on every host with libvirt."),
    )


def _stale_bridge(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    found = facts.network.default
    name = (found.value.bridge if isinstance(found, Known) else "") or USUAL_BRIDGE
    if bridge.NAME.fullmatch(name):
        yield Step(
            "network.stale-bridge",
            "bridge",
            finding.layer,
            _("Remove the bridge {name}, which is left over and to which nothing is attached").format(name=name),
            (bridge.remove(name),),
            {"bridge": name},
            (finding.cause,),
            _("An undo makes it again with the same addresses."),
        )


def _forwarding(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    content = f"# Written by kvmready: guests of libvirt's NAT network need it.\n{FORWARD} = 1\n"
    yield Step(
        "network.forwarding-persist",
        "file",
        finding.layer,
        _("Write {path}, so that packets are forwarded after every boot").format(path=SYSCTL_FILE),
        (),
        {"path": SYSCTL_FILE, "content": content, "mode": 0o644},
        (finding.cause,),
        _("A line for {name} in /etc/sysctl.conf still wins when somebody runs sysctl --system.").format(name=FORWARD),
    )
    yield Step(
        "network.forwarding-off",
        "sysctl",
        finding.layer,
        _("Switch the forwarding of packets on"),
        (("sysctl", "-q", "-w", f"{FORWARD}=1"),),
        {"name": FORWARD, "value": "1"},
        (finding.cause,),
        _(
            "This host then forwards packets between all its networks where its firewall lets them; libvirt switches "
            "the same on whenever it starts such a network."
        ),
    )


def _rules(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    found = facts.network.default
    unit = service_builders.network_service(facts, table)
    yield Step(
        "network.firewall-reloaded",
        "rules",
        finding.layer,
        _("Have libvirt write its firewall rules again"),
        (service_builders.restart(facts, unit),),
        {"unit": unit, "bridge": (found.value.bridge if isinstance(found, Known) else "") or USUAL_BRIDGE},
        (finding.cause,),
        _(
            "Only libvirt's daemon is started anew; guests and the network go on. The next reload of the firewall "
            "wipes the rules again, unless that firewall tells libvirt, as firewalld does."
        ),
    )


def _forward(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    found, filters = facts.network.default, facts.firewall.rules
    name = (found.value.bridge if isinstance(found, Known) else "") or USUAL_BRIDGE
    docker = isinstance(filters, Known) and filters.value.reaches("FORWARD", "DOCKER-USER")
    chain = "DOCKER-USER" if docker else "FORWARD"
    yield Step(
        "network.docker-forward-drop",
        "forward",
        finding.layer,
        _("Let packets from and to {name} through, with two rules in {chain}").format(name=name, chain=chain),
        (
            ("systemctl", "daemon-reload"),
            ("systemctl", "enable", "--", forward.UNIT),
            ("systemctl", "restart", "--", forward.UNIT),
        ),
        {"chain": chain, "bridge": name, "content": forward.content(chain, name)},
        (finding.cause,),
        _(
            "The unit {unit} puts the rules in again at every boot and when Docker is started anew. They let guests of "
            "this network reach every network that this host reaches, also those of containers; nothing from outside "
            "reaches the guests but answers. A firewall that flushes its rules wipes these, too, until the unit is "
            "started again."
        ).format(unit=forward.UNIT),
    )


def _bridge_helper(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    found = facts.network.helper
    if table.package_manager == "apt" and isinstance(found, Known):
        yield Step(
            "network.bridge-helper",
            "setuid",
            finding.layer,
            _("Let {path} act as root, to attach plain users' guests to the bridges that are allowed").format(
                path=found.value.path
            ),
            (setuid.command(found.value.path),),
            {"path": found.value.path},
            (finding.cause,),
            _("Every user of this host may then attach guests to the bridges that /etc/qemu/bridge.conf allows."),
        )


CAUSES: Mapping[str, Builder] = {
    "libvirt.mixed-daemons": _mixed,
    "libvirt.partial-modular": _drivers,
    "libvirt.polkit-denied": _polkit,
    "network.stale-bridge": _stale_bridge,
    "network.forwarding-off": _forwarding,
    "network.firewall-reloaded": _rules,
    "network.docker-forward-drop": _forward,
    "network.bridge-helper": _bridge_helper,
}
"""Cause id to builder, for findings whose remedy is automatic."""
