"""What keeps packages from being installed is a failure only where something is to be installed."""

from __future__ import annotations

import pytest

from kvmready.checks import packages
from kvmready.facts.known import Absent, Known
from tests.unit.checks.upper import changed, healthy, said

SKIP = ("skip", "", "")
PASS = ("pass", "", "")
NONE = ("fail", "packages.no-candidate", "manual")


@pytest.mark.parametrize(
    ("profile", "missing", "expected"),
    [
        ("server", (), SKIP),
        ("server", ("daemon",), NONE),
        ("server", ("emulator",), NONE),
        ("minimal", ("daemon",), SKIP),
        ("minimal", ("emulator",), NONE),
    ],
)
def test_no_repository(profile: str, missing: tuple[str, ...], expected: tuple[str, str, str]) -> None:
    facts = changed(healthy(), "packages", sources=Known(()))
    facts = facts._replace(want=facts.want._replace(profile=profile))
    if "daemon" in missing:
        facts = changed(facts, "libvirt", daemon=Absent("x"))
    if "emulator" in missing:
        facts = changed(facts, "qemu", emulator=Absent("x"))
    assert said(packages.source(facts)) == expected


def test_a_repository_that_is_gone() -> None:
    facts = changed(healthy(), "packages", sources=Known(("/etc/apt/sources.list",)), gone=("/repo",))
    assert said(packages.source(facts)) == PASS
    missing = changed(facts, "qemu", emulator=Absent("x"))
    judgement = packages.source(missing)
    assert said(judgement) == ("fail", "packages.offline", "manual")
    assert "/repo" in judgement.summary and judgement.remedy is not None
    assert "/etc/apt/sources.list" in judgement.remedy.text
