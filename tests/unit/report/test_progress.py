"""What the waiting person sees, on a terminal and in a log."""

from __future__ import annotations

import pytest

from kvmready.report.progress import Progress
from tests.unit.report.test_canvas import HOSTILE, Stream
from tests.unit.report.test_text import Terminal


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def test_in_a_log_each_piece_of_news_is_one_line() -> None:
    stream = Stream("utf-8")
    with Progress(stream) as progress:
        progress.begin("Install 6 packages.", 1, 2)
        progress.say("reading package lists")
        progress.say("reading package lists")
        progress.begin("Start libvirtd.", 2, 2)
        progress.end("fail", "see the journal")
    assert [line.rstrip() for line in stream.seen().splitlines()] == [
        "  [1/2] Install 6 packages.",
        "    reading package lists",
        "  ✓  [1/2] Install 6 packages.",
        "  [2/2] Start libvirtd.",
        "  ✗  [2/2] Start libvirtd.  see the journal",
    ]


def test_a_log_takes_news_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: moment[0])
    stream = Stream("utf-8")
    with Progress(stream) as progress:
        progress.begin("Install 6 packages.")
        for number in range(12):
            progress.say(f"package {number}")
            moment[0] += 1.0
        progress.say("waiting for another apt")
        for _second in range(10):
            moment[0] += 1.0
            progress.say("waiting for another apt")
    told = [line.strip() for line in stream.seen().splitlines()]
    assert told[1:-1] == ["package 0", "package 5", "package 10", "waiting for another apt"]


def test_on_a_terminal_the_line_lives_and_leaves_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal("utf-8")
    with Progress(stream) as progress:
        progress.begin("Install 6 packages.")
        progress.say("unpacking")
    seen = stream.seen()
    assert "\x1b[2K" in seen  # the live line is taken away
    assert seen.rstrip().splitlines()[-1].endswith("Install 6 packages.")


def test_work_that_ends_with_an_error_failed() -> None:
    stream = Stream("ascii")
    with pytest.raises(KeyboardInterrupt), Progress(stream) as progress:
        progress.begin("Install")
        raise KeyboardInterrupt
    assert stream.seen().splitlines()[-1].rstrip() == "  x  Install"


def test_news_cannot_draw() -> None:
    for stream in (Stream("utf-8"), Terminal("utf-8")):
        with Progress(stream) as progress:
            progress.begin("work " + HOSTILE)
            progress.say(HOSTILE)
        assert "\x1b[31mred" not in stream.seen() and "\u202e" not in stream.seen()


def test_without_work_nothing_is_said() -> None:
    stream = Stream("utf-8")
    with Progress(stream):
        pass
    assert stream.seen() == ""
