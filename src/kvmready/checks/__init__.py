"""All checks, in the order of the layers."""

from __future__ import annotations

from kvmready.checks.finding import LAYERS
from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.checks.finding import Check

    ALL: tuple[Check, ...]

__all__ = ["ALL", "find"]


def _all() -> tuple[Check, ...]:
    from kvmready.checks import (
        access,
        autostart,
        bridging,
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

    return (
        *hardware.CHECKS,
        *kernel.CHECKS,
        *packages.CHECKS,
        *qemu.CHECKS,
        *libvirt.CHECKS,
        *autostart.CHECKS,
        *services.CHECKS,
        *network.CHECKS,
        *bridging.CHECKS,
        *storage.CHECKS,
        *confinement.CHECKS,
        *access.CHECKS,
        *tools.CHECKS,
    )


def __getattr__(name: str) -> object:
    """``ALL`` is made when it is first asked for: who wants a layer's name or an ``Evidence`` reads in no check."""
    if name != "ALL":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _all()
    return globals()[name]


def find(text: str) -> tuple[Check, ...]:
    """The checks of a layer, or the one check, of that name. Raises UsageError for any other name."""
    every = _all()
    found = tuple(check for check in every if text in (check.id, check.layer))
    if not found:
        import difflib

        layers = [layer for layer in LAYERS if any(check.layer == layer for check in every)]
        near = difflib.get_close_matches(text, [*layers, *(check.id for check in every)], n=3)
        raise UsageError(
            _("There is no layer or check named {name}.").format(name=repr(text)),
            "",
            _("Did you mean {names}?").format(names=", ".join(near))
            if near
            else _("The layers are: {names}.").format(names=", ".join(layers)),
        )
    return found
