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
    what = linux["image"] or _("the host's own kernel")
    parts = [part for part in (what, linux["kernel"], linux["clocksource"], linux["address"]) if part]
    yield canvas.block(2, (_("Linux guest") + "  ", "bold"), " · ".join(parts), hang=2)
    if linux["boot"]:
        phases = [f"{_(PHASES[one['phase']])} {duration(one['seconds'])}" for one in linux["boot"]]
        yield canvas.block(2, (_("Start") + "  ", "bold"), ", ".join(phases), hang=2)
    if linux["figures"]:
        yield from _table(canvas, linux["figures"])


def _table(canvas: Canvas, figures: Any) -> Iterator[Any]:
    heads, rows = table(figures)
    shown = list(range(len(heads)))
    widths = [max(cells(row[at]) for row in (heads, *rows)) + 2 for at in shown]
    for column in (4, 2, 1):  # what a narrow terminal has no room for
        if sum(widths[at] for at in shown) + 5 > canvas.width:
            shown.remove(column)
    yield canvas.text("     ", *(canvas.padded(heads[at], widths[at], "dim") for at in shown))
    for one, row in zip(figures, rows):
        status = {True: "pass", False: "warn", None: "unknown"}[one["normal"]]
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
