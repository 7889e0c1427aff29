"""What runs beside what: tests that share a thing of this machine run in one process, one after the other.

Virtual machines are one of these things: two emulated ones at once are twice as slow. The other is this machine itself,
its libvirtd, its package manager and its list of processes, which the hosts at native speed share. All other tests run
wherever a process is free.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest

# A run in the background of a shell inherits an ignored SIGINT, and so would every program under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REAL = ("tests/machine/", "tests/vm/")
"""Tests with limits of time that a machine with other work can break: one that fails is tried once more, and the end
of the run names it. Where it fails again, it failed. All others have one try.
"""

EMULATED = "emulated machines"
HERE = "this machine"
IN_EMULATED_MACHINES = (
    "tests/vm/test_journey.py",
    "tests/vm/test_lab.py",
    "tests/vm/test_linux_proof.py",
    "tests/vm/test_trixie_journey.py",
    "tests/vm/test_without_svm.py",
    "tests/vm/test_bridge_vm.py",
    "tests/vm/test_fleet_vms.py",
    "tests/vm/test_faults.py::test_with_a_kernel_of_its_own",
    "tests/vm/test_trixie.py::test_guests_run_under_its_own_kernel",
    "tests/vm/test_backup.py::test_a_guest_under_kvm_comes_back_with_its_file",
)


def place(nodeid: str) -> str:
    """The group of a test, or its own name where it may run anywhere. Groups run in one process each."""
    if nodeid.startswith(IN_EMULATED_MACHINES):
        return EMULATED
    return HERE if nodeid.startswith(REAL) else nodeid


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "vm_tools" in getattr(item, "fixturenames", ()) and place(item.nodeid) != EMULATED:
            raise pytest.UsageError(f"{item.nodeid} starts an emulated machine: name it in tests/conftest.py")
        if item.nodeid.startswith(REAL):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=5))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByPlace(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return place(nodeid)

    return ByPlace(config, log)
