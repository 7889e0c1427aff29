"""The probe's document: what it says, and what is made of one that says nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kvmready.errors import UnrecordedQuestion
from kvmready.facts import probe
from kvmready.facts.known import Absent, Fact, Known, Unknown
from kvmready.facts.names import Want
from kvmready.facts.probe import Answer
from kvmready.host.door import PROBE, Account, Result
from kvmready.host.replay import ReplayHost
from tests.unit.facts.test_machine import NAMES

# As the program prints them.
RAN: dict[str, Any] = {
    "user": None, "uid": 0, "gids": [0], "ok": True, "failed_at": None, "errno": None, "exit_reason": None,
    "detail": "", "api_version": 12, "real_mode": {"a": 1, "b": 2, "sum": 3, "ok": True},
    "long_mode": {"a": "0x1", "b": "0x2", "result": "0x3", "ok": True},
    "exit_us": {"p50": 1.25, "p99": 2.5, "n": 255}, "native_ratio": 0.98,
    "loop": {"turns": 1048576, "native_ns_per_turn": 1.0, "guest_ns_per_turn": 1.02},
}  # fmt: skip
REFUSED: dict[str, Any] = {
    **RAN, "user": "alice", "uid": 1000, "gids": [1000], "ok": False, "failed_at": "open", "errno": "EACCES",
    "detail": "open /dev/kvm: Permission denied", "api_version": None, "real_mode": None, "long_mode": None,
    "exit_us": None, "native_ratio": None, "loop": None,
}  # fmt: skip
UNTRIED: dict[str, Any] = {**REFUSED, "ok": None, "failed_at": "privilege", "errno": None, "detail": "no such user"}


def document(*answers: dict[str, Any]) -> str:
    return json.dumps({"schema": probe.SCHEMA, "arch": "x86_64", "answers": list(answers)})


def probed(*answers: dict[str, Any], caller: str = "root") -> probe.Probe:
    return probe.Probe(probe.parse(document(*answers)), caller, Unknown("not asked"))


def test_a_document_is_read() -> None:
    assert probe.parse(document(RAN, REFUSED)) == Known(
        (
            Answer("", 0, True, "", "", "", "", (1.25, 2.5), 0.98, (0,)),
            Answer("alice", 1000, False, "open", "EACCES", "", "open /dev/kvm: Permission denied", None, None, (1000,)),
        )
    )


def test_each_user_gets_the_answer_of_that_user() -> None:
    found = probed(RAN, REFUSED, {**UNTRIED, "user": "bob"})
    own, alice = found.for_user("root"), found.for_user("alice")
    assert isinstance(own, Known)
    assert own.value.ok
    assert isinstance(alice, Known)
    assert alice.value.errno == "EACCES"
    assert found.for_user("bob") == Unknown("privilege: no such user")
    assert found.for_user("carol") == Unknown("not tried as carol")
    assert found.ran


def test_without_answers_nothing_ran() -> None:
    found = probe.Probe(Unknown("timeout"), "root", Unknown("not asked"))
    assert found.own is None
    assert not found.ran
    assert found.for_user("root") == Unknown("timeout")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (RAN, "native"),
        ({**RAN, "native_ratio": probe.NATIVE_RATIO}, "native"),
        ({**RAN, "native_ratio": 0.199}, "degraded"),
        ({**RAN, "native_ratio": 0.0003}, "degraded"),
        ({**RAN, "native_ratio": 0}, "degraded"),
        ({**RAN, "native_ratio": 0.98, "loop": {"emulated": None, "steady": False}}, "native"),
        ({**RAN, "native_ratio": 0.0003, "loop": {"emulated": True, "steady": False}}, "degraded"),
        ({**RAN, "native_ratio": 0.0003, "loop": {"emulated": None, "steady": True}}, "degraded"),
        ({**RAN, "native_ratio": 0.00005, "loop": {"emulated": False, "steady": False}}, "native"),
        ({**RAN, "native_ratio": 0.00005, "loop": {"emulated": False, "steady": True}}, "degraded"),
        ({**RAN, "native_ratio": 0.00005, "loop": {"emulated": None, "steady": False}}, "unknown"),
        ({**RAN, "native_ratio": None, "detail": "mprotect: Permission denied"}, "unknown"),
        ({**RAN, "ok": False, "failed_at": "open", "errno": "ENOENT"}, "none"),
        ({**RAN, "ok": False, "failed_at": "create-vm", "errno": "EBUSY"}, "none"),
        ({**RAN, "ok": False, "failed_at": "open", "errno": "EACCES"}, "unknown"),
        ({**RAN, "ok": None, "failed_at": "unsupported-arch"}, "unknown"),
    ],
)
def test_the_state_of_acceleration(answer: dict[str, Any], state: str) -> None:
    speed = probed(answer).acceleration
    assert speed.state == state
    assert speed.why


def test_the_state_of_acceleration_without_an_answer() -> None:
    speed = probe.Probe(Unknown("timeout"), "root", Unknown("")).acceleration
    assert speed.state == "unknown"
    assert "timeout" in speed.why


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.978, "0.98"), (1.0, "1.00"), (0.2, "0.20"), (0.000336, "0.00034"), (0.094, "0.094"), (0, "0")],
)
def test_a_ratio_keeps_two_digits_that_count(ratio: float, text: str) -> None:
    assert probe.ratio_text(ratio) == text


RESULTS: list[tuple[Result, str]] = [
    (Result((PROBE,), problem="timeout"), "did not answer within"),
    (Result((PROBE,), problem="absent"), "could not be started: absent"),
    (Result((PROBE,), -11, "", "Segmentation fault\n"), "signal 11: Segmentation fault"),
    (Result((PROBE,), 2, "", "usage: probe.py\n"), "ended with status 2: usage"),
    (Result((PROBE,), 70), "ended with status 70"),
    (Result((PROBE,), 0, ""), "did not print JSON"),
    (Result((PROBE,), 0, document(RAN)[:-20]), "did not print JSON"),
    (Result((PROBE,), 0, "[" * 100000), "did not print JSON"),
    (Result((PROBE,), 0, "[]"), "did not print a kvmready.probe/1"),
    (Result((PROBE,), 0, document(RAN).replace("probe/1", "probe/9")), "did not print a kvmready.probe/1"),
    (Result((PROBE,), 0, document()), "no answers"),
    (Result((PROBE,), 0, '{"schema": "kvmready.probe/1", "answers": [1]}'), "no answers"),
]


@pytest.mark.parametrize(("result", "why"), RESULTS, ids=[row[1] for row in RESULTS])
def test_a_probe_that_gave_no_answers_is_unknown(result: Result, why: str) -> None:
    found = probe.from_result(result)
    assert isinstance(found, Unknown)
    assert why in found.why


def _host(uid: int, accounts: dict[str, Account], argv: list[str]) -> ReplayHost:
    caller = {
        "uid": uid, "groups": [uid], "user": "root" if uid == 0 else "alice", "sudo_user": "", "hostname": "h",
        "kernel": "6", "arch": "x86_64",
    }  # fmt: skip
    answers: list[dict[str, Any]] = [
        {"ask": {"ask": "caller"}, "answer": caller},
        {"ask": {"ask": "run", "argv": argv}, "answer": {"argv": argv, "status": 0, "stdout": document(RAN)}},
    ]
    for name, account in accounts.items():
        fields = {field: value for field, value in account._asdict().items() if field != "groups"}
        answers.append({"ask": {"ask": "account", "name": name}, "answer": fields})
    return ReplayHost({"answers": answers}, "a test")


ALICE, QEMU, NOBODY = Account("alice", 1000, 1000), Account("libvirt-qemu", 64055, 105), Account("bob", error="absent")


def test_root_tries_every_user_that_there_is() -> None:
    accounts = {"alice": ALICE, "bob": NOBODY, "libvirt-qemu": QEMU}
    host = _host(0, accounts, [PROBE, "--user", "alice", "--user", "libvirt-qemu"])
    found = probe.ask(host, NAMES, Want(users=("alice", "bob", "alice", "root")))()
    assert found.ran
    assert found.caller == "root"


def test_before_libvirt_is_installed_its_user_is_left_out() -> None:
    host = _host(0, {"libvirt-qemu": Account("libvirt-qemu", error="absent")}, [PROBE])
    assert probe.ask(host, NAMES, Want())().ran


def test_the_minimal_profile_has_no_use_for_the_user_of_qemu() -> None:
    assert probe.ask(_host(0, {}, [PROBE]), NAMES, Want(profile="minimal"))().ran


def test_another_set_of_users_is_another_question() -> None:
    with pytest.raises(UnrecordedQuestion):
        probe.ask(_host(0, {"alice": ALICE}, [PROBE]), NAMES, Want(profile="minimal", users=("alice",)))


@pytest.mark.parametrize(
    ("account", "known"), [(ALICE, Known(ALICE)), (Account("alice", error="absent"), Absent("alice"))]
)
def test_a_plain_user_is_tried_alone(account: Account, known: Fact[Account]) -> None:
    accounts = {"alice": account, "libvirt-qemu": QEMU}
    found = probe.ask(_host(1000, accounts, [PROBE]), NAMES, Want(users=("alice", "bob")))()
    assert found.account == known
    assert found.qemu_account == Known(QEMU)
    minimal = probe.ask(_host(1000, {"alice": account}, [PROBE]), NAMES, Want(profile="minimal"))()
    assert isinstance(minimal.qemu_account, Unknown)
    assert found.caller == "alice"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(sorted(RAN)), JSON))
def test_no_answer_makes_the_reader_fail(answer: dict[str, Any]) -> None:
    found = probed(answer)
    own = found.own
    assert own is not None
    assert own.ok in (True, False, None)
    assert own.native_ratio is None or own.native_ratio >= 0
    assert found.acceleration.state in ("native", "degraded", "none", "unknown")


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    assert isinstance(probe.parse(text), Unknown)
