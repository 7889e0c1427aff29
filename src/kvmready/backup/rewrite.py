"""A saved definition made fit for the place where it is restored: its name, UUID, addresses and paths."""

from __future__ import annotations

import re

from kvmready.domains.definition import tree
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CHANNELS = "/var/lib/libvirt/qemu/"
"""A socket below it is libvirt's own choice, named after the guest."""

_NAMESPACE = re.compile(r"""xmlns:([A-Za-z_][\w.-]*)=["']([^"'<>]+)["']""")


class Placed(NamedTuple):
    """Where a drive's image is now, and its format ("" for what it was)."""

    path: str
    format: str


def rewritten(xml: str, drives: dict[str, Placed], nvram: str, name: str = "", uuid: str = "") -> str:
    """The definition with its drives by target, and its firmware variables, at their new places.

    With ``name`` and ``uuid`` it is that of a new guest: what has to be unique is left for libvirt to choose. Raises
    WorkError for what is no definition.
    """
    from xml.etree import ElementTree

    for prefix, space in _NAMESPACE.findall(xml):
        if not re.fullmatch(r"ns\d+|xml", prefix):  # those are the parser's own
            ElementTree.register_namespace(prefix, space)
    root = tree(xml)
    for disk in root.findall("devices/disk"):
        target = disk.find("target")
        placed = drives.get(target.get("dev", "") if target is not None else "")
        if placed is not None:
            _place(disk, placed)
    element = root.find("os/nvram")
    if element is not None and nvram:
        for inner in list(element):
            element.remove(inner)
        element.attrib.pop("type", None)
        element.text = nvram
    if name:
        _rename(root, name, uuid)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _place(disk: Element, placed: Placed) -> None:
    from xml.etree import ElementTree

    for tag in ("source", "backingStore", "mirror"):
        for element in disk.findall(tag):
            disk.remove(element)
    disk.set("type", "file")
    ElementTree.SubElement(disk, "source", {"file": placed.path})
    driver = disk.find("driver")
    if driver is None:
        driver = ElementTree.SubElement(disk, "driver", {"name": "qemu"})
    if placed.format:
        driver.set("type", placed.format)


def _rename(root: Element, name: str, uuid: str) -> None:
    for tag, text in (("name", name), ("uuid", uuid)):
        element = root.find(tag)
        if element is not None:
            element.text = text
    for entry in root.findall("sysinfo/system/entry"):
        if entry.get("name") == "uuid":
            entry.text = uuid  # libvirt refuses another one than the guest's own
    genid = root.find("genid")
    if genid is not None:
        genid.text = None
    for interface in root.findall("devices/interface"):
        for tag in ("mac", "target"):
            for element in interface.findall(tag):
                interface.remove(element)
    for channel in root.findall("devices/channel"):
        for source in channel.findall("source"):
            if source.get("path", "").startswith(CHANNELS):
                channel.remove(source)
