"""No parser raises on any text; the long run is ``python3 -m tests.fuzz``."""

from __future__ import annotations

import time

import pytest

from tests import fuzz


def test_no_parser_raises() -> None:
    began = time.monotonic()
    found = [f"{name} on {text[:200]!r}:\n{trace}" for name, text, trace in fuzz.findings(seed=20, count=200)]
    assert not found, found[0]
    assert time.monotonic() - began < 20


def test_the_same_seed_gives_the_same_inputs() -> None:
    assert list(fuzz.texts(7, 20)) == list(fuzz.texts(7, 20)) != list(fuzz.texts(8, 20))


def test_a_parser_that_raises_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "PARSERS", {"int": int})
    assert next(fuzz.findings(1, 5))[0] == "int"
