"""What ``vm create`` made for a guest, kept in its definition, so that ``vm delete`` removes that and no more."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.definition import Definition

NAMESPACE = "urn:kvmready:guest:1"
PREFIX = "kvmready"


class Created(NamedTuple):
    """``pool`` and ``volume`` name the disk, ``path`` is where it lay; ``keys`` are the files of a key pair that was
    made for the guest; ``login`` is the user in it and ``image`` what it was made from."""

    pool: str
    volume: str
    path: str
    login: str = ""
    image: str = ""
    keys: tuple[str, ...] = ()


def render(created: Created) -> str:
    """The element for ``virsh metadata``."""
    from xml.sax.saxutils import escape, quoteattr

    attributes = "".join(
        f" {name}={quoteattr(visible(value))}"
        for name, value in (("pool", created.pool), ("volume", created.volume), ("path", created.path))
    )
    keys = "".join(f"<key>{escape(path)}</key>" for path in created.keys)
    login, image = escape(created.login), escape(visible(created.image))
    return f"<guest><disk{attributes}/><login>{login}</login><image>{image}</image>{keys}</guest>"


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

    disk = root.find(f"{{{NAMESPACE}}}disk")
    if disk is None:
        return None
    return Created(
        disk.get("pool", ""),
        disk.get("volume", ""),
        disk.get("path", ""),
        said("login"),
        said("image"),
        tuple(key.text or "" for key in root.findall(f"{{{NAMESPACE}}}key")),
    )
