"""What a recording holds is what a replay answers; what it does not hold is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kvmready.errors import EXIT_USAGE, InputError, UnrecordedQuestion
from kvmready.host import recording, replay
from kvmready.host.door import (
    Account,
    Caller,
    Command,
    Group,
    Listing,
    Reading,
    Result,
    Session,
    Space,
    Status,
)

ANSWERS: list[tuple[dict[str, Any], Any]] = [
    (recording.question("caller"), Caller(0, (0, 4), "root", "alice", "box", "6.1.0", "x86_64")),
    (recording.question("read", path="/proc/modules"), Reading("/proc/modules", "kvm 1\n\0 ", "", True)),
    (recording.question("grep", path="/a", needles=["x"]), Reading("/a", error="EACCES")),
    (recording.question("readlink", path="/l"), Reading("/l", "../t")),
    (recording.question("listdir", path="/d"), Listing("/d", ("a", "b c"))),
    (recording.question("stat", path="/dev/kvm"), Status("/dev/kvm", "character", 0o660, 0, 109, 0, (10, 232))),
    (recording.question("space", path="/"), Space("/", 5, 10)),
    (recording.question("account", name="alice"), Account("alice", 1000, 1000, "/home/alice", (("kvm", 109),))),
    (recording.question("group", name="kvm"), Group("kvm", 109, ("alice",))),
    (recording.question("sessions", uid=1000), (Session(7, "bash", (1000, 109)), Session(9, "vi", ()))),
    (recording.command_question(Command(("virsh", "list"))), Result(("virsh", "list"), 0, "out", "err")),
    (recording.command_question(Command(("virsh",))), Result(("virsh",), problem="timeout")),
]


def a_recording() -> dict[str, Any]:
    answers = [{"ask": asked, "answer": recording.to_json(answer)} for asked, answer in ANSWERS]
    document = {"schema": recording.SCHEMA, "version": "0", "taken_at": "", "asked_for": {}, "answers": answers}
    return replay.parse(json.dumps(document), "box.json")


def test_every_kind_of_answer_survives_the_file() -> None:
    host = replay.ReplayHost(a_recording(), "box.json")
    assert host.caller() == ANSWERS[0][1]
    assert host.read("/proc/modules") == ANSWERS[1][1]
    assert host.grep("/a", ["x"]) == ANSWERS[2][1]
    assert host.readlink("/l") == ANSWERS[3][1]
    assert host.listdir("/d") == ANSWERS[4][1]
    assert host.stat("/dev/kvm") == ANSWERS[5][1]
    assert host.space("/") == ANSWERS[6][1]
    assert host.account("alice") == ANSWERS[7][1]
    assert host.group("kvm") == ANSWERS[8][1]
    assert host.sessions(1000) == ANSWERS[9][1]
    assert host.run(Command(("virsh", "list"), timeout=1)) == ANSWERS[10][1]
    assert host.begin(Command(("virsh",))).poll() == ANSWERS[11][1]


def test_recording_a_replay_gives_the_same_answers() -> None:
    recorder = recording.RecordingHost(replay.ReplayHost(a_recording()))
    recorder.caller(), recorder.read("/proc/modules"), recorder.grep("/a", ["x"]), recorder.readlink("/l")
    recorder.listdir("/d"), recorder.stat("/dev/kvm"), recorder.space("/"), recorder.account("alice")
    recorder.group("kvm"), recorder.sessions(1000), recorder.run(Command(("virsh", "list")))
    recorder.begin(Command(("virsh",))).wait()
    kept = recorder.document("0", "", {})
    assert sorted(map(str, kept["answers"])) == sorted(map(str, a_recording()["answers"]))


def test_an_unrecorded_question_is_an_error_that_names_it() -> None:
    host = replay.ReplayHost(a_recording(), "box.json")
    with pytest.raises(UnrecordedQuestion, match=r"/etc/shadow") as caught:
        host.read("/etc/shadow")
    assert "box.json" in str(caught.value)
    assert caught.value.exit_status == EXIT_USAGE
    with pytest.raises(UnrecordedQuestion):
        host.run(Command(("virsh", "list"), user="alice"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not whole JSON"),
        ("{", "not whole JSON"),
        (json.dumps(a_recording())[:-10], "not whole JSON"),
        ("[]", "not a recording"),
        ("3", "not a recording"),
        ('{"schema": "kvmready.report/1"}', "kvmready.report/1"),
        ('{"schema": "kvmready.recording/1"}', "not a whole recording"),
        ("\0\1", "not whole JSON"),
    ],
)
def test_a_bad_file_is_refused_in_one_clear_line(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        replay.parse(text, "box.json")
    assert says in str(caught.value)
    assert "\n" not in caught.value.what


@pytest.mark.parametrize(
    "entry",
    [
        {"ask": {"ask": "read"}, "answer": None},
        {"ask": {"ask": "magic"}, "answer": {}},
        {"ask": {"ask": "stat", "path": "/"}, "answer": {"colour": "red"}},
        {"answer": {}},
        None,
    ],
)
def test_a_damaged_answer_is_named_by_its_number(entry: Any) -> None:
    document = {**a_recording(), "answers": [entry]}
    with pytest.raises(InputError, match="answer 1"):
        replay.ReplayHost(document, "box.json")


@given(st.text())
def test_parse_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        replay.parse(text, "x")
    except InputError:
        return
    raise AssertionError("arbitrary text was taken for a recording")
