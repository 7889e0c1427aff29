"""One domain's definition, its XML as values: disks with their images, interfaces, firmware, memory."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from kvmready.domains.connection import Libvirt

UNITS = {
    "b": 1,
    "bytes": 1,
    "kb": 10**3,
    "k": 1 << 10,
    "kib": 1 << 10,
    "mb": 10**6,
    "m": 1 << 20,
    "mib": 1 << 20,
    "gb": 10**9,
    "g": 1 << 30,
    "gib": 1 << 30,
    "tb": 10**12,
    "t": 1 << 40,
    "tib": 1 << 40,
}
"""libvirt, docs/formatdomain.rst, "memory": the unit in bytes; KiB where there is none."""

DEFINITION_LIMIT = 60.0
DEEPEST = 64
TPM_FOLDER = "/var/lib/libvirt/swtpm"
"""libvirt, src/qemu/qemu_tpm.c: the state of an emulated TPM lies in a folder named by the domain's UUID."""


class Image(NamedTuple):
    """One image: ``kind`` is file, block, network, volume, dir, nvme, vhostuser; ``path`` is what it calls its source.

    ``path`` is a path for file, block and dir, POOL/VOLUME for volume, PROTOCOL:NAME for network, else "".
    """

    kind: str
    path: str
    format: str


class Disk(NamedTuple):
    """A disk. ``device`` is disk, cdrom, floppy or lun; ``image`` is None for an empty drive.

    ``backing`` are the images below it, nearest first, as far as libvirt writes them: it does for a running domain.
    """

    target: str
    bus: str
    device: str
    image: Image | None
    backing: tuple[Image, ...]
    read_only: bool
    shareable: bool

    @property
    def path(self) -> str:
        """The path of its file or block device, "" where it has none."""
        return self.image.path if self.image is not None and self.image.kind in ("file", "block") else ""


class Interface(NamedTuple):
    """A network interface. ``source`` is the network, bridge or device; ``target`` what it is called on the host."""

    kind: str
    source: str
    mac: str
    model: str
    target: str


class Definition(NamedTuple):
    """A domain. ``memory`` is the most that it may have and ``current_memory`` what it is given, in bytes.

    ``nvram`` is the path of its UEFI variables and ``loader`` of its firmware, "" where it has none; ``tpm`` is the
    backend (emulator, passthrough), ``tpm_state`` the folder of an emulated one. ``metadata`` maps the name of each
    element in <metadata>, ``{namespace}name``, to its XML. ``xml`` is the whole text.
    """

    name: str
    uuid: str
    title: str
    domain_type: str
    arch: str
    machine: str
    emulator: str
    memory: int
    current_memory: int
    vcpus: int
    current_vcpus: int
    uefi: bool
    loader: str
    nvram: str
    tpm: str
    disks: tuple[Disk, ...]
    interfaces: tuple[Interface, ...]
    metadata: dict[str, str]
    xml: str

    @property
    def tpm_state(self) -> str:
        return f"{TPM_FOLDER}/{self.uuid}" if self.tpm == "emulator" else ""

    def image_paths(self) -> tuple[str, ...]:
        """Every file and block device that its disks stand on."""
        found: dict[str, None] = {}
        for disk in self.disks:
            for image in (*(() if disk.image is None else (disk.image,)), *disk.backing):
                if image.kind in ("file", "block") and image.path:
                    found[image.path] = None
        return tuple(found)


def tree(text: str) -> Element:
    """XML that libvirt wrote, as a tree. Raises WorkError for what is none, and for a document type: libvirt writes
    none, and what an entity stands for could be anything."""
    from xml.etree import ElementTree

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise WorkError(_("libvirt's XML holds a document type, which it never writes."))
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise WorkError(_("libvirt's XML cannot be read."), str(error)) from None


def parse(text: str) -> Definition:
    """Raises WorkError for what is no definition."""
    root = tree(text)
    memory = size_of(root.find("memory"))
    loader, nvram = root.find("os/loader"), root.find("os/nvram")
    firmware = root.find("os")
    tpm = root.find("devices/tpm/backend")
    vcpu = root.find("vcpu")
    vcpus = _number(_text(root, "vcpu")) or 1
    return Definition(
        name=_text(root, "name", strip=False),
        uuid=_text(root, "uuid"),
        title=_text(root, "title"),
        domain_type=root.get("type", ""),
        arch=_attribute(root, "os/type", "arch"),
        machine=_attribute(root, "os/type", "machine"),
        emulator=_text(root, "devices/emulator", strip=False),
        memory=memory,
        current_memory=size_of(root.find("currentMemory")) or memory,
        vcpus=vcpus,
        current_vcpus=_number(vcpu.get("current", "") if vcpu is not None else "") or vcpus,
        uefi=(firmware is not None and firmware.get("firmware") == "efi")
        or (loader is not None and loader.get("type") == "pflash"),
        loader=(loader.text or "").strip() if loader is not None else "",
        nvram=_nvram(nvram),
        tpm=tpm.get("type", "") if tpm is not None else "",
        disks=tuple(_disk(element) for element in root.findall("devices/disk")),
        interfaces=tuple(_interface(element) for element in root.findall("devices/interface")),
        metadata=_metadata(root.find("metadata")),
        xml=text,
    )


def definition_of(libvirt: Libvirt, uuid: str, inactive: bool = False) -> Definition:
    """The definition of one domain: as it runs, or as it will next time (``inactive``). Raises LibvirtError."""
    return parse(libvirt.text("dumpxml", f"--domain={uuid}", *(("--inactive",) if inactive else ())))


def definitions_of(libvirt: Libvirt, uuids: Sequence[str], inactive: bool = False) -> dict[str, Definition]:
    """Those of many, by UUID, from one virsh for each 200; one that is gone by now is left out.

    Raises LibvirtError when libvirt does not answer, or not in time.
    """
    more = " --inactive" if inactive else ""
    answers = libvirt.script([f"dumpxml --domain={uuid}{more}" for uuid in uuids], DEFINITION_LIMIT)
    found = {}
    for uuid, answer in zip(uuids, answers):
        if answer.out.strip():
            found[uuid] = parse(answer.out)
        elif not answer.complete:
            libvirt.text("dumpxml", f"--domain={uuid}")  # says by itself what is wrong
    return found


def _text(root: Element, path: str, strip: bool = True) -> str:
    text = root.findtext(path) or ""
    return text.strip() if strip else text


def _attribute(root: Element, path: str, name: str) -> str:
    found = root.find(path)
    return found.get(name, "") if found is not None else ""


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def size_of(element: Element | None) -> int:
    """A size with its unit, in bytes; 0 for none."""
    if element is None:
        return 0
    return _number((element.text or "").strip()) * UNITS.get(element.get("unit", "KiB").lower(), 1 << 10)


def _nvram(element: Element | None) -> str:
    """<nvram>PATH</nvram>, or since libvirt 8.5 <nvram type='file'><source file='PATH'/></nvram>."""
    if element is None:
        return ""
    return (element.text or "").strip() or _attribute(element, "source", "file")


def _disk(element: Element) -> Disk:
    backing: list[Image] = []
    below = element.find("backingStore")
    while below is not None and len(backing) < DEEPEST:
        image = _image(below, _attribute(below, "format", "type"))
        if image is not None:
            backing.append(image)
        below = below.find("backingStore")
    return Disk(
        target=_attribute(element, "target", "dev"),
        bus=_attribute(element, "target", "bus"),
        device=element.get("device", "disk"),
        image=_image(element, _attribute(element, "driver", "type")),
        backing=tuple(backing),
        read_only=element.find("readonly") is not None,
        shareable=element.find("shareable") is not None,
    )


def _image(element: Element, format: str) -> Image | None:
    kind = element.get("type", "")
    source = element.find("source")
    if source is None:
        return None
    path = {
        "file": source.get("file", ""),
        "block": source.get("dev", ""),
        "dir": source.get("dir", ""),
        "volume": f"{source.get('pool', '')}/{source.get('volume', '')}",
        "network": f"{source.get('protocol', '')}:{source.get('name', '')}",
    }.get(kind, "")
    return Image(kind, path, format) if path or kind not in ("file", "block") else None


def _interface(element: Element) -> Interface:
    kind = element.get("type", "")
    named = {"network": "network", "bridge": "bridge", "direct": "dev"}.get(kind, "")
    return Interface(
        kind,
        _attribute(element, "source", named),
        _attribute(element, "mac", "address"),
        _attribute(element, "model", "type"),
        _attribute(element, "target", "dev"),
    )


def _metadata(element: Element | None) -> dict[str, str]:
    from xml.etree import ElementTree

    if element is None:
        return {}
    return {child.tag: ElementTree.tostring(child, encoding="unicode").strip() for child in element}
