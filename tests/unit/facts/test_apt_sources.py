"""Where the package manager gets its packages, and whether that is there."""

from __future__ import annotations

import pytest

from kvmready.facts import packages
from kvmready.facts.known import Known
from kvmready.facts.names import Want
from kvmready.host.door import Listing, Reading, Status
from tests.unit.facts.debian import NAMES, Recorded


@pytest.mark.parametrize(
    ("text", "repositories"),
    [
        ("deb http://deb.debian.org/debian bookworm main\n", ("http://deb.debian.org/debian",)),
        ("# deb http://x ./\ndeb-src http://y ./\n", ()),
        ("deb [arch=amd64 trusted=yes] file:/repo ./\n deb copy:/b ./\n", ("file:/repo", "copy:/b")),
        ("Types: deb deb-src\nURIs: http://A/x http://b\nSuites: s\n", ("http://A/x", "http://b")),
        ("Types: deb\nURIs: http://a\nEnabled: No\n\nTypes: deb-src\nURIs: http://b\n", ()),
        ("Types: deb\nSuites: s\n", ("?",)),
        ("", ()),
    ],
)
def test_the_repositories_of_a_source_file(text: str, repositories: tuple[str, ...]) -> None:
    assert packages.parse_repositories(text) == repositories


def gone(sources: str, *, there: bool = False, qemu: bool = False) -> tuple[str, ...]:
    recorded = Recorded()
    recorded.read(Reading(packages.SOURCES, sources))
    recorded.listdir(Listing(packages.SOURCE_FOLDER))
    if not qemu:
        recorded.absent(*NAMES.emulators)
    for folder in ("/repo", "/other"):
        recorded.stat(Status(folder, "directory", 0o755) if there else Status(folder, error="ENOENT"))
    return packages.ask(recorded.host(), NAMES, Want())().gone


def test_a_repository_is_missed_only_where_it_is_the_last_one_and_something_is_to_come_from_it() -> None:
    local = "deb file:/repo ./\ndeb copy:/other/ ./\n"
    assert gone(local) == ("/repo", "/other")
    assert gone(local, there=True) == ()
    assert gone(local, qemu=True) == ()
    assert gone(local + "deb http://deb.debian.org/debian bookworm main\n") == ()
    assert gone("deb http://deb.debian.org/debian bookworm main\n") == ()


def test_a_host_with_a_repository() -> None:
    recorded = Recorded()
    recorded.read(Reading(packages.SOURCES, "deb http://deb.debian.org/debian bookworm main\n"))
    found = packages.ask(recorded.host(), NAMES, Want())()
    assert (found.sources, found.gone) == (Known((packages.SOURCES,)), ())
