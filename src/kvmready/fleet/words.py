"""What outcomes and layers of a fleet are called, for every format that people read."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.fleet.row import Row
from kvmready.i18n import N_, _

OUTCOMES = {
    # outcome: (the status whose look it has, its words)
    "ready": ("pass", N_("ready")),
    "ready-with-warnings": ("warn", N_("ready, with warnings")),
    "undone": ("pass", N_("undone")),
    "nothing-to-do": ("skip", N_("nothing to do")),
    "not-ready": ("fail", N_("not ready")),
    "unreachable": ("unknown", N_("unreachable")),
    "timed-out": ("unknown", N_("hangs")),
    "gave-up-waiting": ("unknown", N_("still at work")),
    "no-python": ("fail", N_("no Python 3.9")),
    "no-space": ("fail", N_("no space")),
    "privilege": ("fail", N_("no root")),
    "failed": ("fail", N_("failed")),
    "not-begun": ("skip", N_("not begun")),
}


def outcome(name: str) -> str:
    return _(OUTCOMES[name][1])


def status(name: str) -> str:
    return OUTCOMES[name][0]


def counted(rows: Sequence[Row]) -> str:
    """How many hosts ended how, as one phrase."""
    from kvmready.fleet.summary import outcomes

    return ", ".join(f"{count} {outcome(name)}" for name, count in outcomes(rows).items()) or "–"


def hosts(count: int) -> str:
    return _("1 host") if count == 1 else _("{count} hosts").format(count=count)


def steps(count: int) -> str:
    return _("1 step") if count == 1 else _("{count} steps").format(count=count)


def named(names: Sequence[str], most: int = 8) -> str:
    """The first of some hosts, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else _("{hosts} and {count} more").format(hosts=shown, count=len(names) - most)
