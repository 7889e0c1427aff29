"""From findings to the ordered steps that mend them. Pure: the same findings, facts and table give the same plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvmready.checks.finding import LAYERS
from kvmready.distro.table import CONTAINED, OPTIONAL
from kvmready.plan.step import Plan, Step
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Finding
    from kvmready.distro.table import Table
    from kvmready.facts import Facts
    from kvmready.host.door import Door
    from kvmready.plan.manager import Manager, State

__all__ = ["Plan", "Step", "ask", "make"]

_ORDER = (
    "modprobe",
    "module",
    "file",
    "module-parameter",
    "hugepages",
    "udev",
    "package-repair",
    "package-lists",
    "packages",
    "reinstall",
    "units-off",
    "unit",
    "service",
    "capabilities",
    "autostart",
)
"""Within one layer; kinds that are not named come after these, in the order of their findings."""

_FETCHING = ("packages", "reinstall")
"""The kinds that bring packages in from a repository."""

_PACKAGES_FROM = "qemu"
"""The lowest layer that is made of packages."""


def make(
    findings: Sequence[Finding],
    facts: Facts,
    table: Table | None,
    only: str | None = None,
    manager: State | None = None,
) -> Plan:
    """The steps that make the host match its profile, in layer order; only what is missing.

    ``only`` keeps one layer and the layers that it stands on. ``manager`` is what ``ask`` learned of the package
    manager; without it the plan fetches the package lists first, a step that is left out when it proves needless.
    A host without a table, and everything that rests on what only a person can mend, gets no step.
    """
    steps: list[Step] = []
    notes: tuple[str, ...] = ()
    if table is not None and any(_mendable(f, findings) for f in findings):
        from kvmready.plan.managers import by_name

        program = by_name(table.package_manager)
        chosen = [f for f in findings if only is None or LAYERS.index(f.layer) <= LAYERS.index(only)]
        wanted = _packages(chosen, findings, facts, table, manager, program)
        steps = [*wanted, *_others(chosen, findings, facts, table)]
        steps += _lists(steps, manager, program)
        if steps and manager is not None and (only is None or LAYERS.index(only) >= LAYERS.index(_PACKAGES_FROM)):
            steps += _repair(manager, program)
        steps = _ordered(steps, table)
        notes = _notes(facts, table) if steps else ()
    return Plan(facts.want.profile, facts.want.users, tuple(steps), notes)


def _notes(facts: Facts, table: Table) -> tuple[str, ...]:
    """What a person has to know of this distribution before the plan is approved."""
    from kvmready.distro import TESTED
    from kvmready.i18n import _

    system = facts.os.name or facts.os.id
    if table.guess:
        return (
            _(
                "kvmready has no table for {system} and takes it for {other}, as its os-release suggests. This is a "
                "guess: look at the commands before you agree."
            ).format(system=system, other=table.guess),
        )
    if (table.title, table.arch) not in TESTED:
        return (
            _(
                "kvmready was never tested on a real host with {system}: its names come from the distribution's public "
                "sources. Look at the commands before you agree."
            ).format(system=system),
        )
    return ()


def ask(host: Door, plan: Plan, table: Table | None) -> State | None:
    """What the package manager says, for the final plan of a host that needs one; None for an empty plan.

    A plan without packages has to know as well: an interrupted package run leaves programs that look installed. All
    candidates of what the plan wants are asked for at once, so that a renamed package is found under its other name.
    """
    if not plan.steps or table is None:
        return None
    from kvmready.plan import manager
    from kvmready.plan.managers import by_name

    wanted = [
        candidate
        for step in plan.steps
        if step.kind in _FETCHING
        for name in step.arguments["packages"]
        for candidate in table.alternatives(str(name))
    ]
    return manager.ask(host, by_name(table.package_manager), list(dict.fromkeys(wanted)))


def _lists(steps: Sequence[Step], state: State | None, manager: Manager) -> list[Step]:
    """The package lists, where packages are only installed again and nothing else fetches them."""
    from kvmready.i18n import _
    from kvmready.plan.managers import named

    again = [step for step in steps if step.kind == "reinstall"]
    if not again or any(step.kind == "package-lists" for step in steps) or (state is not None and state.lists):
        return []
    wanted = sorted({str(name) for step in again for name in step.arguments["packages"]})
    arguments = {"packages": wanted, **named(manager)}
    summary = _("Fetch the package lists")
    return [Step("packages.lists", "package-lists", again[0].layer, summary, (manager.UPDATE,), arguments)]


def _repair(state: State, manager: Manager) -> list[Step]:
    from kvmready.i18n import _
    from kvmready.plan.managers import named

    if state.busy:
        summary = _("Wait until the package manager is free: {who}").format(who=state.busy)
        note = _("The commands are run only where that leaves packages half installed.")
    elif state.broken:
        summary = _("Finish an interrupted package run: {why}").format(why=state.broken)
        note = _("This cannot be undone.")
    else:
        return []
    return [
        Step(
            "packages.repair",
            "package-repair",
            _PACKAGES_FROM,
            summary,
            manager.REPAIR,
            named(manager),
            (),
            note,
        )
    ]


def _mendable(finding: Finding, findings: Iterable[Finding]) -> bool:
    """Whether ``up`` can do something about it: it failed with an automatic remedy, or waits only for such failures."""
    if finding.status in ("fail", "warn"):
        return finding.remedy is not None and finding.remedy.kind == "automatic"
    if finding.status != "blocked":
        return False
    roots = [other for other in findings if other.check in finding.blocked_by]
    return bool(roots) and all(r.remedy is not None and r.remedy.kind == "automatic" for r in roots)


def _roles(finding: Finding, facts: Facts) -> tuple[str, ...]:
    from kvmready.plan import builders

    roles = builders.also_wanted(finding, facts)
    if finding.check in builders.ROLES and (
        finding.cause in builders.PACKAGE_CAUSES
        # The emulator's own finding brings its package, and libvirt's package its firewall program.
        or (finding.status == "blocked" and finding.check not in ("qemu.kvm-accel", "network.firewall"))
    ):
        roles += (builders.ROLES[finding.check],)
    return roles


def _packages(
    chosen: Sequence[Finding],
    findings: Sequence[Finding],
    facts: Facts,
    table: Table,
    state: State | None,
    manager: Manager,
) -> list[Step]:
    """One run of the package manager for all layers: it resolves their dependencies once."""
    from kvmready.i18n import _
    from kvmready.plan import builders
    from kvmready.plan.managers import named

    unavailable: frozenset[str] = frozenset() if state is None else state.unavailable
    names: dict[str, None] = {}
    mends: dict[str, None] = {}
    files: dict[str, Sequence[str]] = {}
    layer = ""
    for finding in chosen:
        if not _mendable(finding, findings):
            continue
        some = False
        for role in _roles(finding, facts):
            candidates = table.candidates(role)
            if role in (*OPTIONAL, *CONTAINED) and not set(candidates) - unavailable:
                continue  # guests run without it, or another package holds it: no reason for the whole plan to fail
            name = next((name for name in candidates if name not in unavailable), candidates[0])
            names[name] = None
            if builders.files(role, table.names):
                files[name] = builders.files(role, table.names)
            some = True
        if some:
            layer = layer or finding.layer
            if finding.cause in builders.PACKAGE_CAUSES:
                mends[finding.cause] = None
    if not names:
        return []
    again = sorted(set(names) & state.present) if state is not None else []
    wanted = sorted(set(names) - set(again))
    steps = [_again(again, layer, tuple(mends), files, table, manager)] if again else []
    if not wanted:
        return steps
    arguments = {"packages": wanted, **named(manager)}
    if state is None or not state.lists or set(wanted) & unavailable:
        summary = _("Fetch the package lists")
        steps.append(Step("packages.lists", "package-lists", layer, summary, (manager.UPDATE,), arguments))
    steps.append(
        Step(
            "packages",
            "packages",
            layer,
            _("Install {packages}").format(packages=" ".join(wanted)),
            (manager.install(wanted),),
            arguments,
            tuple(mends),
            _("Packages that are upgraded on the way keep their newer version after an undo."),
        )
    )
    return steps


def _again(
    names: Sequence[str],
    layer: str,
    mends: tuple[str, ...],
    files: Mapping[str, Sequence[str]],
    table: Table,
    manager: Manager,
) -> Step:
    """Packages that the package database has as installed and whose files somebody deleted."""
    from kvmready.i18n import _
    from kvmready.plan.managers import named

    packages = sorted({*names, *(part for name, parts in table.parts if name in names for part in parts)})
    return Step(
        "packages.again",
        "reinstall",
        layer,
        _("Install again: {packages}").format(packages=" ".join(packages)),
        (manager.reinstall(packages),),
        {"packages": packages, "present": [list(files[name]) for name in names if name in files], **named(manager)},
        mends,
        _("An undo leaves these packages as they are then: damaged files are no state to go back to."),
    )


def _others(chosen: Sequence[Finding], findings: Sequence[Finding], facts: Facts, table: Table) -> list[Step]:
    from kvmready.plan import builders

    steps: list[Step] = []
    for finding in chosen:
        if not _mendable(finding, findings):
            continue
        blocked = finding.status == "blocked"
        build = builders.BLOCKED.get(finding.check) if blocked else builders.CAUSES.get(finding.cause)
        if build is not None:
            steps += build(finding, facts, table)
    return steps


def _ordered(steps: Iterable[Step], table: Table) -> list[Step]:
    """Layer order, then the order of kinds, units as the table has them; a step asked for twice mends both causes."""
    unique: dict[str, Step] = {}
    for step in steps:
        known = unique.get(step.id)
        if known is None:
            unique[step.id] = step
        else:
            unique[step.id] = known._replace(mends=tuple(dict.fromkeys((*known.mends, *step.mends))))
    order = {kind: number for number, kind in enumerate(_ORDER)}
    units = table.wanted_units()

    def place(step: Step) -> tuple[int, int, int]:
        first = step.arguments["units"][0] if step.kind in ("unit", "service") else ""
        rank = units.index(first) if first in units else len(units)
        return LAYERS.index(step.layer), order.get(step.kind, len(_ORDER)), rank

    return sorted(unique.values(), key=place)
