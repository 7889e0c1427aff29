"""Data cannot draw by itself, and what is pasted arrives as it was."""

from __future__ import annotations

import io
import shlex
import subprocess

import pytest
from hypothesis import given, strategies as st

from kvmready.report.canvas import Canvas, breaks, cells, command_lines, quoted, visible

HOSTILE = "a\x1b[31mred\nsecond\u202eline\x00[bold]b[/bold] 中文 \ud800 'q' \"d\" $(id) \\"


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_visible_is_printable(text: str) -> None:
    shown = visible(text)
    assert all(c.isprintable() or c == "\u3000" for c in shown)


def test_a_plain_text_is_left_alone() -> None:
    assert visible("AMD-V 已开启 [bold] \\n") == "AMD-V 已开启 [bold] \\n"


def test_control_characters_are_named() -> None:
    assert visible("a\x1bb\nc\u202ed") == "a\\x1bb\\nc\\u202ed"


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF).filter(str.isprintable)), min_size=1))
def test_a_command_in_lines_is_one_command(argv: list[str]) -> None:
    text = "\n".join(command_lines(argv, 40))
    assert shlex.split(text.replace(" \\\n", " ")) == argv


@given(st.lists(st.text("ab c-./'\"$\\", max_size=12), min_size=1, max_size=30), st.integers(30, 100))
def test_a_command_breaks_between_words_only(argv: list[str], width: int) -> None:
    for line in command_lines(argv, width):
        assert cells(line) <= width or len(shlex.split(line.removesuffix(" \\"))) == 1


@pytest.mark.spawns("bash is the judge of what bash reads")
@pytest.mark.parametrize("argument", ["", "a b", "new\nline", "it's", "tab\there", "\x1b[0m", "$(id)`id`", "\\", "-n"])
def test_bash_reads_back_each_word(argument: str) -> None:
    script = "printf '%s\\0' " + " ".join(quoted(word) for word in ("x", argument, "y"))
    said = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, check=True, timeout=20).stdout
    assert said.decode() == f"x\0{argument}\0y\0"


class Stream(io.TextIOWrapper):
    """A text stream of one encoding, over memory."""

    def __init__(self, encoding: str) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, write_through=True)

    def seen(self) -> str:
        self.flush()
        return self.bytes.getvalue().decode(self.encoding)


def test_what_the_encoding_lacks_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Stream("ascii")
    canvas = Canvas(stream)
    canvas.write([canvas.text(canvas.glyph("pass"), " ", HOSTILE), canvas.rule("line")])
    assert stream.seen().startswith("+ a\\x1b[31mred\\nsecond\\u202eline")
    assert "-----" in stream.seen()


def test_unicode_where_the_encoding_has_it() -> None:
    canvas = Canvas(Stream("utf-8"))
    assert canvas.glyph("pass") == "✓"


@given(st.text(max_size=60), st.integers(5, 40))
def test_fitted_keeps_its_columns(text: str, columns: int) -> None:
    assert cells(Canvas(io.StringIO()).fitted(text, columns)) <= columns


@given(st.text("ab ，。中文（）.x", max_size=80), st.integers(8, 40), st.integers(0, 4))
def test_lines_lose_nothing_and_fit(text: str, columns: int, hang: int) -> None:
    places = [0, *breaks(text, columns, hang), len(text)]
    lines = [text[start:end] for start, end in zip(places, places[1:])]
    assert "".join(lines) == text
    assert all(cells(line.rstrip()) <= columns - (hang if number else 0) for number, line in enumerate(lines))


def test_lines_break_between_words_and_wide_characters() -> None:
    assert breaks("one two three", 8) == [8]
    assert breaks("内核模块，没有", 8) == [3]  # the comma stays with its word
    assert breaks("abcdefghij", 4) == [4, 8]


def test_markup_is_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Stream("utf-8")
    canvas = Canvas(stream)
    canvas.write([canvas.block(2, "[bold]x[/bold] :smile: [/red]", hang=2)])
    assert stream.seen() == "  [bold]x[/bold] :smile: [/red]\n"


def test_wide_characters_count_twice() -> None:
    assert cells(Canvas(io.StringIO()).padded("中文", 8)[0]) == 8
