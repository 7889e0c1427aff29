"""Causes told from consequences, whatever the order of the layers."""

from __future__ import annotations

import pytest

from kvmready.checks import engine
from kvmready.checks.finding import (
    Check,
    Evidence,
    Finding,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    skipped,
    unknown as not_known,
    warned,
)
from tests.unit.checks import lower

FACTS = lower.facts()
GATE = engine.GATE
SEEN = Evidence("there", "this")


def check(name: str, status: str, *needs: str, cause: str = "") -> Check:
    """A check whose answer is fixed; its cause is its own name with ``-broken``, unless another is given."""
    cause = cause or f"{name}-broken"
    judgements = {
        "pass": passed(f"{name} is well."),
        "skip": skipped(f"{name} is not needed."),
        "warn": warned(cause, f"{name} is poor.", manual("Look."), SEEN),
        "fail": failed(cause, f"{name} is broken.", automatic("Mend."), SEEN),
        "unknown": not_known(f"{name} is not known.", manual("Look.")),
    }
    judgement: Judgement = judgements[status]
    return Check(name, lambda _facts: judgement, needs)


def judge(*checks: Check) -> dict[str, Finding]:
    return {finding.check: finding for finding in engine.judge(checks, FACTS)}


def test_findings_are_in_layer_order() -> None:
    found = judge(check("access.a", "pass"), check("hardware.a", "pass"), check("libvirt.a", "pass"))
    assert list(found) == ["hardware.a", "libvirt.a", "access.a"]
    assert found["libvirt.a"].layer == "libvirt"


def test_a_consequence_has_no_cause_and_no_remedy_of_its_own() -> None:
    found = judge(check("qemu.a", "fail"), check("libvirt.a", "fail", "qemu.a"))
    blocked = found["libvirt.a"]
    assert (blocked.status, blocked.blocked_by) == ("blocked", ("qemu.a",))
    assert (blocked.cause, blocked.remedy) == ("", None)
    assert blocked.evidence == (SEEN,)
    assert found["qemu.a"].remedy == automatic("Mend.")


@pytest.mark.parametrize("status", ["pass", "warn", "skip"])
def test_what_did_not_fail_is_not_blocked(status: str) -> None:
    found = judge(check("qemu.a", "fail"), check("libvirt.a", status, "qemu.a"))
    assert found["libvirt.a"].status == status
    assert found["libvirt.a"].blocked_by == ()


@pytest.mark.parametrize("status", ["pass", "warn", "skip", "unknown"])
def test_what_did_not_fail_blocks_nothing(status: str) -> None:
    found = judge(check("qemu.a", status), check("libvirt.a", "fail", "qemu.a"))
    assert found["libvirt.a"].status == "fail"


def test_an_unknown_above_a_failure_is_blocked_and_hands_it_on() -> None:
    found = judge(
        check("qemu.a", "fail"), check("libvirt.a", "unknown", "qemu.a"), check("storage.a", "unknown", "libvirt.a")
    )
    assert found["libvirt.a"].blocked_by == ("qemu.a",)
    assert found["storage.a"].blocked_by == ("qemu.a",)


def test_a_need_may_be_of_a_higher_layer() -> None:
    found = judge(
        check("libvirt.connect", "fail", "services.a"),
        check("services.a", "fail", "libvirt.daemon"),
        check("libvirt.daemon", "pass"),
        check("network.a", "unknown", "libvirt.connect"),
    )
    assert found["libvirt.connect"].blocked_by == ("services.a",)
    assert found["network.a"].blocked_by == ("services.a",)
    assert found["services.a"].status == "fail"


def test_all_failures_at_the_bottom_are_named_once() -> None:
    found = judge(
        check("qemu.a", "fail"),
        check("qemu.b", "fail"),
        check("libvirt.a", "fail", "qemu.a", "qemu.b"),
        check("storage.a", "fail", "libvirt.a", "qemu.b"),
    )
    assert found["storage.a"].blocked_by == ("qemu.a", "qemu.b")


def test_of_checks_that_need_each_other_one_keeps_its_failure() -> None:
    found = judge(check("qemu.a", "fail", "qemu.b"), check("qemu.b", "fail", "qemu.a"))
    assert sorted(finding.status for finding in found.values()) == ["blocked", "fail"]


def test_the_gate_explains_every_failure() -> None:
    found = judge(
        check(GATE, "fail"),
        check("kernel.a", "fail"),
        check("libvirt.a", "fail", "kernel.a"),
        check("network.a", "unknown"),
        check("storage.a", "warn"),
        check("access.a", "pass"),
    )
    assert found[GATE].status == "fail"
    assert {name: finding.blocked_by for name, finding in found.items() if finding.status == "blocked"} == {
        "kernel.a": (GATE,),
        "libvirt.a": (GATE,),
        "network.a": (GATE,),
    }
    assert (found["storage.a"].status, found["access.a"].status) == ("warn", "pass")


def test_a_gate_that_only_warns_explains_nothing() -> None:
    found = judge(check(GATE, "warn"), check("kernel.a", "fail"))
    assert found["kernel.a"].status == "fail"


def test_a_need_that_was_not_judged_blocks_nothing() -> None:
    assert judge(check("libvirt.a", "fail", "qemu.a"))["libvirt.a"].status == "fail"


def test_root_causes_are_failures_bottom_up_then_warnings() -> None:
    findings = engine.judge(
        [
            check("kernel.w", "warn"),
            check("access.a", "fail"),
            check("qemu.a", "fail"),
            check("libvirt.a", "fail", "qemu.a"),
            check("libvirt.b", "unknown"),
        ],
        FACTS,
    )
    causes = engine.root_causes(findings)
    assert [cause.cause for cause in causes] == ["qemu.a-broken", "access.a-broken", "kernel.w-broken"]
    assert causes[0].explains == ("qemu.a", "libvirt.a")
    assert causes[0].summary == "qemu.a is broken."


def test_one_cause_of_two_checks_is_told_once() -> None:
    findings = engine.judge(
        [
            check("libvirt.a", "fail", cause="x.y"),
            check("network.a", "fail", "libvirt.b"),
            check("libvirt.b", "fail", cause="x.y"),
            check("access.a", "warn", cause="x.y"),
        ],
        FACTS,
    )
    (cause,) = engine.root_causes(findings)
    assert cause.layer == "libvirt"
    assert cause.explains == ("libvirt.a", "libvirt.b", "network.a", "access.a")


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], "ready"),
        ([("qemu.a", "pass"), ("qemu.b", "skip")], "ready"),
        ([("qemu.a", "warn")], "ready-with-warnings"),
        ([("qemu.a", "unknown")], "ready-with-warnings"),
        ([("qemu.a", "fail")], "not-ready"),
        ([("libvirt.connect", "unknown")], "not-ready"),
        ([("kernel.kvm-runs", "unknown")], "not-ready"),
        ([("kernel.kvm-runs", "warn")], "ready-with-warnings"),
    ],
)
def test_verdict(checks: list[tuple[str, str]], expected: str) -> None:
    assert engine.verdict(engine.judge([check(*one) for one in checks], FACTS)) == expected


def test_layer_status_is_the_worst() -> None:
    findings = engine.judge(
        [check("qemu.a", "pass"), check("qemu.b", "warn"), check("libvirt.a", "fail"), check("storage.a", "skip")],
        FACTS,
    )
    shown = {layer: engine.layer_status(layer, findings) for layer in ("qemu", "libvirt", "storage", "tools")}
    assert shown == {"qemu": "warn", "libvirt": "fail", "storage": "skip", "tools": "skip"}
