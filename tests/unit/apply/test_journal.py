"""The journal: whole records are read back, a torn end is forgotten, damage elsewhere is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kvmready.apply import history, journal, undo
from kvmready.apply.journal import Journal
from kvmready.errors import InputError, UsageError, WorkError
from kvmready.host.local import LocalHost
from kvmready.plan.step import Plan, Step

FILE = Step("a", "file", "kernel", "Write a", (), {"path": "/x/ü \"'\n$(id)", "content": "1", "mode": 420}, ("c",), "n")
GROUP = Step("b", "group", "access", "Add b", (("usermod", "--", "b"),), {"user": "b", "group": "g"})
PLAN = Plan("server", ("alice",), (FILE, GROUP))
FORMER = {"exists": False, "folders": ["/x"]}


def written(directory: Path) -> Journal:
    directory.mkdir(parents=True)
    log = Journal(LocalHost(), str(directory))
    log.add_plan(PLAN)
    log.add("intent", key=journal.key(FILE), step=journal.step_to_json(FILE), former=FORMER)
    log.add("done", key=journal.key(FILE), result={"n": 1})
    log.add("skipped", step="s")
    log.add("intent", key=journal.key(GROUP), step=journal.step_to_json(GROUP), former={"member": False})
    log.add("failed", key=journal.key(GROUP), why="no such group")
    return log


def story(directory: Path) -> journal.Story:
    return journal.load(LocalHost(), str(directory.parent.parent), directory.name)


def run_directory(tmp_path: Path, name: str = "20260101T000000Z-0000") -> Path:
    return tmp_path / "runs" / name


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    directory = run_directory(tmp_path)
    written(directory)
    told = story(directory)
    assert told.state == "failed"
    assert told.why == "no such group"
    assert told.plans == (PLAN.id,)
    assert told.skipped == ("s",)
    first, second = told.attempts
    assert first.step == FILE
    assert first.former == FORMER
    assert (first.status, first.results) == ("done", ({"n": 1},))
    assert (second.status, second.results) == ("failed", ())
    kept = json.loads((directory / "plan.json").read_text())
    assert kept["id"] == PLAN.id
    assert [journal.step_from_json(raw) for raw in kept["steps"]] == [FILE, GROUP]


def test_a_journal_cut_at_any_byte_tells_a_beginning_of_the_story(tmp_path: Path) -> None:
    directory = run_directory(tmp_path)
    written(directory)
    path = directory / "journal.jsonl"
    content = path.read_bytes()
    whole = journal.parse(content.decode(), "x")
    ends = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        told = story(directory)
        assert len(told.attempts) <= 2
        records = journal.parse(content[:cut].decode(), "x")
        assert records == whole[: sum(end <= cut for end in ends)]


def test_a_torn_end_is_cleared_before_the_next_record(tmp_path: Path) -> None:
    directory = run_directory(tmp_path)
    written(directory)
    path = directory / "journal.jsonl"
    content = path.read_bytes()
    for cut in (1, len(content) - 1, len(content) - 30):
        path.write_bytes(content[:cut])
        Journal(LocalHost(), str(directory)).add("end")
        assert story(directory).state == "finished"
        assert path.read_bytes().startswith(content[: content.rfind(b"\n", 0, cut) + 1])


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"null", b'{"event":"unheard-of"}', b'{"event":["end"]}', b"\0" * 9]
)
def test_damage_in_the_middle_is_an_error_that_names_file_and_line(tmp_path: Path, line: bytes) -> None:
    directory = run_directory(tmp_path)
    written(directory)
    path = directory / "journal.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], line, *lines[1:]]))
    with pytest.raises(InputError) as raised:
        story(directory)
    assert str(path) in raised.value.what and "2" in raised.value.what and raised.value.next_move
    (entry,) = history.entries(LocalHost(), str(tmp_path))
    assert entry.state == "damaged"


@pytest.mark.parametrize(
    "record",
    [{"event": "done", "key": "never-begun", "result": {}}, {"event": "intent", "key": "k"}, {"event": "begin"}],
)
def test_records_that_contradict_the_format_are_damage(tmp_path: Path, record: dict[str, Any]) -> None:
    directory = run_directory(tmp_path)
    directory.mkdir(parents=True)
    (directory / "journal.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(InputError):
        story(directory)


def test_the_first_former_state_counts(tmp_path: Path) -> None:
    directory = run_directory(tmp_path)
    log = written(directory)
    log.add_plan(PLAN)
    log.add("intent", key=journal.key(FILE), step=journal.step_to_json(FILE))
    log.add("done", key=journal.key(FILE), result={"n": 2})
    log.add("end")
    told = story(directory)
    assert told.state == "finished"
    assert told.attempts[0].former == FORMER
    assert told.attempts[0].results == ({"n": 1}, {"n": 2})
    assert (directory / "plan-2.json").exists()


def test_a_step_with_other_arguments_is_another_step() -> None:
    other = FILE._replace(arguments={**FILE.arguments, "content": "2"})
    assert journal.key(other) != journal.key(FILE)
    assert journal.key(FILE._replace(summary="in another language", note="")) == journal.key(FILE)


def test_the_way_back_is_told_step_by_step(tmp_path: Path) -> None:
    directory = run_directory(tmp_path)
    log = written(directory)
    log.add("undo-begin")
    log.add("undo-intent", key=journal.key(GROUP))
    assert story(directory).state == "half-undone"
    assert [a.step.id for a in undo.pending(story(directory))] == ["b", "a"]
    log.add("undo-done", key=journal.key(GROUP), stays=[])
    assert [a.step.id for a in undo.pending(story(directory))] == ["a"]
    log.add("undo-failed", key=journal.key(FILE), why="disk")
    assert story(directory).why == "disk"
    log.add("undo-done", key=journal.key(FILE), stays=[])
    log.add("undo-end")
    assert (story(directory).state, story(directory).why) == ("undone", "")


def test_a_run_is_chosen(tmp_path: Path) -> None:
    host, first, second = LocalHost(), "20260101T000000Z-0000", "20260102T000000Z-0000"
    with pytest.raises(UsageError, match="nothing to undo"):
        undo.choose(host, None, str(tmp_path))
    with pytest.raises(UsageError, match="no run"):
        undo.choose(host, first, str(tmp_path))
    one, two = written(run_directory(tmp_path, first)), written(run_directory(tmp_path, second))
    assert undo.choose(host, None, str(tmp_path)).id == second
    assert undo.choose(host, second, str(tmp_path)).id == second
    with pytest.raises(UsageError, match=second):
        undo.choose(host, first, str(tmp_path))
    two.add("undo-end")
    assert undo.choose(host, None, str(tmp_path)).id == first
    with pytest.raises(UsageError, match="undone already"):
        undo.choose(host, second, str(tmp_path))
    one.add("undo-end")
    with pytest.raises(UsageError, match="nothing to undo"):
        undo.choose(host, None, str(tmp_path))
    assert [entry.state for entry in history.entries(host, str(tmp_path))] == ["undone", "undone"]


@pytest.mark.parametrize("run", ["", "..", "../..", "a/b", "20260101T000000Z-ffff", "\0", "$(id)"])
def test_a_run_that_does_not_exist(tmp_path: Path, run: str) -> None:
    written(run_directory(tmp_path))
    for ask in (history.entry, lambda host, name, state: undo.choose(host, name, state)):
        with pytest.raises(UsageError):
            ask(LocalHost(), run, str(tmp_path))


def test_a_journal_that_cannot_be_written_stops_the_work(tmp_path: Path) -> None:
    directory = run_directory(tmp_path)
    log = written(directory)
    (directory / "journal.jsonl").rename(directory / "elsewhere")
    (directory / "journal.jsonl").symlink_to(directory / "elsewhere")  # what another program could plant
    with pytest.raises(WorkError) as raised:
        log.add("end")
    assert raised.value.next_move


def test_what_is_left_of_an_approved_plan(tmp_path: Path) -> None:
    written(run_directory(tmp_path))
    found = story(run_directory(tmp_path))
    assert journal.steps_of(LocalHost(), found, PLAN.id) == {journal.key(FILE), journal.key(GROUP)}
    assert journal.steps_of(LocalHost(), found, "another") == set()
    (run_directory(tmp_path) / "plan.json").write_text("{")
    with pytest.raises(InputError):
        journal.steps_of(LocalHost(), found, PLAN.id)
