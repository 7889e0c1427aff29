"""A plan is data: ordered steps with their exact commands, and an id that is the hash of all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kvmready.typed import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from kvmready.host.door import Door, Workshop

Say = Callable[[str], None]
"""Takes one line of progress for the person who waits."""


class Step(NamedTuple):
    """One change of the host.

    ``kind`` names the file in ``plan/`` that carries it out and takes it back; ``arguments`` is what that file needs,
    in JSON types only. ``mends`` are the cause ids that it answers. ``note`` says what could hurt or cannot be undone.
    """

    id: str
    kind: str
    layer: str
    summary: str
    commands: tuple[tuple[str, ...], ...]
    arguments: Mapping[str, Any]
    mends: tuple[str, ...] = ()
    note: str = ""


class Plan(NamedTuple):
    """The steps that make a host match its profile, in layer order.

    ``notes`` say what a person has to know before all of it, such as that the distribution was only guessed.
    """

    profile: str
    users: tuple[str, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON of what will be done; the words for it, in any language, do not count."""
        import json

        material = {
            "profile": self.profile,
            "users": list(self.users),
            "steps": [
                {"id": s.id, "kind": s.kind, "commands": [list(c) for c in s.commands], "arguments": dict(s.arguments)}
                for s in self.steps
            ],
        }
        text = json.dumps(material, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return _sha256(text.encode("ascii"))


def _sha256(content: bytes) -> str:
    """Its SHA-256 in hexadecimal digits: by Python's own code, for which no OpenSSL has to be loaded."""
    for name in ("_sha2", "_sha256", "hashlib"):  # since Python 3.12, before it, and where neither was built
        try:
            digest: str = __import__(name).sha256(content).hexdigest()
        except ImportError:
            continue
        return digest
    raise AssertionError("hashlib is part of every Python")


class Kind(Protocol):
    """How one kind of step is seen, recorded, done and undone. ``former`` is JSON, written before the change."""

    def done(self, host: Door, step: Step) -> bool: ...

    def former(self, host: Door, step: Step) -> dict[str, Any]: ...

    def apply(self, host: Workshop, step: Step, say: Say) -> dict[str, Any]:
        """Do it and return what the journal keeps of the result. Raises WorkError."""

    def undo(self, host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
        """Take it back; returns a sentence for each thing that stays. Raises WorkError."""
