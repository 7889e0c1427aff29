"""The guests that libvirt has on its system connection, by their definitions: their names and their disks' files."""

from __future__ import annotations

import re

from kvmready.facts.known import Fact, Known, missing
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Door

FOLDER = "/etc/libvirt/qemu"
"""One NAME.xml for each persistent guest: libvirt, src/qemu/qemu_conf.c (configDir)."""

LIMIT = 128
"""Definitions that are read at the most."""

_DISK = re.compile(r"<disk\b[^>]*>.*?</disk>", re.DOTALL)
_SOURCE = re.compile(r"<source\b[^>]*\bfile=(?:'([^']*)'|\"([^\"]*)\")")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&quot;", '"'), ("&amp;", "&"))


class Guests(NamedTuple):
    """``names`` of all guests, and the ``images`` (absolute paths) of those whose definition could be read."""

    names: tuple[str, ...]
    images: Fact[tuple[str, ...]]


def unescape(text: str) -> str:
    """The five entities that libvirt writes into XML, turned back."""
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def parse_images(xml: str) -> tuple[str, ...]:
    """The files behind the disks of a guest's definition, also of its backing chain where that is written out."""
    found: dict[str, None] = {}
    for disk in _DISK.finditer(xml):
        for source in _SOURCE.finditer(disk.group()):
            path = unescape(source.group(1) or source.group(2) or "")
            if path.startswith("/"):
                found[path] = None
    return tuple(found)


def look(host: Door, folder: str = FOLDER) -> Fact[Guests]:
    """Read the definitions; only root may, but where the folder is open the names can be seen by everybody."""
    listing = host.listdir(folder)
    if listing.error:
        return missing(listing.error, folder)
    names = tuple(name[:-4] for name in listing.names if name.endswith(".xml"))
    images: dict[str, None] = {}
    for name in names[:LIMIT]:
        path = f"{folder}/{name}.xml"
        reading = host.read(path)
        if reading.error:
            return Known(Guests(names, missing(reading.error, path)))
        images.update(dict.fromkeys(parse_images(reading.text)))
    return Known(Guests(names, Known(tuple(images))))
