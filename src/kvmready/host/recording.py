"""A host that writes down every question and its answer, so that it can be asked again anywhere.

The file: ``{"schema": "kvmready.recording/1", "version", "taken_at", "asked_for": {…}, "answers": [{"ask": {…},
"answer": {…}}, …]}``. A question is keyed by its canonical JSON; time limits are not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.host.door import (
    READ_LIMIT,
    Account,
    Caller,
    Command,
    Door,
    Group,
    Listing,
    Reading,
    Result,
    Running,
    Session,
    Space,
    Status,
)
from kvmready.typed import Any

SCHEMA = "kvmready.recording/1"


def question(ask: str, **details: Any) -> dict[str, Any]:
    """The JSON form of a question. For a command only what it is, not how long it may take."""
    return {"ask": ask, **details}


def command_question(command: Command) -> dict[str, Any]:
    details: dict[str, Any] = {"argv": list(command.argv)}
    if command.user:
        details["user"] = command.user
    if command.stdin:
        details["stdin"] = command.stdin
    return question("run", **details)


def key(asked: Mapping[str, Any]) -> str:
    import json

    return json.dumps(asked, sort_keys=True, separators=(",", ":"))


def to_json(answer: Any) -> Any:
    """A NamedTuple as an object without its empty fields, a sequence as an array."""
    if isinstance(answer, tuple) and hasattr(answer, "_asdict"):
        defaults: Mapping[str, Any] = getattr(type(answer), "_field_defaults", {})
        return {
            name: to_json(value)
            for name, value in answer._asdict().items()
            if name not in defaults or value != defaults[name]
        }
    if isinstance(answer, (tuple, list)):
        return [to_json(item) for item in answer]
    return answer


class RecordingRunning:
    def __init__(self, recorder: RecordingHost, command: Command, running: Running) -> None:
        self._recorder = recorder
        self._command = command
        self._running = running

    def wait(self) -> Result:
        result = self._running.wait()
        self._recorder.keep(command_question(self._command), result)
        return result

    def poll(self) -> Result | None:
        return None if self._running.poll() is None else self.wait()

    def stop(self) -> None:
        self._running.stop()


class RecordingHost:
    """Passes each question on to ``door`` and keeps the answer. Implements ``door.Door``."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._answers: dict[str, dict[str, Any]] = {}

    def keep(self, asked: Mapping[str, Any], answer: Any) -> None:
        self._answers[key(asked)] = {"ask": dict(asked), "answer": to_json(answer)}

    def document(self, version: str, taken_at: str, asked_for: Mapping[str, Any]) -> dict[str, Any]:
        """The recording so far, ready for ``json.dump``."""
        return {
            "schema": SCHEMA,
            "version": version,
            "taken_at": taken_at,
            "asked_for": dict(asked_for),
            "answers": [self._answers[name] for name in sorted(self._answers)],
        }

    def caller(self) -> Caller:
        answer = self._door.caller()
        self.keep(question("caller"), answer)
        return answer

    def read(self, path: str, limit: int = READ_LIMIT) -> Reading:
        answer = self._door.read(path, limit)
        self.keep(question("read", path=path), answer)
        return answer

    def grep(self, path: str, needles: Sequence[str]) -> Reading:
        answer = self._door.grep(path, needles)
        self.keep(question("grep", path=path, needles=list(needles)), answer)
        return answer

    def listdir(self, path: str) -> Listing:
        answer = self._door.listdir(path)
        self.keep(question("listdir", path=path), answer)
        return answer

    def readlink(self, path: str) -> Reading:
        answer = self._door.readlink(path)
        self.keep(question("readlink", path=path), answer)
        return answer

    def stat(self, path: str) -> Status:
        answer = self._door.stat(path)
        self.keep(question("stat", path=path), answer)
        return answer

    def space(self, path: str) -> Space:
        answer = self._door.space(path)
        self.keep(question("space", path=path), answer)
        return answer

    def attribute(self, path: str, name: str) -> Reading:
        answer = self._door.attribute(path, name)
        self.keep(question("attribute", path=path, name=name), answer)
        return answer

    def locked(self, path: str) -> Reading:
        answer = self._door.locked(path)
        self.keep(question("locked", path=path), answer)
        return answer

    def account(self, name: str) -> Account:
        answer = self._door.account(name)
        self.keep(question("account", name=name), answer)
        return answer

    def group(self, name: str) -> Group:
        answer = self._door.group(name)
        self.keep(question("group", name=name), answer)
        return answer

    def sessions(self, uid: int) -> tuple[Session, ...]:
        answer = self._door.sessions(uid)
        self.keep(question("sessions", uid=uid), answer)
        return answer

    def begin(self, command: Command) -> Running:
        return RecordingRunning(self, command, self._door.begin(command))

    def run(self, command: Command) -> Result:
        return self.begin(command).wait()
