"""Fleets of recorded hosts: what Ansible's events of them would be, and the runs that they make."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from kvmready import pipeline
from kvmready.fleet import records
from kvmready.fleet.row import of_event
from tests import hosts

VERDICTS = ("debian-12-ready", "debian-12-fresh", "debian-12-no-svm", "fedora-42-fresh", "debian-12-libvirtd-stopped")
"""Hosts of the tests that stand for a fleet: one is ready, the others are not, each in its own way."""


@cache
def _recorded(name: str) -> dict[str, Any]:
    host = hosts.load(name)
    return pipeline.report(pipeline.look(host.door, host.want, hosts.TAKEN_AT))


def report(name: str) -> dict[str, Any]:
    """The report of a recorded host."""
    return copy.deepcopy(_recorded(name))


def event(host: str, document: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The event with which a host's check ends, as ansible-runner tells it."""
    ready = document["verdict"] != "not-ready"
    causes = [cause["cause"] for cause in document["root_causes"]]
    result = {
        "report": document,
        "outcome": document["verdict"],
        "changed": False,
        "causes": causes,
        "msg": "told",
        **more,
    }
    return {
        "event": "runner_on_ok" if ready else "runner_on_failed",
        "event_data": {"host": host, "task": "kvmready", "duration": 1.25, "res": result},
    }


def unreachable(host: str, why: str = "Connection timed out") -> dict[str, Any]:
    said = f"Task failed: Failed to connect to the host via ssh: {why}"
    data = {"host": host, "task": "kvmready", "res": {"unreachable": True, "msg": said, "changed": False}}
    return {"event": "runner_on_unreachable", "event_data": data}


def failed(host: str, **result: Any) -> dict[str, Any]:
    data = {"host": host, "task": "kvmready", "duration": 0.5, "res": {"changed": False, **result}}
    return {"event": "runner_on_failed", "event_data": data}


def run(folder: Path, events: Sequence[Mapping[str, Any]], action: str = "check") -> records.Index:
    """A run of these events, written and read back."""
    recorder = records.Recorder(str(folder), action, "2026-01-01T00:00:00Z", "0.1.0")
    rows = []
    for one in events:
        found = of_event(one)
        assert found is not None, one
        rows.append(found[0])
        recorder.add(*found)
    recorder.finish(rows, "2026-01-01T00:01:00Z")
    return records.load(recorder.directory)


def fleet(folder: Path, count: int = 0) -> records.Index:
    """The recorded hosts, each ``count`` times or once, and one of each kind that sends no report."""
    events = [
        event(f"node{number * len(VERDICTS) + place}", report(name))
        for number in range(max(1, count))
        for place, name in enumerate(VERDICTS)
    ]
    events += [
        unreachable("away"),
        failed("hung", msg="Timed out after 60 second(s).", timedout={"period": 60}),
        failed("old", outcome="no-python", msg="kvmready needs Python 3.9 or newer on the host. Found there: none."),
    ]
    return run(folder, events)
