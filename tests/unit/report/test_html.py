"""The page: well-formed HTML that asks for nothing, runs nothing, and shows everybody's words as words."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import jsonschema
import pytest
from hypothesis import given, settings, strategies as st

from kvmready import i18n
from kvmready.report import as_json, html, story
from kvmready.report.canvas import visible
from kvmready.report.markup import Markup, element
from tests.unit import test_recorded_hosts as recorded
from tests.unit.report import hostile, samples

TAGS = {
    *("html", "head", "meta", "link", "title", "style", "body", "header", "main", "footer", "section", "div", "p"),
    *("h1", "h2", "h3", "bdi", "span", "strong", "code", "pre", "time", "dl", "dt", "dd", "ol", "ul", "li", "a"),
    *("details", "summary", "svg", "symbol", "path", "use", "rect", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "datetime"),
    *("d", "viewBox", "width", "height", "aria-hidden", "x", "preserveAspectRatio", "scope"),
}


@pytest.fixture
def chinese() -> Iterator[None]:
    i18n.use("zh")
    yield
    i18n.use("en")


def read(text: str) -> Element:
    """The document as a browser builds it (WHATWG HTML); what a browser would have to repair is an error here."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    root: Element = parser.parse(text)
    for node in root.iter():
        if isinstance(node.tag, str):
            node.tag = node.tag.rpartition("}")[2]
    return root


def said(node: Element) -> str:
    return "".join(node.itertext())


def harmless(text: str) -> Element:
    """The page without anything that runs, loads or leads out, and with all its links meeting their aim."""
    root = read(text)
    ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
    assert len(set(ids)) == len(ids)
    for node in root.iter():
        assert isinstance(node.tag, str), "a comment"
        assert node.tag in TAGS
        assert set(node.attrib) <= ATTRIBUTES, node.attrib
        if "href" in node.attrib:
            aim = node.attrib["href"]
            assert aim == "data:," if node.tag == "link" else aim[0] == "#" and aim[1:] in ids
        if node.tag != "style":
            assert all(c.isprintable() or c == "\n" for c in (node.text or "") + (node.tail or ""))
    styles = list(root.iter("style"))
    (policy,) = (node.attrib["content"] for node in root.iter("meta") if node.attrib.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(said(styles[0]).encode()).digest()).decode()
    assert len(styles) == 1 and f"style-src 'sha256-{digest}'" in policy and policy.startswith("default-src 'none';")
    assert not re.search(r"url\(|@import|expression|<", said(styles[0]))
    return root


def headings(root: Element) -> list[tuple[int, str]]:
    return [(int(node.tag[1]), said(node)) for node in root.iter() if re.fullmatch("h[1-6]", node.tag)]


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_recorded_host_is_told_whole(name: str) -> None:
    record = recorded.record(name)
    root = harmless(html.render(record))
    by_id = {node.attrib["id"]: said(node) for node in root.iter() if "id" in node.attrib}
    for finding in record["findings"]:
        shown = by_id[f"check-{finding['check']}"]
        assert finding["summary"] in shown and finding["status"] in shown
        assert all(seen["source"] in shown and seen["text"] in shown for seen in finding["evidence"])
    cards = [said(node) for node in root.iter("li") if node.attrib.get("class", "").startswith("card")]
    for number, cause in enumerate(record["root_causes"], 1):
        assert cards[number - 1].startswith(f"{number}{cause['summary']}")
        assert cause["cause"] in cards[number - 1] and cause["remedy"]["text"] in cards[number - 1]
    levels = [level for level, _words in headings(root)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))


def test_the_layers_stand_on_the_hardware_below_the_guest() -> None:
    root = harmless(html.render(samples.broken()))
    slabs = [node for node in root.iter() if node.attrib.get("class", "").startswith("slab")]
    assert [said(slab).split("not proven")[0] for slab in slabs[:1]] == ["guest"]
    names = [said(span) for slab in slabs[1:] for span in slab.iter("span") if span.attrib["class"] == "name"]
    assert names == list(reversed(samples.LAYERS))
    words = [said(span) for slab in slabs[1:] for span in slab.iter("span") if span.attrib["class"].startswith("word")]
    assert words == ["skip", "warn", "pass", "unknown", "skip", "blocked", "fail", "fail", "pass"]


def test_causes_come_before_all_checks() -> None:
    root = harmless(html.render(samples.broken()))
    assert [words for level, words in headings(root) if level <= 2] == [
        "box",
        "not ready",
        "The host as a stack",
        "Causes, in the order in which to mend them",
        "What could not be asked",
        "The plan 3f2a9c41d0e7: 2 steps",
        "All checks, from the ground up",
    ]


@pytest.mark.parametrize(("accel", "look"), [("kvm", "slab guest pass kvm"), ("tcg", "slab guest warn tcg")])
def test_a_guest_that_ran_stands_on_top(accel: str, look: str) -> None:
    root = harmless(html.render(samples.proven(accel)))
    (guest,) = (node for node in root.iter("div") if node.attrib.get("class", "").startswith("slab guest"))
    assert guest.attrib["class"] == look
    assert "KVMREADY 1f2e3d4c KVMKVMKVM" in [said(node) for node in root.iter("pre")]
    assert ("EMULATION" in said(root)) == (accel == "tcg") and "Nothing to mend" in said(root)
    record = samples.proven(accel)
    record["proof"].update(ok=False, witness=None)
    record["proof"]["steps"][2].update(status="fail", evidence=[{"source": "virsh", "text": "timeout"}])
    root = harmless(html.render(record))
    assert "no guest proved itself: libvirt" in said(root) and "virshtimeout" in said(root)
    assert "Nothing to mend" not in said(root)


def test_a_linux_guest_is_told_with_its_start_and_its_figures() -> None:
    record = samples.linux()
    root = harmless(html.render(record))
    card = next(node for node in root.iter("div") if node.attrib.get("class") == "card pass")
    assert "debian-12 · 6.1.0-37-amd64 · kvm-clock · 192.168.122.71" in said(card)
    bar = [(float(one.attrib["x"]), float(one.attrib["width"])) for one in card.iter("rect")]
    assert bar == [(0, 69.6), (69.6, 104.3), (173.9, 826.1)]
    assert "firmware0.8 skernel1.2 suser space9.5 s" in said(card)
    rows = [[said(cell) for cell in row if cell.tag in ("th", "td")] for row in card.iter("tr")]
    assert rows[0] == ["", "guest", "host", "ratio", "normal from", "judged"]
    assert rows[1] == ["CPU, a turn", "1234 ns", "2345 ns", "0.53", "0.85", "low"]
    assert rows[2][-1] == "normal"
    assert rows[6] == ["network, from it", "–", "88 MB/s", "–", "0.050", "not measured"]
    record["proof"]["linux"].update(boot=[], figures=[], image=None, kernel=None)
    root = harmless(html.render(record))
    assert "the host's own kernel · kvm-clock" in said(root) and not list(root.iter("table"))


def test_a_run_is_told_instead_of_the_plan() -> None:
    record = hostile.after_a_run("x")
    record["run"]["id"] = "20260101-1"
    shown = said(harmless(html.render(record)))
    assert "kvmready undo 20260101-1" in shown and "The plan" not in shown and "already done" in shown
    record["run"]["id"] = None
    assert "Nothing had to be changed." in said(harmless(html.render(record)))


def test_only_what_was_asked_is_a_link() -> None:
    record = samples.report(only="kernel.modules")
    root = harmless(html.render(record))
    assert not list(root.iter("a")) and "not asked" in said(root) and "kernel.modules" in said(root)


def test_it_is_in_the_language_of_its_reader(chinese: None) -> None:
    root = harmless(html.render(samples.broken()))
    assert root.attrib["lang"] == "zh-Hans" and "未就绪" in said(root)
    i18n.use("en")
    assert harmless(html.render(samples.broken())).attrib["lang"] == "en"


HOSTILE = {
    f"{name}-{when}": made(text)
    for name, text in hostile.TEXTS.items()
    for when, made in (("before", hostile.report), ("after", hostile.after_a_run))
}


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_are_nothing_but_words(record: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(as_json.schema()).validate(record)
    root = harmless(html.render(record))
    hostname = record["host"]["hostname"]
    assert said(next(root.iter("bdi"))) == (visible(hostname) or "–")
    shown = [said(node) for node in root.iter("pre")]
    assert "\n".join(story.lines(record["findings"][0]["evidence"][0]["text"])) in shown
    plain = harmless(html.render(hostile.after_a_run("x") if record["run"] else hostile.report("x")))
    if hostname.strip():
        assert [node.tag for node in root.iter()] == [node.tag for node in plain.iter()]


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_no_text_breaks_the_page(text: str) -> None:
    harmless(html.render(hostile.after_a_run(text)))


def test_what_is_no_markup_is_text() -> None:
    made = element("p", "a<b>&\"'", Markup("<i>"), ["c", None, ("<d>",)], class_="\"'><", hidden=True, id=None)
    assert made == '<p class="&quot;&#x27;&gt;&lt;" hidden>a&lt;b&gt;&amp;&quot;&#x27;<i>c&lt;d&gt;</p>'


def luminance(colour: str) -> float:
    """WCAG 2.2: relative luminance of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_word_can_be_read_in_light_and_in_dark() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 between text and what is behind it."""
    css = said(next(read(html.render(samples.broken())).iter("style")))
    palettes = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block)) for block in css.split(":root {")[1:3]]
    statuses = ("pass", "warn", "fail", "unknown", "skip")
    pairs = [(word, behind) for word in ("ink", "quiet", "link") for behind in ("ground", "card", "sunk")]
    pairs += [(word, behind) for word in statuses for behind in ("card", f"{word}-soft")]
    pairs += [("ink", "fail-soft"), ("quiet", "fail-soft"), ("quiet", "pass-soft"), ("quiet", "warn-soft")]
    low = []
    for palette in palettes:
        assert len(palette) == 17
        for word, behind in pairs:
            bright, dark = sorted((luminance(palette[word]), luminance(palette[behind])), reverse=True)
            if (bright + 0.05) / (dark + 0.05) < 4.5:
                low.append((word, palette[word], behind, palette[behind]))
    assert not low
