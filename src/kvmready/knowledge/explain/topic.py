"""The shape of an explanation. Texts are marked for translation with ``N_`` and translated when they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kvmready.typed import NamedTuple, Optional


class Look(NamedTuple):
    """A command to look with. ``# `` before it: as root. ``good`` and ``bad`` are what it really prints."""

    command: str
    good: str = ""
    bad: str = ""
    note: str = ""


class Do(NamedTuple):
    """One thing to do: a sentence, and the commands for it (``# `` before one: as root)."""

    text: str
    commands: tuple[str, ...] = ()


class Topic(NamedTuple):
    """One thing that a host needs; the checks that ask for it and the causes that break it share its words."""

    title: str
    what: tuple[str, ...]
    why: tuple[str, ...]
    look: tuple[Look, ...]
    more: tuple[str, ...]


class Asked(NamedTuple):
    """What a check asks for: its topic, its own title where the topic's says too little, and the causes that it names.

    Without ``causes`` it may name all of the topic's; those that it does name may be of another layer.
    """

    topic: str
    title: str = ""
    causes: tuple[str, ...] = ()


class Wrong(NamedTuple):
    """What a cause adds to its topic: what is wrong, what that looks like, and the way out."""

    topic: str
    wrong: tuple[str, ...]
    mend: tuple[Do, ...]
    look: tuple[Look, ...] = ()
    more: tuple[str, ...] = ()
    table: Optional[Callable[[], Iterable[tuple[str, str]]]] = None
    """Rows of (name, translated text) that belong to it: one per maker, hypervisor or cloud."""


class Layer(NamedTuple):
    """A layer: what it is for in one line, and its explanation."""

    purpose: str
    what: tuple[str, ...]
    why: tuple[str, ...]
    look: tuple[Look, ...]
    more: tuple[str, ...]


class Room(NamedTuple):
    """All explanations of one layer."""

    layer: Layer
    topics: dict[str, Topic]
    causes: dict[str, Wrong]
    checks: dict[str, Asked]
