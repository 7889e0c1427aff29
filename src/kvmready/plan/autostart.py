"""Kind ``autostart``: have libvirt start guests with the host. None of them is started now."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import virsh
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

FOLDER = "/etc/libvirt/qemu/autostart"
"""Where libvirt keeps the marks, as links; it makes the folder with the first: src/conf/virdomainobjlist.c."""


def command(guest: str, *options: str) -> tuple[str, ...]:
    return (*virsh.BASE, "autostart", "--domain", guest, *options)


def _names(host: Door, *options: str) -> set[str]:
    """Guests of libvirt. Raises WorkError where it does not answer."""
    listed = virsh.ask(host, ("list", "--all", "--name", *options))
    if not listed.ok:
        raise WorkError(_("libvirt does not answer."), explain(listed))
    return {line.strip() for line in listed.stdout.splitlines() if line.strip()}


def done(host: Door, step: Step) -> bool:
    """Whether all of them are started; False where libvirt cannot be asked."""
    try:
        return set(step.arguments["guests"]) <= _names(host, "--autostart")
    except WorkError:
        return False


def former(host: Door, step: Step) -> dict[str, Any]:
    """Those of them that are started already, and whether libvirt has ever marked one. Raises WorkError."""
    starting = sorted(set(step.arguments["guests"]) & _names(host, "--autostart"))
    return {"starting": starting, "folder": host.stat(FOLDER).error != "ENOENT"}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Have them started. Raises WorkError."""
    for argv in step.commands:
        change(host, argv, virsh.CHANGE_LIMIT)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Those that were not started before are so no more, where they are still there. Raises WorkError."""
    if not virsh.installed(host):
        return ()
    wanted = set(step.arguments["guests"]) - set(former["starting"])
    for guest in sorted(wanted & _names(host, "--autostart")):
        change(host, command(guest, "--disable"), virsh.CHANGE_LIMIT)
    left = host.listdir(FOLDER)
    if not former["folder"] and not left.error and not left.names:
        host.rmdir(FOLDER)
    return ()
