"""How far a long copy is, how fast it goes and how long it will take, in words."""

from __future__ import annotations

import time
from collections.abc import Callable

from kvmready.i18n import _
from kvmready.report.text_backup import size


def span(seconds: float) -> str:
    """A time that is left, roughly."""
    if seconds < 90:
        return _("{count} s").format(count=f"{seconds:.0f}")
    if seconds < 5400:
        return _("{count} min").format(count=f"{seconds / 60:.0f}")
    return _("{count} h").format(count=f"{seconds / 3600:.1f}")


class Pace:
    """Tells ``say`` how ``total`` bytes get on."""

    def __init__(self, total: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._say = say
        self._clock = clock
        self._began = clock()

    def __call__(self, part: float) -> None:
        done = self._total * part
        seconds = self._clock() - self._began
        percent, total = f"{100 * part:.0f} %", size(self._total)
        if seconds < 0.5 or done <= 0:
            self._say(_("{percent} of {total}").format(percent=percent, total=total))
            return
        rate = done / seconds
        left = span((self._total - done) / rate)
        self._say(
            _("{left} left, {rate}/s, {percent} of {total}").format(
                left=left, rate=size(rate), percent=percent, total=total
            )
        )
