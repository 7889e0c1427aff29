"""The work for people: the plan before it is approved, what a run did, and the proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kvmready.i18n import N_, _
from kvmready.report import text_linux
from kvmready.report.canvas import STYLES, WORDS, Canvas, cells, command_lines
from kvmready.report.story import duration
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.apply.history import Entry

Record = Mapping[str, Any]

SHORT_ID = 12
"""Digits of a plan's id that people see."""


def commands(canvas: Canvas, lines: Sequence[Sequence[str]], indent: int, style: str = "cyan") -> Iterator[Any]:
    """Commands as they can be pasted into a shell; what has to break breaks with a backslash."""
    for argv in lines:
        for line in command_lines(argv, canvas.width - indent):
            yield canvas.line(indent, line, style)


def evidence(canvas: Canvas, seen: Record, indent: int) -> Iterator[Any]:
    """What was seen, and where; text of more than one line keeps its lines."""
    lines = str(seen["text"]).splitlines() or [""]
    yield canvas.block(indent, (seen["source"] + ": ", "dim"), lines[0], hang=2)
    for line in lines[1:]:
        yield canvas.block(indent + 2, line)


def plan(canvas: Canvas, record: Record) -> Iterator[Any]:
    """Numbered steps, each with its exact commands and what could hurt or cannot be taken back."""
    steps = record["steps"]
    yield ""
    if not steps:
        yield canvas.block(2, _("Nothing to do: the plan for the profile {profile} is empty.").format(**record))
        return
    words = (
        _("Plan {id}: {count} steps for the profile {profile}")
        if len(steps) > 1
        else _("Plan {id}: 1 step for the profile {profile}")
    )
    title = words.format(id=record["id"][:SHORT_ID], count=len(steps), profile=record["profile"])
    if record["users"]:
        title += _(", users: {names}").format(names=", ".join(record["users"]))
    yield canvas.block(2, (title, "bold"))
    for note in record.get("notes", ()):
        yield canvas.block(2, (canvas.glyph("warn") + " ", STYLES["warn"]), note, hang=2)
    digits = len(str(len(steps)))
    for number, step in enumerate(steps, 1):
        yield ""
        indent = 2 + digits + 2
        yield canvas.block(2, (f"{number:>{digits}}  ", "dim"), (step["summary"], "bold"), hang=digits + 2)
        yield from commands(canvas, step["commands"], indent)
        first, *more = step["note"].split("\n")
        if first:
            yield canvas.block(indent, (canvas.glyph("warn") + " ", STYLES["warn"]), first, hang=2)
        for line in more:
            yield canvas.block(indent + 2, line, hang=2)


RUN_STATES = {
    "running": ("warn", N_("running")),
    "finished": ("pass", N_("finished")),
    "interrupted": ("warn", N_("interrupted")),
    "failed": ("fail", N_("failed")),
    "undone": ("skip", N_("undone")),
    "half-undone": ("fail", N_("half undone")),
    "damaged": ("fail", N_("damaged")),
}

STEP_STATES = {
    "begun": N_("begun"),
    "done": N_("done"),
    "failed": N_("failed"),
    "interrupted": N_("interrupted"),
    "skipped": N_("already done"),
    "undone": N_("undone"),
}


def history(canvas: Canvas, entries: Sequence[Entry], verbose: bool) -> Iterator[Any]:
    """One line a run, and why it ended badly; ``verbose`` adds its steps."""
    wide = max(cells(_(word)) for _status, word in RUN_STATES.values()) + 2
    for entry in entries:
        status, word = RUN_STATES[entry.state]
        count = len(entry.steps)
        steps = _("1 step") if count == 1 else _("{count} steps").format(count=count)
        yield canvas.text(
            "  ",
            (canvas.glyph(status) + "  ", STYLES[status]),
            entry.run + "  ",
            canvas.padded(_(word), wide, STYLES[status]),
            (steps, "dim"),
        )
        if entry.why:
            yield canvas.block(5, entry.why)
        if verbose:
            room = max(cells(_(word)) for word in STEP_STATES.values()) + 2
            for name, _kind, summary, state in entry.steps:
                yield canvas.block(5, canvas.padded(_(STEP_STATES[state]), room, "dim"), summary or name, hang=room)


def run(canvas: Canvas, record: Record) -> Iterator[Any]:
    """What a run did; its steps were seen as they were done, so that a few words are enough."""
    yield ""
    if record["id"] is None:
        yield canvas.block(2, (canvas.glyph("pass") + "  ", STYLES["pass"]), _("Nothing had to be changed."), hang=3)
        return
    done = [step for step in record["steps"] if step["status"] == "done"]
    words = (
        _("1 step done, {skipped} already done.") if len(done) == 1 else _("{done} steps done, {skipped} already done.")
    )
    said = words.format(done=len(done), skipped=len(record["steps"]) - len(done))
    if record["resumed"]:
        said += " " + _("An earlier run that had not ended was carried on.")
    title = _("Run {id}").format(id=record["id"])
    yield canvas.block(2, (title, "bold"), f"  {said}", hang=2)
    yield canvas.block(2, (_("To take it back:") + " ", "dim"), (f"kvmready undo {record['id']}", "cyan"), hang=2)


def proof(canvas: Canvas, record: Record) -> Iterator[Any]:
    """What the guest did, step by step, and its witness; emulation is said first and loudly."""
    yield ""
    status = "pass" if record["ok"] else "fail"
    yield canvas.block(
        2, (_("Proof") + "  ", "bold"), (record["summary"], "" if record["ok"] else STYLES[status]), hang=2
    )
    if record["accel"] == "tcg":
        loud = _("EMULATION (TCG), NOT KVM: this proves everything but hardware acceleration.")
        yield canvas.block(2, (loud, "bold yellow"))
    ids = max((cells(step["id"]) for step in record["steps"]), default=0) + 2
    words = max(cells(_(word)) for word in WORDS.values()) + 2
    for step in record["steps"]:
        status = step["status"]
        yield canvas.text(
            "  ",
            (canvas.glyph(status) + "  ", STYLES[status]),
            canvas.padded(step["id"], ids),
            canvas.padded(_(WORDS[status]), words, STYLES[status]),
            (duration(step["seconds"]), "dim"),
        )
        if status not in ("pass", "skip") and step["evidence"]:
            for seen in step["evidence"]:
                yield from evidence(canvas, seen, 5)
    if record["witness"]:
        yield canvas.block(5, (_("the guest wrote:") + " ", "dim"), record["witness"], hang=2)
    if record.get("linux"):
        yield from text_linux.shown(canvas, record["linux"])
    if record.get("screenshot"):
        yield canvas.block(5, (_("its windows:") + " ", "dim"), record["screenshot"], hang=2)
