"""What the work tells whoever watches: a terminal, a log, a web page. The library prints nothing."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.typed import NamedTuple


class Event(NamedTuple):
    """``kind``: run (``text`` is the run's id), begin, progress, done, skipped, failed, end, and during an undo stays.

    ``number`` of ``total`` counts the steps from 1; ``seconds`` is set with done and failed.
    """

    kind: str
    step: str = ""
    summary: str = ""
    number: int = 0
    total: int = 0
    text: str = ""
    seconds: float = 0.0


Notify = Callable[[Event], None]


def silent(_event: Event) -> None:
    """For callers that watch nothing."""
