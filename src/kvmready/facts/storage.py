"""The default storage pool, the room where it keeps guests' disks, and whether QEMU's user can walk there."""

from __future__ import annotations

import re
from collections.abc import Callable

from kvmready.facts import guests
from kvmready.facts.known import Absent, Fact, Known, Unknown, missing
from kvmready.facts.reach import Folder, Way, Who, blocked, parent, walk
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.guests import Guests
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
    """``path`` exists and is what was asked or the nearest parent of it; ``free`` and ``total`` are bytes.

    ``nodes`` is how many files the file system can hold, 0 where it has no such limit, ``free_nodes`` how many more.
    """

    path: str
    free: int
    total: int
    nodes: int = 0
    free_nodes: int = 0


class Storage(NamedTuple):
    """``pool`` is Absent where libvirt has no such pool. ``path`` is where its guests' disks are or would be.

    ``qemu`` is the user whose rights guests have, Absent where the host knows none yet. ``way`` leads to the pool's
    directory, ``ways`` to the directories of the guests' disks. ``work`` is the room where libvirt and QEMU work.
    ``setfacl`` is its path, asked only where a directory is closed to QEMU's user.
    """

    pool: Fact[Pool]
    path: str
    room: Fact[Room]
    guests: Fact[Guests]
    qemu: Fact[Who]
    way: Fact[Way]
    ways: Fact[tuple[Way, ...]]
    work: tuple[tuple[str, Fact[Room]], ...]
    setfacl: Fact[str] = Unknown("not asked")


WORK = ("/run", "/var/tmp", "/var/log")
"""Sockets and state of running guests, temporary files of QEMU (snapshot=on) and of virt-install, and all logs."""

WAYS = 32
"""Directories with guests' disks that are looked at, at the most."""

PASSWD = "/etc/passwd"


def parse_pool(info: str, xml: str) -> Pool | None:
    """``virsh pool-info`` (its C-locale labels) with ``pool-dumpxml``; None for text that is no such answer."""
    values = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in info.splitlines())}
    if not values.get("State"):
        return None
    kind = re.search(r"<pool\b[^>]*\btype=['\"]([^'\"]+)['\"]", xml)
    target = re.search(r"<target>\s*<path>([^<]*)</path>", xml)
    path = guests.unescape(target.group(1).strip()) if target else ""
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
            return Known(Room(path, space.free, space.total, space.nodes, space.free_nodes))
        if path in ("/", "") or space.error not in ("ENOENT", "EACCES", "ENOTDIR"):
            return missing(space.error, path)
        path = parent(path)


def parse_qemu_ids(capabilities: str) -> tuple[int, int] | None:
    """The user and group of QEMU by libvirt's word: the DAC model's base label ``+UID:+GID``."""
    dac = re.search(r"<model>dac</model>.*?</secmodel>", capabilities, re.DOTALL)
    label = re.search(r"<baselabel type='kvm'>\+(\d{1,10}):\+(\d{1,10})</baselabel>", dac.group()) if dac else None
    return None if label is None else (int(label.group(1)), int(label.group(2)))


def parse_user_name(passwd: str, uid: int) -> str:
    """The name of a user in passwd(5); empty where it is not there."""
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(uid):
            return fields[0]
    return ""


def _qemu(host: Door, names: Names, virsh: Virsh) -> Fact[Who]:
    """Whose rights guests have: as libvirt says where it can be asked, else the distribution's user of QEMU."""
    account = host.account(names.qemu_user)
    capabilities = virsh.text("capabilities")
    ids = parse_qemu_ids(capabilities.value) if isinstance(capabilities, Known) else None
    if ids is None or (not account.error and ids[0] == account.uid):
        if account.error:
            return Absent(names.qemu_user)
        gids = {account.gid, *(number for _, number in account.groups), *(ids[1:] if ids else ())}
        return Known(Who(account.name, account.uid, tuple(sorted(gids))))
    # qemu.conf names another user than the distribution does.
    uid, gid = ids
    name = "root" if uid == 0 else parse_user_name(host.read(PASSWD).text, uid)
    own = host.account(name) if name and uid else None
    gids = {gid, *(number for _, number in own.groups)} if own is not None else {gid}
    return Known(Who(name or f"+{uid}", uid, tuple(sorted(gids))))


def _ways(host: Door, guests: Fact[Guests]) -> Fact[tuple[Way, ...]]:
    if not isinstance(guests, Known):
        return guests
    images = guests.value.images
    if not isinstance(images, Known):
        return images
    folders = tuple(dict.fromkeys(parent(image) for image in images.value))
    return Known(tuple(walk(host, folder) for folder in folders[:WAYS]))


def ask(host: Door, names: Names, want: Want, virsh: Callable[[], Virsh]) -> Callable[[], Storage]:
    """The pending virsh tells where the pool is; the room is asked there, and the way to it is walked."""
    known = guests.look(host) if want.profile != "minimal" else Unknown("not asked")
    kept: list[Storage] = []

    def answered() -> Storage:
        if not kept:
            kept.append(_answered(host, names, want, virsh(), known))
        return kept[0]

    return answered


def _answered(host: Door, names: Names, want: Want, virsh: Virsh, known: Fact[Guests]) -> Storage:
    pool = from_virsh(virsh)
    wanted = want.pool_path or names.pool_path
    path = pool.value.path if isinstance(pool, Known) and pool.value.path.startswith("/") else wanted
    room = room_at(host, path)
    unasked = Unknown("not asked")
    if want.profile == "minimal":
        return Storage(pool, path, room, known, unasked, unasked, unasked, ())
    qemu = _qemu(host, names, virsh)
    way: Fact[Way] = unasked
    ways: Fact[tuple[Way, ...]] = unasked
    if isinstance(qemu, Known) and qemu.value.uid != 0:
        way, ways = Known(walk(host, path)), _ways(host, known)
    work = tuple((folder, room_at(host, folder)) for folder in WORK)
    found = Storage(pool, path, room, known, qemu, way, ways, work)
    return found._replace(setfacl=_setfacl(host)) if closed_folders(found) else found


SETFACL = ("/usr/bin/setfacl", "/bin/setfacl")


def _setfacl(host: Door) -> Fact[str]:
    found = next((path for path in SETFACL if not host.stat(path).error), None)
    return Absent(SETFACL[0]) if found is None else Known(found)


def closed_folders(storage: Storage) -> tuple[Folder, ...]:
    """Every directory that QEMU's user may not pass, on the way to the pool and to the guests' disks."""
    who = storage.qemu
    if not isinstance(who, Known):
        return ()
    ways = [storage.way.value] if isinstance(storage.way, Known) else []
    ways += storage.ways.value if isinstance(storage.ways, Known) else ()
    found = {folder.path: folder for way in ways for folder in blocked(way, who.value)}
    return tuple(found[path] for path in sorted(found))
