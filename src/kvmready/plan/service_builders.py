"""From a cause or a blocked check of the services to the steps that start what a profile needs; see ``builders``.

A host that has libvirt is left with the set of daemons that it uses; one that has none yet gets its distribution's.
The two sets are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kvmready.checks.services import OTHER_DRIVERS, daemon_set
from kvmready.distro.common import MONOLITHIC_SOCKET
from kvmready.facts.known import Known
from kvmready.i18n import _
from kvmready.plan import capabilities, unit as unit_kind
from kvmready.plan.step import Step
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Finding
    from kvmready.distro.table import Table
    from kvmready.facts import Facts
    from kvmready.facts.services import Unit

WAITING = (
    "services.libvirtd",
    "services.virtlogd",
    "services.virtlockd",
    "services.virtqemud",
    "services.virtnetworkd",
    "services.virtstoraged",
    "services.modular-drivers",
)
"""Checks whose units are wanted as well where they only wait for a lower layer."""


def used_set(facts: Facts, table: Table) -> str:
    """The set of daemons to start: the host's own where it has one, else its distribution's."""
    known = facts.services.units.value if isinstance(facts.services.units, Known) else {}
    there = any(unit.exists for name, unit in known.items() if name.startswith(("libvirtd.", "virtqemud.")))
    return daemon_set(facts) if there else table.libvirt_set


def openrc(facts: Facts) -> bool:
    return facts.services.manager == Known("openrc")


def _own(check: str, table: Table) -> tuple[str, ...]:
    """The units that belong to a check: those of the table's names, and a modular daemon's service and sockets."""
    if check == "services.modular-drivers":
        return tuple(unit for name in OTHER_DRIVERS for unit in _of(name))
    return dict(table.names.units).get(check) or _of(check.rpartition(".")[2])


def _of(name: str) -> tuple[str, ...]:
    return (f"{name}.socket", f"{name}-ro.socket", f"{name}-admin.socket", f"{name}.service")


def units(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    """Start a daemon now and at every boot, in the words of the host's service manager."""
    chosen = used_set(facts, table)
    main = "services.virtqemud" if chosen == "modular" else "services.libvirtd"
    check = main if finding.layer != "services" else finding.check
    known = facts.services.units.value if isinstance(facts.services.units, Known) else {}
    own = _own(check, table)
    wanted = [unit for unit in table.wanted_units(chosen) if unit in own]
    wanted += [u for u in own if u not in wanted and u in known and (known[u].masked or known[u].active == "failed")]
    if openrc(facts):
        yield from _services(finding, check, wanted)
        return
    if not wanted:
        return
    masked = [u for u in wanted if u in known and known[u].masked]
    # Required as well, and masked by whoever masks a service.
    others = [f"{check.rpartition('.')[2]}-admin.socket"] if masked and check != "services.modular-drivers" else []
    commands = [("systemctl", "unmask", "--", *masked, *others)] if masked else []
    failed = [u for u in wanted if u in known and known[u].active == "failed"]
    commands += [("systemctl", "reset-failed", "--", *failed)] if failed else []
    sockets = _lost_sockets(facts, wanted, known) if finding.cause == "libvirt.unreachable" else {}
    commands += [("systemctl", "stop", "--", name, unit_kind.service(name)) for name in sockets]
    commands += [("systemctl", "enable", "--", *wanted), ("systemctl", "start", "--", *wanted)]
    # Sockets stand before the service that they belong to; without it the main socket says it best.
    name = wanted[-1] if wanted[-1].endswith(".service") else wanted[0]
    summary = _("Start {name} now and at every boot").format(name=name)
    if check == "services.modular-drivers":
        main = ", ".join(unit for unit in wanted if "-" not in unit)
        summary = _("Have these daemons start when they are needed: {units}").format(units=main)
    mends = (finding.cause,) if finding.cause else ()
    arguments = {"units": wanted, **({"sockets": sockets} if sockets else {}), **({"unmask": others} if others else {})}
    note = _("Guests go on running; who is connected to libvirt has to connect again.") if sockets else ""
    yield Step(check, "unit", finding.layer, summary, tuple(commands), arguments, mends, note)


def _lost_sockets(facts: Facts, wanted: Sequence[str], known: Mapping[str, Unit]) -> dict[str, str]:
    """The socket units that listen, as systemd says, while their file is gone, each with its path."""
    paths = {"libvirtd.socket": MONOLITHIC_SOCKET}
    return {
        name: path
        for name, path in paths.items()
        if name in wanted and name in known and known[name].active == "active" and path not in facts.libvirt.sockets
    }


def _services(finding: Finding, check: str, wanted: Sequence[str]) -> Iterator[Step]:
    """OpenRC knows services only: what is wanted as a socket is started as its service."""
    from kvmready.plan import service

    names = list(dict.fromkeys(unit.partition(".")[0] for unit in wanted if unit.endswith(".service")))
    if names:
        yield Step(
            check,
            "service",
            finding.layer,
            _("Start {name} now and at every boot").format(name=", ".join(names)),
            service.commands(names),
            {"units": [f"{name}.service" for name in names], "services": names},
            (finding.cause,) if finding.cause else (),
        )


def main_service(facts: Facts, table: Table) -> str:
    """The unit of the daemon that runs guests."""
    return "virtqemud.service" if used_set(facts, table) == "modular" else "libvirtd.service"


def network_service(facts: Facts, table: Table) -> str:
    """The unit of the daemon that runs networks."""
    return "virtnetworkd.service" if used_set(facts, table) == "modular" else "libvirtd.service"


def restart(facts: Facts, unit: str) -> tuple[str, ...]:
    """The command that starts a daemon anew."""
    if openrc(facts):
        return ("rc-service", unit.partition(".")[0], "restart")
    return ("systemctl", "restart", "--", unit)


def libvirt_again(finding: Finding, facts: Facts, table: Table) -> Iterator[Step]:
    """Have libvirt look at the emulators again."""
    yield Step(
        "libvirt.capabilities",
        "capabilities",
        finding.layer,
        _("Let libvirt look at the emulators again"),
        capabilities.commands(restart(facts, main_service(facts, table))),
        {},
        (finding.cause,) if finding.cause else (),
    )
