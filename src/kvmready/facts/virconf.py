"""libvirt's own simple configuration grammar: libvirtd.conf, qemu.conf and their like (libvirt: src/util/virconf.c)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvmready.typed import NamedTuple, Union

Value = Union[str, int, tuple["Value", ...]]

DEEPEST = 16
"""Lists in lists that are followed; libvirt's own files have none."""

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_EOL = re.compile(r"[ \t\r\n]*")
_BLANK = re.compile(r"[ \t]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TRIPLE = re.compile(r'"""(.*?)"""', re.DOTALL)
_STRING = re.compile(r"'([^'\r\n]*)'|\"([^\"\r\n]*)\"")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_AFTER = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:[\r\n]|;|\Z)")


class Problem(NamedTuple):
    """Where a file is no configuration: the line's number and text, and libvirt's word for what it wanted there."""

    line: int
    text: str
    what: str


class Config(NamedTuple):
    """What one file sets, and its first error; nothing below an error is read, as in libvirt.

    ``refused`` is the errno's name where the file is there and could not be read.
    """

    path: str
    values: Mapping[str, Value]
    problem: Problem | None = None
    refused: str = ""


class _Syntax(Exception):
    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.what = what
        self.at = at


def _value(text: str, at: int, depth: int) -> tuple[Value, int]:
    at = _end(_BLANK, text, at)
    first = text[at : at + 1]
    if first in ("'", '"') and first:
        found = (_TRIPLE.match(text, at) if text.startswith('"""', at) else None) or _STRING.match(text, at)
        if found is None:
            raise _Syntax("unterminated string", at)
        return next((part for part in found.groups() if part is not None), ""), found.end()
    if first == "[":
        return _list(text, at, depth)
    if first and first in "+-0123456789":
        found = _NUMBER.match(text, at)
        if found is None:
            raise _Syntax("unterminated number", at)
        return int(found.group()[:18]), found.end()
    raise _Syntax("expecting a value", at)


def _list(text: str, at: int, depth: int) -> tuple[Value, int]:
    if depth >= DEEPEST:
        raise _Syntax("expecting a value", at)
    items: list[Value] = []
    at = _end(_EOL, text, at + 1)
    while at < len(text) and text[at] != "]":
        if items:
            if text[at] != ",":
                raise _Syntax("expecting a separator in list", at)
            at = _end(_EOL, text, at + 1)
            if text[at : at + 1] == "]":
                break
        item, at = _value(text, at, depth + 1)
        items.append(item)
        at = _end(_EOL, text, at)
    if text[at : at + 1] != "]":
        raise _Syntax("list is not closed with ]", at)
    return tuple(items), at + 1


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def parse(text: str) -> tuple[dict[str, Value], Problem | None]:
    """The settings in ``text``, the last of a name counting, and the first error. Never raises."""
    values: dict[str, Value] = {}
    text = text.partition("\0")[0]
    at = _end(_SPACE, text, 0)
    try:
        while at < len(text):
            name = _NAME.match(text, at)
            if name is None:
                raise _Syntax("expecting a name", at)
            at = _end(_BLANK, text, name.end())
            if text[at : at + 1] != "=":
                raise _Syntax("expecting an assignment", at)
            values[name.group()], at = _value(text, at + 1, 0)
            after = _AFTER.match(text, at)
            if after is None:
                raise _Syntax("expecting a separator", at)
            at = _end(_SPACE, text, after.end())
    except _Syntax as error:
        where = min(error.at, max(len(text) - 1, 0))
        begin = text.rfind("\n", 0, where) + 1
        line = text[begin:].partition("\n")[0].strip()
        return values, Problem(text.count("\n", 0, where) + 1, line[:200], error.what)
    return values, None
