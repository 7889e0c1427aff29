"""Where other package managers than Debian's get their packages, and who is at work with them."""

from __future__ import annotations

import pytest

from kvmready.facts import packages
from kvmready.facts.known import Absent, Known
from kvmready.facts.names import Want
from kvmready.host.door import Listing, Reading, Status
from kvmready.host.recording import question
from tests.unit.facts.debian import NAMES, Recorded

REPO = "[base]\nname = Base\nmetalink=https://mirror.example/?repo=base\n"


@pytest.mark.parametrize(
    ("text", "on"),
    [
        (REPO, True),
        (REPO + "enabled=1\n", True),
        (REPO + "enabled = 0\n", False),
        (REPO + "enabled=false\n[more]\nbaseurl=file:///x\n", True),
        ("[main]\nbaseurl=http://x\n", False),
        ("[base]\nname=x\n", False),
        ("[options]\nArchitecture = auto\nServer = x\n", False),
        ("[options]\n[core]\nInclude = /etc/pacman.d/mirrorlist\n", True),
        ("", False),
        ("baseurl=http://x\n", False),
    ],
)
def test_a_repository_that_is_switched_on(text: str, on: bool) -> None:
    assert packages.switched_on(text) is on


def _host(manager: str) -> tuple[Recorded, packages.Packages]:
    host = Recorded()
    host.grep(Reading(packages.STATUS, error="ENOENT"), packages.UNFINISHED)
    for path in packages.RPM_LOCKS:
        host.absent(path)
    if manager == "dnf":
        host.stat(Status(packages.RPM_LOCKS[0], "file"))
        host.keep(question("locked", path=packages.RPM_LOCKS[0]), Reading(packages.RPM_LOCKS[0], "77"))
        host.read(Reading("/proc/77/cmdline", "/usr/bin/python3\0/usr/bin/dnf\0upgrade\0"))
        host.listdir(Listing("/etc/yum.repos.d", ("base.repo", "off.repo", "notes.txt")))
        host.read(Reading("/etc/yum.repos.d/base.repo", REPO))
        host.read(Reading("/etc/yum.repos.d/off.repo", "# " + REPO))
    if manager == "apk":
        host.read(Reading("/etc/apk/repositories", "# https://x/testing\nhttps://x/main\n"))
    if manager == "pacman":
        host.read(Reading("/etc/pacman.conf", "[options]\n#[core]\n#Server = x\n"))
    names = NAMES._replace(manager=manager)
    return host, packages.ask(host.host(), names, Want())()


def test_dnf() -> None:
    _recorded, found = _host("dnf")
    assert found.holder == Known("/usr/bin/python3 /usr/bin/dnf upgrade (77)")
    assert found.sources == Known(("/etc/yum.repos.d/base.repo",))
    assert isinstance(found.unfinished, Absent)


def test_apk_and_pacman() -> None:
    assert _host("apk")[1].sources == Known(("/etc/apk/repositories",))
    assert _host("pacman")[1].sources == Known(())
    assert isinstance(_host("pacman")[1].holder, Absent)


def test_nobody_knows_the_manager() -> None:
    found = _host("")[1]
    assert isinstance(found.sources, Absent) and isinstance(found.holder, Absent)
