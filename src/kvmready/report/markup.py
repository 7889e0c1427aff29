"""Elements of HTML, safe by how they are made: what is no ``Markup`` is text, and is escaped."""

from __future__ import annotations

from collections.abc import Iterable

from kvmready.report.canvas import visible
from kvmready.typed import Union

VOID = ("link", "meta", "path", "rect", "use")
"""Elements without an end."""


class Markup(str):
    """A string that is HTML already."""

    __slots__ = ()


Child = Union[str, Markup, None, Iterable["Child"]]


def element(tag: str, *children: Child, **attributes: str | bool | None) -> Markup:
    """One element. ``class_`` is ``class``, ``http_equiv`` is ``http-equiv``; None and False leave an attribute out."""
    words = [tag]
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words.append(f'{name}="{text(value)}"')
    if tag in VOID and not children:
        return Markup(f"<{' '.join(words)}>" if tag in VOID[:2] else f"<{' '.join(words)}/>")
    return Markup(f"<{' '.join(words)}>{inner(children)}</{tag}>")


def inner(children: Child) -> Markup:
    """What stands inside an element."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return text(children)
    return Markup("".join(map(inner, children)))


def text(data: str) -> Markup:
    """``data`` as text on one line, in an element or in a quoted attribute; no character in it can turn the line."""
    from html import escape

    return Markup(escape(visible(data), quote=True))


def lines(rows: Iterable[str]) -> Markup:
    """Text that keeps its lines."""
    return Markup("\n".join(map(text, rows)))
