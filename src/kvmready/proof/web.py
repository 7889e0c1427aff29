"""What the profile web adds to a proof: Cockpit's socket listens, its page comes, and its part for guests is there."""

from __future__ import annotations

import re

from kvmready.checks.finding import Evidence
from kvmready.facts.tools import COCKPIT_SOCKET, MACHINES
from kvmready.i18n import _
from kvmready.proof.place import quoted
from kvmready.proof.qemu import said
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.host.door import Page
    from kvmready.proof.place import Place, Steps

SOCKET, PAGE, PART = "web.socket", "web.page", "web.machines"
PORT = 9090
LIMIT = 30.0
"""Seconds for one answer; the first one makes Cockpit's certificate."""

BRIDGE = "cockpit-bridge"
LISTEN = re.compile(r"^Listen=(?:\S*:)?(\d+) \(Stream\)$", re.MULTILINE)


def level(place: Place, steps: Steps) -> bool:
    """Whether all of it was seen. It makes nothing that would have to be removed."""
    place.say(_("Asking for Cockpit's page …"))
    port = _socket(place, steps)
    return bool(port) and _page(place, steps, port) and _part(place, steps)


def _socket(place: Place, steps: Steps) -> int:
    """The port on which the socket listens, 0 when it does not."""
    steps.begin()
    argv = ("systemctl", "show", "--property=ActiveState,Listen", COCKPIT_SOCKET)
    result = place.run(argv, LIMIT)
    source = quoted(argv)
    if not result.ok:
        steps.add(SOCKET, "fail", (Evidence(source, said(result, LIMIT)),))
        return 0
    seen = Evidence(source, " ".join(result.stdout.split()))
    ports = LISTEN.findall(result.stdout)
    if "ActiveState=active" in result.stdout.splitlines() and ports:
        steps.add(SOCKET, "pass", (seen,))
        return int(ports[0])
    steps.add(SOCKET, "fail", (seen,), "tools.not-listening")
    return 0


def _page(place: Place, steps: Steps, port: int) -> bool:
    """The page on which people log in; nobody logs in here."""
    source = f"https://localhost:{port}/"
    try:
        page = place.host.page(port, "/", LIMIT)
    except OSError as error:
        return steps.add(PAGE, "fail", (Evidence(source, str(error)),), "tools.not-answering")
    certificate = _("its certificate, which is its own and was not verified: SHA-256 {digest}")
    seen = [Evidence(source, certificate.format(digest=page.certificate)), Evidence(source, _described(page))]
    good = page.status == 200 and is_login(page.text)
    return steps.add(PAGE, "pass" if good else "fail", seen, "" if good else "tools.not-answering")


def is_login(text: str) -> bool:
    """Whether this is the page of Cockpit's login (pkg/static/login.html): its form, and the script that sends it."""
    return 'id="login' in text and "cockpit" in text.lower() and "password" in text.lower()


def _described(page: Page) -> str:
    title = re.search(r"<title>(.*?)</title>", page.text, re.DOTALL)
    name = " ".join(title[1].split())[:80] if title else ""
    login = _("Cockpit's login") if is_login(page.text) else _("not Cockpit's login")
    return _("status {status}, {size} characters, {login}").format(
        status=page.status, size=len(page.text), login=login
    ) + (f", “{name}”" if name else "")


def _part(place: Place, steps: Steps) -> bool:
    """Cockpit's bridge, run as the user, knows the part for guests: it prints a line ``NAME TITLE FOLDER`` for each."""
    argv = (BRIDGE, "--packages")
    result = place.run(argv, LIMIT)
    source = quoted(argv)
    if not result.ok:
        cause = "tools.not-installed" if result.problem == "absent" else "tools.not-answering"
        return steps.add(PART, "fail", (Evidence(source, said(result, LIMIT)),), cause)
    line = listed(result.stdout)
    if line:
        return steps.add(PART, "pass", (Evidence(source, line),))
    installed = any(not place.host.stat(path).error for path in MACHINES)
    cause = "tools.not-answering" if installed else "tools.not-installed"
    return steps.add(PART, "fail", (Evidence(source, _("it knows no part “machines”")),), cause)


def listed(text: str) -> str:
    """The line of the part for guests in what ``cockpit-bridge --packages`` prints, "" where there is none."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return next((line for line in lines if line.partition(" ")[0].rstrip(":") == "machines"), "")
