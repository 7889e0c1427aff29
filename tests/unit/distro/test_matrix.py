"""docs/distributions.md: its table is made of the tables, the recorded hosts and the tests, so that it cannot lie.

After a change that is meant: ``KVMREADY_GOLDEN=write pytest tests/unit/distro``, then read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from kvmready import distro
from kvmready.distro.table import Family, Table
from kvmready.facts import os as release_facts
from tests import hosts
from tests.machine.apply.test_package_managers import NEEDED

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "distributions.md"
BEGIN, END = "<!-- made from the tables: begin -->\n", "<!-- made from the tables: end -->\n"
WRITE = os.environ.get("KVMREADY_GOLDEN") == "write"

ARCHES = ("x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "loongarch64", "armv7l", "i686")

ON_A_HOST = {"apt": ("Debian 12", "Debian 13")}
"""Package managers that ran on a real fresh host, and of which distributions (``tests/vm``)."""


def rows() -> Iterator[tuple[Family, str, list[Table]]]:
    for family in distro.families():
        for release in family.RELEASES:
            for identity in family.IDS:
                tables = [found for arch in ARCHES if (found := family.table(release, arch, identity)) is not None]
                if tables:
                    yield family, tables[0].title, tables
                    break


@cache
def recorded() -> dict[str, list[str]]:
    """Title of a row to the recorded hosts that get it as their own or as a guess (with a question mark)."""
    found: dict[str, list[str]] = {}
    for name in hosts.names():
        host = hosts.load(name)
        release = release_facts.ask(host.door)
        table = distro.find(release, host.door.caller().arch)
        if table is not None:
            found.setdefault(_row_of(table), []).append(name + ("?" if table.guess else ""))
    return found


def _row_of(table: Table) -> str:
    """The clones of RHEL share a row, which is shown under the name of the first."""
    return next(
        title
        for family, title, tables in rows()
        if table.ids == family.IDS and tables[0].versions == table.versions and table.package_manager
    )


def line(title: str, tables: list[Table]) -> str:
    names = sorted(recorded().get(title, []), key=lambda name: (not name.rstrip("?").endswith("-fresh"), name))
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    real_hosts = sum(hosts.load(name.rstrip("?")).made == "recorded" for name in names)
    manager = tables[0].package_manager
    if manager in ON_A_HOST:
        own = title in ON_A_HOST[manager]
        real = f"{manager}, on a host" if own else f"{manager} of {ON_A_HOST[manager][0]}, on a host"
    elif manager in NEEDED:
        real = f"{manager}, in a root of its own"
    else:
        real = f"{manager}: dialogues only"
    tested = [arch for name, arch in distro.TESTED if name == title]
    kind = "" if not names else f" ({real_hosts} recorded)" if real_hosts else " (edited by hand)"
    cells = (
        title,
        ", ".join(table.arch for table in tables),
        tables[0].libvirt_set if tables[0].accounts == "shadow" else f"{tables[0].libvirt_set}, OpenRC",
        (shown + kind) or "–",
        real,
        ", ".join(tested) or "–",
    )
    return "| " + " | ".join(cells) + " |"


def matrix() -> str:
    head = ("tables", "architectures", "libvirt's daemons", "recorded hosts", "real package manager", "real host")
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += [line(title, tables) for _family, title, tables in rows()]
    return "\n".join(lines) + "\n"


def test_the_document_says_what_is_so() -> None:
    text = DOCUMENT.read_text("utf-8")
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    wanted = before + BEGIN + matrix() + END + after
    if WRITE:
        DOCUMENT.write_text(wanted, "utf-8")
    assert BEGIN in text and END in text
    assert DOCUMENT.read_text("utf-8") == wanted


def test_every_row_has_a_line_and_a_host() -> None:
    titles = [title for _family, title, _tables in rows()]
    assert len(set(titles)) == len(titles)
    without = {title for title in titles if not recorded().get(title)}
    # Rows between two that have one: the differences are single names.
    assert without <= {
        "Ubuntu 20.04",
        "Ubuntu 26.04",
        "Fedora 39 and 40",
        "openSUSE Leap and SLES 15 to 15.5",
        "openSUSE Leap and SLES 16",
        "openEuler 20.03",
        "openEuler 22.03",
        "Kylin Linux Advanced Server V11",
        "Anolis OS 23",
    }


def test_what_was_tested_has_a_table() -> None:
    assert {name for name, _arch in distro.TESTED} <= {title for _family, title, _tables in rows()}
