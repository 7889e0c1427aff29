"""A text made comparable: what was printed differs by terminal, log and locale; its words do not.

The words of a text are its letters and digits in lower case; a Chinese character is a word of its own, since Chinese
is written without spaces. All else (quotes, brackets, punctuation of either width, hyphens, underscores, colour codes,
NULs, carriage returns, line ends) only parts words. So a message is the same words however it was quoted or wrapped.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right

from kvmready.typed import NamedTuple

GAPS = {"…": 160, "‥": 30}
"""Characters that a gap of a pattern may stand for, in the words' own spelling."""

BARRIER = "\n"
"""Stands between two records of a log. No pattern reaches across it."""

PASTED = 1 << 17
"""Characters of what a person may have copied from a terminal; a longer text is a log file, which nobody wrapped."""

NARROWEST = 40
"""Columns of the narrowest terminal."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?:]*[A-Za-z~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[()][A-Z0-9]|.)?")
"""ECMA-48 control sequences (colours, movements) and xterm's titles; each begins with ESC and holds no second one."""

_ESCAPED = re.compile(r"(?<!\\)\\[nrt]")
"""A line end inside of a JSON or Go string; two spaces keep the columns."""

_CHINESE = re.compile("[\u2e80-\u9fff\uff00-\uff60]")
"""What takes two columns on a terminal."""

_WORD = re.compile("[\u3400-\u9fff]|[^\\W_\u3400-\u9fff]+")

_RECORD = re.compile(
    r"\s*(?:<\d+>|\[ *\d+\.\d+\]|\d{4}-\d\d-\d\d[t ]|[a-z]{3} [ \d]\d \d\d:\d\d|\d\d:\d\d:\d\d|"
    r"(?:error|err|warning|e|w|n|fatal|hint|错误|警告)(?::\d+)?[:：] ?|"
    r"(?:qemu|kvm|libvirt|virt|virsh|kernel|modprobe|systemd|dpkg|apt|dnf|docker|internal error)[\w-]*(?:\[\d+\])?: )"
)
"""How a new record begins: a time, a log level, or the name of the program that speaks. The text is in lower case."""

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width forms of ASCII, which Chinese input methods write: each becomes the character itself."""


class Place(NamedTuple):
    """Where something stands in a text: ``line`` and ``column`` count from 1; ``text`` is what stands there."""

    line: int
    column: int
    text: str


class Reading:
    """The words of one text, with the way back to where they stand. ``name`` says what was read."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._cut: tuple[list[int], list[str]] | None = None
        self.lines = _cleaned(text).split("\n")
        self.searches = 0
        self._starts: list[int] = []
        self._numbers: list[int] = []
        self._last = (-1, array("L"), array("L"))
        parts: list[str] = [" "]
        length = 1
        for number, line in enumerate(self.lines):
            lowered = _lowered(line)
            words = _WORD.findall(lowered) if lowered else []
            if (not lowered.strip() or _RECORD.match(lowered)) and parts[-1] != BARRIER + " ":
                parts.append(BARRIER + " ")
                length += 2
            if words:
                self._starts.append(length)
                self._numbers.append(number)
                parts.append(" ".join(words) + " ")
                length += len(parts[-1])
        self.words = "".join(parts)

    def find(self, literal: str, begin: int, end: int | None = None) -> int:
        """``str.find`` in the words. ``searches`` counts how often it was asked: the work of a diagnosis."""
        self.searches += 1
        return self.words.find(literal, begin, len(self.words) if end is None else end)

    def find_last(self, literal: str, begin: int, end: int) -> int:
        """``str.rfind`` in the words, counted too."""
        self.searches += 1
        return self.words.rfind(literal, max(0, begin), end)

    def unwrapped(self) -> Reading | None:
        """The same text with the words whole again that a terminal cut at its right edge; None where it cut none.

        A terminal of n columns breaks a long line inside of a word, and what is copied from it keeps the break. Whether
        a line ends at the edge because it was cut there or by chance cannot be told, so both readings count.
        """
        if len(self.lines) < 2 or sum(map(len, self.lines)) > PASTED:
            return None
        widths = [len(line) + len(_CHINESE.findall(line)) for line in self.lines]
        edge = max(widths)
        joined: list[str] = []
        firsts: list[int] = []
        for number, line in enumerate(self.lines):
            before = self.lines[number - 1][-1:] if number and widths[number - 1] == edge else ""
            if edge >= NARROWEST and before.isalnum() and line[:1].isalnum() and not _RECORD.match(_lowered(line)):
                joined[-1] += line
            else:
                joined.append(line)
                firsts.append(number)
        if len(joined) == len(self.lines):
            return None
        whole = Reading(self.name, "\n".join(joined))
        whole._cut = (firsts, self.lines)
        return whole

    def place(self, begin: int, end: int) -> Place:
        """Where the words from ``begin`` to ``end`` stand, with the text there on one line."""
        first, last = self._index(begin), self._index(max(begin, end - 1))
        quoted = []
        column = 1
        for index in range(first, last + 1):
            line = self.lines[self._numbers[index]]
            starts, ends = self._edges(self._numbers[index])
            low, high = 0, len(starts) - 1
            if index == first:
                low = min(self.words.count(" ", self._starts[index], begin), high)
                column = starts[low] + 1
            if index == last:
                high = min(self.words.count(" ", self._starts[index], end), high)
            quoted.append(line[starts[low] : ends[high]])
        number = self._numbers[first]
        if self._cut is not None:
            firsts, lines = self._cut
            number = firsts[number]
            while column > len(lines[number]):
                column -= len(lines[number])
                number += 1
        return Place(number + 1, column, " ".join(quoted))

    def _edges(self, number: int) -> tuple[array[int], array[int]]:
        """Where the words of a line begin and end. The last line is remembered: a text may be one long line."""
        if self._last[0] != number:
            starts, ends = array("L"), array("L")
            for found in _WORD.finditer(_lowered(self.lines[number])):
                starts.append(found.start())
                ends.append(found.end())
            self._last = (number, starts, ends)
        return self._last[1], self._last[2]

    def _index(self, offset: int) -> int:
        return max(0, bisect_right(self._starts, offset) - 1)


def words(text: str) -> str:
    """The words of a piece of a pattern, a space between them."""
    return " ".join(_WORD.findall(_lowered(text)))


def _cleaned(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\\" in text:
        text = _ESCAPED.sub("  ", text)
    return _ESCAPE.sub("", text) if "\x1b" in text else text


def _lowered(line: str) -> str:
    """Lower case, full-width ASCII as ASCII; as long as ``line`` (a few letters, as İ, grow in lower case)."""
    if line.isascii():
        return line.lower()
    lowered = line.translate(_WIDE).lower()
    return lowered if len(lowered) == len(line) else "".join(c.lower() if len(c.lower()) == 1 else c for c in line)
