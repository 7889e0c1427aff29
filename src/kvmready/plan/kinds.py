"""The kinds of steps, by name: each is a module of this room that implements ``step.Kind``."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.plan import (
    capabilities,
    file,
    group,
    lists,
    modprobe,
    module,
    network,
    packages,
    parameter,
    pool,
    reinstall,
    repair,
    udev,
    unit,
)
from kvmready.plan.step import Kind

KINDS: Mapping[str, Kind] = {
    "package-repair": repair,
    "package-lists": lists,
    "packages": packages,
    "reinstall": reinstall,
    "modprobe": modprobe,
    "module": module,
    "module-parameter": parameter,
    "file": file,
    "udev": udev,
    "unit": unit,
    "capabilities": capabilities,
    "network": network,
    "pool": pool,
    "group": group,
}
