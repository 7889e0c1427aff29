"""The host's own counters, from /proc, and what it was busy with between two looks."""

from __future__ import annotations

import time

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Door

STAT, LOAD, MEMORY = "/proc/stat", "/proc/loadavg", "/proc/meminfo"


class Counters(NamedTuple):
    """What the kernel had counted at ``moment`` of ``time.monotonic``.

    ``times`` are the ten numbers of the ``cpu`` line in /proc/stat (proc_stat(5)), in ticks: user, nice, system, idle,
    iowait, irq, softirq, steal, guest, guest_nice. Sizes are bytes.
    """

    moment: float
    cpus: int
    times: tuple[int, ...]
    load: tuple[float, ...]
    memory: int
    available: int
    swap: int
    swap_free: int


class Use(NamedTuple):
    """``cpu``, ``steal`` and ``io_wait`` are shares of all CPUs, from 0 to 1; None before there are two looks."""

    cpus: int
    cpu: float | None
    steal: float | None
    io_wait: float | None
    load: tuple[float, ...]
    memory: int
    memory_used: int
    swap: int
    swap_used: int


def look(host: Door) -> Counters:
    """Read the counters; what cannot be read is 0."""
    cpus, times = parse_stat(host.read(STAT).text)
    words = host.read(LOAD).text.split()[:3]
    sizes = parse_memory(host.read(MEMORY).text)
    return Counters(
        time.monotonic(),
        cpus,
        times,
        tuple(float(word) for word in words) if len(words) == 3 else (0.0, 0.0, 0.0),
        *(sizes.get(name, 0) for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")),
    )


def parse_stat(text: str) -> tuple[int, tuple[int, ...]]:
    """How many CPUs there are, and the times of all of them."""
    count = 0
    times: tuple[int, ...] = (0,) * 10
    for line in text.split("\n"):
        if not line.startswith("cpu"):
            break
        name, *numbers = line.split()
        if name == "cpu":
            times = (*(int(word) for word in numbers if word.isdigit()), *times)[:10]
        else:
            count += 1
    return count, times


def parse_memory(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes; what has no unit is left out."""
    found = {}
    for line in text.split("\n"):
        name, _colon, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[0].isdigit() and words[1] == "kB":
            found[name] = int(words[0]) << 10
    return found


def use(before: Counters | None, now: Counters) -> Use:
    """What happened in between. The time of guests is in ``user`` already (proc_stat(5))."""
    cpu = steal = io_wait = None
    if before is not None:
        spent = [max(0, b - a) for a, b in zip(before.times, now.times)]
        total = sum(spent[:8])
        if total:
            steal, io_wait = spent[7] / total, spent[4] / total
            cpu = (total - spent[3] - spent[4] - spent[7]) / total
    return Use(
        now.cpus,
        cpu,
        steal,
        io_wait,
        now.load,
        now.memory,
        max(0, now.memory - now.available),
        now.swap,
        max(0, now.swap - now.swap_free),
    )
