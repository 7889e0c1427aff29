"""Hosts for the tests of this folder. Where the machine cannot run them, the tests are skipped and say why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.vm.lab import machine, needs, nspawn
from tests.vm.lab.machine import Machine
from tests.vm.lab.nspawn import Container


@pytest.fixture(scope="session")
def vm_tools() -> None:
    """Skips the test where a program that VMs need is missing."""
    reason = needs.why_not("vm")
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def fresh_vm(vm_tools: None) -> Iterator[Machine]:
    """A fresh Debian 12 in which KVM works, one for the module's tests, which see what earlier ones did to it."""
    with machine.start("fresh") as host:
        yield host


@pytest.fixture
def nspawn_host(nspawn_hosts: Callable[..., Container]) -> Container:
    """A fresh Debian 12 at native speed for one test, whose /dev/kvm is no KVM."""
    return nspawn_hosts()


@pytest.fixture
def nspawn_hosts() -> Iterator[Callable[..., Container]]:
    """Starts such hosts, as many as asked: ``nspawn_hosts("…", "ready", kvm="device")``; all end with the test."""
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with ExitStack() as stack:
        yield lambda name="host", base="fresh", kvm="null": stack.enter_context(nspawn.start(name, base, kvm=kvm))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write docs/faults.md from the faults that are tried")
