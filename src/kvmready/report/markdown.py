"""The record for an issue report: Markdown as GitHub and GitLab read it.

What comes from a host stands in code spans and fences that it cannot close; in prose, what Markdown, HTML or a forge
(``@name``, ``#1``) would read something into is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kvmready.i18n import _
from kvmready.report import story, text_linux
from kvmready.report.canvas import GLYPHS, WORDS, visible
from kvmready.report.story import duration
from kvmready.report.text_work import SHORT_ID
from kvmready.typed import Any

Record = Mapping[str, Any]

_SYNTAX = re.compile(r"[\\`*\[\]<>|~&#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What opens something in the middle of a line; an underscore inside a word opens nothing (CommonMark 0.31, 6.2)."""

_LINE_START = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))(.?)")
_SIGIL = re.compile(r"([@#])(?=\S)")
"""What every forge links, to people and to issues."""

_AUTOLINK = re.compile(r"(?i)\b(?:https?|ftp)(?=://)|\bwww(?=\.)")
"""What GFM makes a link of without being asked (6.9)."""

_WORD_JOINER = "&#8288;"
"""U+2060: it has no width, and no forge takes it for the beginning of a name."""


def render(record: Record) -> str:
    """The record as one Markdown document, newline at the end."""
    blocks = [
        *_head(record),
        *_stack(record),
        *_attention(record),
        *_next(record),
        *_run(record),
        *_proof(record),
        *_plan(record),
        *_findings(record),
        f"kvmready {prose(record['version'])} · {record['taken_at']}",
    ]
    return "\n\n".join(blocks) + "\n"


def prose(text: str, links: bool = False) -> str:
    """``text`` as nothing but text, on one line; ``links``: an address in it may be a link."""
    line = _SYNTAX.sub(r"\\\g<0>", visible(text).strip())
    if not line:
        return "–"
    line = _LINE_START.sub(lambda found: f"{found[1]}{_escaped_start(found[2], found[3])}", line)
    line = _SIGIL.sub(r"\1" + _WORD_JOINER, line)
    return line if links else _AUTOLINK.sub(r"\g<0>" + _WORD_JOINER, line)


def _escaped_start(mark: str, behind: str) -> str:
    return mark + "\\" + behind if mark.isdigit() else "\\" + mark + behind


def code(text: str) -> str:
    """``text`` as a code span that it cannot close (CommonMark 0.31, 6.1)."""
    line = visible(text)
    if not line.strip():
        return "–"
    ticks = "`" * (_longest(line) + 1)
    space = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def cell(text: str) -> str:
    """A code span in a table: a pipe ends the cell even there, unless it is escaped (GFM 4.10)."""
    return code(text).replace("|", "\\|")


def fence(lines: Iterable[str], language: str = "text") -> str:
    """Lines in a fence that none of them closes (CommonMark 0.31, 4.5)."""
    body = "\n".join(lines)
    ticks = "`" * max(3, _longest(body) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _status(status: str) -> str:
    return f"{GLYPHS[status][0]} {_(WORDS[status])}"


def _head(record: Record) -> Iterator[str]:
    host = record["host"]
    _look, verdict = story.VERDICTS[record["verdict"]]
    yield f"## {code(host['hostname'])}: {_(verdict)}"
    yield " · ".join(story.counts(record)) or _("Nothing was asked.")
    rows = [
        (_("system"), prose(story.system(record))),
        (_("kernel"), f"{cell(host['kernel'])} {cell(host['arch'])}"),
        (_("machine"), prose(story.machine(record))),
        (_("profile"), cell(record["profile"])),
        (_("users"), " ".join(map(cell, record["users"])) or "–"),
        (_("acceleration"), prose(record["acceleration"]["why"])),
    ]
    if record["only"]:
        rows.append((_("asked"), cell(record["only"])))
    yield _table((_("host"), cell(host["hostname"])), rows)


def _stack(record: Record) -> Iterator[str]:
    crown, words = story.crown(record)
    glyph = {"skip": "skip", "fail": "fail"}.get(crown, "guest")
    rows = [(_("guest"), GLYPHS[glyph][0], prose(words))]
    for layer in reversed(record["layers"]):
        said = story.phrase(record, layer["id"], layer["status"])
        rows.append((cell(layer["id"]), _status(layer["status"]), prose(said)))
    yield _table((_("layer"), _("status"), _("what was found")), rows)


def _attention(record: Record) -> Iterator[str]:
    told: dict[str, int] = {}
    causes = story.paired(record)
    if causes:
        yield "### " + _("Causes, in the order in which to mend them")
    for number, (cause, own) in enumerate(causes, 1):
        yield f"#### {number}. {GLYPHS[own[0]['status']][0]} {prose(cause['summary'])}"
        yield code(cause["cause"])
        yield from _evidence(story.evidence(own))
        yield from _remedy(cause["remedy"], story.mends(record, cause["cause"]), told, number)
        others = story.others(cause, own)
        if others:
            yield _("also explains {checks}").format(checks=", ".join(map(code, others)))
    unknowns = story.unknowns(record)
    if unknowns:
        yield "### " + _("What could not be asked")
    for finding in unknowns:
        yield f"#### {GLYPHS['unknown'][0]} {prose(finding['summary'])}"
        yield code(finding["check"])
        yield from _evidence(finding["evidence"])
        yield from _remedy(finding["remedy"], False, told, 0)


def _evidence(evidence: Iterable[Record]) -> Iterator[str]:
    lines = list(_evidence_lines(evidence))
    if lines:
        yield fence(lines)


def _evidence_lines(evidence: Iterable[Record]) -> Iterator[str]:
    for seen in evidence:
        first, *more = story.lines(seen["text"])
        yield f"{visible(seen['source'])}: {first}"
        yield from ("  " + line for line in more)


def _remedy(remedy: Record, planned: bool, told: dict[str, int], number: int) -> Iterator[str]:
    """The way out; commands that ``told`` holds under an earlier cause's number are named by that number only."""
    if remedy["kind"] == "none":
        return
    yield "**→** " + prose(story.remedy(remedy["text"], remedy["kind"], planned), links=True)
    if not remedy["commands"]:
        return
    same = told.setdefault(repr(remedy["commands"]), number)
    if same != number:
        yield _("by the same commands as {number}").format(number=same)
    else:
        yield fence(story.shell(remedy["commands"]).splitlines(), "sh")


def _next(record: Record) -> Iterator[str]:
    move = record["next"]
    if move is not None:
        yield f"**{_('Next:')}** {prose(move['text'])}"
        if move["command"] is not None:
            yield fence([story.shell([move["command"]])], "sh")


def _run(record: Record) -> Iterator[str]:
    run = record["run"]
    if run is None:
        return
    if run["id"] is None:
        yield _("Nothing had to be changed.")
        return
    yield "### " + _("Run {id}").format(id=prose(run["id"]))
    yield "\n".join(f"- {'✓' if step['status'] == 'done' else '·'} {prose(step['summary'])}" for step in run["steps"])
    yield _("To take it back:")
    yield fence([story.shell([["kvmready", "undo", run["id"]]])], "sh")


def _proof(record: Record) -> Iterator[str]:
    proof = record["proof"]
    if proof is None:
        return
    yield "### " + _("Proof")
    yield f"**{prose(proof['summary'])}**"
    if proof["accel"] == "tcg":
        yield f"**{prose(_('EMULATION (TCG), NOT KVM: this proves everything but hardware acceleration.'))}**"
    rows = [(cell(step["id"]), _status(step["status"]), duration(step["seconds"])) for step in proof["steps"]]
    if rows:
        yield _table((_("step"), _("status"), _("time")), rows)
    for step in proof["steps"]:
        if step["status"] not in ("pass", "skip"):
            yield from _evidence(step["evidence"])
    if proof["witness"]:
        yield _("the guest wrote:")
        yield fence(story.lines(proof["witness"]))
    if proof.get("linux"):
        yield from _linux(proof["linux"])
    if proof.get("screenshot"):
        yield f"{_('its windows:')} {code(proof['screenshot'])}"


def _linux(linux: Record) -> Iterator[str]:
    yield f"#### {_('Linux guest')}"
    yield prose(" · ".join(text_linux.told(linux)))
    if linux["boot"]:
        yield f"{_('Start')}: {prose(text_linux.phases(linux))}"
    if linux["figures"]:
        heads, rows = text_linux.table(linux["figures"])
        judged = [text_linux.judged(one) for one in linux["figures"]]
        shown = [(*map(cell, row), words) for row, (_status, words) in zip(rows, judged)]
        yield _table((*heads, _("judged")), shown)
        yield prose(text_linux.normal())


def _plan(record: Record) -> Iterator[str]:
    plan = record["plan"]
    if plan is None or not plan["steps"] or record["run"] is not None:
        return
    count = len(plan["steps"])
    words = _("The plan {id}: 1 step") if count == 1 else _("The plan {id}: {count} steps")
    yield f"<details>\n<summary>{words.format(id=plan['id'][:SHORT_ID], count=count)}</summary>"
    for note in plan.get("notes", ()):
        yield f"**!** {prose(note)}"
    for number, step in enumerate(plan["steps"], 1):
        yield f"**{number}.** {prose(step['summary'])}"
        if step["commands"]:
            yield fence(story.shell(step["commands"]).splitlines(), "sh")
        if step["note"]:
            yield f"**!** {prose(story.line(step['note']))}"
    yield "</details>"


def _findings(record: Record) -> Iterator[str]:
    findings = record["findings"]
    if not findings:
        return
    words = _("1 check with its evidence") if len(findings) == 1 else _("All {count} checks with their evidence")
    yield f"<details>\n<summary>{words.format(count=len(findings))}</summary>"
    for layer in record["layers"]:
        own = [finding for finding in findings if finding["layer"] == layer["id"]]
        if own:
            yield f"#### {code(layer['id'])}"
            rows = [(cell(f["check"]), _status(f["status"]), prose(f["summary"])) for f in own]
            yield _table((_("check"), _("status"), _("what was found")), rows)
            yield from _evidence(story.evidence(own))
    yield "</details>"
