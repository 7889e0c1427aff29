"""The emulator, found and asked."""

from __future__ import annotations

import pytest

from kvmready.facts import qemu
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.names import Want
from kvmready.host.door import Result, Status
from tests.unit.facts.debian import NAMES, Recorded

EMULATOR = NAMES.emulators[0]
ASK = (EMULATOR, "-accel", "help")


def test_a_healthy_host() -> None:
    found = qemu.ask(Recorded().host(), NAMES, Want())()
    assert found == qemu.Qemu(Known(EMULATOR), Known(("tcg", "kvm")), Known("/usr/bin/qemu-img"), "")


def test_nothing_installed_starts_nothing() -> None:
    recorded = Recorded()
    recorded.absent(EMULATOR, "/usr/bin/qemu-img")
    found = qemu.ask(recorded.host(), NAMES, Want())()
    assert isinstance(found.emulator, Absent)
    assert isinstance(found.accelerators, Absent)
    assert isinstance(found.image_tool, Absent)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status(EMULATOR, error="EACCES"), Denied),
        (Status(EMULATOR, error="EIO"), Unknown),
        (Status(EMULATOR, error="ENOTDIR"), Absent),
        (Status(EMULATOR, "file", 0o644), Unknown),
        (Status(EMULATOR, "directory", 0o755), Unknown),
    ],
)
def test_what_is_no_program(status: Status, kind: type) -> None:
    recorded = Recorded()
    recorded.stat(status)
    assert isinstance(qemu.program(recorded.host(), (EMULATOR,)), kind)


@pytest.mark.parametrize(
    ("result", "accelerators", "broken"),
    [
        (Result(ASK, 0, "Accelerators supported in QEMU binary:\nxen\ntcg\n"), Known(("xen", "tcg")), ""),
        (Result(ASK, 0, "Possible accelerators: kvm, tcg\n"), Known(()), ""),
        (Result(ASK, 127, "", "libfdt.so.1: not found\n"), None, "status 127: libfdt.so.1: not found"),
        (Result(ASK, -11), None, "signal 11"),
        (Result(ASK, None, problem="timeout"), Unknown("No answer within 10 s."), ""),
    ],
)
def test_its_answer(result: Result, accelerators: object, broken: str) -> None:
    found, how = qemu.from_result(result)
    assert how == broken
    assert found == (accelerators if accelerators is not None else Unknown(broken))


def test_it_may_not_be_run() -> None:
    found, broken = qemu.from_result(Result(ASK, None, problem="denied"))
    assert isinstance(found, Denied)
    assert broken == ""
