"""A display for the windows of a proof: the caller's own where the user may use it, else one that nobody sees."""

from __future__ import annotations

import os
import time

from kvmready.checks.finding import Evidence
from kvmready.facts.known import Known
from kvmready.facts.qemu import program
from kvmready.facts.tools import X_SERVER, X_SOCKETS
from kvmready.i18n import _
from kvmready.proof.place import quoted
from kvmready.proof.qemu import said
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Running, Screen
    from kvmready.proof.place import Place, Steps

STEP = "desktop.display"
SIZE = "1440x820x24"
LIMIT = 30.0
"""Seconds until the server listens."""

LIFE = 600.0
"""Seconds after which it is ended in any case."""

PATIENCE = 0.1


class Display(NamedTuple):
    """A display that is open: what programs need in their environment for it, and whether it is the caller's own."""

    screen: Screen
    environment: tuple[tuple[str, str], ...]
    own: bool
    server: Running | None
    made: tuple[str, ...] = ()  # folders that were not there before

    def close(self, place: Place) -> None:
        """Let it go; a server that was started for it ends, and takes its socket and its lock away."""
        self.screen.close()
        if self.server is not None:
            self.server.stop()
        for folder in self.made:
            try:
                place.host.rmdir(folder)
            except OSError:
                continue  # another server has come meanwhile, and its socket is in it


def takes_back(place: Place) -> tuple[str, ...]:
    """For the guard: the folder of X servers' sockets, where there is none yet."""
    return (f"{X_SOCKETS}/",) if place.host.stat(X_SOCKETS).error == "ENOENT" else ()


def opened(place: Place, steps: Steps) -> Display | None:
    """Open a display, as a step; None where there is none."""
    steps.begin()
    display, why = _own(place)
    evidence = [Evidence("$DISPLAY", why)]
    if display is None:
        server = program(place.host, X_SERVER)
        if not isinstance(server, Known):
            evidence.append(Evidence(" ".join(X_SERVER), _("not installed")))
            steps.add(STEP, "fail", evidence, "tools.no-display")
            return None
        display, seen = _private(place, server.value)
        evidence.append(seen)
    steps.add(STEP, "fail" if display is None else "pass", evidence, "" if display is not None else "tools.no-display")
    return display


def _own(place: Place) -> tuple[Display | None, str]:
    """The display of the caller, if it is the user's as well; and what there is to say of it."""
    host, account = place.host, place.account
    name, file = host.own_display()
    if not name:
        return None, _("not set: whoever called has no display")
    file = file or f"{account.home}/.Xauthority"
    status = host.stat(file)
    if place.run_as and status.uid != account.uid:  # its cookie is not for that user
        return None, _("{display} is not a display of {user}").format(display=name, user=account.name)
    try:
        screen = host.screen(name, b"" if status.error else host.read_bytes(file))
    except OSError as error:
        why = _("{display} cannot be opened: {error}")
        return None, why.format(display=name, error=error.strerror or str(error))
    environment = [("DISPLAY", name)]
    if not status.error:
        environment.append(("XAUTHORITY", file))
    return Display(screen, tuple(environment), True, None), _("{display}, opened").format(display=name)


def _private(place: Place, server: str) -> tuple[Display | None, Evidence]:
    """A server in memory, which the user runs, and which only who has its cookie can use."""
    from kvmready.host.x11 import cookie_file

    host = place.host
    cookies = cookie_file("", os.urandom(16))
    log = place.path("x-server")
    made: tuple[str, ...] = ()
    try:
        file = place.put("cookies", cookies)
        if host.stat(X_SOCKETS).error == "ENOENT":
            made = (X_SOCKETS,)
            if place.caller.uid == 0:
                host.mkdir(X_SOCKETS, 0o1777)
                host.chown(X_SOCKETS, 0, 0, 0o1777)  # else it would be the user's, and with it every other server's
    except OSError as error:
        return None, Evidence(place.folder, str(error))
    argv = (server, "-displayfd", "1", "-nolisten", "tcp", "-noreset", "-screen", "0", SIZE, "-auth", file)
    running = place.begin(argv, LIFE, log)
    end = time.monotonic() + LIMIT
    number = ""
    while not number and running.poll() is None and time.monotonic() < end:
        host.sleep(PATIENCE)
        number = next((line for line in host.read(log).text.splitlines() if line.isdigit()), "")
    trouble = ""
    if number:
        try:
            screen = host.screen(f":{number}", cookies)
        except OSError as error:
            trouble = str(error)
        else:
            environment = (("DISPLAY", f":{number}"), ("XAUTHORITY", file))
            seen = Evidence(quoted(argv), _("a display in memory, number {number}").format(number=number))
            return Display(screen, environment, False, running, made), seen
    running.stop()
    ended = running.wait()
    words = said(ended._replace(stderr=host.read(log).text), LIMIT)
    for folder in made:
        try:
            host.rmdir(folder)
        except OSError:
            continue  # it was never made, or is in use
    return None, Evidence(quoted(argv), trouble or words)
