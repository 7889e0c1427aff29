"""Carries out an approved plan, step by step: look again, write down what is there, do it, write down that."""

from __future__ import annotations

import os
from collections.abc import Mapping

from kvmready.apply import STATE_DIRECTORY, journal, state
from kvmready.apply.event import Event, Notify, silent
from kvmready.apply.journal import Journal, Story
from kvmready.errors import KvmreadyError, UsageError, WorkError
from kvmready.host.door import Workshop
from kvmready.i18n import _
from kvmready.plan.command import FORMER, KEY, RUN_DIRECTORY
from kvmready.plan.kinds import KINDS
from kvmready.plan.step import Kind, Plan, Step
from kvmready.typed import Any, NamedTuple


class Outcome(NamedTuple):
    """How one step ended: ``done``, or ``skipped`` because it proved done before it began."""

    step: str
    kind: str
    summary: str
    status: str
    seconds: float


class Run(NamedTuple):
    """One execution of a plan. ``id`` is empty when nothing had to be done and so nothing was written.

    ``resumed`` tells that an earlier run that did not end was carried on: one undo takes back both parts.
    """

    id: str
    directory: str
    plan: str
    resumed: bool
    outcomes: tuple[Outcome, ...]


def apply(
    host: Workshop,
    plan: Plan,
    approved: str,
    state_directory: str = STATE_DIRECTORY,
    notify: Notify = silent,
    kinds: Mapping[str, Kind] = KINDS,
) -> Run:
    """Do what is missing of ``plan``, which the person approved by its id.

    Raises UsageError (another plan was approved), PrivilegeError, WorkError (a step failed, or none could begin),
    InputError (the journal of an unfinished run is damaged). An interruption is journaled and raised again.
    """
    require_approved(plan, approved)
    if not plan.steps and not open_run(host, state_directory):
        return Run("", "", plan.id, False, ())
    state.require_root(host)
    state.prepare(host, state_directory)
    return _Runner(host, plan, state_directory, notify, kinds).run()


def require_approved(plan: Plan, approved: str) -> None:
    """Raises UsageError where the person approved another plan."""
    if approved != plan.id:
        raise UsageError(
            _("The plan that was approved is not the plan that would be carried out."),
            _("approved: {approved}, now: {now}").format(approved=approved[:12], now=plan.id[:12]),
            _("Look at the new plan and approve it: kvmready up"),
        )


def is_rest(host: Workshop, state_directory: str, plan: Plan, approved: str) -> bool:
    """Whether ``plan`` is what is left of the approved one: a run of that did not end, and no other step is needed.

    Raises what ``open_run`` raises.
    """
    story = open_run(host, state_directory)
    if story is None or approved not in story.plans:
        return False
    begun = journal.steps_of(host, story, approved)
    return {journal.key(step) for step in plan.steps} <= begun


def open_run(host: Workshop, state_directory: str) -> Story | None:
    """The run that did not end, if the newest is one. Raises InputError, and WorkError for an undo that did not end."""
    if host.caller().uid != 0:
        return None  # the journal is root's
    names = journal.runs(host, state_directory)
    if not names:
        return None
    story = journal.load(host, state_directory, names[-1])
    if story.state == "half-undone":
        raise WorkError(
            _("The undo of the run {run} did not end.").format(run=story.id),
            story.why,
            _("End it first: kvmready undo {run}").format(run=story.id),
        )
    return story if story.state in ("interrupted", "failed") else None


class _Runner:
    def __init__(
        self, host: Workshop, plan: Plan, state_directory: str, notify: Notify, kinds: Mapping[str, Kind]
    ) -> None:
        self._host = host
        self._plan = plan
        self._state = state_directory
        self._notify = notify
        self._kinds = kinds
        self._journal: Journal | None = None
        self._story = open_run(host, state_directory)
        self._formers: dict[str, Mapping[str, Any]] = {}
        if self._story is not None:
            self._formers = {a.key: a.former for a in self._story.attempts if not a.undone}

    def run(self) -> Run:
        outcomes: list[Outcome] = []
        if self._story is not None:
            self._open()
        total = len(self._plan.steps)
        for number, step in enumerate(self._plan.steps, 1):
            outcomes.append(self._step(step, number, total))
        if self._journal is not None:
            self._journal.add("end")
            self._notify(Event("end", text=os.path.basename(self._journal.directory)))
        directory = "" if self._journal is None else self._journal.directory
        resumed = self._story is not None
        return Run(os.path.basename(directory), directory, self._plan.id, resumed, tuple(outcomes))

    def _open(self) -> Journal:
        """The journal; a new run's directory is made when its first step really begins."""
        if self._journal is None:
            directory = f"{self._state}/runs/{self._new_id() if self._story is None else self._story.id}"
            try:
                self._host.mkdir(directory, 0o700)
            except OSError as error:
                raise WorkError(
                    _("{folder} cannot be made.").format(folder=directory), error.strerror or str(error)
                ) from error
            self._journal = Journal(self._host, directory)
            self._journal.add_plan(self._plan)
            self._notify(Event("run", text=os.path.basename(directory), total=len(self._plan.steps)))
        return self._journal

    def _new_id(self) -> str:
        """The time, so that runs sort by it, and a little chance; no two begin in the same second."""
        names = journal.runs(self._host, self._state)
        while True:
            moment = journal.stamp(self._host.now()).replace("-", "").replace(":", "")
            if not names or names[-1][: len(moment)] < moment:
                break
            if names[-1][: len(moment)] > moment:
                raise WorkError(
                    _("The clock of this host is behind its last run, {run}.").format(run=names[-1]),
                    _("Runs are taken back in the order of their times."),
                    _("Set the clock, then run kvmready again."),
                )
            self._host.sleep(0.2)
        return f"{moment}-{os.urandom(2).hex()}"

    def _step(self, step: Step, number: int, total: int) -> Outcome:
        kind = self._kinds.get(step.kind)
        if kind is None:
            raise WorkError(_("There is no way to carry out a step of kind {kind}.").format(kind=repr(step.kind)))
        if kind.done(self._host, step):
            if self._journal is not None:
                self._journal.add("skipped", step=step.id)
            self._notify(Event("skipped", step.id, step.summary, number, total, _("already done")))
            return Outcome(step.id, step.kind, step.summary, "skipped", 0.0)
        self._notify(Event("begin", step.id, step.summary, number, total))
        began = self._host.now()
        name = journal.key(step)

        def say(text: str) -> None:
            self._notify(Event("progress", step.id, step.summary, number, total, text))

        try:
            former = self._formers.get(name)
            first = former is None
            if former is None:
                former = kind.former(self._host, step)
                self._formers[name] = former
            log = self._open()
            added = {"former": former} if first else {}
            log.add("intent", key=name, step=journal.step_to_json(step), **added)
            placed = {**step.arguments, RUN_DIRECTORY: log.directory, KEY: name, FORMER: former}
            result = kind.apply(self._host, step._replace(arguments=placed), say)
        except KeyboardInterrupt:
            self._ended("interrupted", name, _("interrupted"))
            raise
        except (KvmreadyError, OSError) as error:
            self._ended("failed", name, str(error))
            self._notify(Event("failed", step.id, step.summary, number, total, str(error), self._host.now() - began))
            if isinstance(error, KvmreadyError):
                raise
            raise WorkError(
                _("This step failed: {summary}").format(summary=step.summary), error.strerror or str(error)
            ) from error
        log.add("done", key=name, result=result)
        seconds = self._host.now() - began
        self._notify(Event("done", step.id, step.summary, number, total, "", seconds))
        return Outcome(step.id, step.kind, step.summary, "done", seconds)

    def _ended(self, event: str, name: str, why: str) -> None:
        """Record a bad end, of a step that had begun: where only the look before it failed, nothing was changed."""
        if self._journal is not None and name in self._begun():
            self._journal.add(event, key=name, why=why)

    def _begun(self) -> set[str]:
        if self._journal is None:
            return set()
        path = f"{self._journal.directory}/journal.jsonl"
        records = journal.parse(journal.whole(self._host.read(path, journal.READ_LIMIT).text), path)
        return {str(record["key"]) for record in records if record["event"] == "intent"}
