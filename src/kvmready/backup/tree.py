"""Folders of the host as tar files, read and written through the door; what is unpacked is checked name by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kvmready.backup.refused import Damaged
from kvmready.host.door import Command, Workshop
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tarfile import TarFile

LARGEST = 64 << 20
"""Bytes of one file; configuration and TPM state have kilobytes."""

DEEPEST = 16

Leave = Callable[[str], bool]
"""Whether a path is left out."""

Scrub = Callable[[str, bytes], bytes]
"""The content of a file as it is saved."""


class Packed(NamedTuple):
    """What became of a folder: the bytes of its tar, and the paths that were too large or could not be read."""

    content: bytes
    missed: tuple[str, ...]


def pack(
    host: Workshop,
    folders: Iterable[str],
    leave: Leave = lambda _path: False,
    more: dict[str, str] | None = None,
    scrub: Scrub = lambda _path, content: content,
) -> Packed:
    """The folders with all in them, by their paths without the first slash; ``more`` are texts beside them."""
    import io
    import tarfile

    buffer = io.BytesIO()
    missed: list[str] = []
    rules = (leave, scrub)
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in folders:
            _add(host, archive, folder, rules, missed, 0)
        for name, text in (more or {}).items():
            _add_file(archive, name, text.encode("utf-8", "surrogateescape"), 0o600, 0, 0, host.now())
    return Packed(buffer.getvalue(), tuple(missed))


def _add(
    host: Workshop, archive: TarFile, path: str, rules: tuple[Leave, Scrub], missed: list[str], depth: int
) -> None:
    import tarfile

    leave, scrub = rules
    if leave(path):
        return
    link = host.readlink(path)
    name = path.lstrip("/")
    if not link.error:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mtime = tarfile.SYMTYPE, link.text, int(host.now())
        archive.addfile(info)
        return
    seen = host.stat(path)
    if seen.error or depth > DEEPEST:
        missed.append(f"{path}: {seen.error or 'ELOOP'}")
    elif seen.kind == "directory":
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.uid, info.gid, info.mtime = (
            tarfile.DIRTYPE,
            seen.mode,
            seen.uid,
            seen.gid,
            int(host.now()),
        )
        archive.addfile(info)
        for inner in host.listdir(path).names:
            _add(host, archive, f"{path}/{inner}", rules, missed, depth + 1)
    elif seen.kind == "file" and seen.size <= LARGEST:
        try:
            content = scrub(path, host.read_bytes(path))
        except OSError as error:
            missed.append(f"{path}: {error.strerror or error}")
            return
        _add_file(archive, name, content, seen.mode, seen.uid, seen.gid, host.now())
    elif seen.kind == "file":
        missed.append(f"{path}: EFBIG")


def _add_file(archive: TarFile, name: str, content: bytes, mode: int, uid: int, gid: int, now: float) -> None:
    import io
    import tarfile

    info = tarfile.TarInfo(name)
    info.size, info.mode, info.uid, info.gid, info.mtime = len(content), mode, uid, gid, int(now)
    archive.addfile(info, io.BytesIO(content))


def save(host: Workshop, content: bytes, folder: str, name: str) -> str:
    """A tar into ``folder``, compressed by the host's zstd, else by gzip; returns its name. Raises OSError."""
    path = f"{folder}/{name}.tar"
    host.write(path, content, 0o600, lasting=False)
    result = host.change(Command(("zstd", "-q", "--rm", "--", path), timeout=600.0))
    if result.ok:
        return f"{name}.tar.zst"
    import gzip

    host.write(f"{path}.gz", gzip.compress(content, mtime=0), 0o600, lasting=False)
    host.remove(path, lasting=False)
    return f"{name}.tar.gz"


def load(host: Workshop, path: str, folder: str) -> list[tuple[str, bytes, int]]:
    """The plain files of a saved tar: name, content, mode; ``folder`` is for what is only needed meanwhile.

    Raises Damaged for one that holds links, or reaches outside of itself.
    """
    import gzip
    import io
    import tarfile

    try:
        if path.endswith(".zst"):
            plain = f"{folder}/plain.tar"
            result = host.change(Command(("zstd", "-q", "-d", "-o", plain, "--", path), timeout=600.0))
            if not result.ok:
                raise Damaged(_("{file} cannot be read.").format(file=path), result.stderr.strip() or "zstd")
            try:
                content = host.read_bytes(plain)
            finally:
                host.remove(plain, lasting=False)
        else:
            content = gzip.decompress(host.read_bytes(path))
        found = []
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                parts = member.name.split("/")
                if member.isdir():
                    continue
                if not member.isreg() or member.name.startswith("/") or ".." in parts or "" in parts:
                    raise Damaged(_("{file} holds what no backup holds: {name}").format(file=path, name=member.name))
                file = archive.extractfile(member)
                found.append((member.name, file.read() if file is not None else b"", member.mode & 0o777))
        return found
    except (OSError, EOFError, tarfile.TarError) as error:
        raise Damaged(_("{file} cannot be read.").format(file=path), str(error)) from None
