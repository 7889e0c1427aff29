"""What ``kvmready watch`` draws: plain ANSI, since a whole screen every few seconds must cost next to nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from types import TracebackType

from kvmready.i18n import N_, _
from kvmready.report.canvas import breaks, cells, visible
from kvmready.typed import TYPE_CHECKING, NamedTuple, Optional, TextIO
from kvmready.watch.frame import size
from kvmready.watch.guests import ordered

if TYPE_CHECKING:
    from kvmready.watch.frame import Frame
    from kvmready.watch.guests import Use

ENTER, LEAVE = "\033[?1049h\033[?25l", "\033[?25h\033[?1049l"
HOME, LINE_END, BELOW = "\033[H", "\033[K", "\033[J"
STYLES = {"bold": "1", "dim": "2", "warn": "33", "fail": "1;31"}
NARROWEST, NAME = 60, 14
STATES = {
    "running": N_("running"),
    "blocked": N_("running"),
    "paused": N_("paused"),
    "stopping": N_("stopping"),
    "shutoff": N_("shut off"),
    "crashed": N_("crashed"),
    "suspended": N_("suspended"),
    "none": N_("unknown"),
}
COLUMNS = (
    # heading, width; the name takes what is left
    (N_("State"), 10),
    (N_("CPU %"), 7),
    (N_("Steal %"), 9),
    (N_("Memory"), 10),
    (N_("Read/s"), 10),
    (N_("Write/s"), 10),
    (N_("In/s"), 10),
    (N_("Out/s"), 10),
)
NARROW = (0, 1, 2, 3, 4, 5)
"""Columns where there is no room for all; the two directions of disk and network are then one column each."""


class Drawn(NamedTuple):
    """A line and its style."""

    text: str
    style: str = ""


class View:
    """The screen of a live watch as a context, or a stream that gets one picture after the other."""

    def __init__(self, stream: TextIO, hostname: str, sort: str, interval: float) -> None:
        self._stream = stream
        self._hostname = hostname
        self._sort = sort
        self._interval = interval
        terminal = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._live = terminal and interval > 0
        self._colour = terminal and not os.environ.get("NO_COLOR")
        self._encoding = getattr(stream, "encoding", None) or "utf-8"

    def __enter__(self) -> View:
        if self._live:
            self._write(ENTER)
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._live:
            self._write(LEAVE)

    def show(self, frame: Frame) -> None:
        """Draw it; on a live screen no more than fits."""
        width, height = self._size()
        lines = self.lines(frame, width)
        if not self._live:
            self._write("".join(self._styled(line) + "\n" for line in lines) + "\n" * bool(self._interval))
            return
        if len(lines) > height:
            more = _("… and {count} more").format(count=len(lines) - height + 1)
            lines = [*lines[: height - 1], Drawn("  " + more, "dim")]
        self._write(HOME + f"{LINE_END}\n".join(map(self._styled, lines)) + LINE_END + BELOW)

    def _size(self) -> tuple[int, int]:
        try:
            found = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns = os.environ.get("COLUMNS", "")
            return max(NARROWEST, int(columns) if columns.isdigit() else 100), 1 << 20
        return max(NARROWEST, found.columns or 80), max(8, found.lines or 24)

    def _styled(self, line: Drawn) -> str:
        if not line.style or not self._colour:
            return line.text
        return f"\033[{STYLES[line.style]}m{line.text}\033[0m"

    def _write(self, text: str) -> None:
        self._stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
        self._stream.flush()

    def lines(self, frame: Frame, width: int) -> list[Drawn]:
        """The picture: the host, what is promised twice, and the guests."""
        head = _("watch · {host} · every {seconds} s").format(
            host=visible(self._hostname), seconds=f"{self._interval:g}"
        )
        if not self._interval:
            head = _("watch · {host}").format(host=visible(self._hostname))
        clock = time.strftime("%H:%M:%S")
        lines = [Drawn(_filled("  " + head, width - 10) + clock, "bold"), Drawn("")]
        lines += [Drawn("  " + text) for text in self._host(frame, width)]
        for warning in frame.warnings:
            lines += _paragraph("! ", warning.text, width, "warn")
        if frame.trouble:
            words = _("libvirt: {trouble}").format(trouble=frame.trouble)
            if self._interval:
                words = _("{words} It is asked again.").format(words=words)
            lines += _paragraph("✗ ", words, width, "fail")
        lines.append(Drawn(""))
        if frame.guests:
            lines += _table(ordered(frame.guests, self._sort), width)
        elif frame.guests is not None:
            lines.append(Drawn("  " + _("No guest runs."), "dim"))
        return lines

    @staticmethod
    def _host(frame: Frame, width: int) -> list[str]:
        host = frame.host
        cpu = (
            _("CPU {cpu} of {cpus}").format(cpu=_share(host.cpu), cpus=host.cpus),
            _("steal {share}").format(share=_share(host.steal)),
            _("I/O wait {share}").format(share=_share(host.io_wait)),
            _("load {load}").format(load=" ".join(f"{value:.2f}" for value in host.load)),
        )
        swap = size(host.swap_used) if host.swap else _("none")
        memory = [
            _("memory {used} of {total}").format(used=size(host.memory_used), total=size(host.memory)),
            _("swap {swap}").format(swap=swap),
        ]
        rooms = [f"{visible(room.pool)} {size(room.free)}" for room in frame.rooms[:2]]
        if rooms:
            memory.append(_("pool free: {rooms}").format(rooms=", ".join(rooms)))
        lines = _packed(cpu, width - 2) + _packed(memory, width - 2)
        if frame.guests is not None:
            lines.append(
                _("running guests {count}   vCPUs {vcpus}   their memory {memory}").format(
                    count=len(frame.guests),
                    vcpus=sum(guest.vcpus for guest in frame.guests),
                    memory=size(sum(guest.memory for guest in frame.guests)),
                )
            )
        return lines


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """The parts beside each other, in as many lines as they need."""
    lines: list[str] = []
    for part in parts:
        part = _cut(part, width)
        if lines and _cells(lines[-1]) + 3 + _cells(part) <= width:
            lines[-1] += "   " + part
        else:
            lines.append(part)
    return lines


def _table(guests: list[Use], width: int) -> list[Drawn]:
    wide = width >= NAME + 2 + sum(columns for _title, columns in COLUMNS)
    columns = [COLUMNS[place][1] for place in (range(len(COLUMNS)) if wide else NARROW)]
    titles = [_(title) for title, _columns in COLUMNS]
    if not wide:
        titles = [*titles[:4], _("Disk/s"), _("Net/s")]
    name = width - 2 - sum(columns)
    lines = [Drawn(_row(_("Name"), titles, name, columns), "dim")]
    for guest in guests:
        disk, net = (guest.read, guest.written), (guest.received, guest.sent)
        rates = [*disk, *net] if wide else [_sum(disk), _sum(net)]
        cells_ = [
            _(STATES.get(guest.state, guest.state)) if guest.answers else _("no answer"),
            "-" if guest.cpu is None else f"{guest.cpu * 100:.1f}",
            "-" if guest.steal is None else f"{guest.steal * 100:.1f}",
            size(guest.memory),
            *("-" if rate is None else size(rate) if rate >= 0.5 else "0" for rate in rates),
        ]
        style = "" if guest.state in ("running", "blocked") else "dim"
        lines.append(Drawn(_row(visible(guest.name), cells_, name, columns), style if guest.answers else "warn"))
    return lines


def _sum(rates: tuple[float | None, float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def _row(name: str, values: list[str], room: int, columns: list[int]) -> str:
    parts = ["  " + _filled(name, room - 1) + " "]
    for place, (value, columns_) in enumerate(zip(values, columns)):
        value = _cut(value, columns_ - 1)
        blanks = " " * (columns_ - _cells(value))
        parts.append(value + blanks if place == 0 else blanks + value)
    return "".join(parts).rstrip()


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cells(text)


def _cut(text: str, columns: int) -> str:
    if _cells(text) <= columns:
        return text
    while text and _cells(text) > columns - 1:
        text = text[:-1]
    return text + "…"


def _filled(text: str, columns: int) -> str:
    text = _cut(text, columns)
    return text + " " * (columns - _cells(text))


def _paragraph(mark: str, text: str, width: int, style: str) -> list[Drawn]:
    text = visible(text)
    places = [0, *breaks(text, width - 6), len(text)]
    parts = [text[begin:end].rstrip() for begin, end in zip(places, places[1:])]
    return [Drawn("  " + (mark if not number else "  ") + part, style) for number, part in enumerate(parts)]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.1f} %"
