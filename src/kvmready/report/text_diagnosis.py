"""A diagnosis for people: the causes, most likely first, each with what speaks for and against it and the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kvmready.i18n import _
from kvmready.report import story, text_explain, text_work
from kvmready.report.canvas import STYLES, Canvas
from kvmready.typed import Any, TextIO

Record = Mapping[str, Any]

INDENT = 5
WHOLE = 3
"""Causes that are told whole; the others by name, unless everything was asked for."""

WEAK = 0.6
"""A cause is told whole only if it is at least this likely beside the first one."""

SPEAKS = {"for": "pass", "against": "fail", "unknown": "unknown"}


def diagnosis(record: Record, stream: TextIO, verbose: bool = False) -> None:
    """Draw the diagnosis; ``verbose`` tells every cause whole, and every source that was read."""
    canvas = Canvas(stream)
    canvas.write(_diagnosis(canvas, record, verbose))


def _diagnosis(canvas: Canvas, record: Record, verbose: bool) -> Iterator[Any]:
    yield ""
    yield canvas.block(2, (_headline(record), "bold"))
    matches = record["matches"]
    whole = [one for one in matches if one["score"] >= WEAK * matches[0]["score"]]
    whole = list(matches) if verbose else whole[:WHOLE]
    for number, one in enumerate(whole, 1):
        yield ""
        yield from _match(canvas, one, number)
    others = matches[len(whole) :]
    if others:
        yield ""
        yield canvas.block(2, (_("Less likely:"), "dim"))
        for one in others:
            yield canvas.block(4, one["title"], (f"  {one['cause']}  {_percent(one)}", "dim"), hang=2)
    yield from _sources(canvas, record["sources"], verbose)
    yield from _next(canvas, record)


def _headline(record: Record) -> str:
    count = len(record["matches"])
    if not count:
        return _("No known problem is named here.")
    return _("1 possible cause") if count == 1 else _("{count} possible causes, most likely first").format(count=count)


def _percent(one: Record) -> str:
    return f"{round(one['score'] * 100)}%"


def _match(canvas: Canvas, one: Record, number: int) -> Iterator[Any]:
    mark = f"{number:>3}  "
    yield canvas.block(0, (mark, "bold"), (one["title"], "bold"), (f"  {_percent(one)}", "dim"), hang=INDENT)
    yield canvas.block(INDENT, (one["cause"], "dim"))
    for reason in one["because"]:
        glyph = SPEAKS[reason["speaks"]]
        yield canvas.block(INDENT, (canvas.glyph(glyph) + " ", STYLES[glyph]), *_reason(reason), hang=2)
    yield from _remedy(canvas, one)


def _reason(reason: Record) -> list[str | tuple[str, str]]:
    if reason["from"] == "text":
        where = _("{source}, line {line}:").format(source=reason["source"], line=reason["line"])
        return [(_spaced(where), "dim"), (reason["text"], "")]
    words = {
        "for": _("this host, {check}:"),
        "against": _("this host passes {check}:"),
        "unknown": _("this host cannot tell, {check}:"),
    }
    return [(_spaced(words[reason["speaks"]].format(check=reason["check"])), "dim"), (reason["text"], "")]


def _spaced(heading: str) -> str:
    """A full-width colon brings its own space."""
    return heading if heading.endswith("：") else heading + " "


def _remedy(canvas: Canvas, one: Record) -> Iterator[Any]:
    remedy = one["remedy"]
    if remedy["from"] == "host":
        said = story.remedy(remedy["text"], remedy["kind"], bool(remedy["commands"]))
        yield canvas.block(INDENT, (canvas.glyph("next") + " ", "bold"), said, hang=2)
        yield from text_work.commands(canvas, remedy["commands"], INDENT + 4)
        return
    yield canvas.block(INDENT, (canvas.glyph("next") + " ", "bold"), remedy["text"], hang=2)
    for step in remedy["steps"]:
        yield canvas.block(INDENT, (canvas.glyph("next") + " ", "bold"), step["text"], hang=2)
        for command in step["commands"]:
            yield from text_explain.command(canvas, command, INDENT + 4)


def _sources(canvas: Canvas, sources: Sequence[Record], verbose: bool) -> Iterator[Any]:
    """What could not be read, or not whole, is always told: no match in it says nothing."""
    shown = [one for one in sources if verbose or one["status"] not in ("read", "absent")]
    if not any(one["status"] in ("read", "partial") for one in sources):
        shown = list(sources)
    if not shown:
        return
    words = {
        "read": _("read"),
        "partial": _("read in part"),
        "absent": _("not there"),
        "denied": _("denied"),
        "unknown": _("unknown"),
    }
    yield ""
    yield canvas.block(2, (_("What was read:"), "dim"))
    for one in shown:
        glyph = {"read": "pass", "absent": "skip"}.get(one["status"], "unknown")
        why = f": {one['why']}" if one["why"] else ""
        mark = (canvas.glyph(glyph) + " ", STYLES[glyph])
        yield canvas.block(4, mark, one["name"], (f"  {words[one['status']]}{why}", "dim"), hang=2)


def _next(canvas: Canvas, record: Record) -> Iterator[Any]:
    yield ""
    if record["next"] is not None:
        mark = (canvas.glyph("next") + " " + _("Next:") + " ", "bold cyan")
        yield canvas.block(2, mark, record["next"]["text"], hang=2)
        yield from text_work.commands(canvas, [record["next"]["command"]], 6, "bold")
    else:
        yield canvas.block(2, canvas.glyph("next") + " " + _("What a cause is and how to look by hand:"), hang=2)
        yield canvas.line(6, f"kvmready explain {record['matches'][0]['cause']}", "bold")
    yield ""
