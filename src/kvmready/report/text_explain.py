"""Explanations for people: the stack as a picture, the table of all names, and one explanation with its commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kvmready.i18n import N_, _
from kvmready.report.canvas import STYLES, Canvas, cells
from kvmready.typed import Any, TextIO

Record = Mapping[str, Any]

KINDS = {"layer": N_("layer"), "check": N_("check"), "cause": N_("cause")}

MARKS = {"auto": ("+", "green"), "either": ("~", "yellow"), "manual": ("-", "dim")}
"""What stands before a cause in the table, and its style; a legend says it in words."""

_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+|['"]\S*""")
"""A word of a command line with its quotes: a line may be broken between words, never inside of quotes."""


def stack(record: Record, stream: TextIO) -> None:
    """Draw the layers between the ground and the guest, each with what it is for, and how to go on."""
    canvas = Canvas(stream)
    canvas.write(_stack(canvas, record))


def ids(record: Record, stream: TextIO) -> None:
    """Draw all ids, layer by layer."""
    canvas = Canvas(stream)
    canvas.write(_ids(canvas, record))


def explanation(record: Record, stream: TextIO) -> None:
    """Draw one explanation."""
    canvas = Canvas(stream)
    canvas.write(_explanation(canvas, record))


def _stack(canvas: Canvas, record: Record) -> Iterator[Any]:
    names = max(cells(one["id"]) for one in record["layers"]) + 2
    yield ""
    guest = canvas.padded(_("guest"), names, "bold green")
    yield canvas.block(
        2, (canvas.glyph("guest") + "  ", "bold green"), guest, _("a computer in software"), hang=names + 3
    )
    yield canvas.rule("line")
    for one in reversed(record["layers"]):
        yield canvas.block(5, canvas.padded(one["id"], names, "bold"), one["purpose"], hang=names)
    yield canvas.rule("ground")
    yield ""
    yield canvas.block(
        2, _("A guest needs all of it, from the ground up: where a layer is broken, those above it cannot work.")
    )
    yield ""
    for text, command in (
        (_("A layer:"), "kvmready explain kernel"),
        (_("A check or a cause, as a report names it:"), "kvmready explain kernel.kvm-device"),
        (_("All names:"), "kvmready explain --list"),
        (_("How it stands on this host:"), "kvmready check"),
    ):
        yield canvas.block(2, canvas.glyph("next") + " " + text, hang=2)
        yield canvas.line(6, command, "bold")
    yield ""


def _ids(canvas: Canvas, record: Record) -> Iterator[Any]:
    column = max(cells(one["id"]) for key in ("checks", "causes") for one in record[key]) + 2
    wide = canvas.width - column >= 40
    for layer in record["layers"]:
        yield ""
        yield canvas.block(2, (layer["id"], "bold underline"), "  " + layer["title"], hang=2)
        for key, heading in (("checks", _("checks:")), ("causes", _("causes:"))):
            rows = [one for one in record[key] if one["layer"] == layer["id"]]
            if rows:
                yield canvas.block(2, (heading, "dim"))
            for one in rows:
                mark, style = MARKS.get(one.get("kind", ""), (" ", ""))
                bold = "bold" if key == "causes" else ""
                if wide:
                    name = canvas.padded(one["id"], column, bold)
                    yield canvas.block(2, (mark + " ", style), name, one["title"], hang=column + 2)
                else:
                    yield canvas.block(2, (mark + " ", style), (one["id"], bold))
                    yield canvas.block(6, one["title"])
    yield ""
    yield canvas.block(2, ("+ " + _("kvmready up can mend it"), "green"))
    yield canvas.block(2, ("~ " + _("kvmready up can mend a part of it"), "yellow"))
    yield canvas.block(2, ("- " + _("only a person can mend it"), "dim"))
    yield ""


def _explanation(canvas: Canvas, record: Record) -> Iterator[Any]:
    yield ""
    word = KINDS[record["kind"]]
    kind = _(word)
    if record["kind"] != "layer":
        kind += canvas.glyph("between") + _("layer {layer}").format(layer=record["layer"])
    yield canvas.block(2, (record["id"], "bold"), ("  " + kind, "dim"))
    yield canvas.block(2, record["title"])
    yield from _prose(canvas, _("What is wrong"), record["wrong"])
    yield from _prose(canvas, _("What it is"), record["what"])
    yield from _prose(canvas, _("Why a guest needs it"), record["why"])
    if record["look"]:
        yield from _heading(canvas, _("Look by hand"))
        for look in record["look"]:
            yield from _look(canvas, look)
    yield from _heading(canvas, _("How to mend it"))
    for number, mend in enumerate(record["mend"]):
        if number:
            yield ""
        yield from _mend(canvas, mend, record["kind"] == "check")
    for row in record["table"]:
        yield canvas.block(4, (row["name"], "bold"))
        yield canvas.block(6, row["text"])
    yield from _names(canvas, record)
    yield from _heading(canvas, _("Read more"))
    for one in record["more"]:
        yield canvas.line(4, one if "://" in one else _man(one))
    yield ""
    yield canvas.block(2, (_legend(canvas), "dim"))
    yield ""


def _legend(canvas: Canvas) -> str:
    words = _("{good} good, {bad} bad; $ as any user, # as root")
    return words.format(good=canvas.glyph("pass"), bad=canvas.glyph("fail"))


def _man(page: str) -> str:
    name, _bracket, section = page.rstrip(")").partition("(")
    return f"man {section} {name}"


def _heading(canvas: Canvas, text: str) -> Iterator[Any]:
    yield ""
    yield canvas.block(2, (text, "bold cyan"))


def _prose(canvas: Canvas, heading: str, sentences: Sequence[str]) -> Iterator[Any]:
    if sentences:
        yield from _heading(canvas, heading)
        for sentence in sentences:
            yield canvas.block(4, sentence)


def _look(canvas: Canvas, look: Record) -> Iterator[Any]:
    yield from command(canvas, look, 4)
    for key, glyph in (("good", "pass"), ("bad", "fail")):
        for number, line in enumerate(look[key].splitlines()):
            mark = canvas.glyph(glyph) if not number else " "
            drawn = canvas.text(" " * 6, (mark + " ", STYLES[glyph]), (line, "dim" if key == "bad" else ""))
            drawn.no_wrap = True
            drawn.overflow = "ignore"
            yield drawn
    if look["note"]:
        yield canvas.block(6, look["note"])


def _mend(canvas: Canvas, mend: Record, named: bool) -> Iterator[Any]:
    if named:
        yield canvas.block(4, (mend["cause"], "bold"), "  " + mend["title"], hang=2)
    if mend["text"]:
        yield canvas.block(4, mend["text"])
    for step in mend["do"]:
        yield canvas.block(4, (canvas.glyph("next") + " ", "bold"), step["text"], hang=2)
        for one in step["commands"]:
            yield from command(canvas, one, 8)


def command(canvas: Canvas, said: Record, indent: int) -> Iterator[Any]:
    """A command behind its prompt; a line too long for the terminal is broken so that it can still be pasted."""
    prompt = {"root": "# ", "user": "$ ", "text": "  "}[said["as"]]
    lines = [said["command"]]
    if said["as"] != "text":
        lines = _broken(said["command"], canvas.width - indent - 2)
    for number, line in enumerate(lines):
        drawn = canvas.text(" " * indent, (prompt if not number else "  ", "dim"), (line, "bold"))
        if said["aside"] and number == len(lines) - 1:
            drawn.append_text(canvas.text((f"  ({said['aside']})", "dim")))
        drawn.no_wrap = True
        drawn.overflow = "ignore"
        yield drawn


def _broken(command: str, width: int) -> list[str]:
    if cells(command) <= width:
        return [command]
    lines: list[str] = []
    for word in _WORD.findall(command):
        if lines and cells(lines[-1]) + 1 + cells(word) <= width - 2:
            lines[-1] += " " + word
        else:
            lines.append(word if not lines else "  " + word)
    return [line + " \\" for line in lines[:-1]] + lines[-1:]


def _names(canvas: Canvas, record: Record) -> Iterator[Any]:
    """Where to go from here: the checks and causes that belong to it."""
    for key, heading in (("checks", _("Its checks")), ("causes", _("Its causes"))):
        if record["kind"] == "cause":
            heading = {"checks": _("Found by"), "causes": _("Related causes")}[key]
        elif record["kind"] == "check":
            heading = {"checks": _("Related checks"), "causes": ""}[key]
        if record[key] and heading:
            yield from _heading(canvas, heading)
            yield from _listed(canvas, record[key])


def _listed(canvas: Canvas, names: Iterable[str]) -> Iterator[Any]:
    for name in names:
        yield canvas.line(4, name)
