"""How often a message that no pattern was written from gets its cause first: measured, and held.

The first run over a set is the honest figure: 45 of 55 and 24 of 31, so 69 of 86. What the misses taught was written
into the patterns afterwards; since then these sets only guard what was reached.
"""

from __future__ import annotations

import pytest

from kvmready.knowledge import diagnosis
from kvmready.knowledge.reading import Reading
from tests.unit.knowledge.held_out import PASTED, Pasted
from tests.unit.knowledge.held_out_second import SECOND

SETS = (
    # the set, how many were right at the first run, how many are now
    (PASTED, 45, 55),
    (SECOND, 24, 31),
)


def right(one: Pasted) -> bool:
    named = [match["cause"] for match in diagnosis.of([Reading("text", one.text)], None)["matches"]]
    return named[:1] == [one.cause] if one.cause else not named


def test_the_sets_are_large_and_each_paste_is_its_own() -> None:
    threads = [one.thread for pasted, _first, _now in SETS for one in pasted]
    assert len(threads) == len(set(threads)) >= 80
    assert all(first <= now <= len(pasted) for pasted, first, now in SETS)


@pytest.mark.parametrize(("pasted", "first", "now"), SETS, ids=("first", "second"))
def test_the_first_cause_is_the_right_one_as_often_as_it_was(pasted: tuple[Pasted, ...], first: int, now: int) -> None:
    wrong = [f"{one.thread}: {one.cause or 'nothing'}" for one in pasted if not right(one)]
    assert len(pasted) - len(wrong) >= now, "\n".join(wrong)
