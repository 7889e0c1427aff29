"""Retention as data: what stays of a list of backups."""

from __future__ import annotations

import datetime

from hypothesis import given, settings, strategies as st

from kvmready.backup import manifest
from kvmready.backup.manifest import Manifest
from kvmready.backup.repository import Entry
from kvmready.backup.retention import kept

FIRST = datetime.datetime(2026, 1, 1)


def made(hours: int, guest: int = 1, base: str = "", problem: str = "") -> Entry:
    moment = FIRST + datetime.timedelta(hours=hours)
    id = f"{moment:%Y%m%dT%H%M%SZ}-{guest:08x}"
    found = Manifest(
        id, "guest", f"{moment:%Y-%m-%dT%H:%M:%SZ}", "1", "host", "g", f"{guest:08x}-0000-0000-0000-000000000000",
        "incremental" if base else "full", "job", base, "", False, False, (), (), (),
    )  # fmt: skip
    return Entry(id, f"/b/{id}", found, problem)


def test_the_last_of_each_day_and_week() -> None:
    """FIRST is a Thursday. Two backups a day for 30 days."""
    entries = [made(12 * number) for number in range(60)]
    stay = sorted(kept(entries, daily=3, weekly=2))
    days = [entries[at].manifest for at in range(60) if entries[at].id in stay]
    assert [day.taken_at[:13] for day in days if day is not None] == [
        "2026-01-25T12",  # the Sunday of the week before
        "2026-01-28T12",
        "2026-01-29T12",
        "2026-01-30T12",
    ]


def test_each_guest_for_itself() -> None:
    old, new = made(0, guest=1), made(1000, guest=2)
    assert kept([old, new], 1, 0) == {old.id, new.id}


def test_the_last_good_one_stays_when_newer_ones_are_damaged() -> None:
    good, bad = made(0), made(24, problem="gone")
    assert kept([good, bad], 0, 0) == {good.id, bad.id}


def test_a_backup_whose_base_is_damaged_is_no_good_one() -> None:
    good, base = made(0), made(24, problem="gone")
    top = made(48, base=base.id)
    assert kept([good, base, top], 0, 0) == {good.id, base.id}


def test_damaged_ones_stay_for_a_person_to_look_at() -> None:
    broken = Entry("20260101T000000Z-00000000", "/b/x", None, "no manifest")
    assert broken.id in kept([broken, made(5)], 0, 0)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    entries: list[Entry] = []
    for hours in sorted(draw(st.sets(st.integers(0, 3000), max_size=40))):
        guest = draw(st.integers(1, 3))
        own = [one for one in entries if one.manifest is not None and one.manifest.uuid.startswith(f"{guest:08x}")]
        base = draw(st.sampled_from(["", *(one.id for one in own[-3:])]))
        entries.append(made(hours, guest, base, draw(st.sampled_from(["", "", "", "damaged"]))))
    return entries


@given(histories(), st.integers(0, 8), st.integers(0, 5))
@settings(max_examples=300)
def test_what_always_holds(entries: list[Entry], daily: int, weekly: int) -> None:
    stay = kept(entries, daily, weekly)
    known = {entry.id: entry for entry in entries}

    def whole(entry: Entry) -> bool:
        assert entry.manifest is not None
        return not entry.problem and (not entry.manifest.base or whole(known[entry.manifest.base]))

    for entry in entries:
        assert entry.manifest is not None
        if entry.id in stay and entry.manifest.base:
            assert entry.manifest.base in stay  # no chain is cut
    for guest in {entry.manifest.uuid for entry in entries if entry.manifest is not None}:
        good = [one.id for one in entries if one.manifest is not None and one.manifest.uuid == guest and whole(one)]
        assert not good or good[-1] in stay
    smaller = kept([entry for entry in entries if entry.id in stay], daily, weekly)
    assert smaller == stay  # a second prune deletes nothing
    assert kept(entries, daily + 1, weekly + 1) >= stay
    assert manifest.ID.fullmatch(next(iter(stay), "20260101T000000Z-00000000"))
