"""Who may walk to a path: each directory from the root down, as the kernel would go, with mode bits and POSIX ACL.

The rules are those of acl(5), "ACCESS CHECK ALGORITHM"; the bytes of an ACL those of linux/posix_acl_xattr.h.
"""

from __future__ import annotations

from kvmready.facts.known import Absent, Fact, Known, Unknown, missing
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Door

ACL = "system.posix_acl_access"
NO_ACL = ("ENODATA", "EOPNOTSUPP", "ENOTSUP")
"""No ACL here, or a file system that has none."""

EXECUTE = 1
LINKS = 40
"""Symbolic links that one walk follows at the most: path_resolution(7)."""

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
VERSION = 2


class Entry(NamedTuple):
    """One entry of an ACL: its tag, its permission bits, and whom it names (of USER and GROUP entries)."""

    tag: int
    bits: int
    whom: int


class Folder(NamedTuple):
    """A directory on the way. ``acl`` is Absent where the mode bits alone say who may enter."""

    path: str
    mode: int
    uid: int
    gid: int
    acl: Fact[tuple[Entry, ...]]


class Way(NamedTuple):
    """The directories down to ``target``, resolved. ``stopped`` says why the rest could not be seen, else ""."""

    target: str
    folders: tuple[Folder, ...]
    stopped: str = ""


class Who(NamedTuple):
    """Whose rights count: a user with all groups that a process of theirs has."""

    name: str
    uid: int
    gids: tuple[int, ...]


def parse_acl(digits: str) -> tuple[Entry, ...] | None:
    """The entries of an ACL, from the attribute's bytes in hexadecimal; None for bytes that are no ACL."""
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    if len(raw) < 4 or (len(raw) - 4) % 8 or int.from_bytes(raw[:4], "little") != VERSION:
        return None
    return tuple(
        Entry(
            int.from_bytes(raw[at : at + 2], "little"),
            int.from_bytes(raw[at + 2 : at + 4], "little") & 7,
            int.from_bytes(raw[at + 4 : at + 8], "little"),
        )
        for at in range(4, len(raw), 8)
    )


def may_enter(folder: Folder, who: Who) -> bool | None:
    """Whether this user may pass through the directory; None where its ACL could not be read."""
    if who.uid == 0:
        return True
    if who.uid == folder.uid:
        return bool(folder.mode >> 6 & EXECUTE)
    if isinstance(folder.acl, Known):
        return _by_acl(folder.acl.value, folder, who)
    if not isinstance(folder.acl, Absent):
        return None
    if folder.gid in who.gids:
        return bool(folder.mode >> 3 & EXECUTE)
    return bool(folder.mode & EXECUTE)


def _by_acl(entries: tuple[Entry, ...], folder: Folder, who: Who) -> bool:
    mask = next((entry.bits for entry in entries if entry.tag == MASK), 7)
    own = next((entry for entry in entries if entry.tag == USER and entry.whom == who.uid), None)
    if own is not None:
        return bool(own.bits & mask & EXECUTE)
    matching = [
        entry
        for entry in entries
        if (entry.tag == GROUP_OBJ and folder.gid in who.gids) or (entry.tag == GROUP and entry.whom in who.gids)
    ]
    if matching:
        return any(entry.bits & mask & EXECUTE for entry in matching)
    return any(entry.bits & EXECUTE for entry in entries if entry.tag == OTHER)


def blocked(way: Way, who: Who) -> tuple[Folder, ...]:
    """The directories that this user may not pass, in order."""
    return tuple(folder for folder in way.folders if may_enter(folder, who) is False)


def unsure(way: Way, who: Who) -> str:
    """Why it is not known whether this user reaches the target; "" when it is."""
    unread = next((folder for folder in way.folders if may_enter(folder, who) is None), None)
    return way.stopped or (f"getfacl {unread.path}" if unread is not None else "")


def parent(path: str) -> str:
    """The directory of an absolute path."""
    return path.rstrip("/").rpartition("/")[0] or "/"


def parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def walk(host: Door, target: str) -> Way:
    """Go down to the directory ``target`` (absolute) and see who may follow; what does not exist ends the way."""
    left = parts(target)
    here = "/"
    folders = [_folder(host, here)]
    links = 0
    while left:
        name = left.pop(0)
        if name == "..":
            here = parent(here)
            continue
        path = f"{here.rstrip('/')}/{name}"
        link = host.readlink(path)
        if not link.error:
            links += 1
            if links > LINKS:
                return _way(target, folders, f"{path}: ELOOP")
            left = parts(link.text) + left
            here = "/" if link.text.startswith("/") else here
            continue
        if link.error != "EINVAL":
            return _way(target, folders, "" if link.error == "ENOENT" else f"{path}: {link.error}")
        folders.append(_folder(host, path))
        here = path
    return _way(target, folders, "")


def _way(target: str, folders: list[Folder | str], stopped: str) -> Way:
    seen = {folder.path: folder for folder in folders if isinstance(folder, Folder)}
    unseen = next((folder for folder in folders if isinstance(folder, str)), "")
    return Way(target, tuple(seen.values()), unseen or stopped)


def _folder(host: Door, path: str) -> Folder | str:
    """The directory, or why it could not be seen."""
    status = host.stat(path)
    if status.error or status.kind != "directory":
        return f"{path}: {status.error or 'ENOTDIR'}"
    reading = host.attribute(path, ACL)
    acl: Fact[tuple[Entry, ...]]
    if reading.error:
        acl = Absent(path) if reading.error in NO_ACL else missing(reading.error, f"getfacl {path}")
    else:
        entries = parse_acl(reading.text)
        acl = Unknown(f"getfacl {path}") if entries is None else Known(entries)
    return Folder(path, status.mode, status.uid, status.gid, acl)
