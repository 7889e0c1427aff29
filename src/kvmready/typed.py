"""What the modules of the product take from ``typing``, without what it costs at every start.

Reading in ``typing`` takes a sixth of the time of a bare Python, and ``typing.NamedTuple`` compiles every annotation of
every value class, and a constructor for it, each time its module is read in: a fifth of the time of a whole check. A
type checker finds the real names here. At run time the names that only it reads stand for nothing, and ``NamedTuple``
makes its classes without compiling anything; it behaves as that of ``typing``, and a test compares the two.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any as Any,
        Generic as Generic,
        NamedTuple as NamedTuple,
        NoReturn as NoReturn,
        Optional as Optional,
        Protocol as Protocol,
        TextIO as TextIO,
        TypeVar as TypeVar,
        Union as Union,
    )
else:
    from collections import _tuplegetter  # a field is read in C; where there is no C, collections has its own

    class _Nothing:
        """A name that only a type checker reads; ``Union[int, str]`` and the like may be written with it."""

        def __getitem__(self, _parameters):
            return self

    Any = NoReturn = Optional = TextIO = Union = _Nothing()

    def TypeVar(_name):
        return Any

    class Generic:
        """A base class that takes parameters, ``Generic[T]``, and forgets them."""

        __slots__ = ()

        def __class_getitem__(cls, _parameters):
            return cls

    class Protocol:
        """The base of the classes that only say what others can do."""

    class _Shape(type):
        """Turns the annotated names of a class body into fields of a tuple, and their values into defaults."""

        def __new__(mcs, name, bases, body):
            if bases != (tuple,) and not hasattr(bases[0], "_fields"):  # neither NamedTuple nor a subclass of a shape
                fields = tuple(body.get("__annotations__", ()))
                defaults = {field: body[field] for field in fields if field in body}
                if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                    raise TypeError(f"{name}: a field without a default follows one that has a default")
                for place, field in enumerate(fields):
                    body[field] = _tuplegetter(place, f"Alias for field number {place}")
                body.update(__slots__=(), _fields=fields, _field_defaults=defaults, __match_args__=fields)
                body["_last"] = tuple(defaults.values())
            return super().__new__(mcs, name, bases, body)

    class NamedTuple(tuple, metaclass=_Shape):
        """An immutable tuple with named, typed fields; see ``typing.NamedTuple``. Raises TypeError as a call does."""

        __slots__ = ()

        def __new__(cls, *values, **named):
            left = len(cls._fields) - len(values)
            if named or not 0 <= left <= len(cls._last):
                values = cls._arranged(values, named)
            elif left:
                values += cls._last[-left:]
            return tuple.__new__(cls, values)

        @classmethod
        def _arranged(cls, values, named):
            """All fields in their order: those given by place, by name, and by default."""
            if len(values) > len(cls._fields):
                raise TypeError(f"{cls.__name__} takes {len(cls._fields)} values but {len(values)} were given")
            given = dict(zip(cls._fields, values))
            for name in named:
                if name in given or name not in cls._fields:
                    why = "multiple values for" if name in given else "an unexpected"
                    raise TypeError(f"{cls.__name__} got {why} argument {name!r}")
            given = {**cls._field_defaults, **given, **named}
            missing = [name for name in cls._fields if name not in given]
            if missing:
                raise TypeError(f"{cls.__name__} is missing {', '.join(map(repr, missing))}")
            return tuple(given[name] for name in cls._fields)

        @classmethod
        def _make(cls, iterable):
            values = tuple(iterable)
            if len(values) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(values)}")
            return tuple.__new__(cls, values)

        def _replace(self, **named):
            values = tuple(map(named.pop, self._fields, self))
            if named:
                raise ValueError(f"Got unexpected field names: {list(named)!r}")
            return tuple.__new__(type(self), values)

        def _asdict(self):
            return dict(zip(self._fields, self))

        def __repr__(self):
            inner = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
            return f"{type(self).__name__}({inner})"

        def __getnewargs__(self):
            return tuple(self)
