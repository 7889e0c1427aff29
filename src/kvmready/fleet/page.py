"""The record of a fleet as one page that needs nothing else: causes, a heat map of hosts and layers, a list to search.

The hosts are data in the page, some hundred bytes for each; its script draws those that are seen. What comes from a
host is text, whatever it holds; the page forbids itself everything but its own style and script, known by their hash.
"""

from __future__ import annotations

from kvmready import i18n
from kvmready.checks.finding import LAYERS
from kvmready.fleet import summary, words
from kvmready.fleet.records import Index
from kvmready.i18n import _
from kvmready.report.canvas import GLYPHS, WORDS, visible
from kvmready.report.markup import Markup, element
from kvmready.typed import Any

TAGS = {"en": "en", "zh": "zh-Hans"}
"""BCP 47 tags of the languages."""
MESSAGE = 160
"""Characters of a host's message that the page holds."""


def render(index: Index) -> str:
    """The page, newline at the end."""
    css, script = _file("page.css"), _file("page.js")
    title = f"{words.hosts(len(index.rows))} · fleet {index.action}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(css, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", f"{title} · kvmready"),
        element("style", Markup(css)),
    )
    found = summary.causes(index.rows)
    body = element(
        "body",
        element("header", element("h1", title), element("p", words.counted(index.rows)), _when(index)),
        element("main", _causes(found, len(index.rows)), _map(), _list(index)),
        element("noscript", element("p", _("The list of hosts needs JavaScript; the causes above do not."))),
        element("script", Markup(_data(index, found)), type="application/json", id="data"),
        element("script", Markup(script)),
    )
    page = element("html", Markup("\n"), head, Markup("\n"), body, Markup("\n"), lang=TAGS[i18n.language()])
    return f"<!DOCTYPE html>\n{page}\n"


def _file(name: str) -> str:
    import pkgutil

    data = pkgutil.get_data("kvmready.fleet", name)
    if data is None:
        raise FileNotFoundError(f"kvmready/fleet/{name}")
    return data.decode("utf-8")


def _policy(css: str, script: str) -> str:
    """CSP 3, 2.3.1: only this style and this script, known by their hashes."""
    import base64
    import hashlib

    style, code = (
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") + "'"
        for text in (css, script)
    )
    own = f"style-src {style}; script-src {code}; img-src data:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _when(index: Index) -> Markup:
    return element("p", f"{index.began} – {index.ended} · {index.id} · kvmready {index.version}", class_="soft")


def _causes(found: list[summary.Cause], total: int) -> Markup:
    if not found:
        return element("section", element("h2", _("Causes")), element("p", _("No host has a cause to mend.")))
    rows = [
        element(
            "tr",
            element("td", str(len(cause.hosts)), class_="n"),
            element("td", _meter(len(cause.hosts), total)),
            element("td", cause.summary, element("div", element("code", cause.id))),
            element("td", element("button", _("show"), type="button", data_cause=str(number), aria_pressed="false")),
        )
        for number, cause in enumerate(found)
    ]
    head = element("tr", element("th", _("hosts"), class_="n"), element("th"), element("th", _("cause")), element("th"))
    title = element("h2", _("Causes, by how many hosts have them"))
    return element("section", title, element("table", element("thead", head), element("tbody", rows)))


def _meter(count: int, total: int) -> Markup:
    """A share of the fleet; whatever it is, less would be better (HTML, the meter element)."""
    bounds = {"min": "0", "max": str(total), "low": "0.2", "high": "0.4", "optimum": "0"}
    return element("meter", **bounds, value=str(count), aria_label=words.hosts(count))


def _map() -> Markup:
    legend = [element("span", _(word), class_=status) for status, word in WORDS.items()]
    return element(
        "section",
        element("h2", _("Hosts and layers")),
        element("canvas", id="map", role="img", aria_label=_("Hosts and layers")),
        element("div", legend, class_="legend"),
    )


def _list(index: Index) -> Markup:
    chips = [
        element("button", f"{words.outcome(name)} {count}", type="button", data_outcome=name, aria_pressed="false")
        for name, count in summary.outcomes(index.rows).items()
    ]
    label = _("Search hosts, outcomes, causes")
    return element(
        "section",
        element("h2", _("Hosts"), " ", element("small", id="count", aria_live="polite")),
        element("div", chips, class_="chips"),
        element("p", element("input", id="search", type="search", placeholder=label, aria_label=label)),
        element("div", element("div", id="rows"), id="list", role="list", tabindex="0", aria_label=_("Hosts")),
    )


def _data(index: Index, found: list[summary.Cause]) -> str:
    """The rows as JSON in which nothing can end the element that holds it."""
    import json

    numbers = {cause.id: number for number, cause in enumerate(found)}
    rows: list[list[Any]] = [
        [
            visible(row.host),
            row.outcome,
            "".join(str(summary.STATUSES.index(row.layers[layer])) for layer in LAYERS) if row.layers else "",
            [numbers[cause] for cause in row.causes],
            visible(row.message if row.message != row.outcome else "")[:MESSAGE],
            visible(row.os),
        ]
        for row in index.rows
    ]
    document = {
        "layers": LAYERS,
        "words": {name: words.outcome(name) for name in words.OUTCOMES},
        "looks": {name: words.status(name) for name in words.OUTCOMES},
        "statuses": {status: _(word) for status, word in WORDS.items()},
        "glyphs": {status: GLYPHS[status][0] for status in WORDS},
        "causes": [f"{cause.id}: {visible(cause.summary)}" for cause in found],
        "rows": rows,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
