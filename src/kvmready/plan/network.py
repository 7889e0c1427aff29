"""Kind ``network``: libvirt's default network, defined, active and started at boot."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan import firewall, virsh
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

SETTLING = 6
"""Half seconds that a daemon is given to finish what it does at its own start."""

STDIN = "/dev/stdin"
DNSMASQ = "/var/lib/libvirt/dnsmasq"
"""Where libvirt keeps configuration and leases: src/network/bridge_driver.c."""


def definition(name: str, bridge: str, prefix: str) -> str:
    """A NAT network like libvirt's packaged default on ``prefix`` (three numbers of a /24, as "192.168.123")."""
    return (
        f"<network><name>{name}</name><forward mode='nat'/><bridge name='{bridge}' stp='on' delay='0'/>"
        f"<ip address='{prefix}.1' netmask='255.255.255.0'>"
        f"<dhcp><range start='{prefix}.2' end='{prefix}.254'/></dhcp></ip></network>"
    )


def plugged(bridge: str) -> str:
    """A network whose guests are plugged into a bridge of the host, by whose name it goes."""
    return f"<network><name>{bridge}</name><forward mode='bridge'/><bridge name='{bridge}'/></network>"


def _address(xml: str) -> str:
    found = re.search(r"<ip\b[^>]*\baddress=['\"]([0-9.]+)['\"]", xml)
    return found.group(1) if found else ""


def _fits(step: Step, state: virsh.State) -> bool:
    wanted = str(step.arguments["xml"])
    return state.defined and state.persistent and (not wanted or _address(state.xml) == _address(wanted))


def done(host: Door, step: Step) -> bool:
    """Whether the network is there (on the wanted subnet, where the plan moved it), runs, and starts at boot.

    False where libvirt cannot be asked yet: then the step cannot be proven done.
    """
    try:
        state = virsh.state(host, "net", str(step.arguments["network"]))
    except WorkError:
        return False
    return _fits(step, state) and state.active and state.autostart


def former(host: Door, step: Step) -> dict[str, Any]:
    """The network, the firewall, and the files of libvirt's dnsmasq. Raises WorkError."""
    state = virsh.state(host, "net", str(step.arguments["network"]))
    listing = host.listdir(DNSMASQ)
    files = None if listing.error else list(listing.names)
    return {"network": list(state), "firewall": firewall.look(host), "dnsmasq": files}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Do what is missing of the step's commands. Raises WorkError."""
    name, xml = str(step.arguments["network"]), str(step.arguments["xml"])
    state = virsh.state(host, "net", name)
    if not _fits(step, state):
        if state.active:
            _change(host, "net-destroy", name)
        if state.defined and state.persistent:
            _change(host, "net-undefine", name)
        if xml:
            change(host, (*virsh.BASE, "net-define", STDIN), virsh.CHANGE_LIMIT, xml)
        else:
            change(host, (*virsh.BASE, "net-define", str(step.arguments["packaged"])), virsh.CHANGE_LIMIT)
        state = virsh.state(host, "net", name)
    if not state.active:
        say(_("Starting the network {name}").format(name=name))
        _start(host, name)
    if not state.autostart:
        _change(host, "net-autostart", name)
    return {}


def _start(host: Workshop, name: str) -> None:
    """Start the network. A daemon that was started a moment ago may be at that itself, and then refuses."""
    try:
        _change(host, "net-start", name)
    except WorkError:
        for _turn in range(SETTLING):
            if virsh.state(host, "net", name).active:
                return
            host.sleep(0.5)
        raise


def _change(host: Workshop, verb: str, name: str, *options: str) -> None:
    change(host, (*virsh.BASE, verb, "--network", name, *options), virsh.CHANGE_LIMIT)


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """The network as it was, and the kernel's packet filter and forwarding with it. Raises WorkError."""
    if not virsh.installed(host):
        return ()
    name = str(step.arguments["network"])
    before, now = virsh.State(*former["network"]), virsh.state(host, "net", name)
    if now.active and (not before.active or now.xml != before.xml):
        _change(host, "net-destroy", name)
    if now.defined and now.autostart and not before.autostart:
        _change(host, "net-autostart", name, "--disable")
    if now.defined and now.persistent and (not before.persistent or now.xml != before.xml):
        _change(host, "net-undefine", name)
    now = virsh.state(host, "net", name)
    if before.persistent and not now.defined:
        change(host, (*virsh.BASE, "net-define", STDIN), virsh.CHANGE_LIMIT, before.xml)
        now = virsh.state(host, "net", name)
    if before.active and not now.active and before.persistent:
        _change(host, "net-start", name)
    if before.autostart and not now.autostart:
        _change(host, "net-autostart", name)
    if not before.active:
        _clear(host, name, former["dnsmasq"])
    return tuple(firewall.restore(host, former["firewall"]))


def _clear(host: Workshop, name: str, before: list[str] | None) -> None:
    """Remove what libvirt wrote for this network's dnsmasq, where it was not there before."""
    files = host.listdir(DNSMASQ).names
    for file in files:
        if file not in (before or ()) and file.startswith((f"{name}.", "virbr")):
            host.change(Command(("rm", "--", f"{DNSMASQ}/{file}"), timeout=30))
    if before is None and files and not host.listdir(DNSMASQ).names:
        host.change(Command(("rmdir", "--", DNSMASQ), timeout=30))
