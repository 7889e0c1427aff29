"""The records of a fleet: written host by host, found again, compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvmready.errors import InputError
from kvmready.fleet import diff, records, summary
from kvmready.fleet.row import Row, of_event
from tests.unit.fleet import samples


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    run = samples.fleet(tmp_path)
    assert [row.host for row in run.rows] == ["away", "hung", "node0", "node1", "node2", "node3", "node4", "old"]
    reports = {row.host: report for row, report in records.reports(run)}
    assert reports["node1"] == json.loads(json.dumps(samples.report("debian-12-fresh")))
    assert reports["away"] is None
    assert not run.ok and records.load(records.find(str(tmp_path), None)) == run
    lines = [json.loads(line) for line in Path(run.directory, "rows.jsonl").read_text("utf-8").splitlines()]
    assert sorted(line["host"] for line in lines) == sorted(row.host for row in run.rows)


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    run = samples.fleet(tmp_path)
    for path in (Path(run.directory), *Path(run.directory).rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_row_is_written_before_the_run_ends(tmp_path: Path) -> None:
    """Killed in the middle, what the hosts said until then is there; the run is not taken for a whole one."""
    recorder = records.Recorder(str(tmp_path), "check", "2026-01-01T00:00:00Z", "0.1.0")
    found = of_event(samples.unreachable("away"))
    assert found is not None
    recorder.add(*found)
    assert json.loads(Path(recorder.directory, "rows.jsonl").read_text("utf-8"))["host"] == "away"
    assert records.runs(str(tmp_path)) == []


@pytest.mark.parametrize(
    "host", ["../../etc/passwd", "..", ".hidden", "a/b", "a b", "主机", "a\0b", "[::1]:22", "a\nb"]
)
def test_a_host_stays_in_its_directory(host: str, tmp_path: Path) -> None:
    name = records.file_name(host)
    assert "/" not in name and not name.startswith(".") and "\0" not in name
    run = samples.run(tmp_path, [samples.event(host, samples.report("debian-12-ready"))])
    assert [row.host for row, report in records.reports(run) if report is not None] == [host]


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run"):
        records.find(str(tmp_path / "nothing"), None)
    samples.fleet(tmp_path)
    with pytest.raises(InputError, match="no run"):
        records.find(str(tmp_path), "20260101T000000Z-0000-not")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "kvmready.fleet/2", "rows": []}', '{"schema": 1'])
def test_a_damaged_record(text: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(InputError):
        records.load(str(tmp_path))


def test_names_are_sorted_as_people_do() -> None:
    names = ["node10", "node9", "b", "10.0.0.9", "10.0.0.10"]
    assert sorted(names, key=records.natural) == ["10.0.0.9", "10.0.0.10", "b", "node9", "node10"]


def test_causes_by_the_hosts_they_hold_back(tmp_path: Path) -> None:
    run = samples.fleet(tmp_path)
    causes = summary.causes(run.rows)
    assert causes[0].hosts == ("node1", "node3") and causes[0].fails
    assert {cause.id for cause in causes if cause.hosts == ("node2",)} == {"hardware.nested-off"}
    assert [len(cause.hosts) for cause in causes if cause.fails] == sorted(
        (len(cause.hosts) for cause in causes if cause.fails), reverse=True
    )
    assert summary.outcomes(run.rows) == {
        "ready": 1,
        "not-ready": 4,
        "unreachable": 1,
        "timed-out": 1,
        "no-python": 1,
    }
    assert summary.layers(run.rows)["hardware"] == {
        "pass": 4,
        "warn": 0,
        "fail": 1,
        "blocked": 0,
        "unknown": 0,
        "skip": 0,
    }


def test_equal_plans_are_folded_though_their_ids_differ() -> None:
    plan = samples.report("debian-12-fresh")["plan"]
    other = samples.report("fedora-42-fresh")["plan"]
    nothing = {**plan, "id": "0", "steps": []}
    folds = summary.folded([("a", plan), ("b", nothing), ("c", {**plan, "id": "another"}), ("d", other)])
    assert [fold.hosts for fold in folds] == [("a", "c"), ("d",), ("b",)]
    assert folds[0].plans == {"a": plan["id"], "c": "another"}


def test_what_changed_between_two_runs(tmp_path: Path) -> None:
    fresh, ready = samples.report("debian-12-fresh"), samples.report("debian-12-ready")
    before = samples.run(
        tmp_path,
        [samples.event("a", fresh), samples.event("b", ready), samples.event("c", ready), samples.unreachable("d")],
    )
    after = samples.run(
        tmp_path,
        [samples.event("a", ready), samples.event("b", fresh), samples.event("c", ready), samples.event("e", ready)],
    )
    found = {change.host: change for change in diff.of(before, after)}
    assert set(found) == {"a", "b", "d", "e"}
    assert found["a"].better and "qemu.not-installed" in found["a"].causes_gone
    assert ("qemu", "pass", "fail") in found["b"].layers and found["b"].worse
    assert (found["d"].was, found["d"].now) == ("unreachable", "")
    assert next(iter(diff.of(before, after))).host == "b"
    assert diff.of(before, before) == []


def test_rows_survive_a_newer_record() -> None:
    from kvmready.fleet.row import from_json

    assert from_json({"host": "a", "outcome": "ready", "something": 1}) == Row("a", "ready")
