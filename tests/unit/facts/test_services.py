"""One systemctl show for all units."""

from __future__ import annotations

import pytest

from kvmready.facts import services
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.names import Want
from kvmready.host.door import Listing, Result, Status
from tests.unit.facts.debian import NAMES, SYSTEMCTL, UNITS, Recorded, shown, unit


def test_a_healthy_host() -> None:
    found = services.ask(Recorded().host(), NAMES, Want())()
    assert found.manager == Known("systemd")
    assert isinstance(found.units, Known)
    units = found.units.value
    assert tuple(units) == tuple(UNITS)
    assert units["libvirtd.service"] == services.Unit(
        "libvirtd.service", "loaded", "active", "running", "enabled", "success"
    )
    assert units["virtlogd.service"].enabled is False
    assert units["virtlogd.socket"].enabled is True


def test_an_alias_is_filed_under_the_name_that_was_asked() -> None:
    text = shown({"a": unit("other.service"), "b": unit("b.service")}).stdout
    assert list(services.parse_units(text, ("a.service", "b.service"))) == ["a.service", "b.service"]


def test_units_that_do_not_exist() -> None:
    text = shown({"a": unit("a.service", "not-found", "inactive", "dead", "")}).stdout
    assert services.parse_units(text, ("a.service",))["a.service"].exists is False


@pytest.mark.parametrize(
    ("load", "state", "masked", "enabled"),
    [
        ("loaded", "enabled", False, True),
        ("loaded", "static", False, True),
        ("loaded", "enabled-runtime", False, False),
        ("loaded", "disabled", False, False),
        ("loaded", "indirect", False, False),
        ("masked", "masked", True, False),
        ("loaded", "masked-runtime", True, False),
        ("loaded", "", False, False),
    ],
)
def test_what_the_words_mean(load: str, state: str, masked: bool, enabled: bool) -> None:
    found = services.Unit("a.service", load, "active", "running", state, "success")
    assert (found.masked, found.enabled) == (masked, enabled)


@pytest.mark.parametrize(("error", "kind"), [("ENOENT", Absent), ("EACCES", Denied), ("EIO", Unknown)])
def test_no_systemd_starts_nothing(error: str, kind: type) -> None:
    recorded = Recorded()
    recorded.stat(Status("/run/systemd/system", error=error))
    recorded.absent("/run/openrc/softlevel")
    found = services.ask(recorded.host(), NAMES, Want())()
    assert isinstance(found.manager, kind)
    assert isinstance(found.units, Unknown)


@pytest.mark.parametrize(
    "result",
    [
        Result(SYSTEMCTL, 1, "", "Failed to connect to bus: Host is down\n"),
        Result(SYSTEMCTL, None, problem="timeout"),
        Result(SYSTEMCTL, 0, "nonsense"),
        Result(SYSTEMCTL, 0, ""),
    ],
)
def test_no_answer_is_unknown(result: Result) -> None:
    recorded = Recorded()
    recorded.run(result)
    found = services.ask(recorded.host(), NAMES, Want())()
    assert found.manager == Known("systemd")
    assert isinstance(found.units, Unknown)
    assert found.units.why


def test_the_journal_is_asked_about_a_failed_unit_only() -> None:
    recorded = Recorded()
    units = {**UNITS, "libvirtd.service": unit("libvirtd.service", active="failed", sub="failed")}
    recorded.run(shown(units))
    argv = ("journalctl", "--no-pager", "--quiet", "-o", "cat", "-n", "40", "-u", "libvirtd.service")
    recorded.run(Result(argv, 0, "internal error: bad line 12\n\nMain process exited\n"))
    files = ("systemctl", "show", "--no-pager", "--property=FragmentPath,DropInPaths", "--", "libvirtd.service")
    drop_in = "/etc/systemd/system/libvirtd.service.d/local.conf"
    told = f"FragmentPath=/lib/systemd/system/libvirtd.service\nDropInPaths=/usr/lib/x.conf {drop_in}\n"
    recorded.run(Result(files, 0, told))
    found = services.ask(recorded.host(), NAMES, Want())()
    assert isinstance(found.units, Known)
    assert found.units.value["libvirtd.service"].local == (drop_in,)
    assert found.units.value["libvirtd.service"].words == ("internal error: bad line 12", "Main process exited")
    assert found.units.value["libvirtd.socket"].words == ()


def test_words_that_the_journal_could_not_file_are_found_by_their_program() -> None:
    recorded = Recorded()
    managers = "libvirtd.service: Deactivated successfully.\nStopped libvirtd.service - x\n"
    argv = ("journalctl", "--no-pager", "--quiet", "-o", "cat", "--since=-3min", "-n", "40", "-t", "libvirtd")
    recorded.run(Result(argv, 0, "hostname: x\nFailed to parse user 'nosuch'\n"))
    units = ("libvirtd.service",)
    assert services.found_words(recorded.host(), managers, units) == ("Failed to parse user 'nosuch'",)
    assert services.found_words(recorded.host(), managers + "its own\n", units) == ("its own",)
    recorded.run(Result(argv, 1, "", "no journal"))
    assert services.found_words(recorded.host(), managers, units) == tuple(managers.splitlines())
    assert services.found_words(recorded.host(), "a.socket: x\n", ("a.socket",)) == ("a.socket: x",)


def test_the_words_of_a_unit_are_its_own() -> None:
    text = (
        "configuration file syntax error: /etc/libvirt/qemu.conf:971: expecting a value\n"
        "libvirtd.service: Main process exited, code=exited, status=1/FAILURE\n"
        "Failed to start libvirtd.service - Virtualization daemon.\n"
    )
    assert services.last_words(text, ("libvirtd.service",)) == (text.splitlines()[0],)
    assert services.last_words(text.partition("\n")[2], ("libvirtd.service",)) == tuple(text.splitlines()[1:])
    assert services.last_words("one\ntwo\none\n", ("a.service",)) == ("two", "one")
    assert services.last_words("old\nStarting a.service - A...\nnew\n", ("a.service",)) == ("new",)


def test_openrc() -> None:
    recorded = Recorded()
    recorded.stat(Status("/run/systemd/system", error="ENOENT"))
    recorded.stat(Status("/run/openrc/softlevel", "file", 0o644))
    recorded.listdir(Listing("/etc/init.d", ("libvirtd", "virtlockd", "virtlogd")))
    recorded.listdir(Listing("/run/openrc/started", ("libvirtd",)))
    recorded.listdir(Listing("/run/openrc/failed", ("virtlogd",)))
    recorded.listdir(Listing("/run/openrc/starting"))
    recorded.listdir(Listing("/etc/runlevels/boot"))
    recorded.listdir(Listing("/etc/runlevels/default", ("libvirtd",)))
    found = services.ask(recorded.host(), NAMES, Want())()
    assert found.manager == Known("openrc")
    assert isinstance(found.units, Known)
    units = found.units.value
    assert units["libvirtd.service"][1:5] == ("loaded", "active", "", "enabled")
    assert units["virtlogd.service"][1:5] == ("loaded", "failed", "", "disabled")
    assert units["libvirtd.socket"].exists is False
    recorded.listdir(Listing("/etc/init.d", error="EACCES"))
    denied = services.ask(recorded.host(), NAMES, Want())()
    assert (denied.manager, type(denied.units)) == (Known("openrc"), Denied)


def test_the_modular_units_are_asked_where_there_are_some() -> None:
    assert "virtqemud.socket" not in services.units_asked(NAMES, False)
    assert {"virtqemud.socket", "virtnetworkd.service"} <= set(services.units_asked(NAMES, True))
    assert len(set(services.units_asked(NAMES, True))) == len(services.units_asked(NAMES, True))
