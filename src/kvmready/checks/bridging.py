"""The bridge that guests shall be plugged into: its interface, who sets that up, and libvirt's network on it."""

from __future__ import annotations

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    skipped,
    unknown,
)
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.bridging import Bridging, Card

LINKS = ("ip", "link", "show")


def _unwanted() -> Judgement:
    return skipped(_("Not needed: nobody asked for a bridge on an interface of this host."))


def bridge(facts: Facts) -> Judgement:
    """network.bridge: the bridge is there, with the interface in it."""
    wanted, interface, known = facts.want.bridge, facts.want.interface, facts.bridging
    if known is None:
        return _unwanted()
    from kvmready.facts.bridging import NET, PENDING, UNIT

    found, card = known.bridge, known.card
    if known.pending:
        return failed(
            "network.bridge-missing",
            _("A change of the bridge {name} waits for its confirmation, and is taken back without one.").format(
                name=wanted
            ),
            manual(
                _("Wait a minute, then run kvmready up again. It can also be taken back at once, as root."),
                ("systemctl", "start", f"{UNIT}-bridge.service"),
            ),
            Evidence(PENDING, _("is there")),
        )
    if isinstance(card, Absent):
        return failed(
            "network.interface-missing",
            _("There is no interface {name} for the bridge.").format(name=interface),
            manual(_("Look at which there are, and name one of them in the configuration (network.interface)."), LINKS),
            Evidence(card.why, _("no such directory")),
        )
    if not isinstance(card, Known):
        return unknown(
            _("It could not be seen whether there is an interface {name}.").format(name=interface),
            manual(_("Look at it by hand."), LINKS),
            Evidence(f"{NET}/{interface}", card.why),
        )
    if isinstance(found, Known) and interface in found.value:
        return passed(
            _("The bridge {name} is there, and {interface} is in it.").format(name=wanted, interface=interface),
            Evidence(f"{NET}/{wanted}/brif", ", ".join(found.value)),
        )
    seen = Evidence(f"{NET}/{interface}", _described(card.value))
    why = _unfit(facts, known, card.value)
    if why:
        return failed(
            "network.interface-unfit",
            why,
            manual(_("Name another interface in the configuration (network.interface), or change this one by hand.")),
            seen,
        )
    return _by_its_manager(facts, known, seen)


def _described(card: Card) -> str:
    words = [card.mac, card.sort or "-", *(f"master {card.master}" for _one in (1,) if card.master), *card.uppers]
    return " ".join(words)


def _unfit(facts: Facts, known: Bridging, card: Card) -> str:
    """Why the interface cannot be in the bridge; empty where it can."""
    from kvmready.facts.bridging import ETHERNET

    name, bridge, found = facts.want.interface, facts.want.bridge, known.bridge
    if card.sort == "wlan":
        return _(
            "{name} is wireless: an access point takes packets of one address only, so that it cannot be in a bridge."
        ).format(name=name)
    if card.kind != ETHERNET:
        return _("{name} is no Ethernet interface, and only such can be in a bridge.").format(name=name)
    if card.sort == "bridge":
        return _("{name} is a bridge itself.").format(name=name)
    if card.master and card.master != bridge:
        return _("{name} is in {master} already.").format(name=name, master=card.master)
    if card.uppers and card.uppers != (bridge,):
        return _("{uppers} stands on {name}, and would lose its way.").format(uppers=", ".join(card.uppers), name=name)
    if not isinstance(found, Absent):
        return _("There is a bridge or an interface {bridge} already, without {name} in it.").format(
            bridge=bridge, name=name
        )
    return ""


def _by_its_manager(facts: Facts, known: Bridging, seen: Evidence) -> Judgement:
    """The bridge is missing, and could be: by whom it is made."""
    from kvmready.checks import bridging_managers
    from kvmready.facts.bridging import UNITS

    wanted, interface, owner = facts.want.bridge, facts.want.interface, known.owner
    if not isinstance(owner, Known):
        return failed(
            "network.manager-unknown",
            _("Nobody known sets up {interface}: no NetworkManager, systemd-networkd, netplan or ifupdown.").format(
                interface=interface
            ),
            manual(
                _("Make the bridge by the program that does, or by hand."),
                ("ip", "link", "add", "name", wanted, "type", "bridge"),
                ("ip", "link", "set", "dev", interface, "master", wanted),
            ),
            seen,
            Evidence(" ".join(UNITS), owner.why),
        )
    summary = _("There is no bridge {name} with {interface} in it.").format(name=wanted, interface=interface)
    origin = Evidence(
        owner.value.source or owner.value.manager, owner.value.text.strip()[:600] or _("says nothing of it")
    )
    way = bridging_managers.obstacle(facts, known, owner.value)
    if way:
        return failed("network.bridge-missing", summary, manual(*way), seen, origin)
    text = _("Make it through {manager}; it is taken back by itself where the host loses its addresses by that.")
    return failed("network.bridge-missing", summary, automatic(text.format(manager=owner.value.manager)), seen, origin)


def network(facts: Facts) -> Judgement:
    """network.bridge-network: libvirt has a network on the bridge, which runs and starts at boot."""
    wanted = facts.want.bridge
    if facts.bridging is None:
        return _unwanted()
    found = facts.bridging.network
    asked = f"virsh -c qemu:///system net-info {wanted}"
    if isinstance(found, Known):
        value = found.value
        said = Evidence(asked, f"active: {value.active} autostart: {value.autostart} bridge: {value.bridge}")
        if value.forward != "bridge" or value.bridge != wanted:
            return failed(
                "network.bridge-undefined",
                _("libvirt's network {name} is not one of the bridge {name}.").format(name=wanted),
                manual(
                    _("Give that network another name, or the bridge one in the configuration (network.bridge)."),
                    ("virsh", "-c", "qemu:///system", "net-edit", wanted),
                ),
                said,
            )
        if value.active and value.autostart:
            return passed(_("libvirt has a network on the bridge {name}.").format(name=wanted), said)
    elif isinstance(found, Absent):
        said = Evidence(asked, _("no such network"))
    else:
        return unknown(
            _("libvirt did not tell whether it has a network on the bridge {name}.").format(name=wanted),
            manual(_("Ask it by hand."), tuple(asked.split())),
            Evidence(asked, found.why),
        )
    return failed(
        "network.bridge-undefined",
        _("libvirt has no network on the bridge {name} that runs and starts at boot.").format(name=wanted),
        automatic(_("Define it, start it, and have it started at every boot.")),
        said,
    )


CHECKS = (
    Check("network.bridge", bridge),
    Check("network.bridge-network", network, needs=("libvirt.connect", "services.virtnetworkd", "network.bridge")),
)
