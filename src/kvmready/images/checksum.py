"""Reads a checksum file in any of the forms that distributions publish."""

from __future__ import annotations

import re

DIGITS = {"sha256": 64, "sha512": 128}
"""Algorithm to the number of hexadecimal digits of its checksums."""

_BSD = re.compile(r"^(SHA\d+) ?\((.+)\) ?= ?([0-9A-Fa-f]+)$")
_GNU = re.compile(r"^([0-9A-Fa-f]+)(?: [ *](.+))?$")


def find(text: str, name: str, algorithm: str) -> str:
    """The checksum of the file ``name`` in lower case, "" where the text has none of that algorithm.

    Forms: ``<digits>  name`` and ``<digits> *name`` (coreutils), ``SHA256 (name) = <digits>`` (BSD; Fedora, Rocky), and
    the digits alone, where the whole file holds nothing else (Alpine). Signatures and comments around them are skipped.
    """
    alone: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        bsd = _BSD.match(line)
        if bsd is not None:
            kind, file, digits = bsd.group(1).lower(), bsd.group(2), bsd.group(3)
        else:
            gnu = _GNU.match(line)
            if gnu is None:
                continue
            kind, digits, file = algorithm, gnu.group(1), gnu.group(2) or ""
        if kind != algorithm or len(digits) != DIGITS[algorithm]:
            continue
        if file.removeprefix("./") == name:
            return digits.lower()
        if not file:
            alone.append(digits.lower())
    return alone[0] if len(alone) == 1 and len(text.split()) == 1 else ""


def algorithm_of(digits: str) -> str:
    """The algorithm of a checksum that a person gives, "" when it is none."""
    if not re.fullmatch("[0-9A-Fa-f]+", digits):
        return ""
    return next((name for name, length in DIGITS.items() if length == len(digits)), "")
