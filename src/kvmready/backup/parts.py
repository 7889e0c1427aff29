"""The small files of a guest's backup: its definitions, firmware variables, TPM, media, and the networks it uses.

Definitions are asked for without libvirt's secrets: the passwords of screens are in no backup.
"""

from __future__ import annotations

from kvmready.backup import tree
from kvmready.backup.refused import NO_SPACE, UNREADABLE, Refused
from kvmready.backup.sources import Sources
from kvmready.domains.connection import Libvirt, LibvirtError
from kvmready.domains.definition import Definition
from kvmready.host.door import Command, Workshop
from kvmready.i18n import _
from kvmready.plan.command import explain
from kvmready.typed import Optional

DOMAIN = "domain.xml"
ACTIVE = "active.xml"
NVRAM = "nvram"
TPM = "tpm"
COPY_LIMIT = 600.0


def save(
    host: Workshop,
    libvirt: Libvirt,
    folder: str,
    defined: Definition,
    active: Optional[Definition],
    found: Sources,
) -> list[str]:
    """Writes them; returns their names. Raises WorkError, OSError."""
    names = [DOMAIN]
    host.write(f"{folder}/{DOMAIN}", _bytes(defined), 0o600, lasting=False)
    if active is not None:
        host.write(f"{folder}/{ACTIVE}", _bytes(active), 0o600, lasting=False)
        names.append(ACTIVE)
    nvram = (active or defined).nvram
    if nvram and not host.stat(nvram).error:  # it is made at the first start
        copy(host, nvram, f"{folder}/{NVRAM}")
        names.append(NVRAM)
    state = defined.tpm_state
    if state and not host.stat(state).error:
        packed = tree.pack(host, [state])
        if packed.missed:
            raise Refused(UNREADABLE, _("The state of the TPM cannot be read."), "; ".join(packed.missed))
        names.append(tree.save(host, packed.content, folder, TPM))
    for medium in found.media:
        copy(host, medium.path, f"{folder}/{medium_file(medium.target)}")
        names.append(medium_file(medium.target))
    for number, network in enumerate(networks(defined)):
        try:
            text = libvirt.text("net-dumpxml", f"--network={network}")
        except LibvirtError:
            continue  # it names a network that this host does not have
        host.write(f"{folder}/network-{number}.xml", text.encode("utf-8", "surrogateescape"), 0o600, lasting=False)
        names.append(f"network-{number}.xml")
    return names


def networks(defined: Definition) -> list[str]:
    """The names of libvirt's networks that a guest is in."""
    return sorted({one.source for one in defined.interfaces if one.kind == "network" and one.source})


def medium_file(target: str) -> str:
    return f"medium-{target}.img"


def copy(host: Workshop, source: str, target: str) -> None:
    """A plain copy with its holes. Raises WorkError."""
    argv = ("cp", "--sparse=always", "--", source, target)
    result = host.change(Command(argv, timeout=COPY_LIMIT))
    if not result.ok:
        cause = NO_SPACE if "No space left" in result.stderr else UNREADABLE
        raise Refused(cause, _("{file} cannot be copied.").format(file=source), explain(result))


def _bytes(one: Definition) -> bytes:
    return one.xml.encode("utf-8", "surrogateescape")
