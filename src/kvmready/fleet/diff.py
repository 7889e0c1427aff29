"""What changed between two runs of a fleet. Pure."""

from __future__ import annotations

from kvmready.checks.finding import LAYERS
from kvmready.fleet.records import Index, natural
from kvmready.fleet.row import Row
from kvmready.typed import Any, NamedTuple


class Change(NamedTuple):
    """One host. ``was`` and ``now`` are outcomes, empty where the host was not part of the run."""

    host: str
    was: str
    now: str
    better: bool
    worse: bool
    layers: tuple[tuple[str, str, str], ...]
    causes_new: tuple[str, ...]
    causes_gone: tuple[str, ...]


def of(before: Index, after: Index) -> list[Change]:
    """The hosts of which something changed, those that became worse first."""
    old = {row.host: row for row in before.rows}
    new = {row.host: row for row in after.rows}
    found = []
    for host in sorted({*old, *new}, key=natural):
        change = _change(host, old.get(host), new.get(host))
        if change.was != change.now or change.layers or change.causes_new or change.causes_gone:
            found.append(change)
    return sorted(found, key=lambda one: (not one.worse, one.better))


def _change(host: str, old: Row | None, new: Row | None) -> Change:
    asked = old is not None and new is not None and bool(old.layers) and bool(new.layers)
    was, now = (old or new, new or old)
    assert was is not None and now is not None
    layers = [(layer, was.layers[layer], now.layers[layer]) for layer in LAYERS] if asked else []
    return Change(
        host,
        old.outcome if old else "",
        new.outcome if new else "",
        bool(new and new.ok and not (old and old.ok)),
        bool(old and old.ok and not (new and new.ok)),
        tuple(one for one in layers if one[1] != one[2]),
        tuple(cause for cause in now.causes if cause not in was.causes) if asked else (),
        tuple(cause for cause in was.causes if cause not in now.causes) if asked else (),
    )


def document(before: Index, after: Index, found: list[Change]) -> dict[str, Any]:
    """``kvmready.fleet-diff/1``."""
    return {
        "schema": "kvmready.fleet-diff/1",
        "before": before.id,
        "after": after.id,
        "hosts": [{**change._asdict(), "layers": [list(layer) for layer in change.layers]} for change in found],
    }
