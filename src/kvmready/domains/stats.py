"""The counters of the running domains at one moment: ``virsh domstats`` read into values."""

from __future__ import annotations

import re
import time

from kvmready.domains.connection import ASK_LIMIT
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt

GROUPS = ("--state", "--cpu-total", "--balloon", "--vcpu", "--interface", "--block")
COMMAND = " ".join(("domstats", "--raw", "--nowait", *GROUPS))
"""--nowait: a domain whose monitor is busy tells what can be told without it, and does not keep the others waiting."""

STATES = {0: "none", 1: "running", 2: "blocked", 3: "paused", 4: "stopping", 5: "shutoff", 6: "crashed", 7: "suspended"}
"""libvirt: virDomainState."""

_HEADER = re.compile(r"^Domain: '(.*)'$")


class Sample(NamedTuple):
    """One domain's counters. Times are nanoseconds since its start, sizes bytes, None where libvirt does not tell.

    ``cpu`` is all of the time that its process had, ``vcpu`` that of its vCPUs, ``wait`` how long they were ready and
    had no CPU (KVM, ``vcpu.N.wait``) and ``delay`` the same by the kernel's scheduler (``vcpu.N.delay``, libvirt 7.2).
    ``balloon`` is the memory that it has now, ``balloon_maximum`` the most that it may have, ``unused`` what its guest
    says is free, ``resident`` what its process holds. Disk and network counters are sums over all of them. ``answers``
    is False where its emulator was not asked, since it is busy with another question or hangs.
    """

    name: str
    state: str
    cpu: int | None
    vcpus: int
    vcpu: int
    wait: int | None
    delay: int | None
    balloon: int | None
    balloon_maximum: int | None
    unused: int | None
    resident: int | None
    read: int
    written: int
    received: int
    sent: int
    answers: bool


class Samples(NamedTuple):
    """All running domains at ``moment`` of ``time.monotonic``."""

    moment: float
    domains: tuple[Sample, ...]


def samples(libvirt: Libvirt, active_only: bool = True, limit: float = ASK_LIMIT) -> Samples:
    """Those of all running domains, or of all that are defined; from one virsh. Raises LibvirtError.

    A guest that hangs keeps the first question after it began to waiting until the limit; the next one goes around it.
    """
    more = ("--list-active",) if active_only else ()
    text = libvirt.text(*COMMAND.split(), *more, limit=limit)
    return Samples(time.monotonic(), parse(text))


def parse(text: str) -> tuple[Sample, ...]:
    """``virsh domstats``: a header with the name, then ``  key=value`` lines, then a blank one."""
    found = []
    name: str | None = None
    values: dict[str, str] = {}
    for line in text.split("\n"):
        header = _HEADER.match(line)
        if header:
            if name is not None:
                found.append(_sample(name, values))
            name, values = header.group(1), {}
        elif name is not None and line.startswith("  "):
            key, _equals, value = line[2:].partition("=")
            values[key] = value
    if name is not None:
        found.append(_sample(name, values))
    return tuple(found)


def _sample(name: str, values: dict[str, str]) -> Sample:
    def number(key: str, factor: int = 1) -> int | None:
        text = values.get(key, "")
        return int(text) * factor if text.isdigit() else None

    def total(pattern: str) -> int | None:
        """The sum over all keys of a kind; None where there is not one."""
        wanted = re.compile(pattern)
        parts = [int(text) for key, text in values.items() if wanted.fullmatch(key) and text.isdigit()]
        return sum(parts) if parts else None

    return Sample(
        name=name,
        state=STATES.get(number("state.state") or 0, "none"),
        cpu=number("cpu.time"),
        vcpus=number("vcpu.current") or 0,
        vcpu=total(r"vcpu\.\d+\.time") or 0,
        wait=total(r"vcpu\.\d+\.wait"),
        delay=total(r"vcpu\.\d+\.delay"),
        balloon=number("balloon.current", 1024),
        balloon_maximum=number("balloon.maximum", 1024),
        unused=number("balloon.unused", 1024),
        resident=number("balloon.rss", 1024),
        read=total(r"block\.\d+\.rd\.bytes") or 0,
        written=total(r"block\.\d+\.wr\.bytes") or 0,
        received=total(r"net\.\d+\.rx\.bytes") or 0,
        sent=total(r"net\.\d+\.tx\.bytes") or 0,
        answers="block.count" not in values or "balloon.rss" in values or "block.0.rd.reqs" in values,
    )
