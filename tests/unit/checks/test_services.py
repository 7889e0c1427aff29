from __future__ import annotations

import pytest

from kvmready.checks import engine, libvirt, services
from kvmready.facts import Facts
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.services import DRIVERS, Unit
from kvmready.facts.virconf import Config, parse
from tests.unit.checks.upper import changed, healthy, said, with_units

FACTS = healthy()
BY_ID = {check.id: check for check in services.CHECKS}
LIBVIRTD, VIRTLOGD, VIRTLOCKD = (BY_ID[f"services.{name}"] for name in ("libvirtd", "virtlogd", "virtlockd"))
MANAGER, GUESTS = BY_ID["services.manager"], BY_ID["services.libvirt-guests"]
MODULAR_ONLY = ("services.virtqemud", "services.virtnetworkd", "services.virtstoraged", "services.modular-drivers")
OFF = {"active": "inactive", "sub": "dead"}
PASS = ("pass", "", "")
SKIP = ("skip", "", "")
GONE = {"load": "not-found", "file_state": ""}
MASKED = {"load": "masked", "file_state": "masked"}


def modular(**changes: Unit) -> Facts:
    """A host with the modular daemons, as RHEL 9 and Fedora set them up: sockets listen, libvirtd is disabled."""
    assert isinstance(FACTS.services.units, Known)
    units = dict(FACTS.services.units.value)
    for name in ("libvirtd.service", "libvirtd.socket", "libvirtd-ro.socket"):
        units[name] = Unit(name, "loaded", "inactive", "dead", "disabled", "success")
    for name in DRIVERS:
        units[f"{name}.service"] = Unit(f"{name}.service", "loaded", "inactive", "dead", "enabled", "success")
        units[f"{name}.socket"] = Unit(f"{name}.socket", "loaded", "active", "listening", "enabled", "success")
    for name, unit in changes.items():
        units[name.replace("_", ".")] = unit
    return changed(FACTS, "services", units=Known(units))


def unit(name: str, **fields: str) -> Unit:
    return Unit(name, "loaded", "inactive", "dead", "disabled", "success")._replace(**fields)  # type: ignore[arg-type]


def test_a_healthy_host() -> None:
    found = {check.id: said(check.judge(FACTS)) for check in services.CHECKS}
    assert {name for name, answer in found.items() if answer == SKIP} == set(MODULAR_ONLY)
    assert all(answer == PASS for name, answer in found.items() if name not in MODULAR_ONLY)
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


@pytest.mark.parametrize(
    ("service", "required", "blocked"),
    [
        (OFF, MASKED, True),
        (OFF, {"active": "failed"}, True),
        (OFF, OFF, False),
        ({"active": "failed", "result": "exit-code"}, MASKED, False),
        (MASKED, MASKED, False),
    ],
)
def test_libvirtd_waits_for_the_sockets_that_it_requires(
    service: dict[str, str], required: dict[str, str], blocked: bool
) -> None:
    """Of two faults that have nothing to do with each other both are named; a consequence is none of them."""
    facts = with_units(FACTS, libvirtd_service=service, libvirtd_socket={"active": "failed"}, virtlogd_socket=required)
    found = {f.check: f for f in engine.judge((*libvirt.CHECKS, *services.CHECKS), facts)}
    libvirtd = found["services.libvirtd"]
    assert (libvirtd.blocked_by == ("services.virtlogd",)) is blocked
    assert (libvirtd.status == "blocked") is blocked


def test_a_unit_that_a_person_changed_is_for_that_person() -> None:
    path = "/etc/systemd/system/libvirtd.service.d/local.conf"
    facts = with_units(FACTS, libvirtd_service={"active": "failed", "local": (path,)})  # type: ignore[dict-item]
    judgement = LIBVIRTD.judge(facts)
    assert said(judgement) == ("fail", "services.failed", "manual")
    assert path in [evidence.source for evidence in judgement.evidence]


def test_the_last_words_of_a_failed_unit_are_evidence() -> None:
    facts = with_units(FACTS, libvirtd_service={"active": "failed", "words": ("bad line 12",)})  # type: ignore[dict-item]
    assert "bad line 12" in [evidence.text for evidence in LIBVIRTD.judge(facts).evidence]


@pytest.mark.parametrize(
    ("connection", "expected", "units"),
    [
        ("connected", ("warn", "services.no-manager", "manual"), SKIP),
        ("no-socket", ("fail", "services.no-manager", "manual"), ("unknown", "", "manual")),
    ],
)
def test_no_service_manager(connection: str, expected: tuple[str, str, str], units: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "services", manager=Absent("/run/systemd/system"), units=Unknown("no systemd"))
    facts = changed(facts, "libvirt", connection=connection)
    assert said(MANAGER.judge(facts)) == expected
    assert {said(check.judge(facts)) for check in services.CHECKS if check is not MANAGER} == {units}
    (cause,) = engine.root_causes(engine.judge(services.CHECKS, facts))
    assert cause.cause == "services.no-manager"


def test_a_host_with_the_modular_daemons_is_healthy() -> None:
    found = {check.id: said(check.judge(modular())) for check in services.CHECKS}
    assert found.pop("services.libvirtd") == SKIP
    assert set(found.values()) == {PASS}
    assert services.daemon_set(modular()) == "modular"


@pytest.mark.parametrize(
    ("changes", "check", "expected"),
    [
        ({"virtqemud_socket": {}, "virtqemud_service": {"file_state": "enabled"}}, "services.virtqemud",
         ("fail", "services.not-running", "automatic")),
        ({"virtnetworkd_socket": {}}, "services.virtnetworkd", ("fail", "libvirt.partial-modular", "automatic")),
        ({"virtstoraged_socket": {}}, "services.virtstoraged", ("fail", "libvirt.partial-modular", "automatic")),
        ({"virtstoraged_service": GONE}, "services.virtstoraged", ("fail", "libvirt.partial-modular", "manual")),
        ({"virtnetworkd_socket": MASKED}, "services.virtnetworkd", ("fail", "services.masked", "automatic")),
        ({"virtsecretd_socket": {}}, "services.modular-drivers", ("warn", "libvirt.partial-modular", "automatic")),
        ({"virtsecretd_socket": GONE}, "services.modular-drivers", PASS),
    ],
)  # fmt: skip
def test_a_modular_daemon_that_is_off(
    changes: dict[str, dict[str, str]], check: str, expected: tuple[str, str, str]
) -> None:
    units = {name: unit(name.replace("_", "."), **fields) for name, fields in changes.items()}
    assert said(BY_ID[check].judge(modular(**units))) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, PASS),
        ({"load": "not-found", "active": "inactive"}, SKIP),
        ({"active": "inactive", "file_state": "disabled"}, SKIP),
        ({"active": "failed"}, ("warn", "services.failed", "manual")),
    ],
)
def test_libvirt_guests_is_welcome_and_not_needed(fields: dict[str, str], expected: tuple[str, str, str]) -> None:
    assert said(GUESTS.judge(with_units(FACTS, **{"libvirt-guests_service": fields}))) == expected


def test_openrc_needs_no_virtlockd() -> None:
    facts = changed(with_units(FACTS, virtlockd_service=OFF, virtlockd_socket=OFF), "services", manager=Known("openrc"))
    assert said(VIRTLOCKD.judge(facts)) == SKIP
    evidence = LIBVIRTD.judge(facts).evidence[0]
    assert evidence.source.startswith("rc-service libvirtd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SKIP),
        ('lock_manager = "sanlock"', SKIP),
        ('lock_manager = "lockd"', ("fail", "services.not-running", "manual")),
    ],
)
def test_virtlockd_that_is_not_installed_is_missed_only_where_it_is_asked(
    text: str, expected: tuple[str, str, str]
) -> None:
    facts = with_units(FACTS, virtlockd_service={**GONE, **OFF}, virtlockd_socket={**GONE, **OFF})
    facts = changed(facts, "libvirtd", configs=Known((Config("/etc/libvirt/qemu.conf", *parse(text)),)))
    assert said(VIRTLOCKD.judge(facts)) == expected


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
