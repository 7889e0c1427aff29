"""The package on a fresh Debian 12 at native speed, and its timer: written, run by systemd, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm import snapshot
from tests.vm.lab import needs, nspawn
from tests.vm.lab.nspawn import Container
from tests.vm.product import ROOT, look
from tools import packages

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

FOLDER = "/var/lib/prometheus/node-exporter"
BOBS = "/home/bob/kvmready"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("deb")
    assert packages.main(["deb", "--output", str(folder)]) == 0
    with nspawn.start("timer", kvm="absent") as container:
        container.copy(folder, "/root/deb")
        container.run(["sh", "-c", "dpkg --install /root/deb/*.deb"], timeout=120).check()
        yield container


def test_without_a_collector_the_file_has_to_be_named(host: Container) -> None:
    refused = host.run(["kvmready", "timer", "install"])
    assert refused.status == 2
    assert "node_exporter's folder for text files was not found" in refused.stderr


def test_the_timer_has_the_report_written_and_leaves_nothing(host: Container) -> None:
    host.run(["mkdir", "-p", FOLDER]).check()
    before = look(host)
    said = host.run(["kvmready", "timer", "install", "--user", "alice", "--calendar", "daily"]).check()
    assert f"{FOLDER}/kvmready.prom" in said.stdout
    assert host.run(["systemctl", "is-enabled", "kvmready-check.timer"]).stdout.strip() == "enabled"
    host.run(["systemctl", "start", "kvmready-check.service"], timeout=120).check()
    written = host.run(["cat", f"{FOLDER}/kvmready.prom"], user="alice").check().stdout
    assert "\nkvmready_ready 0\n" in written
    assert 'kvmready_check_status{check="access.kvm-group",layer="access",status="fail"} 1' in written
    again = host.run(["kvmready", "timer", "install", "--user", "alice"]).check()
    assert "kvmready-check.timer" in again.stdout
    host.run(["kvmready", "timer", "remove"]).check()
    host.run(["rm", f"{FOLDER}/kvmready.prom"]).check()
    assert snapshot.differences(before, look(host), (r"/var/lib/systemd/timers(/.*)?",)) == []
    assert "There was no timer." in host.run(["kvmready", "timer", "remove"]).check().stdout


def test_what_is_wrong_changes_nothing(host: Container) -> None:
    before = look(host)
    wrong = host.run(["kvmready", "timer", "install", "--calendar", "when it rains"])
    assert wrong.status == 2
    assert "systemd does not understand this time" in wrong.stderr
    host.run(["sh", "-c", "echo '[Unit]' >/etc/systemd/system/kvmready-check.timer"]).check()
    foreign = host.run(["kvmready", "timer", "install"])
    assert foreign.status == 1
    assert "was not written by kvmready" in foreign.stderr
    host.run(["rm", "/etc/systemd/system/kvmready-check.timer"]).check()
    denied = host.run(["kvmready", "timer", "install"], user="alice")
    assert denied.status == 3
    assert snapshot.differences(before, look(host), ()) == []


def test_roots_timer_runs_nothing_that_bob_can_change(host: Container) -> None:
    host.copy(Path(ROOT), BOBS, user="bob")
    refused = host.run(["sudo", f"{BOBS}/kvmready", "timer", "install"], user="bob", timeout=300)
    assert refused.status == 1, refused
    assert "may not run what others can change" in refused.stderr
