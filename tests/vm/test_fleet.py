"""A fleet of real hosts at native speed, over real ssh with their keys known: a fresh one, one whose Python is too old,
and one that is away.

The tests build on each other, in the order of this file.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pexpect  # type: ignore[import-untyped]
import pytest

from kvmready.fleet import records
from tests.vm import snapshot
from tests.vm.controller import Controller
from tests.vm.lab import needs, nspawn
from tests.vm.lab.nspawn import Container
from tests.vm.product import ROOT, SCHEMA, look

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]

PASSWORD = "correct-horse-battery-staple"
WANTED = ("--user", "alice", "--accel", "tcg")
OURS = (r"/var/cache/kvmready(/.*)?", r"/var/lib/kvmready(/.*)?", r"/home/(bob|carol)(/.*)?", r"/root/\.ansible(/.*)?")
"""What a snapshot leaves out: the program itself with its records, and what Ansible leaves in a home."""

OLD = """#!/bin/sh
case "$*" in *version_info*) echo 3.6.8 ;; *) echo 'no module kvmready' >&2; exit 1 ;; esac
"""
"""Stands for a Python that is too old: it says its version, and can do nothing else."""


class Fleet(Controller):
    """The fresh host and the one whose Python is too old; a third is in the inventory and away."""

    def __init__(self, folder: Path, fresh: Container, old: Container) -> None:
        super().__init__(folder, {"fresh": fresh, "old": old}, away=("away",))
        self.fresh, self.old = fresh, old


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("fleet")
    with nspawn.start("fleet-fresh", kvm="absent") as fresh, nspawn.start("fleet-old", kvm="absent") as old:
        fresh.run(["useradd", "--create-home", "--groups", "sudo", "--shell", "/bin/bash", "carol"]).check()
        fresh.run(["chpasswd"], input=f"carol:{PASSWORD}\n").check()
        fresh.run(["cp", "-a", "/home/bob/.ssh", "/home/carol/"]).check()
        fresh.run(["chown", "-R", "carol:carol", "/home/carol/.ssh"]).check()
        for name in ("/usr/bin/python3", "/usr/bin/python3.11"):
            old.run(["rm", "-f", name]).check()
            old.write(name, OLD, 0o755)
        yield Fleet(folder, fresh, old)


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> dict[str, Any]:
    return look(fleet.fresh)


def test_check_tells_of_each_host(fleet: Fleet, before: dict[str, Any]) -> None:
    done = fleet.kvmready("check", *WANTED)
    assert done.returncode == 1, done
    assert fleet.rows() == {"fresh": "not-ready", "old": "no-python", "away": "unreachable"}, done
    assert "Causes, by how many hosts have them" in done.stdout and "qemu.not-installed" in done.stdout
    assert "3 of 3, 3 failing" in done.stderr and "python3 (3.6.8)" in " ".join(done.stdout.split())
    reports = {row.host: report for row, report in records.reports(fleet.run())}
    jsonschema.validate(reports["fresh"], SCHEMA)
    assert reports["old"] is reports["away"] is None
    assert snapshot.differences(before, look(fleet.fresh), OURS) == []


def test_a_host_with_another_key_is_not_talked_to(fleet: Fleet) -> None:
    file = fleet.folder / "known_hosts"
    known = file.read_text()
    other = fleet.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True, timeout=30)
    file.write_text(f"{fleet.fresh.address} {other.with_suffix('.pub').read_text()}")
    try:
        apart = "-o ControlMaster=no -o ControlPath=none"  # no connection from before
        assert fleet.kvmready("check", "--limit", "fresh", more={"ANSIBLE_SSH_ARGS": apart}).returncode == 1
    finally:
        file.write_text(known)
    assert fleet.rows() == {"fresh": "unreachable"}
    assert "key" in fleet.run().rows[0].message.lower()


def test_the_program_is_brought_once_and_is_roots_alone(fleet: Fleet) -> None:
    there = (
        fleet.fresh.run(["sh", "-c", "ls /var/cache/kvmready; stat -c '%U %a' /var/cache/kvmready/*"]).check().stdout
    )
    digest, owner = there.splitlines()
    assert len(digest) == 64 and owner == "root 755"
    made = ["stat", "-c", "%W %i", f"/var/cache/kvmready/{digest}"]
    first = fleet.fresh.run(made).check().stdout
    fleet.kvmready("check", "--limit", "fresh", *WANTED)
    assert fleet.fresh.run(made).check().stdout == first


def test_where_sudo_wants_a_terminal_the_program_comes_as_a_file(fleet: Fleet) -> None:
    fleet.fresh.write("/etc/sudoers.d/terminal", "Defaults:bob requiretty\n", 0o440)
    fleet.fresh.run(["rm", "-r", "/var/cache/kvmready"]).check()
    try:
        fleet.kvmready("check", "--limit", "fresh", *WANTED)
    finally:
        fleet.fresh.run(["rm", "/etc/sudoers.d/terminal"]).check()
    assert fleet.rows() == {"fresh": "not-ready"}


@pytest.mark.parametrize("bad", ["chmod 777", "chown alice"])
def test_a_program_that_somebody_could_have_planted_is_not_run(fleet: Fleet, bad: str) -> None:
    fleet.fresh.run(["sh", "-c", f"{bad} /var/cache/kvmready"]).check()
    try:
        fleet.kvmready("check", "--limit", "fresh", *WANTED)
    finally:
        fleet.fresh.run(["sh", "-c", "chown root /var/cache/kvmready; chmod 755 /var/cache/kvmready"]).check()
    (row,) = fleet.run().rows
    assert (
        row.outcome == "failed"
        and "/var/cache/kvmready is not a directory that only this user can write" in row.message
    )


@pytest.mark.parametrize("pipelining", ["0", "1"])
def test_the_password_of_become_is_nowhere_to_be_seen(fleet: Fleet, pipelining: str) -> None:
    fleet.fresh.run(["rm", "-rf", "/var/cache/kvmready"]).check()  # so that the program is brought as well
    child = pexpect.spawn(
        sys.executable,
        ["-m", "kvmready", "fleet", "check", "-i", fleet.inventory, "--limit", "fresh", "--ask-become-pass", *WANTED],
        env={**fleet.environment, "ANSIBLE_REMOTE_USER": "carol", "ANSIBLE_PIPELINING": pipelining},
        cwd=fleet.folder,
        timeout=120,
        encoding="utf-8",
    )
    child.expect("password of sudo")
    child.sendline(PASSWORD)
    seen: list[str] = []
    while child.isalive():
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            child.expect(pexpect.EOF, timeout=0.05)
        seen += [str(path) for path in _holding(PASSWORD)]
    assert fleet.rows() == {"fresh": "not-ready"}, child.before
    assert seen == [] and PASSWORD not in (child.before or "")
    left = [path for path in fleet.folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    logged = fleet.fresh.run(["journalctl", "--no-pager"]).stdout
    assert left == [] and PASSWORD not in logged


def _holding(secret: str) -> Iterator[Path]:
    """The command lines and environments of processes of this machine, and so of its hosts, that hold a secret."""
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                if secret.encode() in (process / name).read_bytes():
                    yield process / name


def test_check_mode_is_the_plan(fleet: Fleet, before: dict[str, Any]) -> None:
    task = {"kvmready.host.up": {"users": ["alice"], "accel": "tcg", "archive": fleet.archive()}}
    result = fleet.playbook("fresh", task, "--check", "--diff")
    assert (result["failed"], result["changed"], result["outcome"]) == (False, True, "not-ready"), result
    plan = result["report"]["plan"]
    assert plan["steps"] and "apt-get install" in " ".join(result["diff"][0]["after"].split())
    result = fleet.playbook("fresh", {"kvmready.host.up": {**task["kvmready.host.up"], "plan": "0" * 64}})
    assert (result["failed"], result["changed"]) == (True, False) and "approved" in result["msg"], result
    assert snapshot.differences(before, look(fleet.fresh), OURS) == []


def test_up_outlives_its_fleet_and_is_joined(fleet: Fleet) -> None:
    """The controller dies in the middle; the host works on, and the next up finds its work and waits for it."""
    first = fleet.begin("up", "--limit", "fresh", "--yes", *WANTED)
    limit = time.monotonic() + 120
    while (
        "intent" not in fleet.fresh.run(["sh", "-c", "cat /var/lib/kvmready/runs/*/journal.jsonl 2>/dev/null"]).stdout
    ):
        assert time.monotonic() < limit and first.poll() is None, first.communicate()
        time.sleep(0.2)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    fleet.fresh.run(["sh", "-c", "pkill -u bob sshd; pkill -u bob sudo; true"])
    task = {"kvmready.host.up": {"users": ["alice"], "accel": "tcg", "archive": fleet.archive()}}
    result = fleet.playbook("fresh", task)
    assert not result["failed"], result
    assert result["joined"] and result["changed"] and result["outcome"] in ("ready", "ready-with-warnings")
    runs = fleet.fresh.run(["ls", "/var/lib/kvmready/runs"]).check().stdout.split()
    assert len(runs) == 1, "one run, begun by the one and ended for the other"
    assert result["report"]["proof"]["level"] == "libvirt"


def test_a_second_up_changes_nothing(fleet: Fleet) -> None:
    ready = look(fleet.fresh)
    done = fleet.kvmready("up", "--limit", "fresh", "--yes", *WANTED)
    assert done.returncode == 0, done
    assert "nothing to change" in done.stderr and "Working on the hosts" not in done.stderr
    ((row, report),) = records.reports(fleet.run())
    assert row.ok and not row.changed
    assert report is not None and report["proof"]["level"] == "libvirt", "proven by the look, which is all there was"
    assert snapshot.differences(ready, look(fleet.fresh), OURS) == []


def test_the_role_finds_nothing_to_change_either(fleet: Fleet) -> None:
    role = {"role": "kvmready.host.host", "host_users": ["alice"], "host_accel": "tcg"}
    file = fleet.folder / "role.yml"
    file.write_text(json.dumps([{"hosts": "fresh", "gather_facts": False, "serial": [1], "roles": [role]}]))
    subprocess.run([sys.executable, "-m", "tools.collection", "--program-only"], cwd=ROOT, check=True, timeout=120)
    done = fleet.ansible(str(file))
    assert done.returncode == 0 and "changed=0" in done.stdout and "failed=0" in done.stdout, done


def test_prove_and_what_changed(fleet: Fleet) -> None:
    done = fleet.kvmready("prove", "--limit", "fresh", "--level", "qemu", *WANTED)
    assert done.returncode == 0, done
    said = fleet.kvmready("report", "--format", "junit")
    assert said.returncode == 0 and 'failures="0"' in said.stdout
    ids = records.runs(records.home({"HOME": str(fleet.folder)}))
    changed = fleet.kvmready("diff", ids[0], ids[-1])
    assert "not ready → ready" in changed.stdout and "-qemu.not-installed" in changed.stdout, changed


def test_undo_restores_what_was_there(fleet: Fleet, before: dict[str, Any]) -> None:
    done = fleet.kvmready("undo", "--limit", "fresh", "--yes")
    assert done.returncode == 0, done
    (row,) = fleet.run().rows
    assert (row.outcome, row.changed) == ("undone", True)
    assert snapshot.differences(before, look(fleet.fresh), OURS) == []
    again = fleet.kvmready("undo", "--limit", "fresh", "--yes")
    assert again.returncode == 0 and not fleet.run().rows[0].changed, again
