"""One virsh process: its answers told apart, its complaints attributed, its time-out understood."""

from __future__ import annotations

import pytest

from kvmready.facts import virsh
from kvmready.facts.known import Absent, Known, Unknown
from kvmready.facts.names import Want
from kvmready.host.door import Result
from tests.unit.facts.debian import ANSWERS, NAMES, NET_INFO, NO_POOL, Recorded, said

WANT = Want(users=("alice",))


def test_every_answer_is_filed_under_its_question() -> None:
    answer = virsh.ask(Recorded().host(), NAMES, WANT)()
    assert answer.state == "connected"
    assert answer.sockets == ("/run/libvirt/libvirt-sock",)
    for name, text in ANSWERS.items():
        assert answer.text(name) == Known(text.strip())


def test_a_complaint_belongs_to_its_question_alone() -> None:
    recorded = Recorded()
    without = {name: text for name, text in ANSWERS.items() if not name.startswith("pool")}
    recorded.virsh(without, {"pool-info": NO_POOL, "pool-dumpxml": NO_POOL})
    answer = virsh.ask(recorded.host(), NAMES, WANT)()
    absent = answer.text("pool-info")
    assert isinstance(absent, Absent)
    assert absent.why == (
        "failed to get pool 'default'; Storage pool not found: no storage pool with matching name 'default'"
    )
    assert answer.text("net-info") == Known(NET_INFO.strip())
    assert isinstance(answer.text("version"), Known)


def test_an_error_that_is_no_absence_stays_unknown() -> None:
    result = said(("virsh",), {"uri": "qemu:///system"}, {"net-info": "error: this function is not supported\n"})
    assert virsh.parse(result).text("net-info") == Unknown("this function is not supported")


def test_the_limit_costs_only_what_comes_after_it() -> None:
    answer = virsh.parse(said(("virsh",), ANSWERS, last="capabilities"))
    assert answer.state == "connected"
    assert answer.slow
    assert isinstance(answer.text("version"), Known)
    late = answer.text("capabilities")
    assert isinstance(late, Unknown) and "within" in late.why


@pytest.mark.parametrize(
    ("stderr", "problem", "state"),
    [
        ("error: failed to connect to the hypervisor\n", "timeout", "timeout"),
        ("", "timeout", "timeout"),
        ("", "absent", "no-client"),
        ("", "denied", "no-client"),
        (
            "error: failed to connect to the hypervisor\nerror: authentication unavailable: no polkit agent available "
            "to authenticate action 'org.libvirt.unix.manage'\n",
            "",
            "denied",
        ),
        ("error: authentication failed: access denied by policy\n", "", "denied"),
        ("error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied\n", "", "denied"),
        (
            "error: internal error: Unable to get system bus connection: Could not connect: No such file\n",
            "",
            "denied",
        ),
        ("error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Connection refused\n", "", "failed"),
        ("error: Cannot recv data: Connection reset by peer\n", "", "failed"),
        ("", "", "failed"),
    ],
)
def test_why_it_does_not_connect(stderr: str, problem: str, state: str) -> None:
    mark = f"{virsh.MARK}uri@@"
    result = Result(("virsh",), None if problem else 1, mark, f"error: {mark}\n{stderr}", problem)
    answer = virsh.parse(result)
    assert answer.state == state
    assert isinstance(answer.text("net-info"), Unknown)
    if state in ("denied", "failed"):
        assert answer.words


def test_words_of_a_failure_have_no_markers() -> None:
    mark = f"{virsh.MARK}uri@@"
    words = virsh.parse(Result(("virsh",), 1, mark, f"error: {mark}\nerror: one\nerror: two\n")).words
    assert words == "one; two"


def test_nothing_is_started_without_a_client_or_a_socket() -> None:
    """The recording holds no answer of virsh, so that asking for one would be an error."""
    recorded = Recorded()
    recorded.absent(*NAMES.virsh)
    answer = virsh.ask(recorded.host(), NAMES, WANT)()
    assert answer.state == "no-client"
    assert answer.sockets == NAMES.sockets
    recorded = Recorded()
    recorded.absent(*NAMES.sockets)
    assert virsh.ask(recorded.host(), NAMES, WANT)().state == "no-socket"
    assert virsh.ask(Recorded().host(), NAMES, Want("minimal"))().state == "no-client"


def test_the_script_asks_the_slow_question_last() -> None:
    questions = virsh.script().split("; ")
    assert questions[-3:] == ["capabilities", "echo @@kvmready:end@@", "echo --err @@kvmready:end@@"]
    assert len(questions) == 3 * len(virsh.QUESTIONS) + 2
