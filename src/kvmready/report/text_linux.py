"""A Linux guest for people: how long its start took, and its figures against the host's own."""

from __future__ import annotations

from collections.abc import Iterator

from kvmready.i18n import N_, _
from kvmready.report.canvas import STYLES, Canvas, cells
from kvmready.report.story import duration
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.report.story import Record

PHASES = {
    "firmware": N_("firmware"),
    "kernel": N_("kernel"),
    "user-space": N_("user space"),
    "address": N_("address"),
}
FIGURES = {
    "cpu": N_("CPU, a turn"),
    "memory": N_("memory, copied"),
    "first-touch": N_("memory, a new page"),
    "disk-write": N_("disk, written"),
    "disk-read": N_("disk, read"),
    "network": N_("network, from it"),
}


def shown(canvas: Canvas, linux: Record) -> Iterator[Any]:
    """What the guest is, the phases of its start, and a row for each figure."""
    yield ""
    yield canvas.block(2, (_("Linux guest") + "  ", "bold"), " · ".join(told(linux)), hang=2)
    if linux["boot"]:
        yield canvas.block(2, (_("Start") + "  ", "bold"), phases(linux), hang=2)
    if linux["figures"]:
        yield from _table(canvas, linux["figures"])


def told(linux: Record) -> list[str]:
    """What the guest is: its image, kernel, clock and address, as far as they are known."""
    what = linux["image"] or _("the host's own kernel")
    return [part for part in (what, linux["kernel"], linux["clocksource"], linux["address"]) if part]


def phases(linux: Record) -> str:
    """The phases of its start with their times."""
    return ", ".join(f"{_(PHASES[one['phase']])} {duration(one['seconds'])}" for one in linux["boot"])


def normal() -> str:
    """What the ratios mean, where there is room for a sentence."""
    return _(
        "The ratio says how quick the guest is against this host in the same run; 1 is as quick. What passes through "
        "QEMU is held against the host's page cache and loopback device, which no hardware is as quick as."
    )


def judged(figure: Record) -> tuple[str, str]:
    """The status whose look a figure has, and its word."""
    words = {True: ("pass", _("normal")), False: ("warn", _("low")), None: ("unknown", _("not measured"))}
    return words[figure["normal"]]


def _table(canvas: Canvas, figures: Any) -> Iterator[Any]:
    heads, rows = table(figures)
    shown = list(range(len(heads)))
    widths = [max(cells(row[at]) for row in (heads, *rows)) + 2 for at in shown]
    for column in (4, 2, 1):  # what a narrow terminal has no room for
        if sum(widths[at] for at in shown) + 5 > canvas.width:
            shown.remove(column)
    yield canvas.text("     ", *(canvas.padded(heads[at], widths[at], "dim") for at in shown))
    for one, row in zip(figures, rows):
        status, _words = judged(one)
        body = [canvas.padded(row[at], widths[at]) for at in shown]
        yield canvas.text("  ", (canvas.glyph(status) + "  ", STYLES[status]), *body)


def table(figures: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The heads and the rows of the figures, as words."""
    heads: tuple[str, ...] = ("", _("guest"), _("host"), _("ratio"), _("normal from"))
    rows: list[tuple[str, ...]] = [
        (
            _(FIGURES[one["id"]]),
            _value(one["guest"], one["unit"]),
            _value(one["host"], one["unit"]),
            _ratio(one["ratio"]),
            _ratio(one["least"]),
        )
        for one in figures
    ]
    return heads, rows


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"
