"""The addresses of running guests, as libvirt's networks, the host's neighbours and the guests' agents know them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt

SOURCES = ("lease", "agent", "arp")
_ROW = re.compile(r"^\s*(\S+)\s+([0-9a-fA-F:]{17}|-)\s+(ipv[46])\s+([0-9a-fA-F.:]+)/(\d+)\s*$")


class Address(NamedTuple):
    """``mac`` is lower-case; ``source`` one of ``SOURCES``."""

    mac: str
    family: str
    address: str
    source: str


def addresses_of(libvirt: Libvirt, uuids: Sequence[str], sources: Sequence[str] = SOURCES) -> dict[str, list[Address]]:
    """By UUID, from one virsh; a guest without an address has an empty list. Raises LibvirtError.

    ``agent`` waits for the guest's agent, which a guest that hangs does not answer: ask it of one guest only.
    """
    questions = [(uuid, source) for uuid in uuids for source in sources]
    answers = libvirt.script([f"domifaddr --domain={uuid} --source={source}" for uuid, source in questions])
    found: dict[str, list[Address]] = {uuid: [] for uuid in uuids}
    for (uuid, source), answer in zip(questions, answers):
        found[uuid] += [one for one in parse(answer.out, source) if one not in found[uuid]]
    return found


def parse(text: str, source: str) -> list[Address]:
    """The rows of ``virsh domifaddr``, loopback and link-local addresses left out."""
    found: list[Address] = []
    for line in text.split("\n"):
        match = _ROW.match(line)
        if match is None:
            continue
        mac = match.group(2).lower()
        if mac == "-" and found:
            mac = found[-1].mac  # further addresses of the interface above
        address = match.group(4).lower()
        if not address.startswith(("127.", "fe80:", "169.254.")) and address != "::1":
            found.append(Address(mac, match.group(3), address, source))
    return found


def best(found: Sequence[Address]) -> str:
    """The address to reach a guest at: IPv4 first, in order of the sources; "" for none."""
    for family in ("ipv4", "ipv6"):
        for one in found:
            if one.family == family:
                return one.address
    return ""
