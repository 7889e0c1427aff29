"""A diagnosis for people: it fits the terminal in both languages, and what it quotes cannot draw by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from kvmready import i18n
from kvmready.knowledge import diagnosis
from kvmready.knowledge.catalogue import CATALOGUE
from kvmready.knowledge.reading import Reading
from kvmready.report import text_diagnosis
from tests.unit.knowledge.messages import MESSAGES
from tests.unit.report import hostile
from tests.unit.report.test_canvas import Stream

DENIED = "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied"
FIRST = dict(reversed(MESSAGES))


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=i18n.LANGUAGES)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    i18n.use(request.param)
    yield request.param
    i18n.use("en")


def source(status: str = "read", why: str = "") -> dict[str, Any]:
    return {"name": "the text", "status": status, "lines": 1, "why": why}


def record(text: str, *sources: dict[str, Any]) -> dict[str, Any]:
    return diagnosis.of([Reading("the text", text)], None, sources or (source(),))


def drawn(one: dict[str, Any], verbose: bool = False) -> str:
    stream = Stream("utf-8")
    text_diagnosis.diagnosis(one, stream, verbose)
    return stream.seen()


@pytest.mark.parametrize("cause", FIRST)
def test_no_line_is_too_long(cause: str, language: str) -> None:
    text = drawn(record(FIRST[cause]), verbose=True)
    commands = ("# ", "$ ", "  ")
    long = [line for line in text.splitlines() if cell_len(line) > 80 and not line.strip().startswith(commands)]
    assert not long, "\n".join(long)
    assert cause in text


def test_the_answer_is_told_in_order() -> None:
    lines = [line.strip() for line in drawn(record(f"first\n{DENIED}")).splitlines() if line.strip()]
    assert lines[0] == "3 possible causes, most likely first"
    assert lines[1].startswith("1  the user may not manage the host's guests")
    assert lines[2] == "access.not-in-libvirt-group"
    assert lines[3].startswith("✓ the text, line 2: Failed to connect socket to")
    assert lines[-1] == "kvmready explain access.not-in-libvirt-group"
    assert any(line.startswith("→ kvmready up mends it") for line in lines)


def test_less_likely_causes_are_named_and_told_with_verbose() -> None:
    one = record(DENIED)
    short, whole = drawn(one), drawn(one, verbose=True)
    last = one["matches"][-1]["cause"]
    assert "Less likely:" in short and last in short and "Less likely:" not in whole
    assert short.count("Permission denied") < whole.count("Permission denied")


def test_nothing_found_is_said_with_what_to_do() -> None:
    text = drawn(record("all is well"))
    assert "No known problem is named here." in text
    assert "kvmready check --record host.json --scrub" in text


@pytest.mark.parametrize(
    ("status", "told"), [("read", False), ("absent", False), ("partial", True), ("denied", True), ("unknown", True)]
)
def test_what_was_not_read_whole_is_never_left_out(status: str, told: bool) -> None:
    text = drawn(record(DENIED, source(), {**source(status, "a reason"), "name": "the other log"}))
    assert ("the other log" in text) == told == ("a reason" in text)


def test_where_nothing_could_be_read_everything_is_told() -> None:
    text = drawn(record("x", {**source("absent", "not installed"), "name": "journalctl"}))
    assert "journalctl" in text and "not installed" in text


@pytest.mark.parametrize("name", sorted(set(hostile.TEXTS) - {"empty", "blank"}))
def test_hostile_text_is_shown_and_draws_nothing(name: str) -> None:
    words = hostile.TEXTS[name].replace("\n", " ")
    text = drawn(
        record(f"Could not access KVM ‮kernel module: {words[:40]} permission denied: /dev/kvm: Permission denied")
    )
    assert all(c.isprintable() or c in "\n\u3000" for c in text)


def test_escapes_in_a_quotation_are_gone_or_visible() -> None:
    text = drawn(record("\x1b[2J\x1b]0;owned\x07/dev/kvm:\x1b[31m Permission\x08\u202e denied"))
    assert "\x1b" not in text and "\u202e" not in text and "owned" not in text
    assert "\\u202e" in text


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in drawn(record(DENIED))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in drawn(record(DENIED))


def test_the_remedies_of_all_causes_can_be_drawn() -> None:
    for cause in CATALOGUE:
        one = record(DENIED)
        one["matches"] = [{**one["matches"][0], "cause": cause, "remedy": diagnosis._remedy(cause, None)}]
        assert f"kvmready explain {cause}" in drawn(one)
