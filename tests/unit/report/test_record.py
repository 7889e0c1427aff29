"""The one record, built from recorded hosts."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from kvmready import pipeline
from kvmready.checks.finding import LAYERS
from kvmready.pipeline import View
from kvmready.proof.record import Proof, ProofStep
from kvmready.report import as_json, next_move
from tests import hosts

WITNESS = "KVMREADY 1f2e KVMKVMKVM"
PROVEN = Proof("libvirt", "libvirt", WITNESS, "kvm", "alice", (ProofStep("probe", "pass", 0.0061),), True, "It ran.")
FAILED = Proof(
    "probe", "libvirt", "", "kvm", "alice", (ProofStep("qemu", "fail", 1.0, cause="qemu.broken"),), False, "It did not."
)


def view(name: str) -> View:
    host = hosts.load(name)
    return pipeline.look(host.door, host.want, hosts.TAKEN_AT)


@pytest.fixture(scope="module")
def fresh() -> View:
    return view("debian-12-fresh")


@pytest.fixture(scope="module")
def ready() -> View:
    return view("debian-12-ready")


def test_the_frame(fresh: View) -> None:
    record = pipeline.report(fresh)
    assert record["schema"] == "kvmready.report/1"
    assert record["taken_at"] == hosts.TAKEN_AT
    assert record["host"]["os"] == {"id": "debian", "version_id": "12", "name": "Debian GNU/Linux 12 (bookworm)"}
    assert (record["host"]["machine"], record["host"]["hypervisor"]) == ("vm", "kvm")
    assert [layer["id"] for layer in record["layers"]] == list(LAYERS)
    assert (record["run"], record["proof"], record["only"]) == (None, None, None)
    assert record["users"] == ["alice"]


def test_it_holds_json_types_only(fresh: View) -> None:
    record = pipeline.report(fresh)
    assert json.loads(json.dumps(record)) == record


def test_the_commands_of_an_automatic_remedy_are_those_of_the_plan(fresh: View) -> None:
    record = pipeline.report(fresh)
    steps = record["plan"]["steps"]
    automatic = [cause for cause in record["root_causes"] if cause["remedy"]["kind"] == "automatic"]
    assert automatic
    for cause in automatic:
        told = [command for step in steps if cause["cause"] in step["mends"] for command in step["commands"]]
        assert cause["remedy"]["commands"] == told, cause["cause"]
        assert told, f"{cause['cause']}: up would not mend what it says it mends"
    by_cause = {cause["cause"]: cause["remedy"] for cause in record["root_causes"]}
    for finding in record["findings"]:
        if finding["cause"] in by_cause and finding["remedy"]["kind"] == "automatic":
            assert finding["remedy"]["commands"] == by_cause[finding["cause"]]["commands"]


def test_the_plan_is_that_of_the_view(fresh: View) -> None:
    plan = pipeline.report(fresh)["plan"]
    assert plan["id"] == fresh.plan.id
    assert [step["id"] for step in plan["steps"]] == [step.id for step in fresh.plan.steps]


def test_a_proof_and_a_run_are_kept(ready: View) -> None:
    run: dict[str, Any] = {"id": None, "plan": "0" * 64, "resumed": False, "steps": []}
    record = pipeline.report(ready, run=run, proof=PROVEN)
    jsonschema.Draft202012Validator(as_json.schema()).validate(record)
    assert record["run"] == run
    assert record["proof"]["witness"] == WITNESS
    assert record["proof"]["steps"][0]["seconds"] == 0.006
    assert pipeline.report(ready, proof=FAILED)["proof"]["witness"] is None


def test_the_next_move_of_a_fresh_host_is_up(fresh: View) -> None:
    assert pipeline.report(fresh)["next"]["command"] == ["kvmready", "up", "--user", "alice"]


def test_the_next_move_repeats_what_was_asked_for() -> None:
    record = pipeline.report(view("debian-12-nested"))
    assert record["next"]["command"] == ["kvmready", "prove", "--user", "alice", "--nested"]


def test_the_next_move_of_a_ready_host_is_its_proof(ready: View) -> None:
    assert pipeline.report(ready)["next"]["command"] == ["kvmready", "prove", "--user", "alice"]
    assert pipeline.report(ready, proof=PROVEN)["next"] is None
    assert "qemu" in pipeline.report(ready, proof=FAILED)["next"]["text"]


def test_the_next_move_is_a_persons_where_the_lowest_cause_is() -> None:
    record = pipeline.report(view("debian-12-no-svm"))
    assert record["next"]["command"] == ["kvmready", "check", "--user", "alice"]
    assert record["root_causes"][0]["cause"] in record["next"]["text"]


def test_findings_limited_to_a_layer_say_so() -> None:
    host = hosts.load("debian-12-ready")
    only = pipeline.look(host.door, host.want, hosts.TAKEN_AT, only="kernel")
    record = pipeline.report(only)
    assert record["only"] == "kernel"
    assert {finding["layer"] for finding in record["findings"]} == {"kernel"}
    assert {layer["status"] for layer in record["layers"] if layer["id"] != "kernel"} == {"skip"}


def test_the_next_move_leaves_to_the_file_what_the_file_says(fresh: View) -> None:
    named = next_move.Unsaid(("--config", "a b.toml"), {"users": ("alice",), "profile": "server"})
    assert pipeline.report(fresh, unsaid=named)["next"]["command"] == ["kvmready", "up", "--config", "a b.toml"]
    own = next_move.Unsaid((), {"users": ("alice",)})
    assert pipeline.report(fresh, unsaid=own)["next"]["command"] == ["kvmready", "up"]
    beaten = next_move.Unsaid((), {"users": ("bob",), "profile": "web", "accel": "tcg"})
    assert pipeline.report(fresh, unsaid=beaten)["next"]["command"] == [
        "kvmready", "up", "--profile", "server", "--user", "alice", "--accel", "kvm",
    ]  # fmt: skip
    ignored = next_move.Unsaid(("--no-config",), {})
    assert pipeline.report(fresh, unsaid=ignored)["next"]["command"] == [
        "kvmready", "up", "--no-config", "--user", "alice",
    ]  # fmt: skip
