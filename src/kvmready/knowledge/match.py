"""Finds symptoms in a text, in time linear in its length, and says how much each finding tells.

A pattern is a row of literal pieces; each is looked for by ``str.find``. The piece that tells most is the anchor: only
where it stands is anything else looked for, no farther away than the pattern allows. Where a piece is missing, the
search goes on at the next place where it could be met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import product

from kvmready.knowledge.reading import BARRIER, GAPS, Reading, words
from kvmready.knowledge.symptoms.symptom import Symptom
from kvmready.typed import NamedTuple

PLACES = 5
"""Places of one pattern in one text that are told; a log repeats itself."""

_COMMON = """
a an and are as at be been but by can cannot could denied device directory does doesn error exist exists exit
failed failure fatal file for found from has have host in internal invalid is it like located may message name
not no of on open operation or out permission please process running service status such system t that the this
to type unable unit unknown use used using was while will with you your
"""
COMMON = frozenset(_COMMON.split())
"""Words that programs say of anything: they tell little of a cause."""

_NAMES = """
amd apparmor cockpit dnsmasq dom0 dpkg dracut iommu iptables kvm libvirt libvirtd nft ovmf polkit qemu rpmdb
selinux svm swtpm vfio vhost virbr0 virsh virtlockd virtlogd virtnetworkd virtproxyd virtqemud virtstoraged vmx
vmxon
"""
NAMES = frozenset(_NAMES.split())
"""Names of our trade: what stands beside one of them is about guests."""

WEIGHT_NAME = 1.5
WEIGHT_COMMON = 0.3
WEIGHT_GAP = -0.3
"""Each ``…`` leaves room for something else to be meant."""

WEIGHT_HAN = 0.5
"""A Chinese character is about half of a word."""

DOUBT = 0.75
"""What one word of weight 1 leaves of the doubt: so a match of weight 5 is right with 1 - 0.75 ** 5 = 0.76."""

_GAP = re.compile("([…‥])")
_EITHER = re.compile(r"\{([^{}]*)\}")


class Pattern(NamedTuple):
    """One pattern in its pieces, each in the words of ``reading`` with a space on either side."""

    says: str
    pieces: tuple[str, ...]
    gaps: tuple[int, ...]  # characters that may stand before each piece but the first
    anchor: int
    weight: float


class Sighting(NamedTuple):
    """A symptom in a text: from ``begin`` to ``end`` of the words of its ``reading``."""

    symptom: Symptom
    pattern: Pattern
    reading: Reading
    begin: int
    end: int

    @property
    def score(self) -> float:
        """How sure these words alone make us of anything, of 0 to 1."""
        return specificity(self.pattern.weight)


def specificity(weight: float) -> float:
    return 1.0 - float(DOUBT**weight)


def weigh(piece: str) -> float:
    """How much the words of a piece tell, a word of a trade counting 1."""
    total = 0.0
    for word in piece.split():
        han = len(word) == 1 and "\u3400" <= word <= "\u9fff"
        common = word in COMMON or (len(word) == 1 and not han)
        total += WEIGHT_HAN if han else WEIGHT_COMMON if common else WEIGHT_NAME if word in NAMES else 1.0
    return total


def _total(weights: Sequence[float]) -> float:
    return round(sum(weights) + WEIGHT_GAP * (len(weights) - 1), 2)


@cache
def patterns(says: str) -> tuple[Pattern, ...]:
    """The patterns that ``says`` stands for, one for each choice of its alternatives."""
    fixed = _EITHER.split(says)
    choices = [part.split("|") if number % 2 else [part] for number, part in enumerate(fixed)]
    found = []
    for choice in product(*choices):
        parts = _GAP.split("".join(choice))
        pieces = tuple(f" {piece} " for piece in map(words, parts[::2]))
        gaps = tuple(GAPS[mark] for mark in parts[1::2])
        weights = [weigh(piece) for piece in pieces]
        found.append(Pattern(says, pieces, gaps, weights.index(max(weights)), _total(weights)))
    return tuple(found)


def sightings(reading: Reading, symptoms: Iterable[Symptom]) -> list[Sighting]:
    """Every place of every symptom; words that belong to a longer symptom as well are told once, as that one."""
    vocabulary = set(reading.words.split(" "))
    there: dict[str, bool] = {}

    def present(piece: str) -> bool:
        if piece not in there:
            there[piece] = vocabulary.issuperset(piece.split()) and reading.find(piece, 0) >= 0
        return there[piece]

    found = [
        Sighting(symptom, pattern, reading, begin, end)
        for symptom in symptoms
        for says in symptom.says
        for pattern in patterns(says)
        if all(map(present, pattern.pieces))
        for begin, end in _places(reading, pattern)
    ]
    return list(_outermost(found))


def _places(reading: Reading, pattern: Pattern) -> Iterator[tuple[int, int]]:
    pieces, anchor = pattern.pieces, pattern.anchor
    at = told = 0
    while told < PLACES:
        begin = reading.find(pieces[anchor], at)
        if begin < 0:
            return
        end = begin + len(pieces[anchor])
        at = end - 1
        left, resume = _leftward(reading, pieces[:anchor], pattern.gaps[:anchor], begin)
        if left < 0:
            if resume < 0:
                return
            at = max(at, resume)
            continue
        right, resume = _rightward(reading, pieces[anchor + 1 :], pattern.gaps[anchor:], end)
        if right < 0:
            if resume < 0:
                return
            at = max(at, resume - sum(map(len, pieces)) - sum(pattern.gaps))
            continue
        yield left + 1, right - 1
        told += 1


def _leftward(reading: Reading, pieces: Sequence[str], gaps: Sequence[int], begin: int) -> tuple[int, int]:
    """Where the pieces before ``begin`` begin; else -1, and where the missing one stands next (-1: nowhere)."""
    for piece, gap in zip(reversed(pieces), reversed(gaps)):
        place = reading.find_last(piece, begin + 1 - gap - len(piece), begin + 1)
        if place < 0:
            return -1, reading.find(piece, begin)
        if reading.find(BARRIER, place, begin) >= 0:
            return -1, begin
        begin = place
    return begin, 0


def _rightward(reading: Reading, pieces: Sequence[str], gaps: Sequence[int], end: int) -> tuple[int, int]:
    """Where the pieces behind ``end`` end; else -1, and where the missing one stands next (-1: nowhere)."""
    for piece, gap in zip(pieces, gaps):
        place = reading.find(piece, end - 1, end - 1 + gap + len(piece))
        if place < 0:
            return -1, reading.find(piece, end - 1)
        if reading.find(BARRIER, end - 1, place) >= 0:
            return -1, end
        end = place + len(piece)
    return end, 0


def _outermost(found: Sequence[Sighting]) -> Iterator[Sighting]:
    """Without those that lie within another that tells more; of equal places of one cause the one that tells most."""
    ordered = sorted(found, key=lambda one: (one.begin, -one.end, -one.pattern.weight))
    kept: list[Sighting] = []
    for one in ordered:
        outer = [k for k in kept[-40:] if k.begin <= one.begin and one.end <= k.end]
        if any(k.pattern.weight > one.pattern.weight or k.symptom.cause == one.symptom.cause for k in outer):
            continue
        kept.append(one)
    yield from kept
