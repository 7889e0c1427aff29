"""What a release dropped, and what is wanted in its place."""

from __future__ import annotations

import pytest

from kvmready.checks import tools
from kvmready.facts.known import Absent, Known
from kvmready.facts.os import OsRelease
from kvmready.facts.tools import Tools
from tests.unit.checks.lower import NO, facts

NONE = Tools(*(Absent("/usr/bin/virt-manager"),) * 2, NO, NO, NO, NO, Absent("/usr/bin/Xvfb"))
CHECKS = {check.id: check.judge for check in tools.CHECKS}


def system(name: str, version: str) -> OsRelease:
    return OsRelease(name, version, f"{name} {version}", ())


@pytest.mark.parametrize(
    ("name", "version", "cause", "kind"),
    [
        ("rhel", "10.1", "tools.removed-upstream", "manual"),
        ("almalinux", "10", "tools.removed-upstream", "manual"),
        ("rocky", "9.6", "tools.not-installed", "automatic"),
        ("fedora", "43", "tools.not-installed", "automatic"),
        ("debian", "12", "tools.not-installed", "automatic"),
    ],
)
def test_a_release_without_virt_manager_is_told_what_replaces_it(
    name: str, version: str, cause: str, kind: str
) -> None:
    said = CHECKS["tools.virt-manager"](facts(os=system(name, version), tools=NONE))
    assert said.remedy is not None
    assert (said.status, said.cause, said.remedy.kind) == ("fail", cause, kind)
    assert (("kvmready", "up", "--profile", "web") in said.remedy.commands) == (kind == "manual")


def test_without_virt_manager_nobody_needs_a_screen_in_memory() -> None:
    assert CHECKS["tools.x-server"](facts(os=system("rhel", "10.1"), tools=NONE)).status == "skip"
    missing = CHECKS["tools.x-server"](facts(os=system("debian", "12"), tools=NONE))
    assert (missing.status, missing.cause) == ("warn", "tools.no-x-server")
    there = NONE._replace(server=Known("/usr/bin/Xvfb"))
    assert CHECKS["tools.x-server"](facts(os=system("debian", "12"), tools=there)).status == "pass"
