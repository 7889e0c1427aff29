"""What keeps a host from being as its configuration file wants it: the plan's steps, and what only a person can do."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.checks.engine import ADVISORY
from kvmready.checks.finding import LAYERS
from kvmready.report import story
from kvmready.typed import Any, NamedTuple


class Drift(NamedTuple):
    """``steps`` of the plan, root ``causes`` that no step mends, and the ``unknown``: findings that nobody could tell.

    Not to know is no drift, but it is not the absence of any either."""

    steps: tuple[Mapping[str, Any], ...]
    causes: tuple[Mapping[str, Any], ...]
    unknown: tuple[Mapping[str, Any], ...]

    def __bool__(self) -> bool:
        return bool(self.steps or self.causes or self.unknown)


def of(record: Mapping[str, Any], layer: str = "") -> Drift:
    """The drift that a report with a plan tells of; with ``layer``, of that one and those that it stands on."""
    layers = LAYERS[: LAYERS.index(layer) + 1] if layer else LAYERS
    return Drift(
        tuple(record["plan"]["steps"]),
        tuple(
            cause
            for cause in record["root_causes"]
            if cause["layer"] in layers and not story.mends(record, cause["cause"])
        ),
        tuple(
            finding
            for finding in record["findings"]
            if finding["layer"] in layers and finding["status"] == "unknown" and finding["check"] not in ADVISORY
        ),
    )
