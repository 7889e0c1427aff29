"""The record as metrics, for the textfile collector of Prometheus' node_exporter.

A status is a set of series, one for each word it could be, of which one is 1 and the others are 0 (what OpenMetrics
calls a state set): the series of a host are the same whatever is found, so that an alert needs no number by heart and
nothing appears and vanishes: ``kvmready_check_status{status="fail"} == 1``. Only ``kvmready_cause`` has a series for
what is there alone, of ids that the catalogue bounds. What was not measured has no series, never a made-up value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvmready.report.canvas import visible
from kvmready.typed import Any

Record = Mapping[str, Any]
Sample = tuple[Mapping[str, str], float]

CHECK_STATES = ("pass", "warn", "fail", "blocked", "unknown", "skip")
STEP_STATES = ("pass", "fail", "skip", "unknown")
ACCELERATION_STATES = ("native", "degraded", "none", "unknown")
VERDICTS = ("ready", "ready-with-warnings", "not-ready")


def render(record: Record) -> str:
    """The record in the text exposition format, version 0.0.4; every metric is a gauge of this report's time."""
    return "".join(_family(name, text, samples) for name, text, samples in _families(record) if samples)


def _families(record: Record) -> Iterable[tuple[str, str, Sequence[Sample]]]:
    """Name, help and samples of each metric. The help stays English: it is for machines' pages, like the names."""
    host = record["host"]
    yield (
        "kvmready_host_info",
        "What the host is; the value is always 1.",
        [
            (
                {
                    "version": record["version"],
                    "profile": record["profile"],
                    "hostname": host["hostname"],
                    "os": host["os"]["id"],
                    "os_version": host["os"]["version_id"],
                    "kernel": host["kernel"],
                    "arch": host["arch"],
                    "machine": host["machine"],
                    "hypervisor": host["hypervisor"] or "",
                },
                1,
            )
        ],
    )
    yield (
        "kvmready_report_timestamp_seconds",
        "When the host was asked, as Unix time.",
        [({}, _unix_time(record["taken_at"]))],
    )
    yield (
        "kvmready_ready",
        "1 where the verdict is ready, with warnings or without.",
        [({}, record["verdict"] != "not-ready")],
    )
    yield (
        "kvmready_verdict",
        "The verdict: one series for each word, 1 for the one that holds.",
        [*_one_of({}, "verdict", VERDICTS, record["verdict"])],
    )
    yield (
        "kvmready_check_status",
        "The status of each check: one series for each word, 1 for the one that holds.",
        [
            sample
            for finding in record["findings"]
            for sample in _one_of(
                {"check": finding["check"], "layer": finding["layer"]}, "status", CHECK_STATES, finding["status"]
            )
        ],
    )
    yield (
        "kvmready_layer_status",
        "The worst status of each layer: one series for each word.",
        [
            sample
            for layer in record["layers"]
            for sample in _one_of({"layer": layer["id"]}, "status", CHECK_STATES, layer["status"])
        ],
    )
    yield (
        "kvmready_cause",
        "The root causes that were found; a cause that is not there has no series.",
        [({"cause": cause["cause"], "layer": cause["layer"]}, 1) for cause in record["root_causes"]],
    )
    yield "kvmready_causes", "How many root causes were found.", [({}, len(record["root_causes"]))]
    if record["plan"] is not None:
        yield "kvmready_plan_steps", "How many steps kvmready up would carry out.", [({}, len(record["plan"]["steps"]))]
    yield from _acceleration(record["acceleration"])
    if record["proof"] is not None:
        yield from _proof(record["proof"])


def _acceleration(measured: Record) -> Iterable[tuple[str, str, Sequence[Sample]]]:
    yield (
        "kvmready_acceleration_state",
        "What runs the code of guests: one series for each word.",
        [*_one_of({}, "state", ACCELERATION_STATES, measured["state"])],
    )
    if measured["native_ratio"] is not None:
        yield (
            "kvmready_guest_native_ratio",
            "Speed of guest code against the same code run natively.",
            [({}, measured["native_ratio"])],
        )
    if measured["exit_us"] is not None:
        yield (
            "kvmready_exit_latency_seconds",
            "Round trip guest, host, guest, by percentile of the probe's exits.",
            [
                ({"percentile": percent}, measured["exit_us"][name] / 1e6)
                for percent, name in (("50", "p50"), ("99", "p99"))
            ],
        )


def _proof(proof: Record) -> Iterable[tuple[str, str, Sequence[Sample]]]:
    yield (
        "kvmready_proof_ok",
        "1 where a guest proved itself at the wanted level, under this accelerator.",
        [({"level": proof["wanted"], "accel": proof["accel"]}, proof["ok"])],
    )
    yield (
        "kvmready_proof_step_status",
        "The status of each step of the proof: one series for each word.",
        [
            sample
            for step in proof["steps"]
            for sample in _one_of({"step": step["id"]}, "status", STEP_STATES, step["status"])
        ],
    )
    yield (
        "kvmready_proof_step_duration_seconds",
        "How long each step of the proof took.",
        [({"step": step["id"]}, step["seconds"]) for step in proof["steps"]],
    )


def _one_of(labels: Mapping[str, str], name: str, words: Sequence[str], holds: str) -> Iterable[Sample]:
    return [({**labels, name: word}, word == holds) for word in words]


def _family(name: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(word)}"' for label, word in labels.items())
        lines.append(f"{name}{{{inner}}} {_number(value)}" if inner else f"{name} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(word: str) -> str:
    """A label's value: what would end it or its line is escaped, what no terminal should print is shown as escapes."""
    return visible(word).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _unix_time(taken_at: str) -> float:
    """RFC 3339, UTC, as the schema has it."""
    import calendar
    import time

    whole, _dot, part = taken_at.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds + float("0." + part) if part else seconds
