"""Questions to libvirt that the steps for networks and pools share: the system URI, C-locale labels, exact absence."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Result
from kvmready.i18n import _
from kvmready.plan.command import explain
from kvmready.typed import NamedTuple

BASE = ("virsh", "--connect", "qemu:///system")
ASK_LIMIT = 60.0
CHANGE_LIMIT = 120.0


class State(NamedTuple):
    """A network or a pool. ``xml`` is its inactive definition, empty where it is not defined."""

    defined: bool
    active: bool
    autostart: bool
    persistent: bool
    xml: str


ABSENT = State(False, False, False, False, "")


def ask(host: Door, words: Sequence[str]) -> Result:
    return host.run(Command((*BASE, *words), timeout=ASK_LIMIT))


def state(host: Door, prefix: str, name: str) -> State:
    """The network (``net``) or pool (``pool``) called ``name``. Raises WorkError when libvirt does not answer."""
    option = "--network" if prefix == "net" else "--pool"
    info = ask(host, (f"{prefix}-info", option, name))
    if not info.ok:
        if "not found" in info.stderr.lower():  # VIR_ERR_NO_NETWORK, VIR_ERR_NO_STORAGE_POOL
            return ABSENT
        raise WorkError(
            _("libvirt does not answer."),
            explain(info),
            _("Look at: systemctl status libvirtd, then run kvmready again."),
        )
    fields = dict(line.split(":", 1) for line in info.stdout.splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    active = values.get("Active") == "yes" or values.get("State") == "running"
    persistent = values.get("Persistent") == "yes"
    # An inactive definition exists only of what is persistent.
    dump = ask(host, (f"{prefix}-dumpxml", option, name, *(("--inactive",) if persistent else ())))
    if not dump.ok:
        raise WorkError(_("libvirt does not answer."), explain(dump))
    return State(True, active, values.get("Autostart") == "yes", persistent, dump.stdout.strip())


def installed(host: Door) -> bool:
    """Whether there is a virsh at all; where it went away there is nothing to take back."""
    return ask(host, ("--version",)).problem != "absent"
