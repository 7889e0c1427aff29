"""Which backups stay: pure. The last good one of everything stays, and so does whatever a kept one stands on."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence

from kvmready.backup.manifest import Manifest
from kvmready.backup.repository import Entry


def kept(entries: Sequence[Entry], daily: int, weekly: int) -> set[str]:
    """The ids that stay, of ``entries`` (the oldest first).

    Of each guest, and of the host: the newest good backup, the newest good one of each of the last ``daily`` days and
    ``weekly`` ISO weeks (in UTC) that have one, and the bases of all these. A damaged backup is no good one; it stays,
    for a person to look at.
    """
    good = [entry.manifest for entry in entries if entry.manifest is not None and not entry.problem]
    groups: dict[str, list[Manifest]] = {}
    for found in good:
        groups.setdefault(found.group, []).append(found)
    stay = {entry.id for entry in entries if entry.manifest is None or entry.problem}
    for members in groups.values():
        newest = sorted(members, key=lambda found: found.id, reverse=True)
        whole = [found for found in newest if _stands(found, members)]
        stay.update(found.id for found in (whole or newest)[:1])
        stay.update(_newest_of(whole, daily, lambda day: day.isoformat()))
        stay.update(_newest_of(whole, weekly, lambda day: "{}-{:02}".format(*day.isocalendar()[:2])))
    bases = {entry.id: entry.manifest.base for entry in entries if entry.manifest is not None}
    for id in list(stay):
        base = bases.get(id, "")
        while base:
            stay.add(base)
            base = bases.get(base, "")
    return stay


def _stands(found: Manifest, members: Iterable[Manifest]) -> bool:
    """Whether all that it stands on is good as well."""
    known = {member.id: member for member in members}
    base = found.base
    while base:
        if base not in known:
            return False
        base = known[base].base
    return True


def _newest_of(newest_first: Iterable[Manifest], periods: int, name: Callable[[datetime.date], str]) -> set[str]:
    found: dict[str, str] = {}
    for one in newest_first:
        period = name(datetime.date.fromisoformat(one.taken_at[:10]))
        if period not in found:
            if len(found) == periods:
                break
            found[period] = one.id
    return set(found.values())
