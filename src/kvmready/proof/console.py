"""What a Linux guest wrote to its serial console: our program's lines in it, and its last words."""

from __future__ import annotations

import re
from collections.abc import Mapping

MARK = "KVMLINUX1"
TAIL = 12
"""Lines of a console that are quoted."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-Za-z]|.)")


def lines(text: str, nonce: str) -> Mapping[str, tuple[str, ...]]:
    """Our program's whole lines of this run: the first word of each to the words after it; the first one counts."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n")[:-1]:
        _before, mark, rest = line.rstrip("\r").partition(f"{MARK} {nonce} ")
        words = rest.split()
        if mark and words:
            found.setdefault(words[0], tuple(words[1:]))
    return found


def number(found: Mapping[str, tuple[str, ...]], what: str, place: int = 0) -> int | None:
    """A number of a line, None where there is none."""
    words = found.get(what, ())
    return int(words[place]) if len(words) > place and words[place].isdecimal() else None


def tail(text: str) -> str:
    """The last lines as they may be shown to a person: without escapes, other controls visible, 1200 characters."""
    plain = _ESCAPES.sub("", text).replace("\r", "\n")
    kept = [line.rstrip() for line in plain.split("\n") if line.strip()]
    shown = "\n".join(kept[-TAIL:])
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in shown)[-1200:]
