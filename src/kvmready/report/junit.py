"""The record for pipelines: JUnit XML, one suite a layer with one case a check, and one suite for the proof.

The document is red exactly where the verdict is: a ``fail`` is a failure; an ``unknown`` is an error where the verdict
rests on that answer and skipped where it does not; a ``blocked`` check is skipped, since what it waits for is red
itself, and an error where that is not in the document. It keeps to what both the schema of Jenkins' xUnit plugin
(junit-10.xsd) and the stricter one of Ant's report (JUnit.xsd of windyroad) allow: no attributes on ``testsuites``,
a time without a zone (UTC), and what a suite wants to say beyond its cases in ``system-out``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvmready.checks.engine import ADVISORY, ESSENTIAL
from kvmready.i18n import _
from kvmready.report import story
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Record = Mapping[str, Any]

PACKAGE = "kvmready"
KINDS = ("failure", "error", "skipped")


def render(record: Record, strict: bool = False) -> str:
    """The record as one XML document, newline at the end. ``strict``: warnings and all unknowns are red too."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites")
    shown = {finding["check"] for finding in record["findings"]}
    for layer in record["layers"]:
        findings = [finding for finding in record["findings"] if finding["layer"] == layer["id"]]
        if findings:
            cases = [_check(finding, shown, strict) for finding in findings]
            notes = [story.lines(f["summary"])[0] for f in findings if f["status"] == "warn" and not strict]
            _suite(root, record, layer["id"], cases, notes)
    if record["proof"] is not None:
        _proof(root, record)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _suite(root: Element, record: Record, name: str, cases: Sequence[Element], notes: Iterable[str]) -> None:
    from xml.etree import ElementTree

    host = _line(record["host"]["hostname"]).strip() or "localhost"
    counted = {kind: str(sum(1 for case in cases if case.find(kind) is not None)) for kind in KINDS}
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {
            "id": str(len(root)),
            "package": PACKAGE,
            "name": f"{PACKAGE}.{name}",
            "hostname": host,
            "timestamp": record["taken_at"].split(".")[0].rstrip("Z"),
            "tests": str(len(cases)),
            "failures": counted["failure"],
            "errors": counted["error"],
            "skipped": counted["skipped"],
            "time": f"{sum(float(case.attrib['time']) for case in cases):.3f}",
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in _properties(record):
        ElementTree.SubElement(properties, "property", {"name": key, "value": _line(value)})
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = "\n".join(notes)
    ElementTree.SubElement(suite, "system-err")


def _properties(record: Record) -> list[tuple[str, str]]:
    host = record["host"]
    found = [
        ("verdict", record["verdict"]),
        ("profile", record["profile"]),
        ("users", ", ".join(record["users"])),
        ("host", host["hostname"]),
        ("os", story.system(record)),
        ("arch", host["arch"]),
        ("kernel", host["kernel"]),
        ("machine", host["machine"]),
        ("hypervisor", host["hypervisor"] or ""),
        ("acceleration", record["acceleration"]["state"]),
        ("version", record["version"]),
        ("taken_at", record["taken_at"]),
    ]
    if record["run"] is not None and record["run"]["id"]:
        found.append(("run", record["run"]["id"]))
    if record["proof"] is not None:
        proof = record["proof"]
        found += [("proof.level", proof["level"]), ("proof.accel", proof["accel"]), ("proof.user", proof["user"] or "")]
    return found


def _check(finding: Record, shown: Iterable[str], strict: bool) -> Element:
    case = _case(finding["layer"], finding["check"], 0.0)
    status = finding["status"]
    if status == "fail" or (status == "warn" and strict):
        _red(case, "failure", finding["cause"], finding["summary"], _text(finding))
    elif status == "unknown":
        if finding["check"] in ESSENTIAL or (strict and finding["check"] not in ADVISORY):
            _red(case, "error", "unknown", finding["summary"], _text(finding))
        else:
            _skipped(case, finding["summary"], _text(finding))
    elif status == "blocked":
        waits = _("waits for {checks}").format(checks=", ".join(finding["blocked_by"]))
        if any(check in shown for check in finding["blocked_by"]):
            _skipped(case, waits, _text(finding))
        else:
            _red(case, "error", "blocked", waits, _text(finding))
    elif status == "skip":
        _skipped(case, finding["summary"], "")
    return case


def _proof(root: Element, record: Record) -> None:
    proof = record["proof"]
    cases = []
    for step in proof["steps"]:
        case = _case("proof", step["id"], step["seconds"])
        evidence = "\n".join(_evidence(step["evidence"]))
        summary = step["evidence"][0]["text"] if step["evidence"] else step["id"]
        if step["status"] == "fail":
            _red(case, "failure", step["cause"] or "proof.failed", summary, evidence)
        elif step["status"] == "unknown" and not proof["ok"]:
            _red(case, "error", "unknown", summary, evidence)
        elif step["status"] in ("unknown", "skip"):
            _skipped(case, summary, evidence)
        cases.append(case)
    if not proof["ok"] and not any(case.find(kind) is not None for case in cases for kind in KINDS[:2]):
        case = _case("proof", f"{proof['wanted']}.reached", 0.0)
        _red(case, "failure", "proof.failed", proof["summary"], "")
        cases.append(case)
    notes = [story.lines(proof["summary"])[0]]
    if proof["witness"]:
        notes += [_("the guest wrote:"), *story.lines(proof["witness"])]
    _suite(root, record, "proof", cases, notes)


def _case(group: str, name: str, seconds: float) -> Element:
    from xml.etree import ElementTree

    attributes = {"classname": f"{PACKAGE}.{group}", "name": _line(name), "time": f"{seconds:.3f}"}
    return ElementTree.Element("testcase", attributes)


def _red(case: Element, tag: str, kind: str, message: str, text: str) -> None:
    from xml.etree import ElementTree

    ElementTree.SubElement(case, tag, {"type": kind, "message": _line(message)}).text = text


def _skipped(case: Element, message: str, text: str) -> None:
    from xml.etree import ElementTree

    ElementTree.SubElement(case, "skipped", {"message": _line(message)}).text = text


def _text(finding: Record) -> str:
    """Summary, evidence and the way out, as a person reads it in the pipeline's page."""
    said = story.lines(finding["summary"]) + _evidence(finding["evidence"])
    if finding["remedy"]["text"]:
        said += story.lines(finding["remedy"]["text"])
    said += ["  " + line for line in story.shell(finding["remedy"]["commands"]).splitlines()]
    return "\n".join(said)


def _evidence(evidence: Iterable[Record]) -> list[str]:
    said = []
    for seen in evidence:
        first, *more = story.lines(seen["text"])
        said += [f"{_line(seen['source'])}: {first}", *("  " + line for line in more)]
    return said


def _line(text: str) -> str:
    """``text`` on one line, without what XML 1.0 forbids in a document (control characters, lone surrogates)."""
    return " ".join(story.lines(text))
