"""What Ansible tells of a host becomes one row, whatever happened to it."""

from __future__ import annotations

import pytest

from kvmready.fleet.row import OUTCOMES, Row, of_event
from kvmready.fleet.words import OUTCOMES as WORDS
from tests.unit.fleet import samples


def row(event: dict[str, object]) -> Row:
    found = of_event(event)
    assert found is not None
    return found[0]


def test_a_host_that_sent_its_report() -> None:
    document = samples.report("debian-12-fresh")
    found = of_event(samples.event("node1", document, msg="QEMU  is\nmissing."))
    assert found is not None
    one, report = found
    assert (one.host, one.outcome, one.ok, one.failed) == ("node1", "not-ready", False, True)
    assert one.layers["qemu"] == "fail" and one.causes["qemu.not-installed"].startswith("QEMU")
    assert (one.plan, one.message, report) == (document["plan"]["id"], "QEMU is missing.", document)


def test_a_host_that_cannot_be_reached_says_why() -> None:
    one = row(samples.unreachable("away", "ssh: connect to host away port 22: No route to host"))
    assert (one.outcome, one.ok, one.message) == (
        "unreachable",
        False,
        "ssh: connect to host away port 22: No route to host",
    )


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"msg": "Timed out after 60 second(s).", "timedout": {"period": 60}}, "timed-out"),
        ({"msg": "Task failed: Action failed: no Python", "outcome": "no-python"}, "no-python"),
        ({"msg": "no space", "outcome": "no-space"}, "no-space"),
        ({"msg": "the module is broken"}, "failed"),
        ({"msg": "a newer collection", "outcome": "an-outcome-of-later"}, "failed"),
        ({"msg": "it goes on", "outcome": "gave-up-waiting"}, "gave-up-waiting"),
    ],
)
def test_a_host_that_failed(result: dict[str, object], outcome: str) -> None:
    one = row(samples.failed("node1", **result))
    assert (one.outcome, one.ok, one.layers) == (outcome, False, {})
    assert not one.message.startswith("Task failed")


def test_an_undo_and_one_that_had_nothing_to_do() -> None:
    data = {"host": "node1", "res": {"outcome": "undone", "changed": True, "steps": ["a", "b"], "msg": "2 steps"}}
    one = row({"event": "runner_on_ok", "event_data": data})
    assert (one.ok, one.changed, one.steps) == (True, True, ("a", "b"))
    assert row({"event": "runner_on_skipped", "event_data": {"host": "node1", "res": {}}}).outcome == "nothing-to-do"


def test_other_events_end_no_host() -> None:
    for kind in ("playbook_on_start", "runner_on_start", "verbose", "playbook_on_stats"):
        assert of_event({"event": kind, "event_data": {"host": "node1"}}) is None


def test_every_outcome_has_its_words() -> None:
    assert set(WORDS) == set(OUTCOMES)
