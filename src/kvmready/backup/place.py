"""Where the parts of a restored guest go: their old places, where these are fit for it, else the default pool.

The old places come from the backup, so that they are looked at as if a stranger had written them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kvmready.backup.manifest import Disk
from kvmready.backup.parts import medium_file
from kvmready.backup.refused import IN_THE_WAY, NO_POOL, Refused
from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import Definition, tree
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Workshop

POOL = "default"
NVRAM = "/var/lib/libvirt/qemu/nvram"
SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "usr")
"""Folders at the root in which no disk of a guest belongs."""


class File(NamedTuple):
    """One file to be put back. ``format`` is that of a disk; "" for what is copied as it is. ``over``: one is there."""

    target: str
    path: str
    format: str
    over: bool


def plain(name: str) -> str:
    """A guest's name as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".-")[:100] or "guest"


def is_fit(host: Workshop, path: str) -> bool:
    """Whether a disk may be put there: a whole, plain path in a folder that exists and is none of the system's."""
    parts = path.split("/")
    if not path.startswith("/") or len(parts) < 3 or any(part in ("", ".", "..") for part in parts[1:]):
        return False
    if parts[1] in SYSTEM:
        return False
    folder = ""
    for part in parts[1:-1]:
        folder += "/" + part
        if host.stat(folder).kind != "directory" or not host.readlink(folder).error:
            return False
    return True


def pool(libvirt: Libvirt) -> str:
    """The folder of the default pool. Raises WorkError where there is none."""
    result = libvirt.run("pool-dumpxml", f"--pool={POOL}")
    path = tree(result.stdout).findtext("target/path") if result.ok else ""
    if not path:
        raise Refused(
            NO_POOL,
            _("A disk has to go to the default storage pool, and there is none."),
            "",
            _("Make it, then run the same command again: kvmready up"),
        )
    return path


def free(host: Workshop, path: str) -> str:
    """``path``, or the first of ``path-1``, ``path-2`` … (before its ending) that is not there."""
    stem, dot, ending = path.rpartition(".")
    number = 0
    found = path
    while is_there(host, found):
        number += 1
        found = f"{stem}-{number}{dot}{ending}"
    return found


def is_there(host: Workshop, path: str) -> bool:
    return host.stat(path).error != "ENOENT" or not host.readlink(path).error


def disks(
    host: Workshop, libvirt: Libvirt, saved: Iterable[Disk], name: str, mine: frozenset[str], others: frozenset[str]
) -> list[File]:
    """Where the disks go. ``name`` is the new guest's, "" for the guest itself; ``mine`` are the disks of the guest
    that is overwritten, ``others`` those of all other guests. Raises WorkError where a file is in the way."""
    found: list[File] = []
    for disk in saved:
        fit = is_fit(host, disk.source)
        format = disk.format if disk.format in ("raw", "qcow2") else "qcow2"
        if fit and not name:
            there = is_there(host, disk.source)
            if there and (disk.source not in mine or disk.source in others):
                raise Refused(
                    IN_THE_WAY,
                    _("{path} is there already, and it is no disk of this guest.").format(path=disk.source),
                    "",
                    _("Move it away, or restore the guest under another name with --as."),
                )
            found.append(File(disk.target, disk.source, format, there))
            continue
        folder = disk.source.rpartition("/")[0] if fit else pool(libvirt)
        stem = plain(name) if name else plain(disk.source.rpartition("/")[2].rpartition(".")[0] or "disk")
        ending = "img" if format == "raw" else format
        found.append(File(disk.target, free(host, f"{folder}/{stem}-{disk.target}.{ending}"), format, False))
    return found


def media(host: Workshop, libvirt: Libvirt, defined: Definition, held: frozenset[str], name: str) -> list[File]:
    """Where small media go: those that are still at their old place stay as they are."""
    found = []
    for disk in defined.disks:
        if medium_file(disk.target) not in held or is_there(host, disk.path):
            continue
        path = disk.path
        if not is_fit(host, path):
            path = free(host, f"{pool(libvirt)}/{plain(name or defined.name)}-{disk.target}.img")
        found.append(File(disk.target, path, "", False))
    return found


def nvram(host: Workshop, defined: Definition, name: str, over: bool) -> File:
    """Where firmware variables go: libvirt's own folder for them."""
    path = defined.nvram
    if name or path.rpartition("/")[0] != NVRAM:
        path = f"{NVRAM}/{plain(name or defined.name)}_VARS.fd"
    there = is_there(host, path)
    if there and not over:
        path, there = free(host, path), False
    return File("nvram", path, "", there)
