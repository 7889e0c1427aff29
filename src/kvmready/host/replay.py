"""A host that was recorded: it answers what was asked then, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.errors import InputError, UnrecordedQuestion
from kvmready.host.door import (
    READ_LIMIT,
    Account,
    Caller,
    Command,
    Ended,
    Group,
    Listing,
    Reading,
    Result,
    Running,
    Session,
    Space,
    Status,
)
from kvmready.host.recording import SCHEMA, command_question, key, question
from kvmready.i18n import _
from kvmready.typed import Any

ANSWERS: Mapping[str, Any] = {
    "caller": Caller,
    "read": Reading,
    "grep": Reading,
    "readlink": Reading,
    "attribute": Reading,
    "locked": Reading,
    "listdir": Listing,
    "stat": Status,
    "space": Space,
    "account": Account,
    "group": Group,
    "run": Result,
}


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def _decode(asked: Mapping[str, Any], answer: Any) -> Any:
    if asked["ask"] == "sessions":
        return tuple(Session(**{name: _hashable(value) for name, value in one.items()}) for one in answer)
    return ANSWERS[asked["ask"]](**{name: _hashable(value) for name, value in answer.items()})


def parse(text: str, source: str) -> dict[str, Any]:
    """The recording in ``text``. Raises InputError when it is cut off, not JSON, or of another schema."""
    import json

    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            _("{file} is not a recording: it is not whole JSON.").format(file=source),
            str(error),
            _("Record the host again with: kvmready check --record FILE"),
        ) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise InputError(
            _("{file} is not a recording that this version reads.").format(file=source),
            _("Its schema is {found}; expected {wanted}.").format(found=schema or _("missing"), wanted=SCHEMA),
            _("Record the host again with: kvmready check --record FILE"),
        )
    if not isinstance(document.get("answers"), list) or not isinstance(document.get("asked_for"), dict):
        raise InputError(_("{file} is not a whole recording: its answers are missing.").format(file=source))
    return dict(document)


class ReplayHost:
    """Answers from a recording. Implements ``door.Door``; every change of it is a TypeError of the program."""

    def __init__(self, document: Mapping[str, Any], source: str = "") -> None:
        self._source = source
        self._answers: dict[str, Any] = {}
        for number, entry in enumerate(document["answers"], 1):
            try:
                self._answers[key(entry["ask"])] = _decode(entry["ask"], entry["answer"])
            except (KeyError, TypeError, AttributeError) as error:
                raise InputError(
                    _("{file}: answer {number} cannot be read.").format(file=source, number=number), repr(error)
                ) from None

    def _answer(self, asked: Mapping[str, Any]) -> Any:
        try:
            return self._answers[key(asked)]
        except KeyError:
            raise UnrecordedQuestion(
                _("The recording {file} does not hold an answer to: {question}").format(
                    file=self._source, question=key(asked)
                ),
                _("It was made for another question, for other users, or by another version."),
                _("Record the host again with: kvmready check --record FILE"),
            ) from None

    def caller(self) -> Caller:
        answer: Caller = self._answer(question("caller"))
        return answer

    def read(self, path: str, limit: int = READ_LIMIT) -> Reading:
        answer: Reading = self._answer(question("read", path=path))
        return answer

    def grep(self, path: str, needles: Sequence[str]) -> Reading:
        answer: Reading = self._answer(question("grep", path=path, needles=list(needles)))
        return answer

    def listdir(self, path: str) -> Listing:
        answer: Listing = self._answer(question("listdir", path=path))
        return answer

    def readlink(self, path: str) -> Reading:
        answer: Reading = self._answer(question("readlink", path=path))
        return answer

    def stat(self, path: str) -> Status:
        answer: Status = self._answer(question("stat", path=path))
        return answer

    def space(self, path: str) -> Space:
        answer: Space = self._answer(question("space", path=path))
        return answer

    def attribute(self, path: str, name: str) -> Reading:
        answer: Reading = self._answer(question("attribute", path=path, name=name))
        return answer

    def locked(self, path: str) -> Reading:
        answer: Reading = self._answer(question("locked", path=path))
        return answer

    def account(self, name: str) -> Account:
        answer: Account = self._answer(question("account", name=name))
        return answer

    def group(self, name: str) -> Group:
        answer: Group = self._answer(question("group", name=name))
        return answer

    def sessions(self, uid: int) -> tuple[Session, ...]:
        answer: tuple[Session, ...] = self._answer(question("sessions", uid=uid))
        return answer

    def begin(self, command: Command) -> Running:
        return Ended(self._answer(command_question(command)))

    def run(self, command: Command) -> Result:
        return self.begin(command).wait()
