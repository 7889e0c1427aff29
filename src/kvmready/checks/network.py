"""The default network: defined, active, kept over a reboot, in a subnet of its own; and dnsmasq, which serves it."""

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
from kvmready.facts.network import clashes
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.network import Taken

ASK = ("virsh", "-c", "qemu:///system", "net-info", "default")
ASKED = " ".join(ASK)


def _taken(others: tuple[Taken, ...]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("ip route", _("{subnet} is on {interface}").format(subnet=other.subnet, interface=other.interface))
        for other in others
    )


def default_network(facts: Facts) -> Judgement:
    found = facts.network.default
    taken = facts.network.taken.value if isinstance(facts.network.taken, Known) else ()
    if isinstance(found, Absent):
        return failed(
            "network.default-undefined",
            _("libvirt has no network named default for its guests."),
            automatic(_("Define it, start it, and have it started at every boot.")),
            Evidence(ASKED, found.why),
            *_taken(clashes(facts.network.packaged_subnets, taken, "")),
        )
    if not isinstance(found, Known):
        return unknown(
            _("libvirt did not tell the state of the default network."),
            manual(_("Ask it by hand."), ASK),
            Evidence(ASKED, found.why),
        )
    network = found.value
    subnets = ", ".join(network.subnets)
    said = Evidence(
        ASKED,
        "Active: {} Autostart: {} Bridge: {} {}".format(
            "yes" if network.active else "no", "yes" if network.autostart else "no", network.bridge, subnets
        ).strip(),
    )
    others = clashes(network.subnets, taken, network.bridge)
    if others:
        summary = _("The default network's addresses {subnets} are also those of {interfaces}.").format(
            subnets=subnets, interfaces=", ".join(dict.fromkeys(other.interface for other in others))
        )
        if network.active:
            remedy = manual(
                _("Give the default network another subnet while its guests are off, or change the other network."),
                ("virsh", "-c", "qemu:///system", "net-edit", "default"),
            )
            return warned("network.subnet-clash", summary, remedy, said, *_taken(others))
        return failed(
            "network.subnet-clash",
            summary,
            automatic(_("Give the default network a subnet that nothing here uses, and start it.")),
            said,
            *_taken(others),
        )
    if not network.active:
        return failed(
            "network.default-inactive",
            _("The default network is defined, but not active."),
            automatic(_("Start it, and have it started at every boot.")),
            said,
        )
    if not network.autostart:
        return failed(
            "network.default-no-autostart",
            _("The default network is active now, but will not be after the next boot."),
            automatic(_("Have it started at every boot.")),
            said,
        )
    return passed(_("The default network is active, also after the next boot."), said)


def dnsmasq(facts: Facts) -> Judgement:
    found = facts.network.dnsmasq
    if isinstance(found, Known):
        return passed(
            _("dnsmasq, which gives guests their addresses, is installed."), Evidence(found.value, _("is there"))
        )
    if isinstance(found, Absent):
        return failed(
            "network.dnsmasq-missing",
            _("dnsmasq, which gives guests their addresses, is not installed."),
            automatic(_("Install the package with the program dnsmasq (not the service).")),
            *(Evidence(path, _("no such file")) for path in facts.names.dnsmasq),
        )
    return unknown(
        _("It could not be seen whether dnsmasq is installed."),
        manual(_("Look at the file and at the rights of its folders."), ("ls", "-l", facts.names.dnsmasq[0])),
        Evidence(facts.names.dnsmasq[0], found.why),
    )


CHECKS = (
    Check("network.dnsmasq", dnsmasq),
    Check("network.default-network", default_network, needs=("libvirt.connect",)),
)
