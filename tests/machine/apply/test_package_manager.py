"""What this machine's own package manager answers; nothing is installed here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kvmready.errors import WorkError
from kvmready.facts.packages import STATUS
from kvmready.host.local import LocalHost
from kvmready.plan import apt, leftovers, manager
from kvmready.plan.packages import _missing
from kvmready.plan.step import Step

LOCK = apt.LOCKS[0]
pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(not os.path.exists(STATUS), reason="this machine has no dpkg"),
]

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
try:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("taken", flush=True)
else:
    print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    if os.geteuid() != 0:
        pytest.skip("only root may lock the package manager")
    argv = [sys.executable, "-c", HOLD, LOCK]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        if child.stdout.readline() != "held\n":
            child.stdin.close()
            pytest.skip("somebody is using this machine's package manager now")
        yield child
        if child.poll() is None:
            child.stdin.write("\n")


def test_who_holds_the_lock_is_named(holder: subprocess.Popen[str]) -> None:
    found = apt.holder(LocalHost())
    assert found is not None
    assert found.pid == holder.pid
    assert "python" in found.command
    assert manager.ask(LocalHost(), apt, []).busy.endswith(f"({holder.pid})")


def test_a_busy_package_manager_is_waited_for_and_said(holder: subprocess.Popen[str]) -> None:
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        holder.wait(timeout=30)

    manager.wait_for_lock(LocalHost(), apt, say)
    assert len(said) == 1 and str(holder.pid) in said[0]


def test_the_wait_has_a_limit(holder: subprocess.Popen[str]) -> None:
    with pytest.raises(WorkError) as raised:
        manager.wait_for_lock(LocalHost(), apt, lambda text: None, limit=0.0)
    assert str(holder.pid) in raised.value.what and raised.value.next_move


def test_the_package_list_is_dpkgs_own() -> None:
    present = apt.installed(LocalHost())
    query = ["dpkg-query", "--show", "--showformat=${Package}\\n"]
    listed = set(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split())
    assert {apt.plain(name) for name in present} <= listed
    assert any(apt.plain(name) == "dpkg" and package.status == "installed" for name, package in present.items())
    step = Step("packages", "packages", "qemu", "", (), {"packages": ["dpkg", "no-such-package"]})
    assert _missing(step, present) == ["no-such-package"]


def test_the_marks_are_apts_own() -> None:
    listed = set(subprocess.run(["apt-mark", "showauto"], capture_output=True, text=True, check=True).stdout.split())
    present = {n for n, package in apt.installed(LocalHost()).items() if package.status == "installed"}
    marked = {apt.plain(name) for name in apt.automatic(LocalHost()) & present}
    assert marked <= {apt.plain(name) for name in listed}


def test_a_package_that_nobody_offers_cannot_be_simulated() -> None:
    result, coming = apt.simulate(LocalHost(), ["no-such-package-of-anybody"])
    assert not result.ok
    assert coming == manager.Simulation((), (), ())
    error = manager.failed(apt, result._replace(stdout=result.stdout + result.stderr), "log")
    assert "no-such-package-of-anybody" in error.why and "sources.list" in error.next_move


def test_purging_is_simulated_without_being_done() -> None:
    present = apt.installed(LocalHost())
    name = next(name for name, package in sorted(present.items()) if package.status == "installed")
    _result, would = apt.would_go(LocalHost(), [name])
    assert apt.plain(name) in would or not _result.ok
    assert apt.installed(LocalHost()) == present


def test_the_tree_is_what_is_there() -> None:
    tree = leftovers.tree(LocalHost())
    assert tree["/etc"].startswith("d 755 0 0")
    assert tree["/etc/passwd"].startswith("f ")
    assert not [path for path in tree if path.startswith(("/var/lib/dpkg/", "/usr/bin/env"))]
    known = leftovers.accounts(LocalHost())
    assert known.users["root"].split(":")[2] == "0"
    assert "root" in known.groups
