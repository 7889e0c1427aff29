from __future__ import annotations

from typing import Any

import pytest

from kvmready.checks import engine, libvirt, libvirt_daemon, polkit, services
from kvmready.facts import Facts
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.libvirtd import Refusal
from kvmready.facts.services import Unit
from kvmready.facts.virconf import Config, parse
from tests.unit.checks.test_services import modular, unit
from tests.unit.checks.upper import AS_ALICE, TCG, changed, healthy, said, with_units

FACTS = healthy()
PASS = ("pass", "", "")
SKIP = ("skip", "", "")
UNKNOWN = ("unknown", "", "manual")


def with_files(facts: Facts, **texts: str) -> Facts:
    """Other configuration files, by name with an underscore for the dot: ``qemu_conf``."""
    configs = tuple(Config(f"/etc/libvirt/{name.replace('_', '.')}", *parse(text)) for name, text in texts.items())
    return changed(facts, "libvirtd", configs=Known(configs))


def test_a_healthy_host() -> None:
    found = {check.id: said(check.judge(FACTS)) for check in (*libvirt_daemon.BEFORE, *libvirt_daemon.AFTER)}
    assert set(found.values()) == {PASS}


@pytest.mark.parametrize("connection", ["failed", "no-socket", "denied"])
def test_a_line_that_is_no_setting_keeps_it_from_starting(connection: str) -> None:
    facts = changed(with_files(FACTS, qemu_conf="\nuser = root\n"), "libvirt", connection=connection)
    judgement = libvirt_daemon.config(facts)
    assert said(judgement) == ("fail", "libvirt.config-invalid", "manual")
    assert judgement.evidence[0] == ("/etc/libvirt/qemu.conf:2", "expecting a value: user = root")
    findings = engine.judge((*libvirt.CHECKS, *services.CHECKS), facts)
    assert [cause.cause for cause in engine.root_causes(findings)] == ["libvirt.config-invalid"]


def test_a_file_that_was_broken_after_the_start_is_a_warning() -> None:
    assert said(libvirt_daemon.config(with_files(FACTS, libvirtd_conf="a"))) == (
        "warn",
        "libvirt.config-invalid",
        "manual",
    )


def test_passwords_are_not_shown() -> None:
    facts = with_files(FACTS, qemu_conf='vnc_password = "secret\n')
    assert "secret" not in str(libvirt_daemon.config(facts))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("Initialization of QEMU state driver failed: invalid argument: Failed to parse user 'x'",), "fail"),
        (("internal error: /etc/libvirt/qemu.conf: expected a string for 'vnc_listen' parameter",), "fail"),
        (("internal error: /etc/libvirt/qemu/web.xml is broken",), "pass"),
        (("internal error: cannot open the disk",), "pass"),
    ],
)
def test_the_daemons_own_complaint_about_its_files(words: tuple[str, ...], expected: str) -> None:
    facts = changed(FACTS, "libvirtd", words=Known(words))
    assert said(libvirt_daemon.config(facts)) == PASS
    facts = changed(facts, "libvirt", connection="failed")
    assert said(libvirt_daemon.config(facts))[0] == expected


@pytest.mark.parametrize(
    ("configs", "connection", "expected"),
    [
        (Absent("/etc/libvirt"), "failed", SKIP),
        (Denied("x"), "failed", UNKNOWN),
        (Known((Config("/etc/libvirt/qemu.conf", {}, None, "EACCES"),)), "failed", UNKNOWN),
        (Known((Config("/etc/libvirt/qemu.conf", {}, None, "EACCES"),)), "connected", PASS),
    ],
)
def test_files_that_cannot_be_read(configs: Any, connection: str, expected: tuple[str, str, str]) -> None:
    facts = changed(changed(FACTS, "libvirtd", configs=configs), "libvirt", connection=connection)
    assert said(libvirt_daemon.config(facts)) == expected


RUNS = {"active": "active", "sub": "running", "file_state": "enabled"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (modular(), PASS),
        (modular(libvirtd_service=unit("libvirtd.service", **RUNS)), ("fail", "libvirt.mixed-daemons", "automatic")),
        (modular(libvirtd_socket=unit("libvirtd.socket", file_state="enabled")),
         ("warn", "libvirt.mixed-daemons", "automatic")),
        (changed(FACTS, "services", manager=Known("openrc")), SKIP),
        (changed(FACTS, "services", manager=Absent("x"), units=Unknown("no systemd")), SKIP),
        (changed(FACTS, "services", manager=Denied("x"), units=Unknown("no systemd")), UNKNOWN),
        (changed(FACTS, "services", units=Unknown("timeout")), UNKNOWN),
        (changed(FACTS, "libvirt", daemon=Absent("x")), SKIP),
        (changed(FACTS, "libvirt", daemon=Absent("x"), connection="no-socket"), UNKNOWN),
    ],
)  # fmt: skip
def test_the_sets_of_daemons(facts: Facts, expected: tuple[str, str, str]) -> None:
    assert said(libvirt_daemon.one_set(facts)) == expected


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("connected", PASS),
        ("denied", PASS),
        ("failed", PASS),
        ("timeout", ("fail", "libvirt.hangs", "manual")),
        ("no-socket", SKIP),
        ("no-client", UNKNOWN),
    ],
)
def test_answers(connection: str, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "libvirt", connection=connection)
    facts = changed(facts, "libvirtd", waiting=Known("pid 1: D (disk sleep) rpc_wait"))
    assert said(libvirt_daemon.answers(facts)) == expected
    if connection == "timeout":
        assert any("rpc_wait" in evidence.text for evidence in libvirt_daemon.answers(facts).evidence)


LISTENS = {"active": "active", "sub": "listening", "file_state": "enabled"}
EXPOSED = ("warn", "libvirt.exposed", "manual")


@pytest.mark.parametrize(
    ("units", "text", "expected"),
    [
        ({}, 'auth_tcp = "none"\nlisten_tcp = 1\n', PASS),
        ({"libvirtd-tcp_socket": LISTENS}, "", EXPOSED),
        ({"libvirtd-tcp_socket": LISTENS}, 'auth_tcp = "none"\n', EXPOSED),
        ({"libvirtd-tls_socket": LISTENS}, "", PASS),
        ({"libvirtd-tls_socket": LISTENS}, "tls_no_verify_certificate = 1\n", EXPOSED),
        ({"libvirtd-tls_socket": LISTENS}, 'tls_no_verify_certificate = 1\nauth_tls = "sasl"\n', PASS),
    ],
)
def test_exposed(units: dict[str, dict[str, str]], text: str, expected: tuple[str, str, str]) -> None:
    assert said(libvirt_daemon.exposed(with_files(with_units(FACTS, **units), libvirtd_conf=text))) == expected


GRAPHICS = ("warn", "libvirt.graphics-exposed", "manual")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('#vnc_listen = "0.0.0.0"\n', PASS),
        ('vnc_listen = "127.0.0.1"\nspice_listen = "::1"\n', PASS),
        ('vnc_listen = "0.0.0.0"\n', GRAPHICS),
        ('spice_listen = "::"\nvnc_tls = 1\n', GRAPHICS),
        ('vnc_listen = "0.0.0.0"\nvnc_tls = 1\n', PASS),
        ('vnc_listen = "0.0.0.0"\nvnc_password = "x"\n', PASS),
        ('vnc_listen = "0.0.0.0"\nvnc_password = ""\n', GRAPHICS),
        ("vnc_listen = 7\n", PASS),
    ],
)
def test_graphics(text: str, expected: tuple[str, str, str]) -> None:
    assert said(libvirt_daemon.graphics(with_files(FACTS, qemu_conf=text))) == expected


def test_graphics_that_cannot_be_seen() -> None:
    closed = Config("/etc/libvirt/qemu.conf", {}, None, "EACCES")
    assert said(libvirt_daemon.graphics(changed(FACTS, "libvirtd", configs=Known((closed,))))) == UNKNOWN
    assert said(libvirt_daemon.graphics(with_files(FACTS, libvirtd_conf=""))) == SKIP


@pytest.mark.parametrize(
    ("cache", "expected"),
    [
        (Known(("/var/cache/libvirt/qemu/capabilities/a.xml",)), ("fail", "libvirt.no-kvm-capability", "automatic")),
        (Known(()), SKIP),
        (Absent("x"), SKIP),
        (Unknown("not asked"), UNKNOWN),
    ],
)
def test_the_cache_is_judged_only_where_kvm_is_missing(cache: Any, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "libvirtd", cache=cache)
    assert said(libvirt_daemon.capabilities_cache(facts)) == PASS
    facts = changed(facts, "libvirt", domain_types=Known(("qemu",)))
    assert said(libvirt_daemon.capabilities_cache(facts)) == expected
    assert said(libvirt_daemon.capabilities_cache(facts._replace(want=TCG))) == SKIP


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rule": Absent("x")}, ("fail", "libvirt.polkit-denied", "automatic")),
        ({"polkitd": Absent("x")}, ("fail", "libvirt.polkit-denied", "manual")),
        ({"rule": Denied("x")}, UNKNOWN),
        ({"open_socket": Known(False), "rule": Unknown("x")}, SKIP),
        ({"open_socket": Absent("no socket")}, UNKNOWN),
    ],
)
def test_polkit(fields: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert said(polkit.polkit(changed(FACTS, "libvirtd", **fields))) == expected


def test_a_rule_of_the_administrator_is_no_work_of_ours() -> None:
    rule = "/etc/polkit-1/rules.d/10-local.rules"
    facts = changed(FACTS, "libvirtd", deniers=(rule,), refused=(Refusal("alice", "access denied by policy"),))
    judgement = polkit.polkit(facts)
    assert said(judgement) == ("fail", "libvirt.polkit-denied", "manual")
    assert [one.text for one in judgement.evidence][-1] == "access denied by policy"
    (person,) = facts.access.people
    assert isinstance(person.account, Known)
    stranger = person._replace(account=Known(person.account.value._replace(groups=())))
    assert said(polkit.polkit(changed(facts, "access", people=(stranger,)))) == PASS


def test_a_daemon_without_certificates_is_told_to_listen_with_tls() -> None:
    words = Known(("Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file or directory",))
    facts = changed(changed(FACTS, "libvirt", connection="failed"), "libvirtd", words=words)
    assert isinstance(facts.services.units, Known)
    socket = Unit("libvirtd-tls.socket", "loaded", "active", "listening", "enabled", "success")
    listening = changed(facts, "services", units=Known({**facts.services.units.value, socket.name: socket}))
    judgement = libvirt_daemon.config(listening)
    assert said(judgement) == ("fail", "libvirt.config-invalid", "manual")
    assert judgement.remedy is not None
    assert judgement.remedy.commands[0] == ("systemctl", "disable", "--now", "libvirtd-tls.socket")


def test_a_daemon_that_failed_too_often_is_told_to_forget_it() -> None:
    broken = with_files(FACTS, qemu_conf="user = root\n")
    ill = with_units(broken, libvirtd_service={"active": "failed"}, libvirtd_socket={"active": "failed"})
    remedy = libvirt_daemon.config(changed(ill, "libvirt", connection="failed")).remedy
    assert remedy is not None
    assert [command[:2] for command in remedy.commands] == [
        ("editor", "+1"),
        ("systemctl", "reset-failed"),
        ("systemctl", "start"),
        ("systemctl", "restart"),
    ]
    well = libvirt_daemon.config(broken).remedy
    assert well is not None
    assert [command[:2] for command in well.commands] == [("editor", "+1"), ("systemctl", "restart")]


def test_polkit_by_who_asks_and_for_whom() -> None:
    blind = changed(FACTS, "libvirtd", rule=Denied("x"), polkitd=Unknown("x"))
    assert said(polkit.polkit(blind._replace(caller=AS_ALICE))) == PASS
    refused = changed(blind._replace(caller=AS_ALICE), "libvirt", connection="denied")
    assert said(polkit.polkit(refused)) == UNKNOWN
    assert said(polkit.polkit(changed(FACTS, "access", people=()))) == SKIP
    assert said(polkit.polkit(with_files(FACTS, libvirtd_conf='auth_unix_rw = "none"\n'))) == SKIP
