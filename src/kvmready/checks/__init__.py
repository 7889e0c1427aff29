"""All checks, in the order of the layers."""

from __future__ import annotations

from kvmready.checks import (
    access,
    confinement,
    hardware,
    kernel,
    libvirt,
    network,
    packages,
    qemu,
    services,
    storage,
    tools,
)
from kvmready.checks.finding import LAYERS, Check
from kvmready.errors import UsageError
from kvmready.i18n import _

__all__ = ["ALL", "find"]

ALL: tuple[Check, ...] = (
    *hardware.CHECKS,
    *kernel.CHECKS,
    *packages.CHECKS,
    *qemu.CHECKS,
    *libvirt.CHECKS,
    *services.CHECKS,
    *network.CHECKS,
    *storage.CHECKS,
    *confinement.CHECKS,
    *access.CHECKS,
    *tools.CHECKS,
)


def find(text: str) -> tuple[Check, ...]:
    """The checks of a layer, or the one check, of that name. Raises UsageError for any other name."""
    found = tuple(check for check in ALL if text in (check.id, check.layer))
    if not found:
        import difflib

        layers = [layer for layer in LAYERS if any(check.layer == layer for check in ALL)]
        near = difflib.get_close_matches(text, [*layers, *(check.id for check in ALL)], n=3)
        raise UsageError(
            _("There is no layer or check named {name}.").format(name=repr(text)),
            "",
            _("Did you mean {names}?").format(names=", ".join(near))
            if near
            else _("The layers are: {names}.").format(names=", ".join(layers)),
        )
    return found
