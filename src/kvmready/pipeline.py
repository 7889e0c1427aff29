"""The product on one screen: host → facts → checks → plan → apply → proof → report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kvmready import __version__
from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kvmready.checks.engine import RootCause
    from kvmready.checks.finding import Finding
    from kvmready.distro.table import Table
    from kvmready.facts import Facts
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door
    from kvmready.plan.step import Plan
    from kvmready.proof.record import Proof
    from kvmready.report.next_move import Unsaid


class View(NamedTuple):
    """One look at a host: what was learned, what it means, and what would mend it."""

    facts: Facts
    table: Table | None
    findings: tuple[Finding, ...]
    causes: tuple[RootCause, ...]
    verdict: str
    plan: Plan
    taken_at: str
    only: str = ""


def look(
    host: Door,
    want: Want,
    taken_at: str,
    only: str = "",
    layer: str = "",
    planning: bool = False,
    first: Callable[[Names], None] | None = None,
) -> View:
    """Ask the host and judge it. ``only`` limits the findings (and the verdict) to a layer or a check, ``layer`` the
    plan to a layer and what it stands on. ``planning`` also asks the package manager, for a plan that is to be shown or
    carried out. ``taken_at`` is RFC 3339, UTC. ``first`` is told what things are called on this host before anything
    is asked: it can start what shall run meanwhile. Raises UsageError for an unknown name.
    """
    shown = _shown(only) if only else None
    from kvmready import distro, facts
    from kvmready.facts import os as release_facts

    caller = host.caller()
    release = release_facts.ask(host)
    table = distro.find(release, caller.arch)
    names = table.names if table is not None else distro.generic(caller.arch)
    if first is not None:
        first(names)
    answers = facts.begin(host, names, want, caller, release)

    # The host is answering: what will judge its answers is read in only now.
    from kvmready import checks, plan
    from kvmready.checks.engine import judge, root_causes, verdict

    known = answers()
    every = judge([check for check in checks.ALL if want.profile in check.profiles], known)
    steps = plan.make(every, known, table, layer or None)
    manager = plan.ask(host, steps, table) if planning else None
    if manager is not None:
        steps = plan.make(every, known, table, layer or None, manager)
    findings = tuple(f for f in every if shown is None or f.check in shown)
    return View(known, table, findings, root_causes(findings), verdict(findings), steps, taken_at, only)


def _shown(only: str) -> set[str]:
    from kvmready import checks

    return {check.id for check in checks.find(only)}


def people(host: Door, named: Sequence[str]) -> tuple[str, ...]:
    """Who will run guests: those named, else the person behind sudo, else the caller; root alone needs nobody.

    Raises UsageError for a name that the host does not know.
    """
    if named:
        for name in named:
            if host.account(name).error:
                raise UsageError(
                    _("There is no user {name} on this host.").format(name=repr(name)),
                    "",
                    _("Name an existing one with --user, or create it first: adduser NAME"),
                )
        return tuple(dict.fromkeys(named))
    caller = host.caller()
    if caller.uid != 0:
        return (caller.user,)
    return (caller.sudo_user,) if caller.sudo_user else ()


def report(view: View, run: Any = None, proof: Proof | None = None, unsaid: Unsaid | None = None) -> dict[str, Any]:
    """The one record of this look, as in ``report/schema.json``; ``unsaid`` as ``record.build`` has it."""
    from kvmready.report import record

    return record.build(
        facts=view.facts,
        findings=view.findings,
        causes=view.causes,
        verdict=view.verdict,
        plan=view.plan,
        run=run,
        proof=proof,
        version=__version__,
        taken_at=view.taken_at,
        only=view.only,
        unsaid=unsaid,
    )
