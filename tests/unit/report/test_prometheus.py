"""Metrics: what Prometheus' own parser reads, under names that promtool accepts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from prometheus_client.parser import text_string_to_metric_families

from kvmready.report import prometheus
from tests.unit import test_recorded_hosts as recorded
from tests.unit.report import hostile, samples

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(record: dict[str, Any]) -> Series:
    """Every series by its name and labels; each has one value, and each metric its help and its type."""
    text = prometheus.render(record)
    assert text.endswith("\n") and "\r" not in text
    found: Series = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge" and family.documentation
        assert re.fullmatch(r"kvmready(_[a-z]+)+", family.name)
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket", "_gauge", "_milliseconds", "_us"))
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} twice: node_exporter would refuse the whole file"
            found[key] = sample.value
    helps = re.findall(r"^# HELP (\S+) .+$", text, re.M)
    assert helps == re.findall(r"^# TYPE (\S+) gauge$", text, re.M) and len(set(helps)) == len(helps)
    return found


def value(found: Series, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def sets(found: Series, name: str, label: str) -> Counter[tuple[tuple[str, str], ...]]:
    """For each thing with a status, how many of its series are 1."""
    ones: Counter[tuple[tuple[str, str], ...]] = Counter()
    for (metric, labels), number in found.items():
        if metric == name:
            ones[tuple(pair for pair in labels if pair[0] != label)] += int(number)
    return ones


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_recorded_host_in_metrics(name: str) -> None:
    record = recorded.record(name)
    found = read(record)
    assert value(found, "kvmready_ready") == (record["verdict"] != "not-ready")
    for finding in record["findings"]:
        labels = {"check": finding["check"], "layer": finding["layer"]}
        assert value(found, "kvmready_check_status", status=finding["status"], **labels) == 1
    for metric, label in (("check_status", "status"), ("layer_status", "status"), ("acceleration_state", "state")):
        assert set(sets(found, f"kvmready_{metric}", label).values()) == {1}
    assert sum(n for (metric, _labels), n in found.items() if metric == "kvmready_cause") == len(record["root_causes"])
    assert value(found, "kvmready_causes") == len(record["root_causes"])
    assert value(found, "kvmready_report_timestamp_seconds") == 1767225600


def test_the_series_of_checks_do_not_depend_on_what_is_found() -> None:
    ready, broken = (read(recorded.record(name)) for name in ("debian-12-ready-as-alice", "debian-12-modules-unloaded"))
    for metric in ("kvmready_check_status", "kvmready_layer_status", "kvmready_verdict"):
        keys = [{key for key in found if key[0] == metric} for found in (ready, broken)]
        assert keys[0] == keys[1] and keys[0]


def test_base_units() -> None:
    record = samples.proven()
    found = read(record)
    assert value(found, "kvmready_guest_native_ratio") == 0.97
    assert value(found, "kvmready_exit_latency_seconds", percentile="50") == pytest.approx(1.2e-6)
    assert value(found, "kvmready_exit_latency_seconds", percentile="99") == pytest.approx(3.4e-6)
    assert value(found, "kvmready_proof_ok", level="libvirt", accel="kvm") == 1
    assert value(found, "kvmready_proof_step_duration_seconds", step="libvirt") == 148
    assert value(found, "kvmready_proof_step_status", step="qemu", status="pass") == 1


def test_what_was_not_measured_has_no_series() -> None:
    record = samples.broken()
    record["acceleration"].update(state="unknown", native_ratio=None, exit_us=None)
    names = {name for name, _labels in read(record)}
    assert not names & {"kvmready_guest_native_ratio", "kvmready_exit_latency_seconds", "kvmready_proof_ok"}
    assert value(read(record), "kvmready_acceleration_state", state="unknown") == 1
    assert value(read(record), "kvmready_plan_steps") == 2


def test_an_emulated_or_failed_proof_is_not_one_under_kvm() -> None:
    emulated = samples.proven("tcg")
    assert value(read(emulated), "kvmready_proof_ok", level="libvirt", accel="tcg") == 1
    emulated["proof"].update(ok=False, level="qemu")
    assert value(read(emulated), "kvmready_proof_ok", level="libvirt", accel="tcg") == 0


def test_fractions_of_a_second_are_kept() -> None:
    record = samples.proven()
    record["taken_at"] = "2026-01-01T00:00:00.25Z"
    assert value(read(record), "kvmready_report_timestamp_seconds") == 1767225600.25


def unique(record: dict[str, Any]) -> dict[str, Any]:
    """Steps of a proof have ids of their own; only their words are hostile here."""
    for number, step in enumerate(record["proof"]["steps"]):
        step["id"] = f"{number}{step['id']}"
    return record


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_words_stay_in_their_label(text: str) -> None:
    found = read(unique(hostile.report(text)))
    assert value(found, "kvmready_ready") == 0
    (host,) = (dict(labels) for name, labels in found if name == "kvmready_host_info")
    assert all(label.isprintable() for label in host.values())
    if text.isprintable():
        assert host["hostname"] == text


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_no_text_breaks_the_document(text: str) -> None:
    assert value(read(unique(hostile.after_a_run(text))), "kvmready_ready") == 0
