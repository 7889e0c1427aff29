"""The record as one page that needs nothing else: no script, no request, no font; it is read offline and printed.

The host is drawn as a stack with its guest on top; beside it stand the causes in the order in which to mend them, below
it every check. What comes from a host is text, whatever it holds (``markup``); the page forbids itself everything but
its own style.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kvmready import i18n
from kvmready.i18n import _
from kvmready.report import html_linux, story
from kvmready.report.canvas import WORDS
from kvmready.report.markup import Child, Markup, element, lines
from kvmready.report.story import duration
from kvmready.report.text_work import SHORT_ID
from kvmready.typed import Any

Record = Mapping[str, Any]

TAGS = {"en": "en", "zh": "zh-Hans"}
"""BCP 47 tags of the languages."""

ICONS = {
    # strokes on a grid of 16; each status has a shape of its own
    "pass": "M3.5 8.5l3 3 6-7",
    "warn": "M8 3.5v5.5M8 12v.5",
    "fail": "M4 4l8 8M12 4l-8 8",
    "blocked": "M8 3v9M4.5 8.5L8 12l3.5-3.5",
    "unknown": "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.5v.5",
    "skip": "M4 8h8",
    "guest": "M2.5 3.5h11v7h-11zM8 10.5v2.5M5 13h6",
    "next": "M3 8h10M9 4l4 4-4 4",
}

CROWNS = {"skip": "skip", "fail": "fail", "tcg": "warn", "kvm": "pass"}
"""The status whose look the guest has."""


def render(record: Record) -> str:
    """The record as one HTML document, newline at the end."""
    css = _style()
    _look, verdict = story.VERDICTS[record["verdict"]]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(css)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", f"{record['host']['hostname']}: {_(verdict)} · kvmready"),
        element("style", Markup(css)),
    )
    body = element(
        "body",
        _icons(),
        element("header", _host(record), _verdict(record)),
        element(
            "main",
            element("div", _stack(record), element("div", *_attention(record), class_="told"), class_="front"),
            *_plan(record),
            *_checks(record),
        ),
        element(
            "footer",
            element("span", f"kvmready {record['version']}"),
            element("time", record["taken_at"], datetime=record["taken_at"]),
        ),
    )
    page = element("html", Markup("\n"), head, Markup("\n"), body, Markup("\n"), lang=TAGS[i18n.language()])
    return f"<!DOCTYPE html>\n{page}\n"


def _style() -> str:
    import pkgutil

    data = pkgutil.get_data("kvmready.report", "page.css")
    if data is None:
        raise FileNotFoundError("kvmready/report/page.css")
    return data.decode("utf-8")


def _policy(css: str) -> str:
    """Nothing but this one style, known by its hash (CSP 3, 2.3.1): a style or a script that got in would not run."""
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _icons() -> Markup:
    drawn = (
        element("symbol", element("path", d=path), id=f"icon-{name}", viewBox="0 0 16 16")
        for name, path in ICONS.items()
    )
    return element("svg", *drawn, width="0", height="0", aria_hidden="true", class_="icons")


def _icon(name: str) -> Markup:
    return element("svg", element("use", href=f"#icon-{name}"), class_="icon", aria_hidden="true")


def _status(status: str) -> Markup:
    return element("span", _(WORDS[status]), class_=f"word {status}")


def _code(text: str) -> Markup:
    return element("code", text)


def _host(record: Record) -> Markup:
    host = record["host"]
    facts: list[tuple[str, Child]] = [
        (_("system"), story.system(record)),
        (_("kernel"), [host["kernel"], " · ", host["arch"]]),
        (_("machine"), story.machine(record)),
        (_("profile"), record["profile"]),
        (_("users"), ", ".join(record["users"]) or "–"),
        (_("acceleration"), record["acceleration"]["why"] or "–"),
    ]
    if record["only"]:
        facts.append((_("asked"), record["only"]))
    return element(
        "div",
        element("p", "kvmready", class_="brand"),
        element("h1", element("bdi", host["hostname"] or "–")),
        element("dl", [element("div", element("dt", name), element("dd", value)) for name, value in facts]),
        class_="host",
    )


def _verdict(record: Record) -> Markup:
    status, words = story.VERDICTS[record["verdict"]]
    move = record["next"]
    following: Child = None
    if move is not None:
        following = element(
            "div",
            element("p", element("strong", _("Next:")), " ", move["text"]),
            _shell([move["command"]]) if move["command"] is not None else None,
            class_="next",
        )
    return element(
        "section",
        element(
            "div",
            _icon(status),
            element("div", element("h2", _(words)), element("p", " · ".join(story.counts(record)))),
            class_="answer",
        ),
        following,
        class_=f"verdict {status}",
    )


def _stack(record: Record) -> Markup:
    crown, words = story.crown(record)
    slabs = [
        element(
            "li",
            element(
                "div",
                _icon("guest"),
                element("span", _("guest"), class_="name"),
                element("span", words, class_="said"),
                class_=f"slab guest {CROWNS[crown]} {crown}",
            ),
        )
    ]
    for layer in reversed(record["layers"]):
        status = layer["status"]
        asked = any(finding["layer"] == layer["id"] for finding in record["findings"])
        slab = element(
            "a" if asked else "div",
            _icon(status),
            element("span", layer["id"], class_="name"),
            _status(status),
            element("span", story.phrase(record, layer["id"], status), class_="said"),
            class_=f"slab {status}",
            href=f"#layer-{layer['id']}" if asked else None,
        )
        slabs.append(element("li", slab))
    return element(
        "section",
        element("h2", _("The host as a stack")),
        element("ol", slabs),
        element("p", story.system(record), " · ", record["host"]["arch"], class_="ground"),
        class_="stack",
    )


def _attention(record: Record) -> Iterator[Markup]:
    """What needs somebody's attention: causes first, then what could not be asked, then what was done and proved."""
    told: dict[str, int] = {}
    causes = story.paired(record)
    unknowns = story.unknowns(record)
    if causes:
        yield element("h2", _("Causes, in the order in which to mend them"))
        yield element(
            "ol", [_cause(record, number, *pair, told) for number, pair in enumerate(causes, 1)], class_="causes"
        )
    elif not unknowns and record["findings"] and story.crown(record)[0] != "fail":
        yield element("h2", _("Nothing to mend"))
        yield element("p", _("No check found a cause that keeps guests from running here."), class_="calm")
    if unknowns:
        yield element("h2", _("What could not be asked"))
        yield element("ol", [_unknown(finding) for finding in unknowns], class_="causes")
    if record["proof"] is not None:
        yield _proof(record["proof"])
    if record["run"] is not None:
        yield _run(record["run"])


def _cause(record: Record, number: int, cause: Record, own: list[Record], told: dict[str, int]) -> Markup:
    status = own[0]["status"]
    others = story.others(cause, own)
    also: Child = None
    if others:
        words = _("also explains {count}: {checks}") if len(others) > 1 else _("also explains {checks}")
        before, _found, after = words.format(count=len(others), checks="\0").partition("\0")
        also = element("p", before, _links(others), after, class_="also")
    return element(
        "li",
        element(
            "div",
            element("span", str(number), class_="number", aria_hidden="true"),
            element("h3", cause["summary"]),
            element("p", _status(status), " ", _code(cause["cause"]), class_="id"),
            class_="title",
        ),
        _evidence(story.evidence(own)),
        _remedy(cause["remedy"], story.mends(record, cause["cause"]), told, number),
        also,
        class_=f"card {status}",
    )


def _links(checks: Iterable[str]) -> Iterator[Child]:
    for place, check in enumerate(checks):
        yield ", " if place else None
        yield element("a", _code(check), href=f"#check-{check}")


def _unknown(finding: Record) -> Markup:
    return element(
        "li",
        element(
            "div",
            element("span", _icon("unknown"), class_="number", aria_hidden="true"),
            element("h3", finding["summary"]),
            element("p", _status("unknown"), " ", _code(finding["check"]), class_="id"),
            class_="title",
        ),
        _evidence(finding["evidence"]),
        _remedy(finding["remedy"], False, {}, 0),
        class_="card unknown",
    )


def _evidence(evidence: Iterable[Record]) -> Child:
    """What was seen; a source that said more than one thing is named once."""
    by_source: dict[str, list[str]] = {}
    for seen in evidence:
        by_source.setdefault(seen["source"], []).append(seen["text"])
    rows = [
        element(
            "div",
            element("dt", _code(source)),
            [element("dd", element("pre", lines(story.lines(text)))) for text in texts],
        )
        for source, texts in by_source.items()
    ]
    return element("dl", rows, class_="evidence") if rows else None


def _shell(commands: Iterable[Any]) -> Markup:
    return element("pre", element("code", lines(story.shell(commands).split("\n"))), class_="shell")


def _remedy(remedy: Record, planned: bool, told: dict[str, int], number: int) -> Child:
    """The way out; commands that ``told`` holds under an earlier cause's number are named by that number only."""
    if remedy["kind"] == "none":
        return None
    commands: Child = None
    if remedy["commands"]:
        same = told.setdefault(repr(remedy["commands"]), number)
        if same != number:
            commands = element("p", _("by the same commands as {number}").format(number=same), class_="same")
        else:
            commands = _shell(remedy["commands"])
    said = story.remedy(remedy["text"], remedy["kind"], planned)
    return element("div", element("p", _icon("next"), element("span", said)), commands, class_="remedy")


def _proof(proof: Record) -> Markup:
    status = "fail" if not proof["ok"] else "warn" if proof["accel"] == "tcg" else "pass"
    loud = _("EMULATION (TCG), NOT KVM: this proves everything but hardware acceleration.")
    return element(
        "section",
        element("h2", _("Proof")),
        element(
            "div",
            element("p", _icon(status), element("strong", proof["summary"]), class_="summary"),
            element("p", loud, class_="loud") if proof["accel"] == "tcg" else None,
            element("ol", [_proof_step(step) for step in proof["steps"]], class_="steps"),
            [element("p", _("the guest wrote:"), class_="same"), element("pre", lines(story.lines(proof["witness"])))]
            if proof["witness"]
            else None,
            list(html_linux.parts(proof["linux"])) if proof.get("linux") else None,
            element("p", _("its windows:"), " ", _code(proof["screenshot"]), class_="same")
            if proof.get("screenshot")
            else None,
            class_=f"card {status}",
        ),
    )


def _proof_step(step: Record) -> Markup:
    status = step["status"]
    return element(
        "li",
        element(
            "div",
            _icon(status),
            _code(step["id"]),
            _status(status),
            element("span", duration(step["seconds"]), class_="time"),
            class_=f"row {status}",
        ),
        _evidence(step["evidence"]) if status not in ("pass", "skip") else None,
    )


def _run(run: Record) -> Markup:
    if run["id"] is None:
        return element("section", element("h2", _("Run")), element("p", _("Nothing had to be changed."), class_="calm"))
    rows = []
    for step in run["steps"]:
        status = "pass" if step["status"] == "done" else "skip"
        took = duration(step["seconds"]) if status == "pass" else _("already done")
        inside = (_icon(status), element("span", step["summary"]), element("span", took, class_="time"))
        rows.append(element("li", element("div", *inside, class_=f"row {status}")))
    return element(
        "section",
        element("h2", _("Run {id}").format(id=run["id"])),
        element(
            "div",
            element("ol", rows, class_="steps"),
            element("p", _("To take it back:"), class_="same"),
            _shell([["kvmready", "undo", run["id"]]]),
            class_="card",
        ),
    )


def _plan(record: Record) -> Iterator[Markup]:
    """What ``up`` would do, where it has not been done just now."""
    plan = record["plan"]
    if plan is None or not plan["steps"] or record["run"] is not None:
        return
    count = len(plan["steps"])
    words = _("The plan {id}: 1 step") if count == 1 else _("The plan {id}: {count} steps")
    steps = [
        element(
            "li",
            element("h3", step["summary"]),
            _shell(step["commands"]) if step["commands"] else None,
            element("p", _icon("warn"), element("span", story.line(step["note"])), class_="note")
            if step["note"]
            else None,
        )
        for step in plan["steps"]
    ]
    title = element("h2", words.format(id=plan["id"][:SHORT_ID], count=count))
    notes = [element("p", _icon("warn"), element("span", note), class_="note") for note in plan.get("notes", ())]
    yield element("details", element("summary", title), *notes, element("ol", steps, class_="plan"), class_="fold")


def _checks(record: Record) -> Iterator[Markup]:
    """Every finding with its evidence, bottom up."""
    if not record["findings"]:
        return
    folds = []
    for layer in record["layers"]:
        own = [finding for finding in record["findings"] if finding["layer"] == layer["id"]]
        if own:
            folds.append(_layer(layer, own))
    yield element("section", element("h2", _("All checks, from the ground up")), *folds, class_="checks")


def _layer(layer: Record, findings: list[Record]) -> Markup:
    passed = sum(1 for finding in findings if finding["status"] == "pass")
    asked = sum(1 for finding in findings if finding["status"] != "skip")
    told = _("{passed} of {count} pass").format(passed=passed, count=asked) if asked else None
    return element(
        "details",
        element(
            "summary",
            _icon(layer["status"]),
            element("h3", layer["id"]),
            _status(layer["status"]),
            element("span", told, class_="time"),
            class_=layer["status"],
        ),
        element("ul", [_finding(finding) for finding in findings]),
        class_="fold layer",
        id=f"layer-{layer['id']}",
    )


def _finding(finding: Record) -> Markup:
    status = finding["status"]
    waits: Child = None
    if finding["blocked_by"]:
        before, _found, after = _("waits for {checks}").format(checks="\0").partition("\0")
        waits = element("p", before, _links(finding["blocked_by"]), after, class_="also")
    inside = (_evidence(finding["evidence"]), waits)
    row = (_icon(status), _code(finding["check"]), _status(status), element("span", finding["summary"], class_="said"))
    if any(inside):
        shown = element("details", element("summary", *row, class_=f"row {status}"), *inside)
    else:
        shown = element("div", *row, class_=f"row {status}")
    return element("li", shown, id=f"check-{finding['check']}")
