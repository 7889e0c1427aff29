"""Kind ``udev``: let udev make a device node anew, with the owner and mode that its rules give it."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

MODES = (0o660, 0o666)
"""What distributions give /dev/kvm: systemd's 50-udev-default.rules with its build option DEV_KVM_MODE."""


def make(path: str, minor: int) -> tuple[str, ...]:
    """mknod(1) of a device of the class ``misc`` (major number 10), for root alone until udev has seen it.

    devtmpfs makes a node when its driver starts, and udev only its owner and mode: neither brings back one that
    somebody removed.
    """
    return ("mknod", "--mode=0600", path, "c", "10", str(minor))


def commands(name: str) -> tuple[tuple[str, ...], ...]:
    """What replays the kernel's event for a device of the class ``misc``, and waits for udev."""
    return (
        ("udevadm", "control", "--reload"),
        ("udevadm", "trigger", "--settle", "--action=add", "--subsystem-match=misc", f"--sysname-match={name}"),
    )


def done(host: Door, step: Step) -> bool:
    """Whether the node is there, and belongs to its group with a usual mode."""
    status = host.stat(str(step.arguments["path"]))
    group = host.group(str(step.arguments["group"]))
    return status.kind == "character" and status.gid == group.gid and not group.error and status.mode in MODES


def former(host: Door, step: Step) -> dict[str, Any]:
    status = host.stat(str(step.arguments["path"]))
    return {"node": None if status.error else [status.mode, status.uid, status.gid]}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Replay the event. Raises WorkError when the node is not right afterwards."""
    path = str(step.arguments["path"])
    for argv in step.commands:
        if argv[0] == "mknod":
            if not host.stat(path).error:
                continue
            _folder(host, path)
        change(host, argv, 60)
    if not done(host, step):
        raise WorkError(
            _("udev did not make {path} as it should be.").format(path=path),
            _("No udev rule gives it to the group {group}.").format(group=step.arguments["group"]),
            _("Look for the rule with: grep -r kvm /usr/lib/udev/rules.d /etc/udev/rules.d"),
        )
    return {}


def _folder(host: Workshop, path: str) -> None:
    try:
        host.mkdir(path.rpartition("/")[0], 0o755)
    except OSError as error:
        raise WorkError(_("{path} cannot be written.").format(path=path), error.strerror or str(error)) from error


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """The former owner and mode; a node that was missing stays: the kernel's driver is there. Raises WorkError."""
    path = str(step.arguments["path"])
    if former["node"] is None or host.stat(path).error:
        return ()
    mode, uid, gid = former["node"]
    try:
        host.chown(path, int(uid), int(gid), int(mode))
    except OSError as error:
        raise WorkError(_("{path} cannot be put back.").format(path=path), error.strerror or str(error)) from error
    return ()
