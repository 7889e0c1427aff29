"""Recorded hosts: a new host costs a file here and no code.

``recordings/NAME.json`` is what ``kvmready check --record`` wrote on a real host, without what no fact reads, and with
other words for what tells whose machine it was (kernel release and command line). ``NAME.json`` here is a host of the
tests: a recording or another host that it is based on, the answers that differ, and what must be found. A host that
was broken on purpose and recorded is kept as its differences too (``record.py --based-on``)::

    {"based_on": "recordings/debian-12-ready.json",
     "made": "recorded" | "edited by hand: why, or from which report",
     "asked_for": {"users": ["alice"]},                       (differences only)
     "answers": [{"ask": {…}, "answer": {…}},                 (a whole answer, new or instead of the one below)
                 {"like": "dmesg", "set": {"stdout": "…"}},   (the one question with these words: fields of its answer)
                 {"like": "virsh", "replace": [["old", "new"]]},            (words of its answer)
                 {"like": "/sys/class/misc", "without": ["kvm"]}],          (items of its answer's lists)
     "expect": {"verdict": "not-ready", "root_causes": ["kernel.module-not-loaded"],
                "statuses": {"kernel.modules": "fail"}}}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kvmready.facts.names import Want
from kvmready.host.recording import SCHEMA, key
from kvmready.host.replay import ReplayHost

FOLDER = Path(__file__).parent
KEYS = {"based_on", "made", "asked_for", "answers", "expect"}
EXPECTED = {"verdict", "root_causes", "statuses"}
TAKEN_AT = "2026-01-01T00:00:00Z"


class BadHost(Exception):
    """A host file that does not say what it must, or that edits an answer that is not there."""


class RecordedHost(NamedTuple):
    """A host of the tests: its name, how its answers came to be, its recording, and what must be found."""

    name: str
    made: str
    recording: dict[str, Any]
    expect: dict[str, Any]

    @property
    def door(self) -> ReplayHost:
        return ReplayHost(self.recording, self.name)

    @property
    def want(self) -> Want:
        asked_for = self.recording["asked_for"]
        lists = {name: tuple(asked_for.get(name, ())) for name in ("users", "autostart")}
        return Want(**{**asked_for, **lists})


def names() -> list[str]:
    """Every host file, without its suffix."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def recordings() -> list[str]:
    return sorted(f"recordings/{path.name}" for path in (FOLDER / "recordings").glob("*.json"))


def load(name: str) -> RecordedHost:
    """The host of that name. Raises BadHost."""
    document = _read(f"{name}.json")
    _must(set(document) <= KEYS and {"based_on", "made", "expect"} <= set(document), f"{name}: keys must be {KEYS}")
    made = document["made"]
    _must(made == "recorded" or made.startswith("edited by hand: "), f"{name}: made: how was it made?")
    answers = document.get("answers", [])
    _must(bool(answers) or "asked_for" in document or made == "recorded", f"{name}: edited by hand: where?")
    _must(
        made != "recorded" or all("answer" in entry for entry in answers),
        f"{name}: what was recorded holds whole answers",
    )
    expect = document["expect"]
    _must(set(expect) == EXPECTED, f"{name}: expect must hold {EXPECTED}")
    return RecordedHost(name, made, _recording(document, (f"{name}.json",)), expect)


def recording(path: str) -> dict[str, Any]:
    """The whole recording behind a file of this folder, as ``kvmready check --from`` reads it. Raises BadHost."""
    document = _read(path)
    return document if document.get("schema") == SCHEMA else _recording(document, (path,))


def based_on(name: str) -> str:
    """The file below that host."""
    return str(_read(f"{name}.json")["based_on"])


def _read(path: str) -> dict[str, Any]:
    document = json.loads((FOLDER / path).read_text("utf-8"))
    _must(isinstance(document, dict), f"{path}: must be an object")
    return dict(document)


def _recording(document: Mapping[str, Any], trail: tuple[str, ...]) -> dict[str, Any]:
    below = document["based_on"]
    _must(below not in trail, f"{below} is based on itself")
    base = _read(below)
    whole = base if base.get("schema") == SCHEMA else _recording(base, (*trail, below))
    answers = {key(entry["ask"]): entry for entry in whole["answers"]}
    for entry in document.get("answers", ()):
        if "answer" in entry:
            answers[key(entry["ask"])] = {"ask": entry["ask"], "answer": entry["answer"]}
            continue
        found = [asked for asked in answers if entry["like"] in asked]
        _must(len(found) == 1, f"{trail[-1]}: {entry['like']!r} is in {len(found)} questions: {found}")
        asked = found[0]
        answers[asked] = {"ask": answers[asked]["ask"], "answer": _edited(answers[asked]["answer"], entry, trail[-1])}
    return {
        **whole,
        "asked_for": {**whole["asked_for"], **document.get("asked_for", {})},
        "answers": list(answers.values()),
    }


def _edited(answer: Any, entry: Mapping[str, Any], where: str) -> Any:
    """``answer`` with the edits of ``entry``; each must change something, else the file would mislead."""
    edits: list[tuple[Callable[[Any, Any], Any], Any]] = [(_set, entry["set"])] if "set" in entry else []
    edits += [(_replaced, words) for words in entry.get("replace", ())]
    edits += [(_without, item) for item in entry.get("without", ())]
    for edit, what in edits:
        changed = edit(answer, what)
        _must(changed != answer, f"{where}: the answer to {entry['like']!r} is not changed by {what!r}")
        answer = changed
    return answer


def _set(value: Any, fields: Mapping[str, Any]) -> Any:
    return {**value, **fields}


def _replaced(value: Any, words: Sequence[str]) -> Any:
    """``value`` with the second of ``words`` instead of the first in every string that it holds."""
    if isinstance(value, str):
        return value.replace(words[0], words[1])
    if isinstance(value, list):
        return [_replaced(item, words) for item in value]
    if isinstance(value, dict):
        return {name: _replaced(item, words) for name, item in value.items()}
    return value


def _without(value: Any, item: str) -> Any:
    """``value`` without ``item`` in any list that it holds."""
    if isinstance(value, list):
        return [_without(one, item) for one in value if one != item]
    if isinstance(value, dict):
        return {name: _without(one, item) for name, one in value.items()}
    return value


def _must(holds: bool, message: str) -> None:
    if not holds:
        raise BadHost(message)
