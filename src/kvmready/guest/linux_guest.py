"""The program that a Linux guest runs to prove itself (linux_guest.c), and how it is called.

The same program, called as ``host``, does the same measured work on the host.
"""

from __future__ import annotations

PORT = 7717
"""TCP port on which a guest answers."""

SENT = 16 << 20
"""Bytes of an answer to SEND, and of the file or disk that is measured."""


def program() -> bytes:
    """An ELF executable for x86-64 that needs no library."""
    import pkgutil

    content = pkgutil.get_data(__package__ or "", "linux_guest.elf")
    assert content is not None  # a loader without get_data; those of files and of archives have it
    return content


def words(role: str, nonce: str, key: int, disk: str) -> tuple[str, ...]:
    """Its arguments. ``role`` is guest or host; ``disk`` is a block device, or on the host a file that is there."""
    return (role, nonce, f"{key:08x}", disk)


def first_root(modules: tuple[bytes, ...]) -> bytes:
    """A first root (cpio) whose init is that program; ``modules`` are loaded in their order."""
    from kvmready.guest.cpio import CHARACTER, FILE, PROGRAM, Member, archive

    members = [Member(name) for name in ("dev", "proc", "sys", "modules")]
    members.append(Member("dev/console", CHARACTER, device=(5, 1)))
    members.append(Member("init", PROGRAM, program()))
    members += [Member(f"modules/{number:02d}", FILE, content) for number, content in enumerate(modules)]
    return archive(members)
