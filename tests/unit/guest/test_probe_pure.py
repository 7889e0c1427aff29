"""The parts of the probe that need no machine."""

from __future__ import annotations

import json

import pytest

from kvmready.guest import probe

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1 << 64,
    0.97,
    1e-9,
    1.5e300,
    "",
    'quote " backslash \\ newline \n tab \t bell \x07 delete \x7f',
    "上海 é \U0001f600 \udcff",
    [],
    {},
    [1, [2, {"a": None}], "x"],
    {"a": {"b": [True, 0.5]}, "": "empty key", 'k"': 1},
]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_json_is_what_the_library_reads(value: object) -> None:
    text = probe.to_json(value)
    assert text.isascii()
    assert json.loads(text) == value
    assert type(json.loads(text)) is type(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_json_refuses_numbers_that_it_does_not_know(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        probe.to_json(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object])
def test_json_refuses_other_types(value: object) -> None:
    with pytest.raises(TypeError, match="JSON"):
        probe.to_json(value)


def test_percentile_is_the_nearest_rank() -> None:
    hundred = list(range(100, 0, -1))
    assert probe.percentile(hundred, 50) == 50
    assert probe.percentile(hundred, 99) == 99
    assert probe.percentile([7], 50) == probe.percentile([7], 99) == 7
    assert probe.percentile([1, 2], 99) == 2


@pytest.mark.parametrize("arguments", [["--device"], ["--user"], ["--nonsense", "x"], ["alice"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage:")


@pytest.mark.parametrize(
    ("ratio", "certain", "pairs"),
    [(0.97, True, 3), (0.97, False, 3), (0.5, False, 3), (0.3, True, 15), (0.0005, True, 6), (0.0005, False, 15)],
)
def test_a_low_ratio_is_believed_soon_only_on_a_steady_host(ratio: float, certain: bool, pairs: int) -> None:
    assert probe.pairs_wanted(ratio, certain) == pairs


def test_steady() -> None:
    assert probe.steady([100, 110, 190], 2.0)
    assert not probe.steady([100, 110, 210], 2.0)
    assert probe.steady([9] * 200 + [9000], 4.0), "one of two hundred may be a tick of the timer"
    assert not probe.steady([72] * 90 + [8600] * 6, 4.0)
    assert probe.steady([5], 1.0)
