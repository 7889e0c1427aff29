"""Recorded hosts, judged again: a bug report becomes a test by adding a file to ``tests/hosts``."""

from __future__ import annotations

import io
import json
from functools import cache
from typing import Any

import jsonschema
import pytest

from kvmready import checks, pipeline
from kvmready.report import as_json, text
from tests import hosts

NAMES = hosts.names()
VALIDATOR = jsonschema.Draft202012Validator(
    as_json.schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


@cache
def record(name: str) -> dict[str, Any]:
    """The report of a recorded host, as JSON gives it back."""
    host = hosts.load(name)
    view = pipeline.look(host.door, host.want, hosts.TAKEN_AT)
    read: dict[str, Any] = json.loads(as_json.render(pipeline.report(view)))
    return read


def statuses(name: str) -> dict[str, str]:
    return {finding["check"]: finding["status"] for finding in record(name)["findings"]}


def test_there_are_recorded_hosts() -> None:
    assert any(hosts.load(name).made == "recorded" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_host_is_judged_as_expected(name: str) -> None:
    expect = hosts.load(name).expect
    found = statuses(name)
    report = record(name)
    seen = {
        "verdict": report["verdict"],
        "root_causes": [cause["cause"] for cause in report["root_causes"]],
        "statuses": {check: found.get(check, "no such check") for check in expect["statuses"]},
    }
    told = [f"{f['check']}: {f['status']}: {f['summary']}" for f in report["findings"] if f["status"] != "pass"]
    assert seen == expect, "\n" + "\n".join(told)


@pytest.mark.parametrize("name", NAMES)
def test_its_report_keeps_the_schema(name: str) -> None:
    errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in VALIDATOR.iter_errors(record(name))]
    assert not errors


@pytest.mark.parametrize("name", NAMES)
def test_its_text_says_what_must_be_done(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    report = record(name)
    stream = io.StringIO()
    text.report(report, stream, verbose=True)
    words = " ".join(stream.getvalue().split())
    for cause in report["root_causes"]:
        assert cause["cause"] in words
    for finding in report["findings"]:
        assert finding["check"] in words
    assert report["next"] is None or "Next:" in words


def test_every_recording_is_a_host() -> None:
    assert set(hosts.recordings()) == {
        hosts.based_on(name) for name in NAMES if hosts.based_on(name).startswith("recordings/")
    }


def test_every_check_has_a_host_that_passes_and_one_that_does_not() -> None:
    found = [pair for name in NAMES for pair in statuses(name).items()]
    missing = [
        f"{check.id}: no recorded host where it {words}"
        for check in checks.ALL
        for words, wanted in (("passes", {"pass"}), ("does not pass", {"fail", "warn"}))
        if not any((check.id, status) in found for status in wanted)
    ]
    assert not missing, "\n" + "\n".join(missing)


def test_every_cause_is_in_the_findings() -> None:
    """A root cause names nothing that no finding says."""
    for name in NAMES:
        report = record(name)
        causes = {finding["cause"] for finding in report["findings"]}
        assert {cause["cause"] for cause in report["root_causes"]} <= causes, name


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"based_on": "x", "made": "recorded"}, "keys"),
        ({"based_on": "x", "made": "somehow", "expect": {}}, "how was it made"),
        ({"based_on": "x", "made": "edited by hand: no", "expect": {}}, "where"),
        ({"based_on": "x", "made": "recorded", "answers": [{"replace": []}], "expect": {}}, "whole answers"),
        ({"based_on": "x", "made": "recorded", "expect": {"verdict": "ready"}}, "expect must hold"),
    ],
)
def test_a_host_file_must_be_whole(
    document: dict[str, Any], why: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.json").write_text(json.dumps(document))
    monkeypatch.setattr(hosts, "FOLDER", tmp_path)
    with pytest.raises(hosts.BadHost, match=why):
        hosts.load("bad")


def test_an_edit_must_hit(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {
        "schema": "kvmready.recording/1",
        "asked_for": {},
        "answers": [{"ask": {"ask": "read", "path": "/a"}, "answer": {"path": "/a", "text": "one"}}],
    }
    (tmp_path / "base.json").write_text(json.dumps(base))
    monkeypatch.setattr(hosts, "FOLDER", tmp_path)
    for like, old, why in (("/b", "one", "in 0 questions"), ("/a", "two", "is not changed")):
        document = {
            "based_on": "base.json",
            "made": "edited by hand: a test",
            "answers": [{"like": like, "replace": [[old, "x"]]}],
            "expect": {"verdict": "ready", "root_causes": [], "statuses": {}},
        }
        (tmp_path / "host.json").write_text(json.dumps(document))
        with pytest.raises(hosts.BadHost, match=why):
            hosts.load("host")
