"""What a guest shall be: the words of the command line as values, and what is no name or no size."""

from __future__ import annotations

import re

from kvmready.domains.listing import UUID
from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import NamedTuple

MIB, GIB = 1 << 20, 1 << 30
UNITS = {"k": 1 << 10, "m": MIB, "g": GIB, "t": 1 << 40}
MEMORY, DISK, CPUS = 2 * GIB, 10 * GIB, 2
LEAST_MEMORY = 64 * MIB
LONGEST_NAME = 64


class Wanted(NamedTuple):
    """``disk`` is 0 for the default: as large as the image, at least ``DISK`` where that fits. ``login`` "" likewise.

    ``image`` is a file, an address or a known name; ``ssh_key`` a file, "" for the caller's own. ``network`` is the
    name of a libvirt network. ``accel`` is kvm or tcg.
    """

    name: str
    image: str
    cpus: int
    memory: int
    disk: int
    network: str
    login: str
    ssh_key: str
    uefi: bool
    tpm: bool
    accel: str


def guest_name(text: str) -> str:
    """``text`` if it can be the name of a new guest. Raises UsageError.

    libvirt refuses a slash and a line's end, virt-install a space; a number or a UUID would be mistaken for another
    guest's by virsh.
    """
    why = ""
    if not text or len(text.encode("utf-8", "replace")) > LONGEST_NAME:
        why = _("A name has 1 to {most} bytes.").format(most=LONGEST_NAME)
    elif not text.isprintable() or any(c in " /\\" for c in text) or text in (".", ".."):
        why = _("A name has no space, slash, backslash or control character.")
    elif text.isdigit() or UUID.fullmatch(text.lower()):
        why = _("virsh would take it for the number or the UUID of a guest.")
    if why:
        raise UsageError(_("A guest cannot be called {name}.").format(name=repr(text)), why)
    return text


def size(text: str, option: str, unit: int) -> int:
    """A size in bytes: digits with K, M, G or T behind them, in ``unit`` without. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,9})([KMGT]?)(?:I?B)?", text.upper(), re.ASCII)
    count = int(found.group(1)) if found else 0
    if found is None or not count:
        raise UsageError(
            _("{option} takes a size, not {text}.").format(option=option, text=repr(text)),
            "",
            _("For instance: 512M, 2G, 20G"),
        )
    return count * UNITS.get(found.group(2).lower(), unit)


def login_name(text: str) -> str:
    """``text`` if it can be a user of the guest (useradd(8)). Raises UsageError."""
    if re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", text, re.ASCII) is None or text == "root":
        raise UsageError(
            _("{name} cannot be the user of a guest.").format(name=repr(text)),
            _("It begins with a small letter and has small letters, digits, - and _; it is not root."),
        )
    return text


def host_name(name: str) -> str:
    """The name of the guest as the name of a host: RFC 1123 letters, digits and hyphens."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:63].strip("-")
    return plain or "guest"
