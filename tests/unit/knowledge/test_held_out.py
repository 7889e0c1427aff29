"""How often a message that no pattern was written from gets its cause first: measured, and held."""

from __future__ import annotations

from kvmready.knowledge import diagnosis
from kvmready.knowledge.reading import Reading
from tests.unit.knowledge.held_out import PASTED, Pasted

FLOOR = 45
"""Of 55: the first run, before any pattern was mended."""


def right(one: Pasted) -> bool:
    named = [match["cause"] for match in diagnosis.of([Reading("text", one.text)], None)["matches"]]
    return named[:1] == [one.cause] if one.cause else not named


def test_the_set_is_large_and_each_paste_is_its_own() -> None:
    assert len(PASTED) >= 40
    assert len({one.thread for one in PASTED}) == len(PASTED)


def test_the_first_cause_is_the_right_one_as_often_as_it_was() -> None:
    wrong = [f"{one.thread}: {one.cause}" for one in PASTED if not right(one)]
    assert len(PASTED) - len(wrong) >= FLOOR, "\n".join(wrong)
