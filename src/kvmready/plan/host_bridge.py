"""Kind ``host-bridge``: move an interface's addresses and routes to a bridge, through the host's network manager.

The connection over which this is asked for may run over that interface. So a rollback is armed before anything is
changed; it is called off only when the bridge has what the interface had, and happens by itself otherwise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.facts.bridging import NET, parse_addresses
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.bridge_files import HEAD
from kvmready.plan.command import change
from kvmready.plan.rollback import Rollback
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

TIME_LIMIT = 60
"""Seconds from arming the rollback until it happens by itself."""

PATIENCE = 30.0
"""Seconds that the bridge is given to get its addresses: a DHCP server may take some."""

NAP = 0.5
ROLLBACK = Rollback("bridge")
ANSWERING = re.compile(r"lladdr \S+ .*\b(REACHABLE|STALE|DELAY|PROBE|PERMANENT)\b")
"""States of a neighbour whose address is known: ip-neighbour(8)."""


def _names(step: Step) -> tuple[str, str]:
    return str(step.arguments["bridge"]), str(step.arguments["interface"])


def _in_bridge(host: Door, step: Step) -> bool:
    bridge, interface = _names(step)
    return interface in host.listdir(f"{NET}/{bridge}/brif").names


def done(host: Door, step: Step) -> bool:
    """Whether the interface is in the bridge, and nothing waits for its confirmation."""
    return _in_bridge(host, step) and not ROLLBACK.pending(host)


def _said(host: Door, *argv: str) -> str:
    return host.run(Command(("ip", "-o", *argv), timeout=30)).stdout


def _gateways(text: str) -> list[str]:
    """The gateways of ``ip route show default``."""
    return re.findall(r"\bvia (?:inet6? )?(\S+)", text)


def _answers(host: Door, gateway: str, device: str) -> bool:
    """Whether a gateway is heard: the kernel is told to look for it, and shows what it found."""
    host.run(Command(("ip", "neighbour", "replace", gateway, "dev", device, "use"), timeout=30))
    return ANSWERING.search(_said(host, "neighbour", "show", "to", gateway, "dev", device)) is not None


def _look(host: Door, device: str) -> dict[str, Any]:
    """Its addresses, and each default gateway with whether that answers."""
    return {
        "addresses": list(parse_addresses(_said(host, "address", "show", "dev", device))),
        "gateways": {
            gateway: _answers(host, gateway, device)
            for gateway in _gateways(_said(host, "-4", "route", "show", "default", "dev", device))
        },
    }


def former(host: Door, step: Step) -> dict[str, Any]:
    """What the interface has. Raises WorkError where a file of ours is somebody else's."""
    _bridge, interface = _names(step)
    for path, _content, _mode in step.arguments["files"]:
        reading = host.read(str(path))
        if reading.error not in ("", "ENOENT") or (not reading.error and not reading.text.startswith(HEAD)):
            raise WorkError(
                _("{path} is not a file that kvmready can keep a copy of.").format(path=path),
                reading.error,
                _("Look at it, move it away if nothing needs it, and run kvmready again."),
            )
    found = _look(host, interface)
    if not all(found["gateways"].values()):
        for gateway in found["gateways"]:  # asked a moment ago; the answer takes its time
            host.run(Command(("sleep", "1"), timeout=10))
            found["gateways"][gateway] = _answers(host, gateway, interface)
    return found


def _arm(host: Workshop, step: Step) -> None:
    files = [str(path) for path, _content, _mode in step.arguments["files"]]
    ROLLBACK.arm(host, TIME_LIMIT, step.arguments["first"], files, step.arguments["down"])


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Make the bridge, look whether it has what the interface had, and call the rollback off. Raises WorkError."""
    if ROLLBACK.pending(host):
        ROLLBACK.strike(host)  # an earlier attempt was killed
    bridge, interface = _names(step)
    before = step.arguments["former"]
    _arm(host, step)
    try:
        for path, content, mode in step.arguments["files"]:
            host.mkdir(os.path.dirname(str(path)), 0o755)
            host.write(str(path), str(content).encode("utf-8"), int(mode), (0, 0))
        for argv in step.commands:
            change(host, argv, 30)
        say(_("Waiting until {bridge} has what {interface} had").format(bridge=bridge, interface=interface))
        problems = _missing(host, step, before)
        for _turn in range(int(PATIENCE / NAP)):
            if not problems:
                break
            host.sleep(NAP)
            problems = _missing(host, step, before)
        if problems:
            raise WorkError(_("The bridge {name} did not get what it needs.").format(name=bridge), "; ".join(problems))
    except (WorkError, OSError) as error:
        say(_("Taking it back"))
        ROLLBACK.strike(host)
        why = error.why if isinstance(error, WorkError) else error.strerror or str(error)
        raise WorkError(
            error.what if isinstance(error, WorkError) else _("A file cannot be written."),
            _("{why}. It was taken back, and {interface} is as it was.").format(why=why, interface=interface),
            _("Look at: journalctl -b, and at what the network manager says of {name}.").format(name=bridge),
        ) from error
    except KeyboardInterrupt:
        ROLLBACK.strike(host)
        raise
    ROLLBACK.call_off(host)
    return {}


def _missing(host: Door, step: Step, before: Mapping[str, Any]) -> list[str]:
    """What the bridge has not yet of what the interface had."""
    bridge, interface = _names(step)
    if not _in_bridge(host, step):
        return [_("{interface} is not in it").format(interface=interface)]
    here = parse_addresses(_said(host, "address", "show", "dev", bridge))
    found = [_("no address {address}").format(address=one) for one in before["addresses"] if one not in here]
    if found:
        return found
    routes = _gateways(_said(host, "-4", "route", "show", "default", "dev", bridge))
    for gateway, answered in before["gateways"].items():
        if gateway not in routes:
            found.append(_("no default route by {gateway}").format(gateway=gateway))
        elif answered and not _answers(host, gateway, bridge):
            found.append(_("the gateway {gateway} does not answer").format(gateway=gateway))
    return found


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """The rollback, at once: the service manager carries it out, whatever becomes of this process. Raises WorkError."""
    bridge, interface = _names(step)
    there = [path for path, _content, _mode in step.arguments["files"] if not host.stat(str(path)).error]
    if ROLLBACK.pending(host):
        ROLLBACK.strike(host)
    elif there or _in_bridge(host, step):
        _arm(host, step)
        ROLLBACK.strike(host)
    missing: list[str] = []
    for _turn in range(int(PATIENCE / NAP)):
        here = parse_addresses(_said(host, "address", "show", "dev", interface))
        missing = [one for one in former["addresses"] if one not in here]
        if not missing and not _in_bridge(host, step):
            return ()
        host.sleep(NAP)
    if not missing:
        return (_("{interface} is in {bridge} still.").format(interface=interface, bridge=bridge),)
    words = _("{interface} has not got back: {addresses}")
    return (words.format(interface=interface, addresses=", ".join(missing)),)
