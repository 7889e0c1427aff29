"""The default storage pool, and room for guests' disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    unknown,
    warned,
)
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts

ASK = ("virsh", "-c", "qemu:///system", "pool-info", "default")
ASKED = " ".join(ASK)

GIB = 1 << 30
TOO_LITTLE = 1 * GIB
"""Below this not even one small guest fits: a minimal cloud image takes about 1 GiB once it has booted."""
SCARCE = 5 * GIB
"""Room for a cloud image and for what its guest writes in the first weeks."""


def default_pool(facts: Facts) -> Judgement:
    found = facts.storage.pool
    if isinstance(found, Absent):
        return failed(
            "storage.pool-missing",
            _("libvirt has no storage pool named default for guests' disks."),
            automatic(
                _("Define it at {path}, start it, and have it started at every boot.").format(path=facts.storage.path)
            ),
            Evidence(ASKED, found.why),
        )
    if not isinstance(found, Known):
        return unknown(
            _("libvirt did not tell the state of the default storage pool."),
            manual(_("Ask it by hand."), ASK),
            Evidence(ASKED, found.why),
        )
    pool = found.value
    said = Evidence(
        ASKED,
        "State: {} Autostart: {} {}".format(
            "running" if pool.active else "inactive", "yes" if pool.autostart else "no", pool.path
        ).strip(),
    )
    if not pool.active:
        return failed(
            "storage.pool-inactive",
            _("The default storage pool is defined, but not active."),
            automatic(_("Start it, and have it started at every boot.")),
            said,
        )
    if not pool.autostart:
        return failed(
            "storage.pool-inactive",
            _("The default storage pool is active now, but will not be after the next boot."),
            automatic(_("Have it started at every boot.")),
            said,
        )
    return passed(_("The default storage pool is active, also after the next boot."), said)


def gib(size: int) -> str:
    """A size for people: "0.4 GiB", "120 GiB"."""
    return f"{size / GIB:.1f} GiB" if size < 10 * GIB else f"{size // GIB} GiB"


def space(facts: Facts) -> Judgement:
    found = facts.storage.room
    path = facts.storage.path
    if not isinstance(found, Known):
        return unknown(
            _("It could not be seen how much room there is for guests' disks."),
            manual(_("Look by hand."), ("df", "-h", path)),
            Evidence(f"df {path}", found.why),
        )
    room = found.value
    seen = Evidence(f"df {room.path}", _("{free} free of {total}").format(free=gib(room.free), total=gib(room.total)))
    if room.free >= SCARCE:
        return passed(_("There is room for guests' disks: {free}.").format(free=gib(room.free)), seen)
    remedy = manual(
        _("Free some room there, or put the storage pool on a larger disk."), ("du", "-xh", "-d1", room.path)
    )
    if room.free >= TOO_LITTLE:
        return warned(
            "storage.no-space",
            _("There is little room for guests' disks: {free}.").format(free=gib(room.free)),
            remedy,
            seen,
        )
    return failed(
        "storage.no-space",
        _("There is no room for a guest's disk: {free}.").format(free=gib(room.free)),
        remedy,
        seen,
    )


CHECKS = (
    Check("storage.default-pool", default_pool, needs=("libvirt.connect",)),
    Check("storage.space", space),
)
