"""Matching finds where words stand, costs what the text is long, and no bytes upset it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from kvmready.knowledge import match
from kvmready.knowledge.match import patterns, sightings, weigh
from kvmready.knowledge.reading import GAPS, Reading
from kvmready.knowledge.symptoms import ALL, Symptom

SIZE = 200_000
"""Characters of the worst texts."""


def seen(says: str, text: str) -> list[tuple[int, int, str]]:
    reading = Reading("text", text)
    found = sightings(reading, [Symptom("kernel.run-fails", (says,), "test")])
    return [reading.place(one.begin, one.end) for one in found]


def test_alternatives_and_gaps() -> None:
    says = "could not open {disk|image} … permission {denied|refused}"
    assert len(patterns(says)) == 4
    assert seen(says, "x: Could not open image '/a/b.img': Permission denied.") == [
        (1, 4, "Could not open image '/a/b.img': Permission denied")
    ]
    assert seen(says, "could not open disk " + "x " * GAPS["…"] + "permission denied") == []
    assert seen(says, "could not open file: permission denied") == []
    assert seen(says, "permission denied: could not open disk") == []


def test_words_are_whole_words() -> None:
    assert seen("kvm run fails", "kvm run failsafe") == [] != seen("kvm run fails", "(kvm-run_fails)")


def test_the_place_counts_lines_and_columns_of_the_text_itself() -> None:
    text = "\x1b[31mfirst\x1b[0m\r\n\r\n  the KVM\r\n\trun failed!\r\n"
    assert seen("kvm run failed", text) == [(3, 7, "KVM run failed")]
    assert seen("kvm 运行失败", "内核：KVM 运行失败。") == [(1, 4, "KVM 运行失败")]


def test_a_letter_that_grows_in_lower_case_keeps_the_place() -> None:
    assert seen("kvm run failed", "İİİ kvm run failed")[0][1:] == (5, "kvm run failed")


def test_a_repeated_message_is_told_a_few_times() -> None:
    assert len(seen("kvm run failed", "kvm run failed\n" * 1000)) == match.PLACES


def test_the_longer_message_explains_the_shorter_within() -> None:
    long = Symptom("kernel.run-fails", ("kvm run failed bad address",), "test")
    short = Symptom("kernel.degraded", ("kvm run failed",), "test")
    found = sightings(Reading("text", "error: kvm run failed Bad address"), [short, long])
    assert [one.symptom for one in found] == [long]


def test_what_tells_more_weighs_more() -> None:
    assert (
        weigh("could not be found")
        < weigh("kvm")
        < weigh("kvm kernel module")
        < weigh("could not access kvm kernel module")
    )
    assert match.specificity(0) == 0 < match.specificity(3) < match.specificity(9) < 1


ANCHORS = sorted(
    {pattern.pieces[pattern.anchor] for symptom in ALL for says in symptom.says for pattern in patterns(says)}
)
REST = sorted(
    {piece for symptom in ALL for says in symptom.says for pattern in patterns(says) for piece in pattern.pieces}
)


def work(text: str) -> int:
    reading = Reading("text", text)
    sightings(reading, ALL)
    return reading.searches


@pytest.mark.parametrize("anchor", ANCHORS[:: max(1, len(ANCHORS) // 60)])
def test_an_anchor_again_and_again_costs_little(anchor: str) -> None:
    """Its partners stand far away, so that each place is tried and none is found: the search leaps over them."""
    text = anchor * (SIZE // len(anchor)) + "\n\n" + "\n\n".join(f"x {piece}" for piece in REST)
    assert work(text) < 20 * len(ALL) + len(text) // 8


def test_all_anchors_at_once_cost_little() -> None:
    text = "".join(ANCHORS) * (SIZE // len("".join(ANCHORS)) + 1)
    assert work(text) < len(text) // 8


@pytest.mark.parametrize(
    "text", ["a" * SIZE, "a " * SIZE, "\n" * SIZE, "\x1b[" * SIZE, "\x1b]" * SIZE, "虚" * SIZE, "'\"" * SIZE]
)
def test_a_text_without_our_words_costs_next_to_nothing(text: str) -> None:
    assert work(text) <= 5


@given(st.text(st.characters(exclude_categories=())))
@settings(max_examples=300)
def test_no_text_upsets_it(text: str) -> None:
    for reading in (Reading("text", text), Reading("text", text).unwrapped()):
        for one in sightings(reading, ALL) if reading is not None else ():
            place = reading.place(one.begin, one.end) if reading is not None else None
            assert place is not None and place.line >= 1 and place.column >= 1 and place.text


@given(
    st.lists(st.sampled_from(["x" * 39, "kvm run failed", "虚", "\\n", "\x1b[1m", " ", "é", "İ"]), max_size=60),
    st.data(),
)
@settings(max_examples=300)
def test_what_a_terminal_cut_is_found_where_it_stands(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    columns = data.draw(st.integers(40, 80))
    lines = [text[start : start + columns] for start in range(0, len(text), columns)]
    reading = Reading("text", "\n".join(lines)).unwrapped()
    for one in sightings(reading, ALL) if reading is not None else ():
        assert reading is not None
        place = reading.place(one.begin, one.end)
        line = Reading("text", "\n".join(lines)).lines[place.line - 1]
        assert place.text.startswith(line[place.column - 1 :][: len(place.text)])


@given(
    st.lists(
        st.sampled_from(
            [
                "/dev/kvm",
                "permission",
                "denied",
                "\n",
                "\x1b[1m",
                "could not access kvm",
                "\r",
                "权限不够",
                "İ",
                "10:00:00 ",
            ]
        ),
        max_size=40,
    )
)
@settings(max_examples=300)
def test_a_quotation_stands_in_the_text(parts: list[str]) -> None:
    text = " ".join(parts)
    reading = Reading("text", text)
    for one in sightings(reading, ALL):
        place = reading.place(one.begin, one.end)
        first = place.text.split(" ")[0]
        assert reading.lines[place.line - 1][place.column - 1 :].startswith(first)
