"""What is known of one thing: known, absent, denied, or unknown. There is no default value anywhere."""

from __future__ import annotations

from kvmready.typed import Generic, TypeVar, Union

T = TypeVar("T")


class Known(Generic[T]):
    """The host answered, and this is the answer."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Known({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(("Known", self.value))


class _Unanswered:
    __slots__ = ("why",)

    def __init__(self, why: str = "") -> None:
        self.why = why

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.why!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.why == other.why

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.why))


class Absent(_Unanswered):
    """The host answered that there is no such thing."""

    __slots__ = ()


class Denied(_Unanswered):
    """The thing may be there, but the caller may not see it."""

    __slots__ = ()


class Unknown(_Unanswered):
    """The host could not be asked, or its answer could not be understood."""

    __slots__ = ()


Fact = Union[Known[T], Absent, Denied, Unknown]

_ABSENT = ("ENOENT", "ENOTDIR", "absent")
_DENIED = ("EACCES", "EPERM", "denied")


def missing(error: str, what: str) -> Absent | Denied | Unknown:
    """The fact behind a failed question: ``error`` is the errno's name or a Result's problem, ``what`` was asked."""
    if error in _ABSENT:
        return Absent(what)
    if error in _DENIED:
        return Denied(f"{what}: {error}")
    return Unknown(f"{what}: {error}")
