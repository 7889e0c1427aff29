"""A first root for a Linux guest: a cpio archive of the format "newc", which every kernel unpacks (cpio(5))."""

from __future__ import annotations

from collections.abc import Iterable

from kvmready.typed import NamedTuple, Optional

DIRECTORY = 0o040755
PROGRAM = 0o100755
FILE = 0o100644
CHARACTER = 0o020600


class Member(NamedTuple):
    """One entry. ``mode`` holds the type as well; ``device`` is major and minor of a device node."""

    name: str
    mode: int = DIRECTORY
    content: bytes = b""
    device: Optional[tuple[int, int]] = None


def archive(members: Iterable[Member]) -> bytes:
    """The whole archive, uncompressed; folders have to stand before what lies in them."""
    parts = [_entry(member, number) for number, member in enumerate(members, 1)]
    return b"".join((*parts, _entry(Member("TRAILER!!!", 0), 0)))


def _entry(member: Member, inode: int) -> bytes:
    name = member.name.encode() + b"\0"
    major, minor = member.device or (0, 0)
    fields = (inode, member.mode, 0, 0, 1, 0, len(member.content), 0, 0, major, minor, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + member.content + bytes(-len(member.content) % 4)
