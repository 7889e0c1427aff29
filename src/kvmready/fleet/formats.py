"""The record of a fleet as documents: JSON, CSV, Markdown, JUnit and one page. Each is given out in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kvmready.checks.finding import LAYERS
from kvmready.fleet import summary, words
from kvmready.fleet.records import Index
from kvmready.fleet.row import Row
from kvmready.i18n import _
from kvmready.report.canvas import GLYPHS, visible


def render(index: Index, name: str) -> Iterator[str]:
    """The document of that format, ``html`` or one of ``FORMATS``."""
    if name == "html":
        from kvmready.fleet import page

        return iter((page.render(index),))
    return FORMATS[name](index)


def as_json(index: Index) -> Iterator[str]:
    """``kvmready.fleet/1`` with what is counted of it."""
    import json

    document = {
        "schema": "kvmready.fleet/1",
        "id": index.id,
        "action": index.action,
        "began": index.began,
        "ended": index.ended,
        "version": index.version,
        "ok": index.ok,
        "outcomes": summary.outcomes(index.rows),
        "layers": summary.layers(index.rows),
        "causes": [{**cause._asdict(), "hosts": list(cause.hosts)} for cause in summary.causes(index.rows)],
        "rows": [row._asdict() for row in index.rows],
    }
    yield json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def as_csv(index: Index) -> Iterator[str]:
    """A line for each host (RFC 4180). What a spreadsheet would take for a formula begins with a quote."""
    import csv
    import io

    columns = ("host", "outcome", "message", "seconds", "changed", "plan", "os", "version", *LAYERS, "causes")
    for row in (None, *index.rows):
        line = io.StringIO()
        cells: tuple[object, ...] = columns
        if row is not None:
            own = (row.host, row.outcome, row.message, row.seconds, str(row.changed).lower())
            layers = (row.layers.get(layer, "") for layer in LAYERS)
            cells = (*own, row.plan, row.os, row.version, *layers, " ".join(row.causes))
        csv.writer(line).writerow([_cell(cell) for cell in cells])
        yield line.getvalue()


def _cell(value: object) -> object:
    """OWASP, CSV injection: a cell that begins like a formula is carried out where it is opened."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def as_markdown(index: Index) -> Iterator[str]:
    """For an issue or a page of a wiki: what was found, the table of hosts and layers, the causes."""
    title = f"{words.hosts(len(index.rows))} · fleet {index.action} · {words.counted(index.rows)}"
    yield f"## {title}\n\n{index.began} · {_md(index.id)}\n\n"
    found = summary.causes(index.rows)
    if found:
        yield f"| {_('hosts')} | {_('cause')} | |\n|---:|---|---|\n"
        for cause in found:
            yield f"| {len(cause.hosts)} | `{cause.id}` | {_md(cause.summary)} |\n"
        yield "\n"
    yield f"| {_('host')} | {_('outcome')} | {' | '.join(LAYERS)} | |\n|---|---|{'---|' * len(LAYERS)}---|\n"
    for row in index.rows:
        marks = " | ".join(GLYPHS[row.layers[layer]][0] if row.layers else " " for layer in LAYERS)
        yield f"| {_md(row.host)} | {words.outcome(row.outcome)} | {marks} | {_md(row.message)} |\n"


def _md(text: str) -> str:
    """Text that Markdown leaves as it is, on one line of a table (CommonMark 2.4; a bar ends a cell)."""
    import re

    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", visible(text))


def as_junit(index: Index) -> Iterator[str]:
    """A suite for each host, a case for each layer, or one for a host that sent no report. Red where a host is."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    for number, row in enumerate(index.rows):
        yield _suite(index, number, row) + "\n"
    yield "</testsuites>\n"


def _suite(index: Index, number: int, row: Row) -> str:
    from xml.etree import ElementTree

    cases = [_layer(row, layer) for layer in LAYERS if layer in row.layers]
    red = sum(1 for _name, kind, _said in cases if kind == "failure")
    if not row.ok and not red:
        cases.append(("host", "failure" if row.outcome == "not-ready" else "error", row.message))
    elif not cases:
        cases.append(("host", "", ""))
    suite = ElementTree.Element(
        "testsuite",
        {
            "id": str(number),
            "package": "kvmready.fleet",
            "name": _xml(row.host),
            "hostname": _xml(row.host),
            "timestamp": index.began.rstrip("Z"),
            "tests": str(len(cases)),
            **{f"{kind}s": str(sum(1 for c in cases if c[1] == kind)) for kind in ("failure", "error")},
            "skipped": str(sum(1 for c in cases if c[1] == "skipped")),
            "time": f"{row.seconds:.3f}",
        },
    )
    ElementTree.SubElement(suite, "properties")
    for name, kind, said in cases:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": _xml(f"kvmready.{row.host}"), "name": name, "time": "0.000"}
        )
        if kind == "skipped":
            ElementTree.SubElement(case, "skipped")
        elif kind:
            ElementTree.SubElement(case, kind, {"type": row.outcome, "message": _xml(said)})
    ElementTree.SubElement(suite, "system-out")
    ElementTree.SubElement(suite, "system-err")
    return ElementTree.tostring(suite, "unicode")


def _layer(row: Row, layer: str) -> tuple[str, str, str]:
    """A layer as a case: its name, how it is counted, and what is said. A host that is ready is green in all."""
    status = row.layers[layer]
    said = next((text for cause, text in row.causes.items() if cause.split(".")[0] == layer), row.message)
    if status == "fail":
        return layer, "" if row.ok else "failure", said
    return layer, "skipped" if status in ("skip", "blocked", "unknown") else "", said


def _xml(text: str) -> str:
    """What XML 1.0 can hold of it (2.2)."""
    return "".join(
        c if c in "\t" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "?" for c in text
    )


FORMATS: dict[str, Callable[[Index], Iterator[str]]] = {
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
    "junit": as_junit,
}
