"""Where text for people is drawn: the terminal's width, colours and characters, and data that cannot draw by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kvmready.i18n import N_
from kvmready.typed import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDEST = 100
"""Columns; a longer line is hard to read, however wide the terminal is."""

WORDS = {
    "pass": N_("pass"),
    "warn": N_("warn"),
    "fail": N_("fail"),
    "blocked": N_("blocked"),
    "unknown": N_("unknown"),
    "skip": N_("skip"),
}

STYLES = {
    "pass": "green",
    "warn": "yellow",
    "fail": "bold red",
    "blocked": "dim",
    "unknown": "yellow",
    "skip": "dim",
}

GLYPHS = {
    # name: (where the encoding has it, in ASCII)
    "pass": ("✓", "+"),
    "warn": ("!", "!"),
    "fail": ("✗", "x"),
    "blocked": ("↓", "v"),
    "unknown": ("?", "?"),
    "skip": ("·", "-"),
    "guest": ("▲", "^"),
    "next": ("→", ">"),
    "line": ("─", "-"),
    "ground": ("━", "="),
    "more": ("…", "..."),
    "between": (" · ", ", "),
}


def visible(text: str) -> str:
    """``text`` as data on one line: control and direction characters as escapes, so that it cannot draw by itself."""
    return "".join(c if c.isprintable() or c == "\u3000" else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted(argument: str) -> str:
    """One word of a command as bash reads it back, exactly; control characters in ``$'…'`` form."""
    if argument and not argument.isprintable():
        escaped = argument.replace("\\", "\\\\").replace("'", "\\'")
        return "$'" + "".join(c if c.isprintable() else _ansi_c(c) for c in escaped) + "'"
    import shlex

    return shlex.quote(argument)


def _ansi_c(character: str) -> str:
    known = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    # Python keeps a byte that is no UTF-8 as one of these (PEP 383); any other lone surrogate is no argument at all.
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return known.get(character) or "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", errors))


def cells(text: str) -> int:
    """The columns that ``text`` takes on a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


_PIECE = re.compile(
    r"[(\[（「“]*[\u2e80-\u9fff\uf900-\ufaff\uff21-\uffee][，。、；：）」”！？,.;:)\]]*\s*"
    r"|[^\s\u2e80-\u9fff\uf900-\ufaff\uff21-\uffee]+[，。、；：）」”！？]*\s*"
    r"|\s+"
)
"""What stays on one line: a word with the space behind it, or a wide character with its punctuation."""


def breaks(text: str, columns: int, hang: int = 0) -> list[int]:
    """Where lines of at most ``columns`` begin in ``text``, but for the first; later ones have ``hang`` less room.

    Chinese is written without spaces, so that a line may break behind any wide character. A word that is longer than a
    line is cut.
    """
    found: list[int] = []
    room, used = columns, 0
    for piece in _PIECE.finditer(text):
        width = cells(piece.group().rstrip())
        if used and used + width > room:
            found.append(piece.start())
            room, used = columns - hang, 0
        for place, character in enumerate(piece.group(), piece.start()):
            if used + cells(character) > room and not character.isspace():
                found.append(place)
                room, used = columns - hang, 0
            used += cells(character)
    return found


def command_lines(argv: Sequence[str], width: int) -> list[str]:
    """A command in lines of at most ``width`` columns where its words allow it; pasted, it is one command again."""
    lines: list[str] = []
    for word in map(quoted, argv):
        if lines and cells(lines[-1]) + 1 + cells(word) <= width - 2:
            lines[-1] += " " + word
        else:
            lines.append(word if not lines else "  " + word)
    return [line + " \\" for line in lines[:-1]] + lines[-1:]


class Canvas:
    """One stream for people. What is drawn is rich's renderables; ``write`` sends it in the stream's own encoding."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.stream = stream
        self.console: Console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
        self.width = max(40, min(self.console.width, WIDEST))
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            "".join(glyph for glyph, _plain in GLYPHS.values()).encode(self._encoding)
            self._column = 0
        except (UnicodeEncodeError, LookupError):
            self._column = 1

    def glyph(self, name: str) -> str:
        return GLYPHS[name][self._column]

    def text(self, *parts: str | tuple[str, str]) -> Text:
        """A line of data: strings, or (string, style). Nothing in it is read as markup."""
        from rich.text import Text

        line = Text()
        for part in parts:
            line.append(visible(part if isinstance(part, str) else part[0]), "" if isinstance(part, str) else part[1])
        return line

    def padded(self, text: str, columns: int, style: str = "") -> tuple[str, str]:
        """``text`` filled up with spaces to ``columns``, wide characters counted as two."""
        return text + " " * max(0, columns - cells(visible(text))), style

    def line(self, indent: int, content: str, style: str = "") -> Text:
        """One line that is never wrapped: what is pasted must arrive as it is."""
        drawn = self.text(" " * indent, (content, style))
        drawn.no_wrap = True
        drawn.overflow = "ignore"
        return drawn

    def rule(self, name: str) -> Text:
        return self.text("  ", (self.glyph(name) * (self.width - 4), "dim"))

    def block(self, indent: int, *parts: str | tuple[str, str], hang: int = 0) -> Any:
        """A paragraph that wraps at the width, ``indent`` columns in, its later lines ``hang`` columns further."""
        from rich.console import Group

        whole = self.text(*parts)
        lines = []
        for number, line in enumerate(whole.divide(breaks(whole.plain, self.width - indent - 2, hang))):
            line.rstrip()
            line.pad_left(indent + (hang if number else 0))
            lines.append(line)
        return Group(*lines)

    def fitted(self, text: str, columns: int) -> str:
        """``text`` on one line of at most ``columns``, cut with an ellipsis where it is longer."""
        from rich.cells import set_cell_size

        line = visible(text)
        if cells(line) <= columns:
            return line
        more = self.glyph("more")
        return set_cell_size(line, max(0, columns - cells(more))).rstrip() + more

    def write(self, things: Iterable[Any]) -> None:
        """Draw ``things`` below each other. What the stream's encoding lacks becomes ``?``, never an error."""
        with self.console.capture() as captured:
            for thing in things:
                self.console.print(thing, width=self.width, crop=False)
        lines = (line.rstrip() for line in captured.get().split("\n"))
        drawn = "\n".join(lines)
        self.stream.write(drawn.encode(self._encoding, "replace").decode(self._encoding))
        self.stream.flush()
