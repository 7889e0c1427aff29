"""The programs whose windows a proof opens: started for the user alone, watched, and ended."""

from __future__ import annotations

import time

from kvmready.checks.finding import Evidence
from kvmready.facts.virsh import URI
from kvmready.i18n import _
from kvmready.proof import causes
from kvmready.proof.place import quoted
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvmready.host.door import Result, Running, Window
    from kvmready.proof.display import Display
    from kvmready.proof.place import Place

LIMIT = 90.0
"""Seconds until a window shows what it shall. The first start of a host makes caches of fonts and icons."""

LIFE = 600.0
PATIENCE = 0.2
WORDS = 600
"""Characters of a program's last words that are evidence."""


class Shown(NamedTuple):
    """What one window of a program shows, in the words of its toolkit; as ``gtk_windows.py`` tells it."""

    title: str
    said: str
    rows: tuple[str, ...]


class Program:
    """A program with windows: its command, the process, and the file with its output.

    ``watched``: it is written in Python, and tells what its windows show.
    """

    def __init__(self, place: Place, display: Display, home: str, argv: tuple[str, ...]) -> None:
        self.place = place
        self.argv = argv
        self.log = place.path(f"said-by-{argv[0].rpartition('/')[2]}")
        command = watching(place, argv)
        self.watched = command != argv
        self.running: Running = place.begin(command, LIFE, self.log, environment(display, home))

    def ended(self) -> Result | None:
        return self.running.poll()

    def stop(self) -> None:
        self.running.stop()

    def shown(self) -> tuple[Shown, ...]:
        """The windows that it told of last."""
        import json

        start = f"{self.place.mark} "
        for line in reversed(self.place.host.read(self.log).text.splitlines()):
            if line.startswith(start):
                try:
                    return tuple(_shown(window) for window in json.loads(line[len(start) :])["windows"])
                except ValueError:
                    continue  # not whole yet
        return ()

    def words(self) -> str:
        """The last of what it said by itself."""
        lines = self.place.host.read(self.log).text.splitlines()
        text = " ".join(" ".join(line for line in lines if not line.startswith(self.place.mark)).split())
        return text if len(text) <= WORDS else "…" + text[1 - WORDS :]

    def failed(self, what: str) -> tuple[tuple[Evidence, ...], str]:
        """The evidence of a window that did not come, and its cause."""
        result = self.ended()
        if result is None:
            ended = _("not within {limit:.0f} s: {what}").format(limit=LIMIT, what=what)
        elif result.problem == "absent":
            ended = _("no such program")
        else:
            ended = _("it ended with status {status}, without {what}").format(status=result.status, what=what)
        shown = self.shown()
        said = " ".join(" ".join(window.said.split()) for window in shown if window.said)
        seen = [Evidence(quoted(self.argv), ended)]
        seen += [Evidence(_("its windows"), _described(window)) for window in shown]
        words = self.words()
        if words:
            seen.append(Evidence(_("its last words"), words))
        place = self.place
        found = causes.recognise(f"{said} {words}", causes.WINDOW) or "tools.broken"
        return tuple(seen), causes.settled(found, place.host, place.names, place.caller, place.account)

    def wait_for(self, seen: Callable[[], Window | None]) -> Window | None:
        """The window as soon as ``seen`` finds it; None when the program ends before, or the time is over."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            found = seen()
            if found is not None:
                return found
            if self.ended() is not None:
                return None
            self.place.host.sleep(PATIENCE)
        return None


def _shown(window: dict[str, Any]) -> Shown:
    return Shown(str(window["title"]), str(window["said"]), tuple(str(row) for row in window["rows"]))


def _described(window: Shown) -> str:
    parts = [part for part in (window.title, window.said, ", ".join(window.rows)) if part]
    return " · ".join(parts)[:WORDS]


def environment(display: Display, home: str) -> tuple[tuple[str, str], ...]:
    """For a program that shall find nothing of the user's settings, change none, and reach no other program.

    Without a session bus it is the only one of its kind, also where the user has the same program open.
    """
    return (
        *display.environment,
        ("HOME", home),
        *((f"XDG_{name}_HOME", f"{home}/{name.lower()}") for name in ("CONFIG", "CACHE", "DATA", "STATE")),
        ("XDG_RUNTIME_DIR", home),
        ("DBUS_SESSION_BUS_ADDRESS", "disabled:"),
        ("GSETTINGS_BACKEND", "memory"),
        ("GDK_BACKEND", "x11"),
        ("NO_AT_BRIDGE", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    )


def interpreter(first_line: str) -> tuple[str, ...]:
    """The Python of a program's first line, with its options; empty where it is no program of Python's."""
    words = tuple(first_line[2:].split()) if first_line.startswith("#!") else ()
    names = [word.rpartition("/")[2] for word in words[:3]]
    return words if any(name.startswith("python") for name in names) else ()


def watching(place: Place, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command that runs ``argv`` so that it tells what its windows show; as it is where that cannot be done."""
    from pkgutil import get_data

    lines = place.host.read(argv[0], 4096).text.splitlines()
    python = interpreter(lines[0] if lines else "")
    source = get_data("kvmready.proof", "gtk_windows.py") if python else None
    if source is None:
        return argv
    folder = argv[0].rpartition("/")[0]
    return (*python, "-c", source.decode("utf-8"), place.mark, folder, *argv)


def manager_command(path: str) -> tuple[str, ...]:
    return (path, "--no-fork", "--connect", URI)


def viewer_command(path: str, guest: str) -> tuple[str, ...]:
    """``--attach``: libvirt hands over the connection to the guest's screen, which listens nowhere."""
    return (path, "--attach", "--connect", URI, "--", guest)


def lists(shown: Sequence[Shown], guest: str) -> Shown | None:
    """The window that has a row for the guest; the row's first word is its name."""
    return next((w for w in shown if any(row.split(" ", 1)[0] == guest for row in w.rows)), None)
