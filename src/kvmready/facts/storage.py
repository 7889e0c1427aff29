"""The default storage pool, and the room on the file system where it keeps guests' disks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kvmready.facts.known import Fact, Known, Unknown, missing

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.facts.virsh import Virsh
    from kvmready.host.door import Door


class Pool(NamedTuple):
    """libvirt's pool "default". ``path`` is its target directory, "" for a pool type that has none."""

    active: bool
    autostart: bool
    persistent: bool
    kind: str  # dir, logical, zfs …
    path: str


class Room(NamedTuple):
    """``path`` exists and is the pool's directory or the nearest parent of it; ``free`` and ``total`` are bytes."""

    path: str
    free: int
    total: int


class Storage(NamedTuple):
    """``pool`` is Absent where libvirt has no such pool. ``path`` is where its guests' disks are or would be."""

    pool: Fact[Pool]
    path: str
    room: Fact[Room]


_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&quot;", '"'), ("&amp;", "&"))


def parse_pool(info: str, xml: str) -> Pool | None:
    """``virsh pool-info`` (its C-locale labels) with ``pool-dumpxml``; None for text that is no such answer."""
    values = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in info.splitlines())}
    if not values.get("State"):
        return None
    kind = re.search(r"<pool\b[^>]*\btype=['\"]([^'\"]+)['\"]", xml)
    target = re.search(r"<target>\s*<path>([^<]*)</path>", xml)
    path = target.group(1).strip() if target else ""
    for entity, character in _ENTITIES:
        path = path.replace(entity, character)
    return Pool(
        values["State"] == "running",
        values.get("Autostart") == "yes",
        values.get("Persistent") == "yes",
        kind.group(1) if kind else "",
        path,
    )


def from_virsh(virsh: Virsh) -> Fact[Pool]:
    """The default pool by libvirt's own word."""
    info = virsh.text("pool-info")
    if not isinstance(info, Known):
        return info
    xml = virsh.text("pool-dumpxml")
    pool = parse_pool(info.value, xml.value if isinstance(xml, Known) else "")
    return Unknown("virsh pool-info default: " + info.value[:200]) if pool is None else Known(pool)


def room_at(host: Door, path: str) -> Fact[Room]:
    """The room at ``path``, or at the nearest parent where it does not exist or may not be seen by the caller."""
    while True:
        space = host.space(path)
        if not space.error:
            return Known(Room(path, space.free, space.total))
        if path in ("/", "") or space.error not in ("ENOENT", "EACCES", "ENOTDIR"):
            return missing(space.error, path)
        path = path.rpartition("/")[0] or "/"


def ask(host: Door, names: Names, want: Want, virsh: Callable[[], Virsh]) -> Callable[[], Storage]:
    """The pending virsh tells where the pool is; the room is asked there."""

    def answered() -> Storage:
        pool = from_virsh(virsh())
        path = pool.value.path if isinstance(pool, Known) and pool.value.path.startswith("/") else names.pool_path
        return Storage(pool, path, room_at(host, path))

    return answered
