"""The lab keeps its promises: hosts are what they should be, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vm.lab import cache, running
from tests.vm.lab.cache import LabError
from tests.vm.lab.machine import Machine
from tests.vm.lab.nspawn import Container

TREE = Path(__file__).parents[2]

#: Asks KVM for the version of its interface, through the device, as the product does.
API_VERSION = 'import fcntl, os; print(fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR), 0xAE00))'


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for one test."""
    monkeypatch.setenv("KVMREADY_TEST_CACHE", str(tmp_path / "cache"))
    return cache.root()


def ended(pid: int) -> bool:
    """Whether a process has ended (it may wait for its parent to take note), after a moment at most."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_two_builders_at_once_build_once(own_cache: Path) -> None:
    builds: list[Path] = []
    results: list[Path] = []

    def build(work: Path) -> None:
        builds.append(work)
        time.sleep(0.2)
        (work / "part").write_text("whole")

    builders = [threading.Thread(target=lambda: results.append(cache.entry("kind", "1", build))) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(timeout=30)
    assert len(builds) == 1
    assert results == [own_cache / "kind-1"] * 2
    assert (results[0] / "part").read_text() == "whole"


def test_a_failed_build_leaves_nothing_and_a_new_key_removes_the_old(own_cache: Path) -> None:
    def build(work: Path) -> None:
        (work / "part").touch()

    def fail(work: Path) -> None:
        (work / "part").touch()
        raise LabError("no mirror")

    cache.entry("kind", "1", build)
    with pytest.raises(LabError, match="no mirror"):
        cache.entry("kind", "2", fail)
    assert [path.name for path in own_cache.iterdir() if "kind" in path.name and path.is_dir()] == ["kind-1"]
    in_use = running.claim("user")
    (in_use / "info.json").write_text('{"entries": ["kind-1"]}')
    cache.entry("kind", "2", build)
    assert {path.name for path in own_cache.glob("kind-*")} == {"kind-1", "kind-2"}
    running.end(in_use)
    cache.entry("kind", "3", build)
    assert [path.name for path in own_cache.glob("kind-*")] == ["kind-3"]


def test_a_name_is_checked_and_used_once(own_cache: Path) -> None:
    with pytest.raises(LabError, match="not a name"):
        running.claim("../x")
    first, second = running.claim("twin"), running.claim("twin")
    assert (first.name, second.name) == ("twin", "twin-2")
    assert running.is_alive(first)
    running.end(first)
    running.end(second)
    assert list(cache.machines().iterdir()) == []


@pytest.mark.vm
def test_nspawn_users_words_and_results(nspawn_host: Container) -> None:
    assert nspawn_host.run(["id", "-nG"], user="alice").check().stdout == "alice\n"
    assert nspawn_host.run(["sudo", "-n", "id", "-u"], user="bob").check().stdout == "0\n"
    assert nspawn_host.run(["sudo", "-n", "id", "-u"], user="alice").status == 1
    words = ["", "a b", "it's", '"$HOME"', "new\nline", "*", "虚拟"]
    assert nspawn_host.run(["printf", "%s|", *words]).check().stdout == "|".join(words) + "|"
    assert nspawn_host.run(["cat"], user="alice", input="given\n").check().stdout == "given\n"
    assert nspawn_host.run(["sh", "-c", "echo out; echo err >&2; exit 3"])[2:5] == (3, "out\n", "err\n")
    assert nspawn_host.run(["sh", "-c", "kill -9 $$"]).status == 128 + signal.SIGKILL
    with pytest.raises(LabError, match="did not finish in 1 s"):
        nspawn_host.run(["sleep", "60"], timeout=1)


@pytest.mark.vm
def test_nspawn_copies_and_new_logins_see_new_groups(nspawn_host: Container, tmp_path: Path) -> None:
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    (tmp_path / "tree" / "a program").write_text("#!/bin/sh\necho works\n")
    (tmp_path / "tree" / "a program").chmod(0o755)
    nspawn_host.copy(tmp_path / "tree", "/home/alice/tree", user="alice")
    assert nspawn_host.run(["/home/alice/tree/a program"], user="alice").check().stdout == "works\n"
    assert nspawn_host.run(["ls", "-A", "/home/alice/tree"]).stdout == "a program\n"
    assert nspawn_host.run(["stat", "-c", "%U %a", "/home/alice/tree/a program"]).stdout == "alice 755\n"
    with pytest.raises(LabError, match="denied"):
        nspawn_host.copy(tmp_path / "tree", "/etc/tree", user="alice")
    nspawn_host.write("/etc/new", "text\n", 0o600)
    assert nspawn_host.read("/etc/new") == "text\n"
    nspawn_host.run(["usermod", "-aG", "kvm", "alice"]).check()
    assert nspawn_host.run(["id", "-nG"], user="alice").stdout == "alice kvm\n"
    nspawn_host.reboot()
    assert nspawn_host.read("/etc/new") == "text\n"


@pytest.mark.vm
def test_nspawn_installs_from_its_own_repository(nspawn_host: Container) -> None:
    assert nspawn_host.run(["python3", "-m", "venv", "/root/venv"]).status == 1
    nspawn_host.run(["apt-get", "update"]).check()
    nspawn_host.run(["apt-get", "install", "--yes", "python3-venv"], timeout=300).check()
    nspawn_host.run(["python3", "-m", "venv", "/root/venv"]).check()
    nspawn_host.run(["/root/venv/bin/pip", "install", "--quiet", "rich"]).check()
    nspawn_host.run(["/root/venv/bin/python", "-c", "import rich"]).check()
    nspawn_host.run(["apt-get", "install", "--simulate", "virtinst", "libvirt-daemon-system"]).check()


@pytest.mark.vm
def test_nspawn_kvm_is_what_was_asked_for(nspawn_hosts: Callable[..., Container]) -> None:
    kinds = {
        kvm: nspawn_hosts(kvm=kvm).run(["stat", "-c", "%F %t:%T", "/dev/kvm"]).stdout.strip()
        for kvm in ("device", "null", "absent")
    }
    assert kinds == {"device": "character special file a:e8", "null": "character special file 1:3", "absent": ""}


@pytest.mark.vm
@pytest.mark.parametrize("kind", ["machine", "nspawn"])
def test_hosts_end_with_the_test_that_started_them(kind: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("vm_tools" if kind == "machine" else "nspawn_hosts")
    script = f"from tests.vm.lab import {kind} as k; print(k.launch('orphan').directory, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        directory = Path(owner.stdout.readline().strip())
        assert running.is_alive(directory)
        pid = int((directory / "pid").read_text())
        owner.kill()
    assert running.wait_for_end(directory, timeout=30)
    assert ended(pid)
    with cache.locked("machines"):
        running.sweep()
    assert not directory.exists()
    assert str(directory) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.vm
def test_kvm_works_in_a_vm(fresh_vm: Machine) -> None:
    assert fresh_vm.run(["python3", "-c", API_VERSION]).check().stdout == "12\n"
    assert "kvm_amd" in fresh_vm.read("/proc/modules")
    assert fresh_vm.run(["stat", "-c", "%U:%G %a", "/dev/kvm"]).stdout == "root:kvm 660\n"
    assert "Permission denied" in fresh_vm.run(["python3", "-c", API_VERSION], user="alice").stderr
    assert fresh_vm.read("/etc/hostname") == f"{fresh_vm.name}\n"
    assert fresh_vm.run(["ls", "/repo/wheels"]).check().stdout


@pytest.mark.vm
def test_a_vm_survives_a_power_cut(fresh_vm: Machine) -> None:
    before = fresh_vm.boot_id()
    fresh_vm.run(["sh", "-c", "echo kept > /root/kept; sync /root/kept"]).check()
    fresh_vm.power_cut()
    with pytest.raises(LabError, match="not running"):
        fresh_vm.assert_alive()
    fresh_vm.power_on()
    fresh_vm.wait_until_up()
    assert fresh_vm.read("/root/kept") == "kept\n"
    assert fresh_vm.boot_id() != before


@pytest.mark.vm
def test_a_stopped_host_leaves_nothing(nspawn_hosts: Callable[..., Container]) -> None:
    host = nspawn_hosts(name="brief")
    groups = (host.directory / running.CGROUPS).read_text().splitlines()
    assert groups and all(os.path.isdir(group) for group in groups)
    host.stop()
    assert not host.directory.exists()
    assert not any(os.path.exists(group) for group in groups)
    with pytest.raises(LabError, match="not running"):
        host.assert_alive()
