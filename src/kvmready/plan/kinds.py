"""The kinds of steps, by name: each is a module of this room that implements ``step.Kind``."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.plan import (
    acl,
    autostart,
    bridge,
    capabilities,
    file,
    forward,
    group,
    host_bridge,
    hugepages,
    lists,
    modprobe,
    module,
    network,
    packages,
    parameter,
    pool,
    reinstall,
    repair,
    rules,
    service,
    setuid,
    sysctl,
    udev,
    unit,
    units_off,
    uri,
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
    "hugepages": hugepages,
    "file": file,
    "udev": udev,
    "units-off": units_off,
    "unit": unit,
    "service": service,
    "capabilities": capabilities,
    "autostart": autostart,
    "bridge": bridge,
    "host-bridge": host_bridge,
    "network": network,
    "sysctl": sysctl,
    "rules": rules,
    "forward": forward,
    "setuid": setuid,
    "pool": pool,
    "group": group,
    "acl": acl,
    "uri-default": uri,
}
