"""What ``vm create`` made for a guest, kept in its definition, so that ``vm delete`` removes that and no more."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.definition import Definition

NAMESPACE = "urn:kvmready:guest:1"
PREFIX = "kvmready"


class Volume(NamedTuple):
    """A disk that was made: its name in its pool, and the path where it lay."""

    pool: str
    name: str
    path: str


class Created(NamedTuple):
    """``volumes`` are the disk and the seed of cloud-init; ``keys`` are the files of a key pair that was made for the
    guest; ``login`` is the user in it and ``image`` what it was made from."""

    volumes: tuple[Volume, ...]
    login: str = ""
    image: str = ""
    keys: tuple[str, ...] = ()


def render(created: Created) -> str:
    """The element for ``virsh metadata``."""
    from xml.sax.saxutils import escape, quoteattr

    disks = "".join(
        f"<disk pool={quoteattr(one.pool)} volume={quoteattr(one.name)} path={quoteattr(one.path)}/>"
        for one in created.volumes
    )
    keys = "".join(f"<key>{escape(path)}</key>" for path in created.keys)
    login, image = escape(created.login), escape(visible(created.image))
    return f"<guest>{disks}<login>{login}</login><image>{image}</image>{keys}</guest>"


def visible(text: str) -> str:
    """``text`` without what XML cannot hold (XML 1.0, 2.2)."""
    return "".join(c if c.isprintable() else "?" for c in text)


def read(definition: Definition) -> Created | None:
    """What the definition says, None where kvmready did not make the guest. Raises WorkError for broken XML."""
    from kvmready.domains.definition import tree

    text = definition.metadata.get(f"{{{NAMESPACE}}}guest")
    if text is None:
        return None
    root = tree(text)

    def said(name: str) -> str:
        return root.findtext(f"{{{NAMESPACE}}}{name}") or ""

    return Created(
        tuple(
            Volume(disk.get("pool", ""), disk.get("volume", ""), disk.get("path", ""))
            for disk in root.findall(f"{{{NAMESPACE}}}disk")
        ),
        said("login"),
        said("image"),
        tuple(key.text or "" for key in root.findall(f"{{{NAMESPACE}}}key")),
    )
