"""The record for people: the host as a stack with its guest on top, the verdict, and what needs attention.

Drawn from the record alone, so that a saved report is shown just like a fresh one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kvmready.i18n import N_, _
from kvmready.report import story, text_work
from kvmready.report.canvas import STYLES, WORDS, Canvas, cells
from kvmready.typed import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from kvmready.report.drift import Drift

Record = Mapping[str, Any]

CROWNS = {
    # how the guest on top is drawn: its glyph, its word, its style
    "skip": ("skip", "", "dim"),
    "fail": ("fail", WORDS["fail"], STYLES["fail"]),
    "tcg": ("guest", N_("ran"), "bold yellow"),
    "kvm": ("guest", N_("ran"), "bold green"),
}

INDENT = 5
"""Columns before what belongs to a numbered or marked line."""


def report(record: Record, stream: TextIO, verbose: bool = False) -> None:
    """Draw the report on ``stream``; ``verbose`` adds every finding with its evidence."""
    canvas = Canvas(stream)
    things: list[Any] = [""]
    things += _stack(canvas, record)
    things += _verdict(canvas, record)
    if verbose:
        things += _findings(canvas, record)
    things += _attention(canvas, record)
    if record["run"] is not None:
        things += text_work.run(canvas, record["run"])
    if record["proof"] is not None:
        things += text_work.proof(canvas, record["proof"])
    things += _next(canvas, record)
    canvas.write(things)


def plan(record: Record, stream: TextIO) -> None:
    """Draw the record's plan: numbered steps with their exact commands."""
    canvas = Canvas(stream)
    canvas.write(text_work.plan(canvas, record["plan"]))


def drift(record: Record, found: Drift, file: str, stream: TextIO) -> None:
    """Draw what differs between the host and the configuration ``file``: the plan, then what a person has to do."""
    canvas = Canvas(stream)
    words = (
        _("This host is not as {file} wants it.")
        if found.steps or found.causes
        else _("It could not be seen whether this host is as {file} wants it.")
        if found
        else _("This host is as {file} wants it.")
    )
    status = "fail" if found.steps or found.causes else "unknown" if found else "pass"
    mark = (canvas.glyph(status) + "  ", STYLES[status])
    things: list[Any] = ["", canvas.block(2, mark, (words.format(file=file), "bold"), hang=3)]
    if found.steps:
        things += text_work.plan(canvas, record["plan"])
    if found.causes:
        things += ["", canvas.block(2, (_("What kvmready does not mend:"), "bold"))]
    told: dict[str, int] = {}
    statuses = {cause["cause"]: own[0]["status"] for cause, own in story.paired(record)}
    for number, cause in enumerate(found.causes, 1):
        things += ["", _marked(canvas, str(number), statuses[cause["cause"]], cause["summary"])]
        things += [canvas.block(INDENT, (cause["cause"], "dim"))]
        things += _remedy(canvas, cause["remedy"], False, told, number)
    for finding in found.unknown:
        things += ["", _marked(canvas, " ", "unknown", finding["summary"])]
        things += _remedy(canvas, finding["remedy"], False, told, 0)
    canvas.write(things)


def _host(canvas: Canvas, record: Record) -> Any:
    host = record["host"]
    more = [part for part in (story.system(record), host["arch"], story.machine(record)) if part]
    separator = canvas.glyph("between")
    return canvas.block(2, (host["hostname"], "bold"), *((separator + part, "dim") for part in more))


def _stack(canvas: Canvas, record: Record) -> Iterator[Any]:
    """Nine layers between the ground and the guest that stands on them."""
    layers = record["layers"]
    names = max(cells(layer["id"]) for layer in layers) + 2
    words = max(cells(_(word)) for word in WORDS.values()) + 2
    room = canvas.width - 5 - names - words - 2
    yield _host(canvas, record)
    yield ""
    crown, phrase = story.crown(record)
    glyph, word, style = CROWNS[crown]
    yield canvas.text(
        "  ",
        (canvas.glyph(glyph) + "  ", style),
        canvas.padded(_("guest"), names, style),
        canvas.padded(_(word) if word else "", words, style),
        (canvas.fitted(phrase, room), style),
    )
    yield canvas.rule("line")
    for layer in reversed(layers):
        status = layer["status"]
        quiet = "dim" if status in ("skip", "blocked") else ""
        yield canvas.text(
            "  ",
            (canvas.glyph(status) + "  ", STYLES[status]),
            canvas.padded(layer["id"], names, quiet),
            canvas.padded(_(WORDS[status]), words, STYLES[status]),
            (canvas.fitted(story.phrase(record, layer["id"], status), room), quiet),
        )
    yield canvas.rule("ground")


def _verdict(canvas: Canvas, record: Record) -> Iterator[Any]:
    status, words = story.VERDICTS[record["verdict"]]
    yield ""
    separator = canvas.glyph("between")
    counts = ((separator + count, "") for count in story.counts(record))
    yield canvas.block(2, (_(words).upper(), _loud(status)), *counts)


def _loud(status: str) -> str:
    return "bold " + STYLES[status].replace("bold ", "")


def _attention(canvas: Canvas, record: Record) -> Iterator[Any]:
    """The causes in the order in which to mend them, then what could not be asked."""
    told: dict[str, int] = {}
    for number, (cause, own) in enumerate(story.paired(record), 1):
        status = own[0]["status"]
        yield ""
        yield _marked(canvas, str(number), status, cause["summary"])
        yield canvas.block(INDENT, (cause["cause"], "dim"))
        yield from _evidence(canvas, story.evidence(own))
        yield from _remedy(canvas, cause["remedy"], story.mends(record, cause["cause"]), told, number)
        others = story.others(cause, own)
        if others:
            yield canvas.block(INDENT, (canvas.fitted(story.also_explains(others), canvas.width - INDENT - 2), "dim"))
    for finding in story.unknowns(record):
        yield ""
        yield _marked(canvas, " ", "unknown", finding["summary"])
        yield canvas.block(INDENT, (finding["check"], "dim"))
        yield from _evidence(canvas, finding["evidence"])
        yield from _remedy(canvas, finding["remedy"], False, told, 0)


def _marked(canvas: Canvas, number: str, status: str, summary: str) -> Any:
    mark = f"{number:>2} {canvas.glyph(status)} "
    return canvas.block(0, (mark, STYLES[status]), (summary, "bold"), hang=INDENT)


def _evidence(canvas: Canvas, evidence: Iterable[Record]) -> Iterator[Any]:
    for seen in evidence:
        yield from text_work.evidence(canvas, seen, INDENT)


def _remedy(canvas: Canvas, remedy: Record, planned: bool, told: dict[str, int], number: int) -> Iterator[Any]:
    """The way out. Commands that ``told`` holds under an earlier cause's number are named by that number only."""
    if remedy["kind"] == "none":
        return
    said = story.remedy(remedy["text"], remedy["kind"], planned)
    yield canvas.block(INDENT, (canvas.glyph("next") + " ", "bold"), said, hang=2)
    key = repr(remedy["commands"])
    if remedy["commands"] and told.setdefault(key, number) != number:
        same = _("by the same commands as {number}").format(number=told[key])
        yield canvas.block(INDENT + 4, (same, "dim"))
    else:
        yield from text_work.commands(canvas, remedy["commands"], INDENT + 4)


def _findings(canvas: Canvas, record: Record) -> Iterator[Any]:
    """Every finding with its evidence, bottom up, a line between the layers."""
    layer = ""
    for finding in record["findings"]:
        if finding["layer"] != layer:
            layer = finding["layer"]
            yield ""
            yield canvas.text("  ", (layer, "bold underline"))
        status = finding["status"]
        mark = (f"  {canvas.glyph(status)}  ", STYLES[status])
        yield canvas.block(0, mark, finding["check"], (f"  {_(WORDS[status])}", STYLES[status]))
        yield canvas.block(INDENT, finding["summary"])
        yield from _evidence(canvas, finding["evidence"])
        if finding["blocked_by"]:
            waits = _("waits for {checks}").format(checks=", ".join(finding["blocked_by"]))
            yield canvas.block(INDENT, (waits, "dim"), hang=2)


def _next(canvas: Canvas, record: Record) -> Iterator[Any]:
    """The one thing to do next, last, where the eye is when the text has scrolled by."""
    move = record["next"]
    if move is None:
        return
    yield ""
    yield canvas.block(2, (canvas.glyph("next") + " " + _("Next:") + " ", "bold cyan"), (move["text"], ""), hang=2)
    if move["command"] is not None:
        yield from text_work.commands(canvas, [move["command"]], 6, "bold")
    yield ""
