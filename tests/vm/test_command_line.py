"""The command line on a fresh Debian 12 at native speed: newcomers with and without sudo, and what is refused.

No guest of use runs under KVM there, so the work is done and proved under emulation. The tests build on each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.vm import snapshot
from tests.vm.lab import needs, nspawn
from tests.vm.lab.nspawn import Container
from tests.vm.lab.remote import Result
from tests.vm.product import OURS, ROOT, kvmready, look, place, report

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]

BOBS = "/home/bob/kvm ready"
"""His clone; a path with a space is a path."""

EXCEPT_THE_CLONES = (*OURS, r"/home/bob/kvm ready(/.*)?")


@pytest.fixture(scope="module")
def host() -> Iterator[Container]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with nspawn.start("command-line", kvm="absent") as container:
        place(container)
        container.copy(ROOT, BOBS, user="bob")
        yield container


def as_bob(host: Container, *words: str) -> Result:
    return host.run([f"{BOBS}/kvmready", *words], user="bob", timeout=900)


def test_without_python3_venv_a_plain_user_is_told_what_to_do(host: Container) -> None:
    told = as_bob(host, "check")
    assert told.status == 3, told
    assert "sudo apt-get install python3-venv" in told.stderr
    assert host.run(["ls", "-A", BOBS], user="bob").check().stdout.split().count(".venv") == 0
    assert kvmready(host, "--version").status == 0  # root gets it installed
    assert as_bob(host, "--version").status == 0


def test_what_cannot_be_done_here_is_said_and_the_rest_is_done(host: Container) -> None:
    before = look(host)
    document = report(as_bob(host, "check", "--format", "json"))
    assert document["host"]["machine"] == "container"
    assert document["acceleration"]["state"] in ("none", "unknown")
    assert as_bob(host, "up", "--dry-run").status == 1
    proved = report(as_bob(host, "prove", "--level", "probe", "--format", "json"))
    assert proved["proof"]["ok"] is False
    assert proved["proof"]["steps"][0]["evidence"]
    assert snapshot.differences(before, look(host), EXCEPT_THE_CLONES) == []


@pytest.mark.parametrize(
    ("mount", "says"),
    [(("-o", "size=64k"), "No space left on device"), (("-o", "ro"), "Read-only file system")],
    ids=["full", "read-only"],
)
def test_without_a_place_for_the_journal_nothing_is_begun(host: Container, mount: tuple[str, ...], says: str) -> None:
    before = look(host)
    host.run(["mkdir", "/mnt/state"]).check()
    host.run(["mount", "-t", "tmpfs", *mount, "tmpfs", "/mnt/state"]).check()
    words = ("up", "--yes", "--user", "alice", "--accel", "tcg", "--state-dir", "/mnt/state/kvmready")
    refused = kvmready(host, *words)
    host.run(["umount", "/mnt/state"]).check()
    host.run(["rmdir", "/mnt/state"]).check()
    assert refused.status == 1, refused
    assert refused.stdout == ""
    assert says in refused.stderr
    assert "Nothing was changed." in refused.stderr
    assert "Traceback" not in refused.stderr
    assert snapshot.differences(before, look(host), OURS) == []


def test_who_may_not_become_root_changes_nothing(host: Container) -> None:
    before = look(host)
    denied = kvmready(host, "up", "--yes", "--accel", "tcg", user="alice")
    assert denied.status != 0, denied
    assert "they need root" in denied.stderr
    host.run(["chmod", "0", "/usr/bin/sudo"]).check()
    without = kvmready(host, "up", "--yes", "--accel", "tcg", user="alice")
    host.run(["chmod", "4755", "/usr/bin/sudo"]).check()
    assert without.status == 3, without
    assert "there is no sudo" in without.stderr
    for verb in ("undo", "history"):
        assert kvmready(host, verb, user="alice").status == 3
    assert snapshot.differences(before, look(host), OURS) == []


def test_bob_makes_the_host_his_through_sudo_and_no_second_up_comes_between(host: Container) -> None:
    before = look(host)
    words = [f"{BOBS}/kvmready", "up", "--yes", "--accel", "tcg", "--format", "json"]
    first = host.popen(words, user="bob")
    while not host.run(["sh", "-c", "cat /var/lib/kvmready/runs/*/journal.jsonl"]).stdout.count('"intent"'):
        assert first.poll() is None, first.communicate()
    second = kvmready(host, "up", "--yes", "--user", "alice", "--accel", "tcg")
    under_way = json.loads(kvmready(host, "history", "--format", "json").stdout)["runs"]
    stdout, stderr = first.communicate(timeout=900)
    assert second.status == 1, second
    assert "Another kvmready is changing this host: process" in second.stderr
    assert [run["state"] for run in under_way] == ["running"]
    assert first.returncode == 0, stderr
    document = json.loads(stdout)
    assert (document["users"], document["proof"]["level"]) == (["bob"], "libvirt")
    assert "TCGTCGTCGTCG" in document["proof"]["witness"]
    assert host.run(["find", BOBS, "!", "-user", "bob"]).check().stdout == ""
    assert as_bob(host, "prove", "--accel", "tcg").status == 0  # in a new login, without root
    undone = as_bob(host, "undo", "--yes")
    assert undone.status == 3, undone
    undone = host.run(["sudo", "--", f"{BOBS}/kvmready", "undo", "--yes"], user="bob", timeout=600)
    assert undone.status == 0, undone
    assert snapshot.differences(before, look(host), EXCEPT_THE_CLONES) == []
