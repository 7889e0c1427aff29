"""``kvmready watch``: the host and its guests, live in the terminal, or one look for machines."""

from __future__ import annotations

import os
import select
import sys
import time

from kvmready.cli import output, session
from kvmready.cli.options import Parsed
from kvmready.domains.connection import Libvirt
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, UsageError
from kvmready.host.local import LocalHost
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING
from kvmready.watch.frame import Watcher

if TYPE_CHECKING:
    from kvmready.watch.frame import Frame

SHORTEST, LONGEST = 0.5, 3600.0
FIRST = 1.0
"""Seconds between the two looks that the first rates need."""


def run(parsed: Parsed) -> int:
    interval = seconds(parsed.interval)
    if parsed.format != "text" and not parsed.once:
        raise UsageError(_("--format {format} needs --once.").format(format=parsed.format))
    host = LocalHost()
    watcher = Watcher(host, Libvirt(host))
    if parsed.once:
        watcher.look()
        time.sleep(min(interval, FIRST))
        return _once(watcher.look(), parsed, host.caller().hostname)
    return _live(watcher, parsed, interval, host.caller().hostname)


def seconds(text: str) -> float:
    """The value of --interval. Raises UsageError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not SHORTEST <= value <= LONGEST:
        raise UsageError(
            _("--interval takes seconds, from {least} to {most}.").format(least=SHORTEST, most=f"{LONGEST:.0f}")
        )
    return value


def _once(frame: Frame, parsed: Parsed, hostname: str) -> int:
    from kvmready import __version__
    from kvmready.watch import machine

    if parsed.format == "json":
        from kvmready.report import as_json

        output.document(as_json.render(machine.document(frame, session.now(), __version__, hostname)))
    elif parsed.format == "prometheus":
        output.document(machine.prometheus(frame))
    else:
        from kvmready.cli.watch_view import View

        View(sys.stdout, hostname, parsed.sort, 0).show(frame)
    return EXIT_READY if frame.guests is not None else EXIT_NOT_READY


def _live(watcher: Watcher, parsed: Parsed, interval: float, hostname: str) -> int:
    from kvmready.cli.watch_view import View

    session.let_signals_clean_up()
    awake = _resizes()
    with View(sys.stdout, hostname, parsed.sort, interval) as view:
        try:
            wait = min(interval, FIRST)
            while True:
                began = time.monotonic()
                frame = watcher.look()
                view.show(frame)
                end = began + wait
                wait = interval
                while (left := end - time.monotonic()) > 0:
                    if select.select([awake], [], [], left)[0]:
                        os.read(awake, 512)
                        view.show(frame)
        except KeyboardInterrupt:
            return EXIT_READY  # the way to end it


def _resizes() -> int:
    """A pipe that can be read from when the terminal got another size."""
    import signal

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGWINCH, lambda _number, _frame: None)
    return reader
