"""What a fleet has in common: layers counted, causes by how many hosts they hold back, equal plans folded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvmready.checks.finding import LAYERS
from kvmready.fleet.row import Row
from kvmready.typed import Any, NamedTuple

STATUSES = ("pass", "warn", "fail", "blocked", "unknown", "skip")


class Cause(NamedTuple):
    """A root cause and the hosts that have it. ``fails``: it keeps them from being ready."""

    id: str
    summary: str
    hosts: tuple[str, ...]
    fails: bool


class Fold(NamedTuple):
    """Hosts that need the same steps. ``plans`` has the plan's id of each host, since users may differ."""

    hosts: tuple[str, ...]
    steps: tuple[Mapping[str, Any], ...]
    plans: Mapping[str, str]


def outcomes(rows: Iterable[Row]) -> dict[str, int]:
    """How many hosts ended how, in the order in which outcomes are told."""
    from kvmready.fleet.row import OUTCOMES

    counted = dict.fromkeys(OUTCOMES, 0)
    for row in rows:
        counted[row.outcome] += 1
    return {name: count for name, count in counted.items() if count}


def layers(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """For each layer, bottom up: how many hosts have which status."""
    table = {layer: dict.fromkeys(STATUSES, 0) for layer in LAYERS}
    for row in rows:
        for layer, status in row.layers.items():
            table[layer][status] += 1
    return table


def causes(rows: Sequence[Row]) -> list[Cause]:
    """The causes, those first that hold back most hosts; of equals, those of a lower layer."""
    hosts: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    fails: set[str] = set()
    for row in rows:
        for cause, summary in row.causes.items():
            hosts.setdefault(cause, []).append(row.host)
            said.setdefault(cause, summary)
            if not row.ok and row.layers.get(cause.split(".")[0]) == "fail":
                fails.add(cause)
    order = {layer: place for place, layer in enumerate(LAYERS)}
    ranked = sorted(hosts, key=lambda c: (c not in fails, -len(hosts[c]), order.get(c.split(".")[0], 99), c))
    return [Cause(cause, said[cause], tuple(hosts[cause]), cause in fails) for cause in ranked]


def folded(plans: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Fold]:
    """Hosts with their plans as groups with equal steps and commands, the largest first; those without steps last."""
    import json

    groups: dict[str, tuple[list[str], tuple[Mapping[str, Any], ...], dict[str, str]]] = {}
    for host, plan in plans:
        key = json.dumps([[step["summary"], step["commands"]] for step in plan["steps"]])
        hosts, _steps, ids = groups.setdefault(key, ([], tuple(plan["steps"]), {}))
        hosts.append(host)
        ids[host] = plan["id"]
    folds = [Fold(tuple(hosts), steps, ids) for hosts, steps, ids in groups.values()]
    return sorted(folds, key=lambda fold: (not fold.steps, -len(fold.hosts)))
