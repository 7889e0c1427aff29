"""Memory for guests, from the kernel's own files."""

from __future__ import annotations

import pytest

from kvmready.facts import memory
from kvmready.facts.known import Denied, Known, Unknown
from kvmready.facts.memory import Request
from kvmready.facts.names import Want
from kvmready.host.door import Listing, Reading
from tests.unit.facts.debian import NAMES, Recorded

MEMINFO = """\
MemTotal:        2013124 kB
MemFree:         1208540 kB
MemAvailable:    1702264 kB
CommitLimit:     1006560 kB
Committed_AS:     206560 kB
HugePages_Total:       8
HugePages_Free:        8
Hugepagesize:       2048 kB
"""


def look(meminfo: Reading | None = None, mode: str = "0\n", line: str = "", **sysctls: str) -> memory.Memory:
    host = Recorded()
    host.read(meminfo or Reading("/proc/meminfo", MEMINFO))
    host.read(Reading("/proc/sys/vm/overcommit_memory", mode))
    host.read(Reading("/proc/cmdline", f"root=/dev/vda {line}\n"))
    host.listdir(Listing("/etc/sysctl.d", (*(f"{name}.conf" for name in sysctls), "README")))
    for name, text in sysctls.items():
        host.keep(
            {"ask": "grep", "path": f"/etc/sysctl.d/{name}.conf", "needles": ["nr_hugepages"]},
            Reading(f"/etc/sysctl.d/{name}.conf", text),
        )
    host.keep({"ask": "grep", "path": "/etc/sysctl.conf", "needles": ["nr_hugepages"]}, Reading("/etc/sysctl.conf", ""))
    return memory.ask(host.host(), NAMES, Want())()


def test_a_host() -> None:
    kib = 1024
    assert look() == memory.Memory(
        Known(2013124 * kib), Known(1702264 * kib), Known(800000 * kib), Known(0), Known(8), Known(2048 * kib), ()
    )


def test_what_could_not_be_read() -> None:
    found = look(Reading("/proc/meminfo", error="EACCES"), "x")
    assert isinstance(found.available, Denied) and isinstance(found.promised, Denied)
    assert isinstance(found.overcommit, Unknown)
    assert isinstance(look(Reading("/proc/meminfo", "MemTotal: many kB\n")).available, Unknown)


def test_promised_is_never_less_than_nothing() -> None:
    text = MEMINFO.replace("206560", "9206560")
    assert look(Reading("/proc/meminfo", text)).promised == Known(0)


def test_requests_in_the_order_of_their_weight() -> None:
    found = look(line="hugepages=4", a="vm.nr_hugepages = 16\n", b="# vm.nr_hugepages=1\n-vm/nr_hugepages=32\n")
    assert found.requests == (
        Request("/proc/cmdline", "hugepages=4", 4),
        Request("/etc/sysctl.d/a.conf", "vm.nr_hugepages = 16", 16),
        Request("/etc/sysctl.d/b.conf", "-vm/nr_hugepages=32", 32),
    )


@pytest.mark.parametrize("line", ["hugepagesz=1G hugepages=4", "hugepages=some", "default_hugepagesz=1G", ""])
def test_pages_of_another_size_are_not_compared(line: str) -> None:
    assert memory.parse_command_line(line) == ()


@pytest.mark.parametrize("text", ["vm.nr_hugepages_mempolicy=3", "vm.nr_hugepages = many", "nr_hugepages=3", "=3"])
def test_lines_that_ask_for_none(text: str) -> None:
    assert memory.parse_sysctl("f", text) == ()
