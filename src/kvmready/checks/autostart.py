"""Guests that shall start with the host: that libvirt has them, and starts them."""

from __future__ import annotations

from kvmready.checks.finding import Check, Evidence, Judgement, automatic, failed, manual, passed, skipped, unknown
from kvmready.facts.known import Known
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts

VIRSH = ("virsh", "-c", "qemu:///system")
EVERY = (*VIRSH, "list", "--all")
STARTING = (*EVERY, "--autostart")


def waiting(facts: Facts) -> tuple[str, ...]:
    """The wanted guests that libvirt has and does not start."""
    found = facts.autostart
    if not isinstance(found, Known):
        return ()
    return tuple(n for n in facts.want.autostart if n in found.value.guests and n not in found.value.starting)


def guests(facts: Facts) -> Judgement:
    """libvirt.guests: the guests that shall start with the host are there."""
    if not facts.want.autostart:
        return skipped(_("Not needed: no guest is named that shall start with the host."))
    found = facts.autostart
    if not isinstance(found, Known):
        return _unasked(found.why)
    seen = Evidence(" ".join(EVERY), ", ".join(found.value.guests) or "-")
    missing = [name for name in facts.want.autostart if name not in found.value.guests]
    if not missing:
        return passed(_("libvirt has the guests that shall start with the host."), seen)
    return failed(
        "libvirt.guest-undefined",
        _("libvirt has no guest named {names}.").format(names=", ".join(missing)),
        manual(
            _("Define it (virsh define, virt-install), or take its name out of the configuration (autostart)."), EVERY
        ),
        seen,
    )


def autostart(facts: Facts) -> Judgement:
    """libvirt.autostart: those that are there are started with the host."""
    if not facts.want.autostart:
        return skipped(_("Not needed: no guest is named that shall start with the host."))
    found = facts.autostart
    if not isinstance(found, Known):
        return _unasked(found.why)
    seen = Evidence(" ".join(STARTING), ", ".join(found.value.starting) or "-")
    names = waiting(facts)
    if not names:
        return passed(_("The guests that shall start with the host do so."), seen)
    return failed(
        "libvirt.guest-no-autostart",
        _("These guests do not start with the host: {names}.").format(names=", ".join(names)),
        automatic(_("Have libvirt start them with the host.")),
        seen,
    )


def _unasked(why: str) -> Judgement:
    return unknown(
        _("libvirt did not tell which guests start with the host."),
        manual(_("Ask it by hand."), STARTING),
        Evidence(" ".join(STARTING), why),
    )


CHECKS = (
    Check("libvirt.guests", guests, needs=("libvirt.connect",)),
    Check("libvirt.autostart", autostart, needs=("libvirt.connect",)),
)
