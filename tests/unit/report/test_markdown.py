"""Markdown: what a forge renders of it, and that nobody's words become more than words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from kvmready.report import markdown, story
from kvmready.report.canvas import visible
from tests.unit import test_recorded_hosts as recorded
from tests.unit.report import hostile, samples

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tokens(text: str) -> list[Token]:
    return READER.parse(text)


def flat(found: Iterable[Token]) -> Iterator[Token]:
    for token in found:
        yield token
        yield from flat(token.children or ())


def words(found: Iterable[Token]) -> str:
    """What a reader sees, line by line."""
    seen = []
    for token in flat(found):
        if token.type in ("text", "text_special", "code_inline", "fence"):
            seen.append(token.content)
        elif token.type in ("td_close", "th_close", "paragraph_close", "heading_close", "softbreak"):
            seen.append("\n")
    return "".join(seen)


def shape(found: Iterable[Token]) -> list[str]:
    """The document's structure without its words."""
    quiet = ("text", "text_special", "code_inline", "inline")
    return [f"{token.type} {token.tag}" for token in flat(found) if token.type not in quiet]


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_recorded_host_is_told_whole(name: str) -> None:
    record = recorded.record(name)
    text = markdown.render(record)
    seen = words(tokens(text))
    for finding in record["findings"]:
        assert finding["check"] in seen
        assert finding["summary"] in seen
    for cause in record["root_causes"]:
        assert cause["cause"] in seen
    fences = [token for token in tokens(text) if token.type == "fence"]
    assert all(token.content.rstrip("\n") for token in fences)
    rows = [row for token in fences for row in token.content.splitlines()]
    for finding in record["findings"]:
        for seen_there in finding["evidence"]:
            first, *more = story.lines(seen_there["text"])
            assert f"{seen_there['source']}: {first}" in rows
            assert {f"  {line}" for line in more} <= set(rows)


def test_an_issue_report() -> None:
    text = markdown.render(samples.broken())
    headings = [t.content for before, t in zip(tokens(text), tokens(text)[1:]) if before.type == "heading_open"]
    assert headings[0] == "`box`: not ready"
    assert headings[1] == "Causes, in the order in which to mend them"
    assert headings[2] == "1. ✗ The module kvm_amd is not loaded."
    order = [text.index(part) for part in ("| `hardware` |", "#### 1.", "**Next:**", "The plan", "</details>", "All 9")]
    assert order == sorted(order)
    assert "```sh\nmodprobe kvm_amd\n```" in text
    assert "```text\n/sys/module/kvm_amd: no such directory\n```" in text
    assert "| alice must log in again" in text


def test_commands_that_were_said_are_not_said_again() -> None:
    text = markdown.render(recorded.record("debian-12-fresh-as-alice"))
    causes = text[: text.index("<details>")]
    assert causes.count("apt-get install") == 1
    assert "by the same commands as 2" in causes


def test_a_proof_shows_its_witness() -> None:
    text = markdown.render(samples.proven())
    assert "```text\nKVMREADY 1f2e3d4c KVMKVMKVM\n```" in text
    assert "| `libvirt` | ✓ pass | 2 min 28 s |" in text
    assert "EMULATION" not in text and "EMULATION" in markdown.render(samples.proven("tcg"))


def test_a_run_says_how_to_take_it_back() -> None:
    record = hostile.after_a_run("x")
    record["run"]["id"] = "20260101-1"
    text = markdown.render(record)
    assert "kvmready undo 20260101-1" in text and "The plan" not in text
    record["run"]["id"] = None
    assert "Nothing had to be changed." in markdown.render(record)


HOSTILE = {
    f"{name}-{when}": (text, made)
    for name, text in hostile.TEXTS.items()
    for when, made in (("before", hostile.report), ("after", hostile.after_a_run))
}


@cache
def structure(text: str, made: Callable[[str], dict[str, Any]]) -> list[str]:
    return shape(tokens(markdown.render(made(text))))


@pytest.mark.parametrize(("text", "made"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_are_nothing_but_words(text: str, made: Callable[[str], dict[str, Any]]) -> None:
    harmless(tokens(markdown.render(made(text))))
    assert structure(text, made) == structure(text and "x", made)


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text(st.characters(exclude_categories=())), st.text("`|<>*_[]()#@!-+=~\\&;:.1 \na\t", max_size=30)))
def test_no_text_is_more_than_text(text: str) -> None:
    found = tokens(markdown.render(hostile.after_a_run(text)))
    harmless(found)
    assert shape(found) == structure(text and "x", hostile.after_a_run)


def harmless(found: list[Token]) -> None:
    every = list(flat(found))
    harmful = {"link_open", "image", "html_inline", "code_block", "blockquote_open", "em_open", "s_open", "hr"}
    assert not harmful & {token.type for token in every}
    for token in every:
        if token.type == "html_block":
            assert re.fullmatch(r"<details>\n<summary>[\w ]+(: \d+ steps?)?</summary>\n|</details>\n", token.content)
    assert not re.search(r"[@#]\w", words_in_prose(every)), "a forge would link it"
    seen = words(found).replace("\u2060", "")
    assert all(character.isprintable() or character == "\n" for character in seen)


def words_in_prose(found: Iterable[Token]) -> str:
    """Neighbouring pieces of text, as a forge joins them before it looks for names."""
    return "".join(token.content if token.type in ("text", "text_special") else "\0" for token in found)


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_evidence_is_all_there(text: str) -> None:
    record = hostile.report(text)
    fences = [token.content.splitlines() for token in tokens(markdown.render(record)) if token.type == "fence"]
    for line in story.lines(text):
        assert any(line in row for fence in fences for row in fence)
    assert all(fence[-1:] != ["```"] for fence in fences)


@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_a_code_span_holds_its_text(text: str) -> None:
    (inline,) = (token for token in tokens(markdown.code(text)) if token.type == "inline")
    if visible(text).strip():
        assert [(child.type, child.content) for child in inline.children or ()] == [("code_inline", visible(text))]


@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_prose_reads_as_it_was(text: str) -> None:
    found = tokens(markdown.prose(text))
    said = " ".join(visible(text).split())
    if said:
        assert [token.type for token in found] == ["paragraph_open", "inline", "paragraph_close"]
        assert " ".join(words(found).replace("\u2060", "").split()) == said


@pytest.mark.parametrize(
    "text", ["http://evil.example", "see HTTPS://evil.example/x", "www.evil.example", "ftp://e.example"]
)
def test_only_a_remedy_may_lead_somewhere(text: str) -> None:
    assert not re.search(r"(?i)(http|https|ftp)://|www\.", markdown.prose(text))
    assert markdown.prose(text, links=True) == text
    record = samples.broken()
    record["root_causes"][0]["summary"] = f"It is {text}."
    record["root_causes"][0]["remedy"] = {"kind": "manual", "text": f"Read {text}.", "commands": []}
    assert [line for line in markdown.render(record).splitlines() if text in line] == [f"**→** Read {text}."]


def test_a_linux_guest_has_a_table_of_figures() -> None:
    seen = markdown.render(samples.linux())
    assert "| `CPU, a turn` | `1234 ns` | `2345 ns` | `0.53` | `0.85` | low |" in seen
    assert "| `network, from it` | `–` | `88 MB/s` | `–` | `0.050` | not measured |" in seen
    assert "kvm-clock · 192.168.122.71" in words(tokens(seen))
    assert "Start: firmware 0.8 s, kernel 1.2 s, user space 9.5 s" in words(tokens(seen))
