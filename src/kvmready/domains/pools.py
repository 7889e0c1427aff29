"""The active storage pools, by their definitions."""

from __future__ import annotations

from kvmready.domains.definition import size_of, tree
from kvmready.domains.listing import UUID
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt


class Pool(NamedTuple):
    """``path`` is the folder (or device folder) of its volumes, "" where it has none; ``available`` is in bytes, as
    libvirt knew it when it last looked."""

    name: str
    uuid: str
    kind: str
    path: str
    available: int


def pools(libvirt: Libvirt) -> tuple[Pool, ...]:
    """All that are active, by name, from two virsh. Raises LibvirtError."""
    uuids = UUID.findall(libvirt.text("pool-list", "--uuid"))
    if not uuids:
        return ()
    answers = libvirt.script([f"pool-dumpxml --pool={uuid}" for uuid in uuids])
    found = [parse(answer.out) for answer in answers if answer.out.strip()]  # one may have been stopped meanwhile
    return tuple(sorted(found))


def parse(text: str) -> Pool:
    """Raises WorkError for what is no definition."""
    root = tree(text)
    return Pool(
        root.findtext("name") or "",
        (root.findtext("uuid") or "").strip(),
        root.get("type", ""),
        root.findtext("target/path") or "",
        size_of(root.find("available")),
    )
