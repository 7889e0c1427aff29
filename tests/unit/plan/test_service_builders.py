"""Which daemons are started, in whose words: the host's own set where it has one, its distribution's where not."""

from __future__ import annotations

import pytest

from kvmready import distro
from kvmready.checks.services import OTHER_DRIVERS
from kvmready.distro.common import OTHER_DAEMONS
from kvmready.facts.known import Known
from kvmready.facts.os import OsRelease
from kvmready.facts.services import Unit
from kvmready.plan import service_builders
from kvmready.plan.manager import State
from tests.unit.checks.upper import changed, healthy
from tests.unit.plan.test_golden import planned

ROCKY = distro.find(OsRelease("rocky", "9.4", "", ()), "x86_64")
ARCH = distro.find(OsRelease("arch", "", "", ()), "x86_64")


def unit(name: str, load: str = "loaded", active: str = "inactive", file_state: str = "disabled") -> Unit:
    return Unit(name, load, active, "", file_state, "")


@pytest.mark.parametrize(
    ("units", "own", "used"),
    [
        ((), "modular", "modular"),
        ((unit("libvirtd.service", "not-found"),), "modular", "modular"),
        ((unit("libvirtd.service", active="active", file_state="enabled"),), "modular", "monolithic"),
        ((unit("libvirtd.service"), unit("virtqemud.socket", active="active")), "monolithic", "modular"),
        ((unit("libvirtd.socket", file_state="enabled"), unit("virtqemud.socket")), "modular", "monolithic"),
    ],
)
def test_the_set_of_a_host_is_kept(units: tuple[Unit, ...], own: str, used: str) -> None:
    table = ROCKY if own == "modular" else ARCH
    assert table is not None and table.libvirt_set == own
    facts = healthy(names=table.names._replace(libvirt_set=own))
    facts = changed(facts, "services", units=Known({one.name: one for one in units}))
    assert service_builders.used_set(facts, table) == used
    main = {"modular": "virtqemud.service", "monolithic": "libvirtd.service"}[used]
    assert service_builders.main_service(facts, table) == main


def test_openrc_is_told_in_its_own_words() -> None:
    facts = changed(healthy(), "services", manager=Known("openrc"))
    assert service_builders.restart(facts, "libvirtd.service") == ("rc-service", "libvirtd", "restart")
    assert service_builders.restart(healthy(), "libvirtd.service") == ("systemctl", "restart", "--", "libvirtd.service")


def test_a_stopped_service_of_alpine_gets_openrcs_step() -> None:
    (step,) = planned("alpine-virtlogd-off", State(True)).steps
    assert (step.id, step.kind, step.mends) == ("services.virtlogd", "service", ("services.not-running",))
    assert step.commands == (("rc-update", "add", "virtlogd", "default"), ("rc-service", "virtlogd", "start"))


def test_a_modular_daemon_that_is_off_gets_all_its_sockets() -> None:
    made = {step.id: step for step in planned("rhel-9-virtqemud-off", State(True)).steps}
    wanted = ["virtqemud.socket", "virtqemud-ro.socket", "virtqemud-admin.socket"]
    assert made["services.virtqemud"].arguments["units"] == wanted
    assert "services.libvirtd" not in made


def test_a_firewall_of_a_modular_host_is_written_by_its_network_daemon() -> None:
    (step,) = planned("fedora-42-nft-flushed", State(True)).steps
    assert step.commands == (("systemctl", "restart", "--", "virtnetworkd.service"),)


def test_a_ready_arch_with_libvirtd_is_left_alone() -> None:
    made = planned("arch-libvirtd", State(True))
    assert (made.steps, made.notes) == ((), ())


def test_the_checks_and_the_tables_mean_the_same_daemons() -> None:
    assert OTHER_DRIVERS == OTHER_DAEMONS
