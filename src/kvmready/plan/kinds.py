"""The kinds of steps, by name: each is a module of this room that implements ``step.Kind``."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.plan import (
    acl,
    capabilities,
    file,
    group,
    lists,
    module,
    network,
    packages,
    pool,
    repair,
    udev,
    unit,
    uri,
)
from kvmready.plan.step import Kind

KINDS: Mapping[str, Kind] = {
    "package-repair": repair,
    "package-lists": lists,
    "packages": packages,
    "module": module,
    "file": file,
    "udev": udev,
    "unit": unit,
    "capabilities": capabilities,
    "network": network,
    "pool": pool,
    "group": group,
    "acl": acl,
    "uri-default": uri,
}
