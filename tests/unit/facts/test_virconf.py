"""libvirt's configuration grammar: what it takes, and what it calls an error and where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from kvmready.facts.virconf import Problem, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("\n\n  \n", {}),
        ("# listen_tls = 0\n", {}),
        ("listen_tls = 0\n", {"listen_tls": 0}),
        ("a=1", {"a": 1}),
        ("a = -7 # why\n\tb = '#x'\r\n", {"a": -7, "b": "#x"}),
        ('user = "libvirt-qemu"; group = "kvm"\n', {"user": "libvirt-qemu", "group": "kvm"}),
        ('x = """one\ntwo"""\ny = 2\n', {"x": "one\ntwo", "y": 2}),
        ('x = ""\n', {"x": ""}),
        ('l = [ "/dev/null",\n  "/dev/kvm", # no comment in a list\n', None),
        ('l = [\n "/dev/null", "/dev/kvm",\n]\n', {"l": ("/dev/null", "/dev/kvm")}),
        ("l = [1, [2, 'x'], ]", {"l": (1, (2, "x"))}),
        ("l = []\n", {"l": ()}),
        ("a = 1\na = 2\n", {"a": 2}),
        ("a = 1\0b = ", {"a": 1}),
    ],
)
def test_what_is_set(text: str, expected: object) -> None:
    values, problem = parse(text)
    if expected is None:
        assert problem is not None
    else:
        assert (values, problem) == (expected, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('# one\n\nlisten_tls = "yes\nb = 1\n', Problem(3, 'listen_tls = "yes', "unterminated string")),
        ("user = root\n", Problem(1, "user = root", "expecting a value")),
        ("a = 1\nuser =\n", Problem(2, "user =", "expecting a value")),
        ("user root\n", Problem(1, "user root", "expecting an assignment")),
        ("= 1\n", Problem(1, "= 1", "expecting a name")),
        ("[section]\n", Problem(1, "[section]", "expecting a name")),
        ("a = 1 2\n", Problem(1, "a = 1 2", "expecting a separator")),
        ("a = 0660x\n", Problem(1, "a = 0660x", "expecting a separator")),
        ("a = ['x' 'y']\n", Problem(1, "a = ['x' 'y']", "expecting a separator in list")),
        ("a = ['x'\nb = 1\n", Problem(2, "b = 1", "expecting a separator in list")),
        ("a = ['x',\n", Problem(1, "a = ['x',", "expecting a value")),
        ("a = +\n", Problem(1, "a = +", "unterminated number")),
    ],
)
def test_where_the_error_is(text: str, expected: Problem) -> None:
    assert parse(text)[1] == expected


def test_what_stands_before_an_error_counts() -> None:
    assert parse("a = 1\nb = c\nd = 2\n")[0] == {"a": 1}


def test_endless_lists_and_numbers_end() -> None:
    assert parse("a = " + "[" * 100_000)[1] is not None
    assert parse("a = " + "9" * 100_000) == ({"a": 999_999_999_999_999_999}, None)


PIECES = st.sampled_from(
    ["a", " ", "=", "1", "'", '"', '"""', "[", "]", ",", "\n", "\r", "#", ";", "-", "_", "\0", "é"]
)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join)))
def test_any_text(text: str) -> None:
    values, problem = parse(text)
    assert all(isinstance(name, str) and name for name in values)
    assert problem is None or 1 <= problem.line <= text.count("\n") + 1
