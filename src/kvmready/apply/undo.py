"""Takes a run back: its steps in reverse order, each to what the journal says was there before."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.apply import STATE_DIRECTORY, history, journal, state
from kvmready.apply.event import Event, Notify, silent
from kvmready.apply.journal import Attempt, Journal, Story
from kvmready.errors import KvmreadyError, UsageError, WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import KEY, RESULTS, RUN_DIRECTORY
from kvmready.plan.kinds import KINDS
from kvmready.plan.step import Kind
from kvmready.typed import NamedTuple

CARRY_GUESTS = ("packages", "unit", "network", "bridge", "host-bridge", "pool", "module")
"""Kinds whose undo takes away what guests stand on."""

DEFINITIONS = "/etc/libvirt/qemu"


class Undone(NamedTuple):
    """A run that was taken back. ``stays`` has a sentence for each thing that could not be."""

    run: str
    steps: tuple[str, ...]
    stays: tuple[str, ...]


def choose(host: Door, run: str | None, state_directory: str = STATE_DIRECTORY) -> Story:
    """The run that an undo would take back: the one named, else the newest that is not undone.

    Raises UsageError (no such run, already undone, or a later one stands on it), InputError, PrivilegeError.
    """
    if run is not None:
        history.known(host, run, state_directory)
    stories = [journal.load(host, state_directory, name) for name in journal.runs(host, state_directory)]
    standing = [story for story in stories if story.state != "undone" and story.attempts]
    if run is None:
        if not standing:
            raise UsageError(_("There is nothing to undo: no run of kvmready has changed this host."))
        return standing[-1]
    story = next(story for story in stories if story.id == run)
    if story.state == "undone":
        raise UsageError(_("The run {run} is undone already.").format(run=run), "", _("See: kvmready history"))
    later = [other.id for other in standing if other.id > run]
    if later:
        raise UsageError(
            _("The run {later} came after {run} and may stand on it.").format(later=later[-1], run=run),
            "",
            _("Undo that one first: kvmready undo {later}").format(later=later[-1]),
        )
    return story


def pending(story: Story) -> tuple[Attempt, ...]:
    """The steps that an undo has still to take back, in its order."""
    return tuple(attempt for attempt in reversed(story.attempts) if not attempt.undone)


def guests(host: Door) -> list[str]:
    """Guests that are defined or run on the system URI, and emulators that run without it."""
    listed = host.run(Command(("virsh", "--connect", "qemu:///system", "list", "--all", "--name"), timeout=60))
    names = {line.strip() for line in listed.stdout.splitlines() if line.strip()} if listed.ok else set()
    if not listed.ok:
        files = host.listdir(DEFINITIONS).names
        names |= {name[: -len(".xml")] for name in files if name.endswith(".xml")}
    if not names:
        for pid in host.listdir("/proc").names:
            if pid.isdigit() and host.read(f"/proc/{pid}/comm", 64).text.startswith("qemu-system"):
                names.add(_("process {pid}").format(pid=pid))
    return sorted(names)


def undo(
    host: Workshop,
    run: str | None = None,
    state_directory: str = STATE_DIRECTORY,
    notify: Notify = silent,
    force: bool = False,
    kinds: Mapping[str, Kind] = KINDS,
) -> Undone:
    """Take a run back; see ``choose`` for which. An undo that was cut off is carried on by another.

    Raises UsageError, InputError, PrivilegeError; WorkError where guests stand on the run (unless ``force``) or a step
    cannot be taken back.
    """
    state.require_root(host)
    choose(host, run, state_directory)  # what cannot be done is said before anything is written
    state.prepare(host, state_directory)
    story = choose(host, run, state_directory)
    attempts = pending(story)
    if not force and any(attempt.step.kind in CARRY_GUESTS for attempt in attempts):
        there = guests(host)
        if there:
            some = ", ".join(there[:5]) + (" …" if len(there) > 5 else "")
            raise WorkError(
                _("There are guests on this host: {names}").format(names=some),
                _("An undo would take away what they run on."),
                _("Remove them first, or run kvmready undo --force: their disks and definitions are kept."),
            )
    log = Journal(host, story.directory)
    log.add("undo-begin")
    stays: list[str] = []
    total = len(attempts)
    notify(Event("run", text=story.id, total=total))
    for number, attempt in enumerate(attempts, 1):
        stays += _take_back(host, log, attempt, (number, total), notify, kinds)
    log.add("undo-end")
    notify(Event("end", text=story.id, total=total))
    return Undone(story.id, tuple(attempt.step.id for attempt in attempts), tuple(stays))


def _take_back(
    host: Workshop, log: Journal, attempt: Attempt, place: tuple[int, int], notify: Notify, kinds: Mapping[str, Kind]
) -> tuple[str, ...]:
    step = attempt.step
    kind = kinds.get(step.kind)
    if kind is None:
        raise WorkError(_("There is no way to undo a step of kind {kind}.").format(kind=repr(step.kind)))
    notify(Event("begin", step.id, step.summary, *place))
    began = host.now()

    def say(text: str) -> None:
        notify(Event("progress", step.id, step.summary, *place, text))

    log.add("undo-intent", key=attempt.key)
    placed = {**step.arguments, RUN_DIRECTORY: log.directory, KEY: attempt.key}
    try:
        former = {**attempt.former, RESULTS: list(attempt.results)}
        stays = kind.undo(host, step._replace(arguments=placed), former, say)
    except (KvmreadyError, OSError) as error:
        log.add("undo-failed", key=attempt.key, why=str(error))
        notify(Event("failed", step.id, step.summary, *place, str(error), host.now() - began))
        if isinstance(error, KvmreadyError):
            raise
        raise WorkError(
            _("This step could not be undone: {summary}").format(summary=step.summary), error.strerror or str(error)
        ) from error
    log.add("undo-done", key=attempt.key, stays=list(stays))
    for sentence in stays:
        notify(Event("stays", step.id, step.summary, *place, sentence))
    notify(Event("done", step.id, step.summary, *place, "", host.now() - began))
    return tuple(stays)
