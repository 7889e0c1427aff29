"""Start and stop guests."""

from __future__ import annotations

import time

from kvmready.errors import WorkError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt
    from kvmready.domains.listing import Domain
    from kvmready.host.door import Workshop
    from kvmready.plan.step import Say

LOOK_EVERY = 1.0
"""Seconds between two looks at a guest that is going down."""

DESTROY_LIMIT = 60.0
"""Seconds: libvirt gives an emulator 15 s after SIGTERM and as long after SIGKILL."""


def start(libvirt: Libvirt, domain: Domain) -> bool:
    """Start it; False where it runs already. A paused one goes on. Raises LibvirtError."""
    if domain.state == "running":
        return False
    libvirt.change("resume" if domain.state == "paused" else "start", f"--domain={domain.uuid}")
    return True


def state(libvirt: Libvirt, uuid: str) -> str:
    """As ``virsh domstate`` says it, "gone" where there is no such domain. Raises LibvirtError."""
    from kvmready.domains.connection import LibvirtError

    try:
        return libvirt.text("domstate", f"--domain={uuid}").strip()
    except LibvirtError as error:
        if error.gone:
            return "gone"
        raise


def stop(host: Workshop, libvirt: Libvirt, domain: Domain, patience: float, force: bool, say: Say) -> str:
    """Ask it to shut down and wait; then, with ``force``, cut it off.

    Returns ``idle`` (it did not run), ``stopped`` or ``forced``. Raises WorkError when it still runs.
    """
    from kvmready.domains.connection import LibvirtError

    if domain.state == "shutoff":
        return "idle"
    end = time.monotonic() + patience
    why = ""
    try:
        libvirt.change("shutdown", f"--domain={domain.uuid}", limit=max(5.0, min(patience, 30.0)))
    except LibvirtError as error:
        if error.gone:
            return "stopped"
        why = error.why  # it cannot be asked: paused, or its emulator hangs
        if not force:
            raise
    while not why and time.monotonic() < end:
        if state(libvirt, domain.uuid) in ("shut off", "gone"):
            return "stopped"
        say(_("waiting for it to shut down, {seconds:.0f} s left").format(seconds=end - time.monotonic()))
        host.sleep(LOOK_EVERY)
    if force:
        cut_off(libvirt, domain.uuid)
        return "forced"
    raise WorkError(
        _("{name} did not shut down within {seconds:.0f} s.").format(name=repr(domain.name), seconds=patience),
        _("Its system does not answer, or has nothing that listens to the power button."),
        _("Cut it off, as if its plug was pulled: {command}").format(command="kvmready vm stop --force NAME"),
    )


def cut_off(libvirt: Libvirt, uuid: str) -> None:
    """Pull its plug; one that does not run is as good. Raises LibvirtError."""
    from kvmready.domains.connection import LibvirtError

    try:
        libvirt.change("destroy", f"--domain={uuid}", limit=DESTROY_LIMIT)
    except LibvirtError as error:
        if not error.gone and "domain is not running" not in error.words:
            raise
