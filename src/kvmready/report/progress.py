"""What the waiting person sees: one live line with the time that has passed, or plain lines where nothing can live."""

from __future__ import annotations

import time
from types import TracebackType

from kvmready.report.canvas import STYLES, Canvas, cells
from kvmready.typed import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.text import Text

QUIET = 5.0
"""Seconds between two pieces of news where every piece is a line that stays, as in a log."""

REDRAWS = 4
"""Times a second that the live line is drawn again."""


class Progress:
    """Shows work on ``stream`` (stderr) while it is entered as a context.

    ``begin`` names what is done now, ``say`` the news of it, ``end`` how it went. On a terminal the line in work lives
    at the bottom and leaves one line when it ends. Elsewhere each is a line of its own, with news at most every
    ``QUIET`` seconds.
    """

    def __init__(self, stream: TextIO) -> None:
        self.canvas = self._canvas = Canvas(stream)
        self._tty = self._canvas.console.is_terminal and not self._canvas.console.is_dumb_terminal
        self._live: Any = None
        self._title = ""
        self._news = ""
        self._written = ""
        self._began = self._wrote = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._title:
            self.end("pass" if kind is None else "fail")
        self._stop()

    def begin(self, title: str, number: int = 0, total: int = 0) -> None:
        """Something starts now; what was in work is taken as done."""
        if self._title:
            self.end("pass")
        self._title = self._numbered(title, number, total)
        self._news = self._written = ""
        self._began = time.monotonic()
        self._wrote = self._began - QUIET
        if self._tty:
            self._start()
        else:
            self._plain(self._title)

    def say(self, news: str) -> None:
        """News of the work at hand: the last line is the one that is seen."""
        if not self._title:
            self.begin(news)
            return
        self._news = news
        moment = time.monotonic()
        if not self._tty and news != self._written and moment - self._wrote >= QUIET:
            self._written, self._wrote = news, moment
            self._plain("  " + news)

    def rename(self, title: str) -> None:
        """The work at hand goes on under another title; only a terminal shows it."""
        self._title = title

    def line(self, drawn: Any) -> None:
        """A line that stays, above the work at hand."""
        live = self._live is not None
        self._stop()
        self._canvas.write([drawn])
        if live:
            self._start()

    def end(self, status: str, note: str = "") -> None:
        """The work at hand, if there is any, ended with a status of a finding; ``note`` is said beside it."""
        title, self._title, self._news = self._title, "", ""
        if not title:
            return
        self._stop()
        seconds = time.monotonic() - self._began
        canvas = self._canvas
        tail = f"  {note}" if note else ""
        canvas.write(
            [
                canvas.block(
                    2,
                    (canvas.glyph(status) + "  ", STYLES[status]),
                    title,
                    (f"  {seconds:.1f} s{tail}" if seconds >= 0.1 else tail, "dim"),
                    hang=3,
                )
            ]
        )

    @staticmethod
    def _numbered(title: str, number: int, total: int) -> str:
        return f"[{number}/{total}] {title}" if total else title

    def _plain(self, line: str) -> None:
        self._canvas.write([self._canvas.block(2, line)])

    def _start(self) -> None:
        from rich.live import Live

        self._live = Live(
            console=self._canvas.console,
            get_renderable=self._line,
            refresh_per_second=REDRAWS,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self) -> Text:
        canvas = self._canvas
        turning = "⠋⠙⠹⠸⠼⠴⠦⠧" if canvas.glyph("skip") == "·" else "|/-\\"
        seconds = time.monotonic() - self._began
        mark = turning[int(seconds * REDRAWS) % len(turning)]
        clock = f"{seconds:.0f} s"
        room = canvas.width - len(clock) - 9
        news = canvas.fitted(self._news, max(room // 3, room - cells(self._title) - 2))
        title = canvas.fitted(self._title, room - (cells(news) + 2 if news else 0))
        line = canvas.text(
            "  ", (mark + "  ", "cyan"), title, ("  " + news if news else "", "dim"), (f"  {clock}", "dim")
        )
        line.no_wrap = True
        return line
