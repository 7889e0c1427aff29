"""A fleet for the terminal: hosts as they end, merged plans, the table of hosts and layers, causes, changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kvmready.checks.finding import LAYERS
from kvmready.fleet import summary, words
from kvmready.fleet.diff import Change
from kvmready.fleet.records import Index
from kvmready.fleet.row import Row
from kvmready.i18n import _
from kvmready.report.canvas import STYLES, Canvas, cells, command_lines
from kvmready.report.story import duration
from kvmready.typed import Any

MATRIX = 40
"""Hosts that the table shows by name; of a larger fleet it shows those that are not ready, as many at the most."""
COLUMN = 5
CAUSES = 12


def row(canvas: Canvas, one: Row, width: int) -> Any:
    """One host that ended, on one line; ``width`` is that of the longest name."""
    status = words.status(one.outcome)
    head = (canvas.glyph(status) + "  ", STYLES[status])
    name = canvas.padded(canvas.fitted(one.host, width), width + 2)
    said = words.outcome(one.outcome)
    note = one.message if one.message != one.outcome else ""
    room = canvas.width - width - cells(said) - 12
    rest = canvas.fitted(f"  {note}", room) if note and room > 12 else ""
    line = canvas.text("  ", head, name, (said, STYLES[status]), (rest, "dim"))
    line.no_wrap = True
    return line


def index(canvas: Canvas, run: Index, verbose: bool) -> Iterator[Any]:
    """The whole run: how many, hosts × layers, and the causes."""
    yield canvas.text("")
    title = [words.hosts(len(run.rows)), f"fleet {run.action}", words.counted(run.rows)]
    yield canvas.block(2, canvas.glyph("between").join(title))
    if any(one.layers for one in run.rows):
        yield canvas.text("")
        yield from _matrix(canvas, run.rows, verbose)
    unasked = [one for one in run.rows if not one.layers and not one.ok]
    if unasked:
        yield canvas.text("")
        yield canvas.block(2, _("No report came from:"))
        width = _width(canvas, unasked)
        for one in unasked[: None if verbose else MATRIX]:
            status = words.status(one.outcome)
            name = canvas.padded(canvas.fitted(one.host, width), width + 2)
            said = (words.outcome(one.outcome), STYLES[status])
            head = (canvas.glyph(status) + "  ", STYLES[status])
            yield canvas.block(2, head, name, said, (f"  {one.message}", "dim"), hang=width + 5)
        if len(unasked) > MATRIX and not verbose:
            yield canvas.block(5, _("and {count} more").format(count=len(unasked) - MATRIX))
    yield from _causes(canvas, run.rows, verbose)


def _width(canvas: Canvas, rows: Sequence[Row]) -> int:
    longest = max((cells(one.host) for one in rows), default=4)
    return max(8, min(longest, canvas.width - 4 - COLUMN * len(LAYERS)))


def _matrix(canvas: Canvas, rows: Sequence[Row], verbose: bool) -> Iterator[Any]:
    told = [one for one in rows if one.layers]
    shown = told if verbose or len(told) <= MATRIX else [one for one in told if not one.ok][:MATRIX]
    width = _width(canvas, shown)
    yield canvas.text("  ", " " * width, *((layer[: COLUMN - 1].rjust(COLUMN), "dim") for layer in LAYERS))
    for one in shown:
        marks = [(canvas.glyph(one.layers[layer]).rjust(COLUMN), STYLES[one.layers[layer]]) for layer in LAYERS]
        yield canvas.text("  ", canvas.padded(canvas.fitted(one.host, width), width), *marks)
    if len(shown) < len(told):
        rest = len(told) - len(shown)
        yield canvas.block(2, (_("and {count} more, see: kvmready fleet report -v").format(count=rest), "dim"))
    if len(told) > 1:
        counted = summary.layers(told)
        yield canvas.rule("line")
        for status in summary.STATUSES:
            numbers = [counted[layer][status] for layer in LAYERS]
            if any(numbers):
                name = f"{canvas.glyph(status)} {_(_status(status))}"
                figures = [
                    (str(n or canvas.glyph("skip")).rjust(COLUMN), STYLES[status] if n else "dim") for n in numbers
                ]
                yield canvas.text("  ", canvas.padded(canvas.fitted(name, width), width), *figures)


def _status(status: str) -> str:
    from kvmready.report.canvas import WORDS

    return WORDS[status]


def _causes(canvas: Canvas, rows: Sequence[Row], verbose: bool) -> Iterator[Any]:
    found = summary.causes(rows)
    if not found:
        return
    yield canvas.text("")
    yield canvas.block(2, _("Causes, by how many hosts have them:"))
    figures = len(str(len(rows))) + 2
    for cause in found if verbose else found[:CAUSES]:
        mark = "fail" if cause.fails else "warn"
        count = str(len(cause.hosts)).rjust(figures)
        yield canvas.block(2, (count + "  ", STYLES[mark]), cause.summary, hang=figures + 2)
        yield canvas.block(figures + 4, (cause.id, "dim"), (f"  {words.named(cause.hosts)}", "dim"))
    if len(found) > CAUSES and not verbose:
        yield canvas.block(2, (_("and {count} more").format(count=len(found) - CAUSES), "dim"))


def plans(canvas: Canvas, folds: Sequence[summary.Fold]) -> Iterator[Any]:
    """The merged plan: equal plans once."""
    for fold in folds:
        yield canvas.text("")
        if not fold.steps:
            yield canvas.block(2, _("{hosts}: nothing to change").format(hosts=words.hosts(len(fold.hosts))))
            yield canvas.block(4, (words.named(fold.hosts), "dim"))
            continue
        title = _("{hosts}: these {steps}").format(
            hosts=words.hosts(len(fold.hosts)), steps=words.steps(len(fold.steps))
        )
        yield canvas.block(2, (title, "bold"))
        yield canvas.block(4, (words.named(fold.hosts), "dim"))
        for number, step in enumerate(fold.steps, 1):
            yield canvas.block(4, f"{number}. ", step["summary"], hang=3)
            for command in step["commands"]:
                for line in command_lines(command, canvas.width - 8):
                    yield canvas.line(7, line, "dim")
            if step["note"]:
                yield canvas.block(7, (f"{canvas.glyph('warn')} {step['note']}", STYLES["warn"]), hang=2)


def steps(canvas: Canvas, undone: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Any]:
    """What would be taken back: a host and its steps, equal ones once."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, taken in undone:
        groups.setdefault(tuple(taken), []).append(host)
    for taken, names in sorted(groups.items(), key=lambda group: -len(group[1])):
        title = _("{hosts}: take back {steps}").format(hosts=words.hosts(len(names)), steps=words.steps(len(taken)))
        yield canvas.text("")
        yield canvas.block(2, (title, "bold"))
        yield canvas.block(4, (words.named(names), "dim"))
        for number, step in enumerate(taken, 1):
            yield canvas.block(4, f"{number}. ", step, hang=3)


def changes(canvas: Canvas, before: Index, after: Index, found: Sequence[Change]) -> Iterator[Any]:
    """What changed between two runs."""
    yield canvas.text("")
    yield canvas.block(2, f"{before.id} {canvas.glyph('next')} {after.id}")
    if not found:
        yield canvas.block(2, _("Nothing changed."))
    width = max((min(cells(one.host), 30) for one in found), default=0)
    for one in found:
        status = "pass" if one.better else "fail" if one.worse else "skip"
        parts = [_outcomes(canvas, one)]
        parts += [f"{layer}: {was} {canvas.glyph('next')} {now}" for layer, was, now in one.layers]
        parts += [f"+{cause}" for cause in one.causes_new] + [f"-{cause}" for cause in one.causes_gone]
        name = canvas.padded(canvas.fitted(one.host, width), width + 2)
        head = (canvas.glyph(status) + "  ", STYLES[status])
        yield canvas.block(2, head, name, "; ".join(part for part in parts if part), hang=width + 5)


def _outcomes(canvas: Canvas, one: Change) -> str:
    was, now = (words.outcome(name) if name else "–" for name in (one.was, one.now))
    return f"{was} {canvas.glyph('next')} {now}" if was != now else ""


def left(seconds: float) -> str:
    return _("about {time} left").format(time=duration(seconds))
