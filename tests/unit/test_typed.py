"""The cheap value classes behave as those of typing, and typing is not read in for them."""

from __future__ import annotations

import copy
import pickle
import types
import typing
from collections.abc import Callable

import pytest

from kvmready import typed


class Cheap(typed.NamedTuple):
    """A point with a name."""

    x: int
    y: list[int] | None  # no Python 3.9 could compile this
    name: str = "origin"

    @property
    def doubled(self) -> int:
        return self.x * 2


class Dear(typing.NamedTuple):
    """A point with a name."""

    x: int
    y: typing.Optional[list[int]]
    name: str = "origin"

    @property
    def doubled(self) -> int:
        return self.x * 2


class Shout(Cheap):
    def __repr__(self) -> str:
        return "!"


AT = (1, [2], "there")


@pytest.mark.parametrize(
    "work",
    [
        lambda kind: kind(1, [2]),
        lambda kind: kind(1, [2], "there"),
        lambda kind: kind(y=None, x=1),
        lambda kind: kind(1, name="there", y=None),
        lambda kind: kind._make(iter(AT)),
        lambda kind: kind(*AT)._replace(name="here"),
        lambda kind: kind(*AT)._asdict(),
        lambda kind: kind._fields,
        lambda kind: kind._field_defaults,
        lambda kind: kind.__match_args__ if hasattr(kind, "__match_args__") else ("x", "y", "name"),
        lambda kind: kind.__doc__,
        lambda kind: kind(*AT).doubled,
        lambda kind: (kind(*AT).x, kind(*AT).y, kind(*AT).name, *kind(*AT), kind(*AT)[1:]),
        lambda kind: kind(*AT) == kind(*AT) and kind(*AT) == AT and kind(*AT) != kind(2, [2]),
        lambda kind: hash(kind(1, None)) == hash((1, None, "origin")),
        lambda kind: sorted([kind(2, None), kind(1, None)])[0].x,
        lambda kind: isinstance(kind(*AT), tuple),
        lambda kind: copy.deepcopy(kind(*AT)),
        lambda kind: pickle.loads(pickle.dumps(kind(*AT))),
        lambda kind: repr(kind(*AT)).partition("(")[2],
        lambda kind: kind.x.__doc__,
        lambda kind: hasattr(kind(*AT), "__dict__"),
    ],
)
def test_it_behaves_as_that_of_typing(work: Callable[[object], object]) -> None:
    assert work(Cheap) == work(Dear)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda kind: kind(), TypeError),
        (lambda kind: kind(1), TypeError),
        (lambda kind: kind(1, None, "a", "b"), TypeError),
        (lambda kind: kind(1, None, x=1), TypeError),
        (lambda kind: kind(1, None, z=1), TypeError),
        (lambda kind: kind._make([1]), TypeError),
        (lambda kind: kind(*AT)._replace(z=1), ValueError),
        (lambda kind: setattr(kind(*AT), "x", 2), AttributeError),
        (lambda kind: setattr(kind(*AT), "z", 2), AttributeError),
        (lambda kind: delattr(kind(*AT), "x"), AttributeError),
    ],
)
def test_it_refuses_what_that_of_typing_refuses(wrong: Callable[[object], object], error: type[Exception]) -> None:
    for kind in (Cheap, Dear):
        with pytest.raises(error):
            wrong(kind)


def test_a_field_without_a_default_may_not_follow_one_that_has_a_default() -> None:
    body = {"__annotations__": {"x": "int", "y": "int"}, "x": 1}
    for base in (typed.NamedTuple, typing.NamedTuple):
        with pytest.raises(TypeError):
            types.new_class("Wrong", (base,), exec_body=lambda namespace: namespace.update(body))


def test_a_subclass_keeps_the_fields() -> None:
    assert repr(Shout(*AT)) == "!" and Shout(*AT) == Cheap(*AT) and isinstance(Shout(*AT)._replace(x=3), Shout)


def test_names_that_only_a_type_checker_reads_may_stand_in_an_alias() -> None:
    assert typed.Union[int, str] is typed.Optional[int]
    parameter = typed.TypeVar("parameter")

    class Box(typed.Generic[parameter]):
        __slots__ = ("content",)

    assert Box[int] is Box and not hasattr(Box(), "__dict__")
