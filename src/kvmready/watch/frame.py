"""One look at everything: the host, its guests, its pools, and what is promised twice."""

from __future__ import annotations

from kvmready.domains.pools import pools
from kvmready.domains.stats import samples
from kvmready.errors import WorkError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple
from kvmready.watch import guests, host

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt
    from kvmready.domains.stats import Samples
    from kvmready.host.door import Door, Space

FULL = 0.9
"""A pool whose file system is fuller than this is nearly full."""

LIMIT = 10.0
"""Seconds that libvirt has for an answer."""

SWAPPED = 16 << 20
"""Bytes of swap in use from which on it counts: some pages that nobody needs leave the memory on any host."""


class Warned(NamedTuple):
    """A warning: ``id`` for machines, ``text`` for people."""

    id: str
    text: str


class Room(NamedTuple):
    """The room of a pool's file system, in bytes."""

    pool: str
    path: str
    total: int
    free: int


class Frame(NamedTuple):
    """``guests`` are those that run, paused ones too; None where libvirt did not tell, and ``trouble`` says why."""

    host: host.Use
    guests: tuple[guests.Use, ...] | None
    rooms: tuple[Room, ...]
    warnings: tuple[Warned, ...]
    trouble: str


class Watcher:
    """Looks again and again; each ``look`` is one virsh. What libvirt does not answer is said in the frame."""

    def __init__(self, door: Door, libvirt: Libvirt) -> None:
        self._door = door
        self._libvirt = libvirt
        self._host: host.Counters | None = None
        self._guests: Samples | None = None
        self._paths: dict[str, str] | None = None
        """Pool to path; None: not asked since libvirt was away."""

    def look(self) -> Frame:
        now = host.look(self._door)
        used = host.use(self._host, now)
        self._host = now
        trouble, seen = "", None
        try:
            if self._paths is None:
                self._paths = {pool.name: pool.path for pool in pools(self._libvirt) if pool.path.startswith("/")}
            after = samples(self._libvirt, limit=LIMIT)
            seen = guests.uses(self._guests, after)
            self._guests = after
        except WorkError as error:
            trouble = " ".join(part for part in (error.what, error.why) if part)
            self._paths = None
        rooms = self._rooms()
        return Frame(used, seen, rooms, tuple(warned(used, seen or (), rooms)), trouble)

    def _rooms(self) -> tuple[Room, ...]:
        """One for each file system: two pools that share theirs have the same room."""
        found: dict[tuple[int, int], Room] = {}
        for name, path in (self._paths or {}).items():
            space: Space = self._door.space(path)
            if not space.error and space.total:
                found.setdefault((space.total, space.free), Room(name, path, space.total, space.free))
        return tuple(found.values())


def warned(used: host.Use, seen: tuple[guests.Use, ...], rooms: tuple[Room, ...]) -> list[Warned]:
    """Where the guests were promised more than the host has, and where it runs short."""
    found = []
    vcpus = sum(guest.vcpus for guest in seen)
    memory = sum(guest.memory_maximum for guest in seen)
    if vcpus > used.cpus > 0:
        text = _("running guests have {vcpus} vCPUs, the host has {cpus} CPUs").format(vcpus=vcpus, cpus=used.cpus)
        found.append(Warned("vcpus-overcommitted", text))
    if memory > used.memory > 0:
        words = _("running guests may take {promised} of memory, the host has {total}")
        found.append(Warned("memory-overcommitted", words.format(promised=size(memory), total=size(used.memory))))
    if used.swap_used >= SWAPPED:
        found.append(Warned("swap-in-use", _("{size} of swap in use").format(size=size(used.swap_used))))
    for room in rooms:
        if room.free < room.total * (1 - FULL):
            words = _("pool {pool} is nearly full: {free} of {total} free")
            text = words.format(pool=room.pool, free=size(room.free), total=size(room.total))
            found.append(Warned("pool-nearly-full", text))
    for guest in seen:
        if not guest.answers:
            found.append(Warned("guest-no-answer", _("{guest} does not answer").format(guest=guest.name)))
    return found


def size(count: float) -> str:
    """Bytes for people, three digits at the most: 0 B, 12 KiB, 1.5 GiB."""
    unit = "B"
    for following in ("KiB", "MiB", "GiB", "TiB"):
        if count < 999.5:
            break
        count, unit = count / 1024, following
    return f"{count:.1f} {unit}" if count < 9.95 and unit != "B" else f"{count:.0f} {unit}"
