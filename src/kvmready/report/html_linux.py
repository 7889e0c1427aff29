"""A Linux guest on the page: what it is, how long each phase of its start took, and its figures against the host's."""

from __future__ import annotations

from collections.abc import Iterator

from kvmready.i18n import _
from kvmready.report import text_linux
from kvmready.report.markup import Markup, element
from kvmready.report.story import duration
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.report.story import Record

WIDTH = 1000
"""Of the bar, in units of its own."""


def parts(linux: Record) -> Iterator[Markup]:
    """What stands below the steps of the proof."""
    yield element("h3", _("Linux guest"))
    yield element("p", " · ".join(text_linux.told(linux)), class_="same")
    if linux["boot"]:
        yield _start(linux["boot"])
    if linux["figures"]:
        yield _figures(linux["figures"])
        yield element("p", text_linux.normal(), class_="same")


def _start(boot: list[Record]) -> Markup:
    whole = sum(one["seconds"] for one in boot)
    bar, at = [], 0.0
    for number, one in enumerate(boot, 1):
        width = WIDTH * one["seconds"] / whole if whole else WIDTH / len(boot)
        bar.append(element("rect", x=f"{at:.1f}", width=f"{width:.1f}", height="10", class_=f"phase-{number}"))
        at += width
    rows = [
        element(
            "li",
            element("span", class_=f"key phase-{number}"),
            element("span", _(text_linux.PHASES[one["phase"]])),
            element("span", duration(one["seconds"]), class_="time"),
        )
        for number, one in enumerate(boot, 1)
    ]
    drawn = element("svg", bar, viewBox=f"0 0 {WIDTH} 10", preserveAspectRatio="none", aria_hidden="true")
    words = f"{_('Start')}: {duration(whole)}"
    return element("div", element("p", words), drawn, element("ul", rows), class_="start")


def _figures(figures: list[Record]) -> Markup:
    heads, rows = text_linux.table(figures)
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            [element("td", value) for value in row[1:]],
            element("td", element("span", words, class_=f"word {status}")),
        )
        for row, (status, words) in zip(rows, map(text_linux.judged, figures))
    ]
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", [element("th", head, scope="col") for head in (*heads, _("judged"))])),
            element("tbody", body),
        ),
        class_="figures",
    )
