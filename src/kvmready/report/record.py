"""The one record of a host at one time, in JSON types only: ``kvmready.report/1``, see ``schema.json`` beside it.

Every format is drawn from this record and from nothing else, so that all of them say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.checks.engine import RootCause, layer_status
from kvmready.checks.finding import LAYERS, Finding, Remedy
from kvmready.report import next_move
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.plan.step import Plan, Step
    from kvmready.proof.record import Linux, Proof

SCHEMA = "kvmready.report/1"


def build(
    *,
    facts: Facts,
    findings: Sequence[Finding],
    causes: Sequence[RootCause],
    verdict: str,
    plan: Plan | None,
    run: Mapping[str, Any] | None,
    proof: Proof | None,
    version: str,
    taken_at: str,
    only: str = "",
    unsaid: next_move.Unsaid | None = None,
) -> dict[str, Any]:
    """The record. ``taken_at`` is RFC 3339, UTC; ``only`` is the layer or check that the findings were limited to.

    ``run`` is what a run did, in JSON types; ``plan``, ``run`` and ``proof`` are None where there was none. The
    commands of automatic remedies are those of the plan's steps that mend the cause. ``unsaid`` is what the commands
    of the next move leave to a configuration file.
    """
    machine = facts.machine
    steps = plan.steps if plan is not None else ()
    return {
        "schema": SCHEMA,
        "version": version,
        "taken_at": taken_at,
        "host": {
            "hostname": facts.caller.hostname,
            "arch": facts.caller.arch,
            "kernel": facts.caller.kernel,
            "os": {"id": facts.os.id, "version_id": facts.os.version_id, "name": facts.os.name},
            "machine": machine.kind,
            "hypervisor": machine.hypervisor,
        },
        "profile": facts.want.profile,
        "users": list(facts.want.users),
        "only": only or None,
        "wanted": {"accel": facts.want.accel, "nested": facts.want.nested, "iommu": facts.want.iommu},
        # Checks explain; a guest that did not run decides.
        "verdict": "not-ready" if proof is not None and not proof.ok else verdict,
        "acceleration": _acceleration(facts),
        "layers": [{"id": layer, "status": layer_status(layer, findings)} for layer in LAYERS],
        "findings": [
            {
                "check": f.check,
                "layer": f.layer,
                "status": f.status,
                "summary": f.summary,
                "evidence": [{"source": seen.source, "text": seen.text} for seen in f.evidence],
                "cause": f.cause or None,
                "remedy": _remedy(f.remedy, f.cause, steps),
                "blocked_by": list(f.blocked_by),
            }
            for f in findings
        ],
        "root_causes": [
            {
                "cause": c.cause,
                "layer": c.layer,
                "summary": c.summary,
                "remedy": _remedy(c.remedy, c.cause, steps),
                "explains": list(c.explains),
            }
            for c in causes
        ],
        "next": next_move.after(facts, findings, causes, verdict, steps, proof, unsaid),
        "plan": None if plan is None else plan_json(plan),
        "run": None if run is None else dict(run),
        "proof": None if proof is None else proof_json(proof),
    }


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as people approve it; what the journal keeps beyond that is in the journal."""
    return {
        "id": plan.id,
        "profile": plan.profile,
        "users": list(plan.users),
        "notes": list(plan.notes),
        "steps": [
            {
                "id": step.id,
                "kind": step.kind,
                "layer": step.layer,
                "summary": step.summary,
                "commands": [list(command) for command in step.commands],
                "mends": list(step.mends),
                "note": step.note,
            }
            for step in plan.steps
        ],
    }


def _acceleration(facts: Facts) -> dict[str, Any]:
    measured = facts.probe.acceleration
    exits = measured.exit_us
    return {
        "state": measured.state,
        "native_ratio": measured.native_ratio,
        "exit_us": None if exits is None else {"p50": exits[0], "p99": exits[1]},
        "why": measured.why,
    }


def proof_json(proof: Proof) -> dict[str, Any]:
    """The proof, with the witness just as the guest wrote it: to make it harmless is the work of each format."""
    linux = {} if proof.linux is None else {"linux": _linux_json(proof.linux)}
    return {
        **linux,
        "level": proof.level,
        "wanted": proof.wanted,
        "ok": proof.ok,
        "summary": proof.summary,
        "user": proof.user or None,
        "witness": proof.witness or None,
        "accel": proof.accel,
        "screenshot": proof.screenshot or None,
        "steps": [
            {
                "id": step.id,
                "status": step.status,
                "seconds": round(step.seconds, 3),
                "evidence": [{"source": seen.source, "text": seen.text} for seen in step.evidence],
                "cause": step.cause or None,
            }
            for step in proof.steps
        ],
    }


def _linux_json(linux: Linux) -> dict[str, Any]:
    return {
        "image": linux.image or None,
        "sha256": linux.sha256 or None,
        "kernel": linux.kernel or None,
        "clocksource": linux.clocksource or None,
        "address": linux.address or None,
        "boot": [{"phase": name, "seconds": seconds} for name, seconds in linux.boot],
        "figures": [{**figure._asdict(), "normal": figure.normal} for figure in linux.figures],
    }


def _remedy(remedy: Remedy | None, cause: str, steps: Sequence[Step]) -> dict[str, Any]:
    if remedy is None:
        return {"kind": "none", "text": "", "commands": []}
    commands = remedy.commands
    if remedy.kind == "automatic" and not commands:
        commands = tuple(command for step in steps if cause in step.mends for command in step.commands)
    return {"kind": remedy.kind, "text": remedy.text, "commands": [list(command) for command in commands]}
