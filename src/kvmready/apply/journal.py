"""The journal: what was there, what is about to be done, what was done; each on the disk before the work goes on.

A run is a directory ``runs/RUN`` with ``plan.json`` (``plan-2.json`` … where a later plan carried the run on) and
``journal.jsonl``, one JSON object in each line. Records, by their ``event``:

``begin``        a plan was approved and begins: ``plan`` (its id) and ``file``
``intent``       a step is about to begin: ``key``, ``step`` (whole), ``former`` (what was there; only in the first
                 record of a key, and the one that counts)
``done``, ``failed``, ``interrupted``    how it ended: ``key``, and ``result`` or ``why``
``skipped``      a step proved already done and was not run
``end``          every step of the plan is done
``undo-begin``, ``undo-intent``, ``undo-done``, ``undo-failed``, ``undo-end``    the same on the way back
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from kvmready.errors import InputError, PrivilegeError, WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan.step import Plan, Step
from kvmready.typed import Any, NamedTuple

READ_LIMIT = 1 << 30
EVENTS = (
    *("begin", "intent", "done", "failed", "interrupted", "skipped", "end"),
    *("undo-begin", "undo-intent", "undo-done", "undo-failed", "undo-end"),
)

Record = Mapping[str, Any]


class Attempt(NamedTuple):
    """All that a journal tells of one step: its first former state counts, and every result."""

    key: str
    step: Step
    former: Mapping[str, Any]
    status: str  # begun, done, failed, interrupted
    results: tuple[Mapping[str, Any], ...]
    undone: bool


class Story(NamedTuple):
    """A run as its journal tells it. ``state``: finished, interrupted, failed, undone, half-undone."""

    id: str
    directory: str
    state: str
    plans: tuple[str, ...]
    began: str
    attempts: tuple[Attempt, ...]
    skipped: tuple[str, ...]
    why: str


def key(step: Step) -> str:
    """What makes two steps the same one in a journal: their id, kind and arguments."""
    import hashlib
    import json

    material = json.dumps([step.id, step.kind, dict(step.arguments)], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(material.encode("ascii")).hexdigest()[:16]


def stamp(seconds: float) -> str:
    """RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def step_to_json(step: Step) -> dict[str, Any]:
    return {**step._asdict(), "commands": [list(c) for c in step.commands], "arguments": dict(step.arguments)}


def step_from_json(raw: Mapping[str, Any]) -> Step:
    """Raises KeyError or TypeError for what is no step."""
    return Step(
        str(raw["id"]),
        str(raw["kind"]),
        str(raw["layer"]),
        str(raw["summary"]),
        tuple(tuple(str(word) for word in command) for command in raw["commands"]),
        dict(raw["arguments"]),
        tuple(str(cause) for cause in raw["mends"]),
        str(raw["note"]),
    )


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The document that ``plan.json`` holds."""
    return {
        "schema": "kvmready.plan/1",
        "id": plan.id,
        "profile": plan.profile,
        "users": list(plan.users),
        "steps": [step_to_json(step) for step in plan.steps],
    }


# reading


def parse(text: str, path: str) -> list[Record]:
    """The records of a journal.

    Every record ends with a newline and is on the disk before its step begins; so a last line without one was being
    written when the machine or the program died, and the step that it tells of had not begun. It is left out.
    Raises InputError for damage anywhere else.
    """
    import json

    lines = text.split("\n")
    records: list[Record] = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or record.get("event") not in EVENTS:
            raise InputError(
                _("{file} is damaged in line {number}.").format(file=path, number=number),
                _("It is the journal of a run; without it kvmready does not know what that run changed."),
                _("Restore it from a backup, or move its directory away if that run does not matter any more."),
            )
        records.append(record)
    return records


def whole(text: str) -> str:
    """The text up to the end of its last whole line."""
    return text[: text.rfind("\n") + 1]


def tell(run: str, directory: str, records: Sequence[Record]) -> Story:
    """What happened. Raises InputError where the records contradict the format."""
    try:
        return _tell(run, directory, records)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            _("{file} is damaged.").format(file=f"{directory}/journal.jsonl"), f"{type(error).__name__}: {error}"
        ) from error


def _tell(run: str, directory: str, records: Sequence[Record]) -> Story:
    attempts: dict[str, Attempt] = {}
    skipped: list[str] = []
    plans: list[str] = []
    state, why, began = "interrupted", "", ""
    for record in records:
        event = record["event"]
        if event == "begin":
            plans.append(str(record["plan"]))
            began = began or str(record["at"])
            state = "interrupted"
        elif event == "intent":
            known = attempts.get(record["key"])
            if known is None:
                step = step_from_json(record["step"])
                attempts[record["key"]] = Attempt(record["key"], step, dict(record["former"]), "begun", (), False)
            else:
                attempts[record["key"]] = known._replace(status="begun")
        elif event == "skipped":
            skipped.append(str(record["step"]))
        elif event in ("done", "failed", "interrupted"):
            known = attempts[record["key"]]
            results = (*known.results, dict(record["result"])) if event == "done" else known.results
            attempts[record["key"]] = known._replace(status=event, results=results)
            state = "failed" if event == "failed" else "interrupted"
            why = str(record.get("why", ""))
        elif event == "end":
            state, why = "finished", ""
        elif event == "undo-begin":
            state = "half-undone"
        elif event == "undo-done":
            attempts[record["key"]] = attempts[record["key"]]._replace(undone=True)
        elif event == "undo-failed":
            why = str(record["why"])
        elif event == "undo-end":
            state, why = "undone", ""
    return Story(run, directory, state, tuple(plans), began, tuple(attempts.values()), tuple(skipped), why)


def runs(host: Door, state_directory: str) -> list[str]:
    """The ids of all runs, the oldest first (an id begins with its time)."""
    listing = host.listdir(f"{state_directory}/runs")
    if listing.error in ("EACCES", "EPERM"):
        raise PrivilegeError(
            _("The journal in {folder} is for root only.").format(folder=state_directory),
            "",
            _("Run the same command with sudo."),
        )
    return list(listing.names)


def load(host: Door, state_directory: str, run: str) -> Story:
    """The story of one run. Raises InputError where its journal is missing or damaged."""
    directory = f"{state_directory}/runs/{run}"
    path = f"{directory}/journal.jsonl"
    reading = host.read(path, READ_LIMIT)
    if reading.error == "ENOENT":
        return Story(run, directory, "interrupted", (), "", (), (), "")
    if reading.error:
        raise InputError(_("{file} cannot be read.").format(file=path), reading.error)
    return tell(run, directory, parse(reading.text, path))


def steps_of(host: Door, story: Story, plan: str) -> set[str]:
    """The keys of the steps of a plan that the run began; none where its file is not there. Raises InputError."""
    import json

    for name in host.listdir(story.directory).names:
        if not name.startswith("plan") or not name.endswith(".json"):
            continue
        path = f"{story.directory}/{name}"
        try:
            document = json.loads(host.read(path, READ_LIMIT).text)
            if document["id"] == plan:
                return {key(step_from_json(step)) for step in document["steps"]}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(_("{file} is damaged.").format(file=path), f"{type(error).__name__}: {error}") from error
    return set()


# writing


class Journal:
    """The journal of one run, open for more records."""

    def __init__(self, host: Workshop, directory: str) -> None:
        self._host = host
        self.directory = directory
        self._path = f"{directory}/journal.jsonl"
        reading = host.read(self._path, READ_LIMIT)
        if not reading.error and reading.text != whole(reading.text):
            # A torn last line must not grow into a damaged one in the middle.
            self._guarded(lambda: host.write(self._path, whole(reading.text).encode("utf-8"), 0o600))

    def add(self, event: str, **fields: Any) -> None:
        """Write one record; it is on the disk when this returns. Raises WorkError when it cannot be."""
        import json

        record = {"at": stamp(self._host.now()), "event": event, **fields}
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n"
        self._guarded(lambda: self._host.append(self._path, line.encode("ascii")))

    def add_plan(self, plan: Plan) -> None:
        """Keep the plan and record that it begins."""
        import json

        names = self._host.listdir(self.directory).names
        count = sum(name.startswith("plan") and name.endswith(".json") for name in names)
        name = "plan.json" if not count else f"plan-{count + 1}.json"
        text = json.dumps(plan_to_json(plan), ensure_ascii=True, indent=1)
        self._guarded(lambda: self._host.write(f"{self.directory}/{name}", text.encode("ascii"), 0o600))
        self.add("begin", plan=plan.id, file=name)

    def _guarded(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            raise WorkError(
                _("The journal in {folder} cannot be written, so nothing more is done.").format(folder=self.directory),
                error.strerror or str(error),
                _("Make that possible again, then run kvmready again: it carries on from here."),
            ) from error
