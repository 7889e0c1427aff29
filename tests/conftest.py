"""What runs beside what: tests that share a thing of this machine run in one process, one after the other.

Virtual machines are one of these things: two emulated ones at once are twice as slow. The other is this machine itself,
its libvirtd, its package manager and its list of processes, which the hosts at native speed share. All other tests run
wherever a process is free.
"""

from __future__ import annotations

import signal

import pytest

# A run in the background of a shell inherits an ignored SIGINT, and so would every program under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.nodeid.partition("::")[0]
        if "vm_tools" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("emulated machines"))
        elif name.startswith(("tests/machine/", "tests/vm/")):
            item.add_marker(pytest.mark.xdist_group("this machine"))
