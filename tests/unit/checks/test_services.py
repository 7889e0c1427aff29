from __future__ import annotations

import pytest

from kvmready.checks import engine, libvirt, services
from kvmready.facts.known import Absent, Denied, Known, Unknown
from tests.unit.checks.upper import changed, healthy, said, with_units

FACTS = healthy()
LIBVIRTD, VIRTLOGD, VIRTLOCKD = services.CHECKS
OFF = {"active": "inactive", "sub": "dead"}


def test_a_healthy_host() -> None:
    assert [said(check.judge(FACTS)) for check in services.CHECKS] == [("pass", "", "")] * 3
    assert "runs" in LIBVIRTD.judge(FACTS).summary
    assert "socket listens" in VIRTLOGD.judge(FACTS).summary


@pytest.mark.parametrize(
    ("service", "socket", "expected"),
    [
        (OFF, {}, "pass"),
        ({**OFF, "file_state": "disabled"}, {}, "pass"),
        ({}, {**OFF, "file_state": "disabled"}, "pass"),
        ({**OFF, "file_state": "disabled"}, {**OFF, "file_state": "disabled"}, "services.not-running"),
        (OFF, OFF, "services.not-running"),
        ({"file_state": "disabled"}, {"file_state": "disabled"}, "services.not-enabled"),
        ({"file_state": "enabled-runtime"}, {"file_state": "disabled"}, "services.not-enabled"),
        ({**OFF, "load": "masked", "file_state": "masked"}, {}, "services.masked"),
        ({}, {**OFF, "load": "masked", "file_state": "masked"}, "services.masked"),
        ({"active": "failed", "result": "exit-code"}, {}, "services.failed"),
        (OFF, {"active": "failed"}, "services.failed"),
        ({"active": "activating"}, {}, "pass"),
    ],
)
def test_the_states(service: dict[str, str], socket: dict[str, str], expected: str) -> None:
    facts = with_units(FACTS, libvirtd_service=service, libvirtd_socket=socket)
    judgement = LIBVIRTD.judge(facts)
    wanted = ("pass", "", "") if expected == "pass" else ("fail", expected, "automatic")
    assert said(judgement) == wanted


def test_the_read_only_socket_alone_keeps_nothing_running() -> None:
    off = {**OFF, "file_state": "disabled"}
    facts = with_units(FACTS, libvirtd_service=off, libvirtd_socket=off)
    assert said(LIBVIRTD.judge(facts))[1] == "services.not-running"


def test_the_last_words_of_a_failed_unit_are_evidence() -> None:
    facts = with_units(FACTS, libvirtd_service={"active": "failed", "words": ("bad line 12",)})  # type: ignore[dict-item]
    assert "bad line 12" in [evidence.text for evidence in LIBVIRTD.judge(facts).evidence]


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("connected", ("warn", "services.no-manager", "manual")),
        ("no-socket", ("fail", "services.no-manager", "manual")),
    ],
)
def test_no_service_manager(connection: str, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "services", manager=Absent("/run/systemd/system"), units=Unknown("no systemd"))
    facts = changed(facts, "libvirt", connection=connection)
    assert [said(check.judge(facts)) for check in services.CHECKS] == [expected] * 3


@pytest.mark.parametrize(
    ("manager", "units"),
    [
        (Known("systemd"), Unknown("timeout")),
        (Known("systemd"), Known({})),
        (Denied("x"), Unknown("no systemd")),
        (Unknown("EIO"), Unknown("no systemd")),
    ],
)
def test_not_known(manager: object, units: object) -> None:
    facts = changed(FACTS, "services", manager=manager, units=units)
    assert said(LIBVIRTD.judge(facts)) == ("unknown", "", "manual")


def test_units_of_a_daemon_that_is_not_installed_are_its_consequence() -> None:
    gone = {"load": "not-found", **OFF, "file_state": ""}
    facts = with_units(FACTS, libvirtd_service=gone, libvirtd_socket=gone)
    facts = with_units(facts, **{"libvirtd-ro_socket": gone})
    facts = changed(facts, "libvirt", daemon=Absent("x"), connection="no-client")
    findings = {f.check: f for f in engine.judge((*libvirt.CHECKS, *services.CHECKS), facts)}
    assert findings["services.libvirtd"].blocked_by == ("libvirt.daemon",)
    assert findings["libvirt.connect"].blocked_by == ("libvirt.daemon",)


def test_a_service_that_is_off_explains_why_libvirt_does_not_answer() -> None:
    facts = changed(with_units(FACTS, libvirtd_service=OFF, libvirtd_socket=OFF), "libvirt", connection="no-socket")
    findings = engine.judge((*libvirt.CHECKS, *services.CHECKS), facts)
    (cause,) = engine.root_causes(findings)
    assert cause.cause == "services.not-running"
    assert "libvirt.connect" in cause.explains
