"""What the words of a text and the findings of a host say together: the causes, most likely first.

The score of a cause, of 0 to 1, can be told by hand. Words of weight w speak for it with (1 - 0.75 ** w) times the
share in which these words mean this cause; several different sayings add up as independent witnesses do. A check of
this host that names the cause takes three quarters of the doubt that is left; checks that name it and pass halve the
score. Without any words, a failed check alone counts 0.6 and a warning 0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvmready.i18n import _
from kvmready.knowledge.match import Sighting, sightings
from kvmready.knowledge.reading import Reading
from kvmready.typed import Any

SCHEMA = "kvmready.diagnosis/1"

HOST_FOR = 0.25
"""The doubt that is left of the doubt when this host's check names the cause."""

HOST_AGAINST = 0.5
HOST_ALONE = {"fail": 0.6, "warn": 0.4}
LEAST = 0.2
"""What scores lower is no answer."""

QUOTES = 3
"""Quotations that are shown of one cause, those that tell most."""

LONGEST = 300
"""Characters of one quotation."""

Record = Mapping[str, Any]


def of(
    readings: Sequence[Reading], report: Record | None, sources: Sequence[Record] = (), host_alone: bool = False
) -> dict[str, Any]:
    """The diagnosis as in ``report/diagnosis.json``.

    ``report`` is the record of a look at the host, None where it was not asked. ``host_alone``: its root causes are
    named without any words for them, too. ``sources`` say what was read, and what could not be.
    """
    from kvmready.knowledge.catalogue import CATALOGUE
    from kvmready.knowledge.symptoms import ALL

    seen: dict[str, list[Sighting]] = {}
    whole = (reading.unwrapped() for reading in readings)
    for reading in (*readings, *(one for one in whole if one is not None)):
        for one in sightings(reading, ALL):
            for cause in (one.symptom.cause, *one.symptom.also):
                seen.setdefault(cause, []).append(one)
    named = [root["cause"] for root in report["root_causes"]] if report is not None and host_alone else []
    order = list(CATALOGUE)
    matches = [_match(cause, seen.get(cause, []), report) for cause in dict.fromkeys((*seen, *named))]
    matches = [one for one in matches if one["score"] >= LEAST]
    matches.sort(key=lambda one: (-one["score"], order.index(one["cause"])))
    return {
        "schema": SCHEMA,
        "sources": [dict(source) for source in sources],
        "host_asked": report is not None,
        "matches": matches,
        "next": None if matches else _record_it(),
    }


def share(one: Sighting, cause: str) -> float:
    """How often the words of a sighting mean ``cause``."""
    return one.symptom.share if one.symptom.cause == cause else one.symptom.also[cause]


def _match(cause: str, found: Sequence[Sighting], report: Record | None) -> dict[str, Any]:
    from kvmready.knowledge.catalogue import CATALOGUE

    told = _told(cause, found)
    doubt = 1.0
    for _one, score in told:
        doubt *= 1.0 - score
    score = 1.0 - doubt
    host = [] if report is None else _host(cause, report)
    speaks = {one["speaks"] for one in host}
    if "for" in speaks:
        score = 1.0 - (1.0 - score) * HOST_FOR if told else _alone(cause, report)
    elif speaks == {"against"}:
        score *= HOST_AGAINST
    return {
        "cause": cause,
        "layer": CATALOGUE[cause].layer,
        "title": _(CATALOGUE[cause].title),
        "score": round(score, 2),
        "because": [*_quotes(told), *host],
        "remedy": _remedy(cause, report),
    }


def _told(cause: str, found: Iterable[Sighting]) -> list[tuple[Sighting, float]]:
    """One sighting of each saying, with what it is worth for ``cause``; the strongest first."""
    best: dict[tuple[str, ...], tuple[Sighting, float]] = {}
    for one in found:
        worth = one.score * share(one, cause)
        says = one.symptom.says
        if says not in best or worth > best[says][1]:
            best[says] = (one, worth)
    return sorted(best.values(), key=lambda pair: -pair[1])


def _quotes(told: Sequence[tuple[Sighting, float]]) -> list[dict[str, Any]]:
    quotes = []
    for one, worth in told[:QUOTES]:
        place = one.reading.place(one.begin, one.end)
        quotes.append(
            {
                "speaks": "for",
                "from": "text",
                "source": one.reading.name,
                "line": place.line,
                "column": place.column,
                "text": place.text[:LONGEST],
                "check": None,
                "weight": round(worth, 2),
                "wording": one.symptom.source,
            }
        )
    return quotes


def _host(cause: str, report: Record) -> list[dict[str, Any]]:
    """What the checks that may name ``cause`` say of this host: those that do, else those that pass, else the rest.

    A check that was skipped says why: nobody was named who will run guests, or the profile does not ask for it.
    """
    by_id = {finding["check"]: finding for finding in report["findings"]}
    naming = [finding for finding in report["findings"] if finding["cause"] == cause]
    if naming:
        return [_said(finding, "for") for finding in naming]
    asked = [by_id[check] for check in checks_of(cause) if check in by_id]
    passing = [finding for finding in asked if finding["status"] == "pass"]
    open_ = [finding for finding in asked if finding["status"] in ("unknown", "blocked")]
    if passing and not open_ and len(passing) == len([one for one in asked if one["status"] != "skip"]):
        return [_said(finding, "against") for finding in passing]
    return [_said(finding, "unknown") for finding in open_ or ([] if passing else asked)]


def checks_of(cause: str) -> list[str]:
    """The checks that may name ``cause``."""
    from kvmready.knowledge import explain

    named: list[str] = explain.about(cause)["checks"]
    return named


def _said(finding: Record, speaks: str) -> dict[str, Any]:
    return {
        "speaks": speaks,
        "from": "host",
        "source": finding["check"],
        "line": None,
        "column": None,
        "text": finding["summary"],
        "check": finding["check"],
        "weight": None,
        "wording": None,
    }


def _alone(cause: str, report: Record | None) -> float:
    findings = [] if report is None else report["findings"]
    return max((HOST_ALONE.get(one["status"], 0.0) for one in findings if one["cause"] == cause), default=0.0)


def _remedy(cause: str, report: Record | None) -> dict[str, Any]:
    """This host's own way out where one of its findings has it, else that of ``kvmready explain``."""
    for root in () if report is None else (*report["root_causes"], *report["findings"]):
        if root["cause"] == cause and root["remedy"]["kind"] != "none":
            return {**root["remedy"], "from": "host", "steps": []}
    from kvmready.knowledge import explain

    known = explain.about(cause)
    mend = known["mend"][0]
    kind = "manual" if known["remedy"] == "manual" else "automatic"
    return {"kind": kind, "text": mend["text"], "commands": [], "from": "explain", "steps": mend["do"]}


def _record_it() -> dict[str, Any]:
    return {
        "text": _("Record the host and report it with the text, so that it is known next time."),
        "command": ["kvmready", "check", "--record", "host.json", "--scrub"],
    }
