"""The part of ``kvmready fleet`` that goes out to hosts: ask, show what would be done, do it, write it down."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence

from kvmready import __version__
from kvmready.cli import output, session, work
from kvmready.cli.options import Parsed
from kvmready.errors import KvmreadyError, UsageError
from kvmready.fleet import engine, play, records
from kvmready.fleet.row import Row
from kvmready.i18n import _
from kvmready.report.progress import Progress
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kvmready.fleet.engine import Report

TITLES = {
    "check": lambda: _("Looking at the hosts"),
    "up": lambda: _("Working on the hosts"),
    "prove": lambda: _("Running guests on the hosts"),
    "undo": lambda: _("Taking runs back"),
}


class Went(NamedTuple):
    """One play that ended: rows, plans and steps of its hosts by their names; ``proven`` are those that were proven."""

    rows: Mapping[str, Row]
    plans: Mapping[str, Mapping[str, Any]]
    steps: Mapping[str, Sequence[str]]
    proven: Collection[str]


def run(parsed: Parsed, folder: str) -> records.Index:
    """Carry out check, up, prove or undo, and write it down. Raises KvmreadyError."""
    engine.require()
    task = _task(parsed)
    recorder = records.Recorder(folder, parsed.action, session.now(), __version__)
    rows: Mapping[str, Row] = {}
    if parsed.action in ("up", "undo"):
        look = task._replace(dry=True)
        if task.action == "up" and not parsed.dry_run:
            # No plan is approved yet: where there is none, the proof is all that is left, and needs no second play.
            look = task._replace(options={**task.options, "plan": ""})
        looked = _play(look, recorder, _("Looking at the hosts"), looking=True)
        rows = looked.rows
        approved = _approved(looked, parsed)
        if not approved:
            return _finished(recorder, rows)
        # Those of whom nothing can be made keep the row that they have.
        task = task._replace(plans=approved if task.action == "up" else {}, hosts=tuple(approved))
    went = _play(task, recorder, TITLES[parsed.action]())
    return _finished(recorder, {**rows, **went.rows})


def _finished(recorder: records.Recorder, rows: Mapping[str, Row]) -> records.Index:
    recorder.finish(list(rows.values()), session.now())
    return records.load(recorder.directory)


def _task(parsed: Parsed) -> engine.Task:
    if not parsed.inventory:
        raise UsageError(_("Name the hosts with -i INVENTORY."), "", _("A single one: -i host,"))
    password = None
    if parsed.ask_become_pass:
        import getpass

        if not sys.stdin.isatty():
            raise UsageError(_("There is no terminal to ask for a password on."))
        password = getpass.getpass("  " + _("The password of sudo on the hosts: "), sys.stderr)
    seconds = _number(parsed.timeout, "--timeout") if parsed.timeout else play.LIMITS[parsed.action]
    return engine.Task(
        parsed.action,
        {} if parsed.action == "undo" else _options(parsed),
        play.inventories(parsed.inventory, os.getcwd()),
        play.batches(parsed.batch, parsed.max_fail),
        seconds,
        parsed.limit or "",
        _number(parsed.forks, "--forks") if parsed.forks else 0,
        password=password,
    )


def _number(word: str, option: str) -> int:
    if not word.isascii() or not word.isdigit() or not 0 < int(word) < 1_000_000:
        raise UsageError(_("{option} cannot be {value}.").format(option=option, value=repr(word)))
    return int(word)


def _options(parsed: Parsed) -> dict[str, Any]:
    """The options of the collection's module, from the command line and the configuration file."""
    values: Mapping[str, Any] = {}
    if parsed.config is not None:
        from kvmready.cli import config

        values = config.load(parsed.config).values
    users = list(parsed.user or values.get("users", ()))
    wanted = {
        "profile": parsed.profile or values.get("profile"),
        "users": users or None,
        "nested": parsed.nested or values.get("nested") or None,
        "iommu": parsed.iommu or values.get("iommu") or None,
        "accel": parsed.accel or values.get("accel"),
        "network": {"subnet": values["subnet"]} if "subnet" in values else None,
        "storage": {"path": values["pool_path"]} if "pool_path" in values else None,
        "level": getattr(parsed, "level", None),
        "strict": getattr(parsed, "strict", False) or None,
        "lang": parsed.lang,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _play(task: engine.Task, recorder: records.Recorder | None, title: str, looking: bool = False) -> Went:
    """One play over the hosts, shown as it goes. Raises KvmreadyError where Ansible could not begin."""
    from kvmready.fleet import text

    rows: dict[str, Row] = {}
    plans: dict[str, Mapping[str, Any]] = {}
    shared: dict[str, Mapping[str, Any]] = {}  # equal plans are kept once
    steps: dict[str, Sequence[str]] = {}
    proven: set[str] = set()
    names: list[str] = []
    began = time.monotonic()
    with Progress(sys.stderr) as progress:
        progress.begin(title)

        def known(hosts: Sequence[str]) -> None:
            names.extend(hosts)
            progress.rename(_news(title, rows, names, began, looking))

        def ended(row: Row, report: Report | None) -> None:
            rows[row.host] = row
            if report is not None and report["proof"] is not None:
                proven.add(row.host)
            if row.failed or not looking or row.host in proven:
                progress.line(text.row(progress.canvas, row, min(max(map(len, names), default=8), 30)))
            if report is not None and report["plan"] is not None:
                plans[row.host] = shared.setdefault(report["plan"]["id"], report["plan"])
            steps[row.host] = row.steps
            if recorder is not None:
                recorder.add(row, report)
            progress.rename(_news(title, rows, names, began, looking))

        said = engine.carry_out(task, ended, known)
        progress.end("fail" if said or any(_bad(row, looking) for row in rows.values()) else "pass")
    if said:
        raise KvmreadyError(_("Ansible did not begin."), said.strip()[-600:], _("Try it by hand: ansible -m ping all"))
    for host in names:
        if host not in rows:
            rows[host] = Row(host, "not-begun", _("Too many hosts before this one failed."))
            if recorder is not None:
                recorder.add(rows[host], None)
    return Went(rows, plans, steps, proven)


def _bad(row: Row, dry: bool) -> bool:
    """Whether a host counts as failing; one that is only looked at may lack whatever a plan can bring."""
    return row.failed if dry else not row.ok


def _news(title: str, rows: Mapping[str, Row], names: Sequence[str], began: float, dry: bool) -> str:
    from kvmready.fleet import text

    failing = sum(1 for row in rows.values() if _bad(row, dry))
    said = _("{title}: {done} of {total}, {failing} failing").format(
        title=title, done=len(rows), total=len(names), failing=failing
    )
    if rows and len(rows) < len(names):
        spent = time.monotonic() - began
        said += ", " + text.left(spent / len(rows) * (len(names) - len(rows)))
    return said


def _approved(looked: Went, parsed: Parsed) -> dict[str, str]:
    """The hosts that shall be worked on with their plans, after one yes; none where nobody agreed."""
    from kvmready.fleet import summary, text

    canvas = Progress(sys.stderr).canvas
    if parsed.action == "undo":
        hosts = {host: steps for host, steps in looked.steps.items() if steps and looked.rows[host].ok}
        canvas.write(list(text.steps(canvas, list(hosts.items()))))
        return dict.fromkeys(hosts, "") if hosts and work.agreed(_("Undo it?"), parsed, _undecided()) else {}
    fit = {host: plan for host, plan in looked.plans.items() if not looked.rows[host].failed}
    folds = summary.folded(fit.items())
    canvas.write(list(text.plans(canvas, folds)))
    for host in looked.proven:
        fit.pop(host, None)
    if parsed.dry_run or not fit:
        return {}
    if any(fold.steps for fold in folds) and not work.agreed(_("Apply these plans?"), parsed, _undecided()):
        output.say(_("Nothing was changed."))
        return {}
    return {host: plan["id"] for host, plan in fit.items()}


def _undecided() -> str:
    return _("Nothing was changed: nobody agreed.")
