"""The shape of a symptom: words that a program prints where a cause is at work."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kvmready.typed import NamedTuple


class Symptom(NamedTuple):
    """What a program says, and what it speaks for.

    ``says`` are patterns, any of which is enough: words as the program prints them, ``…`` for what differs from one
    host to the next (a path, a number, a name; within the same record of a log), ``‥`` for a word or three, and
    ``{a|b}`` for either of two wordings. Case, punctuation, quotes, hyphens and underscores do not count.

    ``source`` is where the wording was read: a source file of the program that prints it, a man page, or an issue
    thread as ``owner/repo#number``. ``share`` is how often the words mean this cause, of 0 to 1; ``also`` are other
    causes of the same words with their own shares.
    """

    cause: str
    says: tuple[str, ...]
    source: str
    share: float = 1.0
    also: Mapping[str, float] = MappingProxyType({})
