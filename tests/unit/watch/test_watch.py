"""Counters as rates, warnings, machine formats and the picture, from made-up moments."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, strategies as st

from kvmready.cli.watch_view import View
from kvmready.domains.stats import Sample, Samples
from kvmready.report.canvas import cells
from kvmready.watch import frame, guests, host, machine

GIB = 1 << 30
STAT = "cpu  100 0 50 800 20 5 5 20 0 0\ncpu0 50 0 25 400 10 2 2 10 0 0\ncpu1 50 0 25 400 10 3 3 10 0 0\nintr 1 2\n"


def sample(name: str, cpu: int = 0, **more: object) -> Sample:
    values: dict[str, object] = {
        "name": name, "state": "running", "cpu": cpu, "vcpus": 2, "vcpu": 0, "wait": None, "delay": 0, "balloon": GIB,
        "balloon_maximum": 2 * GIB, "unused": GIB // 4, "resident": GIB, "read": 0, "written": 0, "received": 0,
        "sent": 0, "answers": True, **more,
    }  # fmt: skip
    return Sample(**values)  # type: ignore[arg-type]


def picture(*used: guests.Use, swap_used: int = 0, free: int = 50 * GIB, trouble: str = "") -> frame.Frame:
    here = host.Use(2, 0.5, 0.25, 0.0, (1.0, 0.5, 0.25), 4 * GIB, GIB, GIB, swap_used)
    rooms = (frame.Room("default", "/images", 100 * GIB, free),)
    return frame.Frame(here, used, rooms, tuple(frame.warned(here, used, rooms)), trouble)


def test_the_host() -> None:
    count, times = host.parse_stat(STAT)
    assert (count, times) == (2, (100, 0, 50, 800, 20, 5, 5, 20, 0, 0))
    before = host.Counters(0.0, count, times, (0.0, 0.0, 0.0), 4 * GIB, 3 * GIB, GIB, GIB // 2)
    later = before._replace(times=(130, 0, 60, 830, 30, 5, 5, 40, 0, 0))
    used = host.use(before, later)
    assert (used.cpu, used.steal, used.io_wait) == (0.4, 0.2, 0.1)
    assert (used.memory_used, used.swap_used) == (GIB, GIB // 2)
    assert host.use(None, later).cpu is None
    assert host.use(before, before).cpu is None
    assert host.parse_memory("MemTotal:  4 kB\nHugePages_Total: 3\nX: y kB\n") == {"MemTotal": 4096}


@given(st.text())
def test_the_host_never_raises(text: str) -> None:
    host.parse_stat(text)
    host.parse_memory(text)


def test_rates() -> None:
    before = Samples(10.0, (sample("a", 10**9, read=100), sample("again", 10**10)))
    now = Samples(12.0, (sample("a", 4 * 10**9, delay=10**9, read=300), sample("again", 5), sample("new", 9)))
    a, again, new = guests.uses(before, now)
    assert (a.cpu, a.steal, a.read, a.sent, a.memory_used) == (1.5, 0.5, 100.0, 0.0, 3 * GIB // 4)
    assert again.cpu is None  # it was started anew
    assert (new.cpu, new.read) == (None, None)
    assert guests.uses(None, now)[0].cpu is None


def test_order() -> None:
    first = Samples(0.0, tuple(sample(name) for name in "abc"))
    later = Samples(1.0, (sample("a", 1, resident=1), sample("b", 2 * 10**9, sent=5), sample("c", 10**9, written=9)))
    uses = guests.uses(first, later)
    for sort, order in (("cpu", "bca"), ("memory", "bca"), ("disk", "cab"), ("network", "bac"), ("name", "abc")):
        assert "".join(guest.name for guest in guests.ordered(uses, sort)) == order, sort
    assert set(guests.SORTS) == {"cpu", "memory", "disk", "network", "name"}


def test_warnings() -> None:
    calm = guests.uses(None, Samples(0.0, (sample("a"),)))
    assert picture(*calm).warnings == ()
    crowd = guests.uses(None, Samples(0.0, (sample("a"), sample("b"), sample("c", answers=False))))
    told = picture(*crowd, swap_used=GIB // 2, free=5 * GIB).warnings
    assert [one.id for one in told] == [
        "vcpus-overcommitted", "memory-overcommitted", "swap-in-use", "pool-nearly-full", "guest-no-answer",
    ]  # fmt: skip
    assert told[1].text == "running guests may take 6.0 GiB of memory, the host has 4.0 GiB"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1 << 20, "1.0 MiB"),
        (150 << 20, "150 MiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert frame.size(count) == text


def test_machine_formats() -> None:
    shown = picture(*guests.uses(None, Samples(0.0, (sample('a"\\b'), sample("名")))))
    document = machine.document(shown, "2026-01-01T00:00:00Z", "1", "h")
    assert json.loads(json.dumps(document, allow_nan=False))["guests"][0]["cpu"] is None
    text = machine.prometheus(shown)
    assert 'kvmready_watch_guest_vcpus{guest="a\\"\\\\b"} 2\n' in text
    assert "kvmready_watch_guest_cpu" not in text  # not known yet: no series
    away = machine.prometheus(shown._replace(guests=None))
    assert "kvmready_watch_libvirt_up 0\n" in away
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["a", "名" * 60, "\x1b[2J\u202e", "x" * 200])
def test_no_line_is_wider_than_the_screen(width: int, name: str) -> None:
    uses = guests.uses(None, Samples(0.0, (sample(name), sample("b", state="paused", answers=False))))
    view = View(io.StringIO(), "h" * 90, "cpu", 3)
    lines = view.lines(picture(*uses, trouble="words " * 40), width)
    assert max(cells(line.text) for line in lines) <= width
    assert all(line.text.isprintable() for line in lines)
