"""Kind ``bridge``: remove a bridge that a former network of libvirt left behind, to which nothing is attached."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan import virsh
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

NAME = re.compile(r"virbr[0-9]{1,9}")
"""Only bridges with the names that libvirt gives are ever removed."""


def remove(name: str) -> tuple[str, ...]:
    return ("ip", "link", "delete", "dev", name, "type", "bridge")


def _name(step: Step) -> str:
    return str(step.arguments["bridge"])


def _there(host: Door, name: str) -> bool:
    return not host.stat(f"/sys/class/net/{name}/bridge").error


def _owner(host: Door, name: str) -> str:
    """The active network of libvirt that has this bridge, or "". Raises WorkError where libvirt does not answer."""
    listed = virsh.ask(host, ("net-list", "--name"))
    if not listed.ok:
        raise WorkError(_("libvirt does not answer."), listed.stderr.strip())
    for network in listed.stdout.split():
        dump = virsh.ask(host, ("net-dumpxml", "--network", network))
        if re.search(r"<bridge\b[^>]*\bname=['\"]" + re.escape(name) + "['\"]", dump.stdout):
            return network
    return ""


def done(host: Door, step: Step) -> bool:
    """Whether the bridge is gone, or is a running network's."""
    name = _name(step)
    return not _there(host, name) or bool(_owner(host, name))


def former(host: Door, step: Step) -> dict[str, Any]:
    """The bridge as ``ip`` and /sys show it. Raises WorkError where something is attached to it."""
    name = _name(step)
    folder = f"/sys/class/net/{name}"
    ports = [port for port in host.listdir(f"{folder}/brif").names if port != f"{name}-nic"]
    if ports or not NAME.fullmatch(name):
        raise WorkError(
            _("The bridge {name} is not removed: {ports} is attached to it.").format(name=name, ports=", ".join(ports))
        )
    shown = host.run(Command(("ip", "-o", "-4", "address", "show", "dev", name), timeout=30))
    return {
        "there": _there(host, name),
        "mac": host.read(f"{folder}/address").text.strip(),
        "stp": host.read(f"{folder}/bridge/stp_state").text.strip(),
        "up": bool(int(host.read(f"{folder}/flags").text.strip() or "0", 16) & 1),
        "addresses": re.findall(r"\binet (\S+)", shown.stdout),
    }


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Remove it. Raises WorkError."""
    for argv in step.commands:
        change(host, argv, 30)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Make it again as it was, with its addresses, unless a bridge of that name is there. Raises WorkError."""
    name = _name(step)
    if not former["there"] or _there(host, name):
        return ()
    mac = ("address", str(former["mac"])) if former["mac"] else ()
    options = ("stp_state", str(former["stp"])) if former["stp"] in ("0", "1") else ()
    change(host, ("ip", "link", "add", "name", name, *mac, "type", "bridge", *options), 30)
    for address in former["addresses"]:
        change(host, ("ip", "address", "add", str(address), "dev", name), 30)
    if former["up"]:
        change(host, ("ip", "link", "set", "dev", name, "up"), 30)
    return ()
