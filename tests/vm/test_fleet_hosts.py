"""Several real hosts at once, each with a mishap of its own: which row it gets, what that costs the others, and how the
next run carries on. Batches; backups and the example playbook by Ansible alone.

The hosts have the stack, of which one package is taken away, so that ``up`` has something to do. The tests build on
each other, in the order of this file.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.machine.cli.test_pyz import interpreter
from tests.vm.controller import Controller
from tests.vm.lab import needs, nspawn
from tests.vm.lab.nspawn import Container

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]

NAMES = ("good", "full", "cut", "restarted", "hung")
WANTED = ("--profile", "minimal", "--accel", "tcg")
LIMIT = 45
"""Seconds that a host may take while others are in trouble."""

HOLD = r"""
import fcntl, os, time
held = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(held, fcntl.LOCK_EX)
open("/run/held", "w").close()
while os.path.exists("/run/held"):
    time.sleep(0.1)
"""
"""Holds apt's lock until /run/held is removed: work that installs a package stays in its middle meanwhile."""


class Hosts(Controller):
    """Five hosts that answer, and one that is away."""

    def __init__(self, folder: Path, hosts: dict[str, Container]) -> None:
        super().__init__(folder, hosts, away=("away",))
        self.hosts = hosts

    def lack(self, name: str) -> None:
        """Take a package away from a host, so that it is not ready."""
        self.hosts[name].run(["dpkg", "--remove", "qemu-utils"], timeout=300).check()

    def hold(self, name: str) -> None:
        """Have another program use apt on a host."""
        started = self.hosts[name].run(["systemd-run", "--quiet", "--unit=hold", "python3", "-c", HOLD]).check()
        assert started.status == 0
        until(lambda: self.hosts[name].run(["test", "-e", "/run/held"]).status == 0)

    def release(self, name: str) -> None:
        self.hosts[name].run(["rm", "-f", "/run/held"]).check()

    def begun(self, name: str) -> bool:
        """Whether work on a host is in its middle."""
        said = self.hosts[name].run(["sh", "-c", "cat /var/lib/kvmready/runs/*/journal.jsonl 2>/dev/null"]).stdout
        return '"event":"intent"' in said

    def states(self, name: str) -> list[tuple[str, int]]:
        """The runs of a host: how each ended, and how often a plan was begun in it."""
        history = json.loads(self.program(name, "history", "--format", "json"))["runs"]
        counted = 'cat /var/lib/kvmready/runs/*/journal.jsonl | grep -c \'"event":"begin"\''
        begun = int(self.hosts[name].run(["sh", "-c", counted]).stdout)
        return [(run["state"], begun) for run in history]

    def program(self, name: str, *words: str) -> str:
        """The output of the program that the fleet brought there."""
        start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from kvmready.__main__ import main; sys.exit(main())"
        find = ["sh", "-c", "ls -d /var/cache/kvmready/*/"]
        folder = self.hosts[name].run(find).check().stdout.split()[0]
        return self.hosts[name].run(["python3", "-I", "-c", start, folder, *words], timeout=300).stdout


def until(what: Callable[[], bool], limit: float = 120) -> None:
    end = time.monotonic() + limit
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with ExitStack() as stack:
        started = {name: nspawn.launch(f"fleet-{name}", "ready", kvm="absent") for name in NAMES}
        for host in started.values():
            stack.enter_context(host)
        for host in started.values():
            host.wait_until_up()
        yield Hosts(tmp_path_factory.mktemp("fleet"), started)


@pytest.fixture(scope="module")
def mishaps(fleet: Hosts) -> Hosts:
    """One ``fleet up`` during which each host but one has a mishap."""
    for name in NAMES:
        fleet.lack(name)
    for name in ("cut", "restarted", "hung"):
        fleet.hold(name)
    full = "mkdir -p /var/lib/kvmready; mount -t tmpfs -o size=4k,mode=700 tmpfs /var/lib/kvmready"
    fleet.hosts["full"].run(["sh", "-c", full]).check()
    running = fleet.begin("up", "--yes", "--forks", "10", "--timeout", str(LIMIT), *WANTED)
    frozen = fleet.hosts["hung"]
    try:
        for name in ("cut", "restarted", "hung"):
            until(lambda name=name: fleet.begun(name) or running.poll() is not None)  # type: ignore[misc]
        assert running.poll() is None, running.communicate()
        freeze(frozen, True)
        fleet.hosts["cut"].run(["sh", "-c", "systemctl stop ssh.socket ssh.service; pkill -u bob sshd; true"])
        fleet.hosts["restarted"].reboot()
        running.communicate(timeout=600)
        return fleet
    finally:
        running.kill()
        freeze(frozen, False)


def freeze(host: Container, on: bool) -> None:
    """Stop or thaw all processes of a host: its kernel still takes connections, and nobody answers."""
    for group in (host.directory / "cgroups").read_text().splitlines():
        if (Path(group) / "cgroup.freeze").exists():
            (Path(group) / "cgroup.freeze").write_text(str(int(on)))
            return
    pytest.skip("this machine's control groups cannot be frozen")


def test_a_mishap_is_a_row_of_its_own(mishaps: Hosts) -> None:
    rows = {row.host: row for row in mishaps.run().rows}
    assert mishaps.rows() == {
        "good": "ready-with-warnings",
        "full": "no-space",
        "cut": "unreachable",
        "restarted": "ready-with-warnings",
        "hung": "timed-out",
        "away": "unreachable",
    }, mishaps.messages()
    assert rows["good"].changed and rows["restarted"].changed
    assert "/var/lib/kvmready" in rows["full"].message
    ended = {host: place for place, host in enumerate(order(mishaps))}
    assert ended["good"] < ended["hung"], "it waited for nobody"


def test_a_host_that_restarted_carried_on_from_its_journal(mishaps: Hosts) -> None:
    assert mishaps.states("restarted") == [("finished", 2)]


def test_the_work_survived_and_the_next_run_carries_on(mishaps: Hosts) -> None:
    cut, full = mishaps.hosts["cut"], mishaps.hosts["full"]
    for name in ("cut", "hung"):
        mishaps.release(name)
    until(lambda: "qemu-utils" in cut.run(["sh", "-c", "dpkg-query -W | cut -f 1"]).stdout.split())
    cut.run(["systemctl", "start", "ssh.service"]).check()
    full.run(["umount", "/var/lib/kvmready"]).check()
    done = mishaps.kvmready("up", "--yes", "--limit", "all:!away", *WANTED)
    assert done.returncode == 0, done
    assert set(mishaps.rows().values()) == {"ready-with-warnings"}
    for name in ("cut", "hung"):
        assert mishaps.states(name) == [("finished", 1)], "nobody began it a second time"
    again = mishaps.kvmready("up", "--yes", "--limit", "all:!away", *WANTED)
    assert again.returncode == 0 and not any(row.changed for row in mishaps.run().rows), again


def test_a_host_that_answers_nothing_costs_no_more_than_a_connection(mishaps: Hosts) -> None:
    frozen = mishaps.hosts["hung"]
    apart = {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none", "ANSIBLE_TIMEOUT": "20"}
    freeze(frozen, True)
    try:
        done = mishaps.kvmready("check", "--limit", "good,hung", *WANTED, more=apart)
    finally:
        freeze(frozen, False)
    assert done.returncode == 1
    assert mishaps.rows() == {"good": "ready-with-warnings", "hung": "unreachable"}, mishaps.messages()


def test_no_room_for_the_program(mishaps: Hosts) -> None:
    full = mishaps.hosts["full"]
    full.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=755", "tmpfs", "/var/cache/kvmready"]).check()
    try:
        mishaps.kvmready("check", "--limit", "full", *WANTED)
    finally:
        full.run(["umount", "/var/cache/kvmready"]).check()
    assert mishaps.rows() == {"full": "no-space"}, mishaps.messages()


def order(fleet: Hosts) -> list[str]:
    """The hosts in the order in which they ended, as the record has it."""
    lines = (Path(fleet.run().directory) / "rows.jsonl").read_text().splitlines()
    return [json.loads(line)["host"] for line in lines]


def test_batches_follow_each_other(mishaps: Hosts) -> None:
    some = ("--limit", "all:!away", "--batch", "1,2,100%")
    done = mishaps.kvmready("check", *some, "--max-fail", "0%", *WANTED)
    assert done.returncode == 0, done
    ended = order(mishaps)
    assert ended[0] == "good" and set(ended[1:3]) == {"full", "cut"} and set(ended[3:]) == {"restarted", "hung"}


def test_no_batch_is_begun_after_one_that_failed(mishaps: Hosts) -> None:
    mishaps.lack("full")
    done = mishaps.kvmready("check", "--limit", "all:!away", "--batch", "1,2,100%", "--max-fail", "40%", *WANTED)
    assert done.returncode == 1
    assert mishaps.rows() == {
        "good": "ready-with-warnings",
        "full": "not-ready",
        "cut": "ready-with-warnings",
        "restarted": "not-begun",
        "hung": "not-begun",
    }, mishaps.messages()
    assert "2 not begun" in " ".join(done.stdout.split())
    assert {"restarted", "hung"} <= set(done.stdout.split())
    done = mishaps.kvmready("check", "--limit", "all:!away", "--batch", "1,2,100%", "--max-fail", "50%", *WANTED)
    assert "not-begun" not in mishaps.rows().values(), "half of a batch is no more than half"


def test_a_host_that_is_away_counts_as_one_that_failed(mishaps: Hosts) -> None:
    apart = "away,good,cut"
    done = mishaps.kvmready("check", "--limit", apart, "--batch", "2,100%", "--max-fail", "0%", *WANTED)
    assert done.returncode == 1
    assert sorted(mishaps.rows().values()) == ["not-begun", "ready-with-warnings", "unreachable"], mishaps.messages()


def test_up_in_batches_changes_nothing_behind_one_that_failed(mishaps: Hosts) -> None:
    """The second batch has a host on which work is impossible; the third would have work and is left alone."""
    mishaps.lack("restarted")
    full = mishaps.hosts["full"]
    full.run(["mount", "-t", "tmpfs", "-o", "ro,size=4k", "tmpfs", "/var/lib/kvmready"]).check()
    try:
        words = ("--batch", "1", "--max-fail", "0%", "--limit", "full,restarted")
        done = mishaps.kvmready("up", "--yes", *words, *WANTED)
    finally:
        full.run(["umount", "/var/lib/kvmready"]).check()
    assert done.returncode == 1
    assert mishaps.rows()["restarted"] == "not-begun" and mishaps.rows()["full"] == "failed", mishaps.messages()
    assert mishaps.hosts["restarted"].run(["which", "qemu-img"]).status != 0
    done = mishaps.kvmready("up", "--yes", "--batch", "1", "--max-fail", "0%", "--limit", "full,restarted", *WANTED)
    assert done.returncode == 0 and all(row.changed for row in mishaps.run().rows), done


def test_a_real_python_that_is_too_old(mishaps: Hosts) -> None:
    """A Python 3.8 as python3, beside the newer one of the system, and alone."""
    host, found = mishaps.hosts["hung"], interpreter("3.8").resolve()
    library = found.parent.parent / "lib"
    packed = mishaps.folder / "python"
    shutil.copytree(
        library / "python3.8",
        packed / "lib" / "python3.8",
        ignore=shutil.ignore_patterns("site-packages", "test", "config-*", "__pycache__", "idlelib", "ensurepip"),
    )
    (packed / "bin").mkdir()
    shutil.copy(found, packed / "bin" / "python3")
    for part in library.glob("libpython3.8.so*"):
        shutil.copy(part, packed / "lib")
    host.copy(packed, "/usr/local")
    host.run(["ldconfig"]).check()
    assert host.run(["python3", "--version"]).stdout.startswith("Python 3.8."), "what a login finds first"
    mishaps.kvmready("check", "--limit", "hung", *WANTED)
    assert mishaps.rows() == {"hung": "ready-with-warnings"}, mishaps.messages()
    host.run(["sh", "-c", "mkdir /root/away; mv /usr/bin/python3* /root/away"]).check()
    mishaps.kvmready("check", "--limit", "hung", *WANTED)
    assert mishaps.rows() == {"hung": "no-python"}
    assert "/usr/local/bin/python3 (3.8." in mishaps.messages()["hung"]


GUEST = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file' device='disk'>
<driver name='qemu' type='qcow2'/><source file='/var/lib/libvirt/images/{name}.qcow2'/><target dev='vda' bus='virtio'/>
</disk></devices></domain>"""


@pytest.fixture(scope="module")
def guests(mishaps: Hosts) -> Container:
    """The good host, with two guests that are shut off."""
    host = mishaps.hosts["good"]
    for name in ("web", "--db"):
        image = f"/var/lib/libvirt/images/{name}.qcow2"
        host.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"]).check()
        host.run(["qemu-io", "-c", "write -q -P 7 0 4M", image]).check()
        host.write(f"/root/{name}.xml", GUEST.format(name=name))
        host.run(["virsh", "-q", "-c", "qemu:///system", "define", f"/root/{name}.xml"]).check()
    return host


def backup(fleet: Hosts, *words: str, **options: Any) -> dict[str, Any]:
    return fleet.playbook("good", {"kvmready.host.backup": {"archive": fleet.archive(), **options}}, *words)


def test_backup_by_ansible(mishaps: Hosts, guests: Container) -> None:
    folder = "/srv/backups"
    planned = backup(mishaps, "--check", "--diff", names=["--db"], to=folder)
    assert (planned["changed"], planned["failed"], planned["outcome"]) == (True, False, "planned"), planned
    (one,) = planned["backups"]
    assert (one["name"], one["method"], one["disks"][0]["target"]) == ("--db", "offline", "vda")
    assert one["size"] >= 4 << 20 and "--db.qcow2" in planned["diff"][0]["after"]
    assert guests.run(["test", "-e", folder]).status != 0, "check mode makes nothing"

    made = backup(mishaps, names=["web", "--db", "web"], to=folder)
    assert (made["changed"], made["failed"], made["outcome"], made["removed"]) == (True, False, "saved", []), made
    assert [one["name"] for one in made["backups"]] == ["web", "--db", ""]
    for one in made["backups"]:
        manifest = json.loads(guests.read(one["manifest"]))
        assert manifest["items"] == one["files"]
        file = one["files"][0]
        there = f"{one['folder']}/{file['path']}"
        assert guests.run(["sha256sum", there]).stdout.split()[0] == file["sha256"]
        assert int(guests.run(["stat", "-c", "%s", there]).stdout) == file["size"]

    kept = backup(mishaps, "--diff", all=True, to=folder, keep_daily=1)
    assert kept["outcome"] == "saved" and len(kept["removed"]) == 3, kept
    assert kept["removed"][0] in kept["diff"][0]["before"]
    left = guests.run(["ls", folder]).stdout.split()
    assert sorted(left) == sorted(one["id"] for one in kept["backups"])


def test_a_backup_that_fails_says_why(mishaps: Hosts, guests: Container) -> None:
    folder = "/srv/backups"
    unknown = backup(mishaps, names=["web", "nobody"], to=folder)
    assert (unknown["failed"], unknown["changed"]) == (True, False) and "'nobody'" in unknown["msg"], unknown
    guests.run(["mv", "/var/lib/libvirt/images/web.qcow2", "/root/"]).check()
    one = backup(mishaps, all=True, to=folder, keep_daily=1)
    assert (one["failed"], one["changed"], one["outcome"]) == (True, True, "failed"), "the other guest was saved"
    assert one["msg"].startswith("web: ") and "web.qcow2" in one["msg"] and one["removed"] == []
    assert {each["name"]: each["ok"] for each in one["backups"]} == {"--db": True, "web": False, "": True}
    planned = backup(mishaps, "--check", names=["web"], to=folder)
    assert planned["failed"] and "web.qcow2" in planned["msg"]
    guests.run(["mv", "/root/web.qcow2", "/var/lib/libvirt/images/"]).check()
    both = backup(mishaps, names=["web"], all=True)
    assert both["failed"] and "either names" in both["msg"]
    guests.run(["systemctl", "mask", "--now", "libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket"]).check()
    guests.run(["systemctl", "stop", "libvirtd.service"]).check()
    away = backup(mishaps, all=True, to=folder)
    assert (away["failed"], away["changed"], away["backups"]) == (True, False, []) and away["msg"], away


def test_the_example_playbook_ends_ready_and_then_finds_nothing_to_do(mishaps: Hosts) -> None:
    mishaps.lack("cut")
    wanted = ("host_profile=minimal", "host_accel=tcg")
    first = mishaps.example("cut", *wanted)
    assert first.returncode == 0 and "changed=1" in first.stdout and "failed=0" in first.stdout, first
    second = mishaps.example("cut", *wanted)
    assert second.returncode == 0 and "changed=0" in second.stdout and "failed=0" in second.stdout, second
