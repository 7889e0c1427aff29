"""How this program is started again by something of root's, such as a timer."""

from __future__ import annotations

import os

import kvmready
from kvmready import timers
from kvmready.host import elevate
from kvmready.host.door import Door


def for_root(host: Door) -> tuple[str, ...]:
    """The words that start it. Raises WorkError where somebody else than root could change what they start."""
    words = elevate.program()
    package = os.path.dirname(os.path.realpath(kvmready.__file__))
    timers.refuse_changeable(host, (*words, *map(os.path.realpath, words), package))
    return words
