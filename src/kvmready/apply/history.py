"""What was done to this host, run by run."""

from __future__ import annotations

from kvmready.apply import STATE_DIRECTORY, journal, state
from kvmready.errors import InputError, UsageError
from kvmready.host.door import Door
from kvmready.i18n import _
from kvmready.typed import NamedTuple


class Entry(NamedTuple):
    """One run. ``state``: running, finished, interrupted, failed, undone, half-undone, or damaged (``why`` tells more).

    ``steps`` are (id, kind, summary, status) with status begun, done, failed, interrupted, skipped or undone.
    """

    run: str
    state: str
    began: str
    why: str
    plans: tuple[str, ...]
    steps: tuple[tuple[str, str, str, str], ...]


def entries(host: Door, state_directory: str = STATE_DIRECTORY) -> list[Entry]:
    """All runs, the oldest first. A damaged journal spoils its own entry only. Raises PrivilegeError."""
    found = []
    for run in journal.runs(host, state_directory):
        try:
            found.append(_entry(journal.load(host, state_directory, run)))
        except InputError as error:
            found.append(Entry(run, "damaged", "", str(error), (), ()))
    if found and found[-1].state in ("interrupted", "half-undone") and state.holder(host, state_directory):
        found[-1] = found[-1]._replace(state="running")
    return found


def entry(host: Door, run: str, state_directory: str = STATE_DIRECTORY) -> Entry:
    """One run. Raises UsageError where there is none of that id, InputError, PrivilegeError."""
    known(host, run, state_directory)
    return _entry(journal.load(host, state_directory, run))


def known(host: Door, run: str, state_directory: str) -> None:
    """Raises UsageError where there is no run of that id."""
    if run not in journal.runs(host, state_directory):
        raise UsageError(
            _("There is no run {run}.").format(run=repr(run)), "", _("See which there are: kvmready history")
        )


def _entry(story: journal.Story) -> Entry:
    steps = [(a.step.id, a.step.kind, a.step.summary, "undone" if a.undone else a.status) for a in story.attempts]
    steps += [(name, "", "", "skipped") for name in story.skipped]
    return Entry(story.id, story.state, story.began, story.why, story.plans, tuple(steps))
