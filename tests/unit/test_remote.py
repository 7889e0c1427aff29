"""What the fleet starts on a host, as far as it needs no host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kvmready import remote
from tests.machine.cli.test_pyz import TOO_OLD


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(remote, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(remote, "RUNS", str(tmp_path / "runs"))
    return tmp_path


def test_an_approved_plan_does_not_part_equal_work() -> None:
    one = {"words": ["up", "--yes", "--plan", "abc", "--user", "alice"], "wanted": {}}
    assert remote._same(one, {"words": ["up", "--yes", "--user", "alice"], "wanted": {}})
    assert not remote._same(one, {"words": ["up", "--yes", "--user", "bob"], "wanted": {}})
    assert not remote._same(one, {"words": ["undo", "--yes"], "wanted": {}})


def test_a_job_without_its_lock_is_dead(jobs: Path) -> None:
    (jobs / "one.request").write_text("{}")
    assert remote.wait({"id": "one", "seconds": 0})["state"] == "working", "it is still beginning"
    (jobs / "one.begun").write_text("")
    (jobs / "one.said").write_text("Installing\n")
    assert remote.wait({"id": "one", "seconds": 0}) == {"state": "died", "said": "Installing\n"}
    (jobs / "two.request").write_text("{}")
    os.utime(jobs / "two.request", (1, 1))
    assert remote.wait({"id": "two", "seconds": 0})["state"] == "died", "it never began"
    assert remote.wait({"id": "gone", "seconds": 0})["state"] == "died"


def test_the_end_of_a_job(jobs: Path) -> None:
    (jobs / "one.request").write_text("{}")
    (jobs / "one.out").write_text('{"a": 1}\n')
    (jobs / "one.end").write_text('{"status": 1, "changed": true, "done": []}')
    found = remote.wait({"id": "one", "seconds": 0})
    assert (found["state"], found["status"], found["changed"], found["stdout"]) == ("ended", 1, True, '{"a": 1}\n')


def test_what_was_changed_is_told_by_the_journals(jobs: Path) -> None:
    old, new = jobs / "runs" / "1", jobs / "runs" / "2"
    old.mkdir(parents=True)
    (old / "journal.jsonl").write_text('{"event": "intent", "key": "a", "step": {"summary": "old", "commands": []}}\n')
    before = remote._journals()
    new.mkdir()
    (new / "journal.jsonl").write_text(
        '{"event": "begin", "plan": "x"}\n'
        '{"event": "intent", "key": "b", "step": {"summary": "new", "commands": [["true"]]}}\n'
        '{"event": "done", "key": "b"}\n{"event": "int'
    )
    assert remote._changed(before) == [{"run": "2", "undo": False, "summary": "new", "commands": [["true"]]}]
    assert remote._changed(remote._journals()) == []


def test_old_jobs_are_removed(jobs: Path) -> None:
    for number in range(10):
        for name in ("request", "begun", "out", "said", "end"):
            (jobs / f"2026010{number}T000000Z.{name}").write_text("")
    remote._clear()
    left = sorted({path.name.split(".")[0] for path in jobs.iterdir()})
    assert left == [f"2026010{number}T000000Z" for number in range(6, 10)]


def test_a_file_is_put_in_place_for_nobody_else(jobs: Path) -> None:
    remote._write("one", "text")
    assert (jobs / "one").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in jobs.iterdir()] == ["one"]


@pytest.mark.parametrize("version", (*TOO_OLD, "4.0"))
def test_the_look_for_a_python_takes_no_old_one(version: str) -> None:
    """The pattern of the collection's script, as sh reads it."""
    import fnmatch

    assert not any(fnmatch.fnmatchcase(f"{version}.1", pattern) for pattern in ("3.9.*", "3.[1-9][0-9].*"))
