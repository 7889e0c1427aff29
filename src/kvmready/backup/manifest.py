"""The manifest of a backup: what it holds, each file with its size and SHA-256. It is written last.

Its text comes from a disk that may have been damaged or written by somebody else, so that nothing in it is believed:
ids, paths and numbers are checked before they are used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvmready.errors import InputError
from kvmready.i18n import _
from kvmready.typed import Any, NamedTuple

SCHEMA = "kvmready.backup/1"
NAME = "manifest.json"
LIMIT = 16 << 20
"""Bytes; a manifest has some hundred for each file."""

ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
SUM = re.compile(r"[0-9a-f]{64}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TARGET = re.compile(r"[a-z]{2,8}\d{0,4}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KINDS = ("guest", "host")
LEVELS = ("full", "incremental")
METHODS = ("job", "snapshot", "offline", "none")
"""How the disks were read: libvirt's backup job, an external snapshot, the disks of a guest that is shut off; none."""


class Item(NamedTuple):
    """One file of the backup; ``path`` is its plain name in the backup's folder."""

    path: str
    size: int
    sha256: str


class Disk(NamedTuple):
    """A saved disk. ``source`` is where it was, ``format`` what it was there, ``size`` what the guest sees, bytes."""

    target: str
    file: str
    source: str
    format: str
    size: int


class Manifest(NamedTuple):
    """One backup. ``base`` is the backup that an incremental one stands on; ``checkpoint`` libvirt's, if one was made.

    ``quiesced``: the guest's file systems were frozen by its agent at the moment of the backup. ``left_out`` are
    sentences about what it does not hold.
    """

    id: str
    kind: str
    taken_at: str
    version: str
    hostname: str
    name: str
    uuid: str
    level: str
    method: str
    base: str
    checkpoint: str
    quiesced: bool
    autostart: bool
    disks: tuple[Disk, ...]
    items: tuple[Item, ...]
    left_out: tuple[str, ...]

    @property
    def group(self) -> str:
        """What this is a backup of: the UUID of a guest, or ``host``."""
        return self.uuid or "host"

    @property
    def size(self) -> int:
        return sum(item.size for item in self.items)

    def has(self, path: str) -> bool:
        return any(item.path == path for item in self.items)


def to_json(manifest: Manifest) -> str:
    import json

    document = {
        "schema": SCHEMA,
        **manifest._asdict(),
        "disks": [disk._asdict() for disk in manifest.disks],
        "items": [item._asdict() for item in manifest.items],
        "left_out": list(manifest.left_out),
    }
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def parse(text: str, place: str) -> Manifest:
    """The manifest in ``text``, read from the file ``place``. Raises InputError for what is none."""
    import json

    try:
        return _manifest(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            _("{file} is not the manifest of a backup.").format(file=place), f"{type(error).__name__}: {error}"
        ) from None


def _manifest(raw: Any) -> Manifest:
    if not isinstance(raw, dict) or raw["schema"] != SCHEMA:
        raise ValueError("schema")
    items = tuple(_item(one) for one in _list(raw, "items"))
    held = {item.path for item in items}
    disks = tuple(_disk(one) for one in _list(raw, "disks"))
    if len(held) != len(items) or NAME in held or any(disk.file not in held for disk in disks):
        raise ValueError("items")
    if len({disk.target for disk in disks}) != len(disks):
        raise ValueError("disks")
    kind = _one_of(raw, "kind", KINDS)
    level = _one_of(raw, "level", LEVELS)
    base = _text(raw, "base")
    if bool(base) != (level == "incremental"):
        raise ValueError("base")
    found = Manifest(
        id=_matching(raw, "id", ID),
        kind=kind,
        taken_at=_matching(raw, "taken_at", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")),
        version=_text(raw, "version"),
        hostname=_text(raw, "hostname"),
        name=_text(raw, "name"),
        uuid=_matching(raw, "uuid", UUID if kind == "guest" else re.compile("")),
        level=level,
        method=_one_of(raw, "method", METHODS),
        base=_matching(raw, "base", ID) if base else "",
        checkpoint=_text(raw, "checkpoint"),
        quiesced=_flag(raw, "quiesced"),
        autostart=_flag(raw, "autostart"),
        disks=disks,
        items=items,
        left_out=tuple(_sentence(one) for one in _list(raw, "left_out")),
    )
    if found.base >= found.id:  # an id begins with its time; so that no chain of bases is a ring
        raise ValueError("base")
    return found


def _item(raw: Mapping[str, Any]) -> Item:
    return Item(_matching(raw, "path", _FILE), _size(raw), _matching(raw, "sha256", SUM))


def _disk(raw: Mapping[str, Any]) -> Disk:
    source = _text(raw, "source")
    if "\0" in source:
        raise ValueError("source")
    return Disk(
        _matching(raw, "target", TARGET),
        _matching(raw, "file", _FILE),
        source,
        _matching(raw, "format", re.compile(r"[a-z0-9]{2,16}")),
        _size(raw),
    )


def _list(raw: Mapping[str, Any], key: str) -> list[Any]:
    if not isinstance(raw[key], list):
        raise TypeError(key)
    return list(raw[key])


def _sentence(one: Any) -> str:
    if not isinstance(one, str):
        raise TypeError("left_out")
    return one


def _flag(raw: Mapping[str, Any], key: str) -> bool:
    if not isinstance(raw[key], bool):
        raise TypeError(key)
    return bool(raw[key])


def _text(raw: Mapping[str, Any], key: str) -> str:
    if not isinstance(raw[key], str):
        raise TypeError(key)
    return str(raw[key])


def _matching(raw: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    text = _text(raw, key)
    if not pattern.fullmatch(text):
        raise ValueError(key)
    return text


def _one_of(raw: Mapping[str, Any], key: str, words: tuple[str, ...]) -> str:
    text = _text(raw, key)
    if text not in words:
        raise ValueError(key)
    return text


def _size(raw: Mapping[str, Any]) -> int:
    size = raw["size"]
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 62:
        raise ValueError("size")
    return size
