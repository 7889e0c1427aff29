"""The state directory: that it can be written is proven before anything on the host changes."""

from __future__ import annotations

import errno
import os

from kvmready.errors import PrivilegeError, WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _

PROBE_BYTES = 1 << 20
"""A whole run's journal fits into this."""


def require_root(host: Workshop) -> None:
    """Raises PrivilegeError for everybody else."""
    if host.caller().uid != 0:
        raise PrivilegeError(_("Changing this host needs root."), "", _("Run the same command with sudo."))


def prepare(host: Workshop, directory: str) -> None:
    """Make the directory, prove that it takes a file onto the disk, and take the lock.

    The lock is held until the process ends, so that one process may take it again. Raises PrivilegeError, WorkError.
    """
    probe = f"{directory}/.probe"
    try:
        host.mkdir(f"{directory}/runs", 0o700)
        host.chown(directory, 0, 0, 0o700)
        host.write(probe, b"\0" * PROBE_BYTES, 0o600)
        host.remove(probe)
        holder = host.lock(f"{directory}/lock")
    except OSError as error:
        raise _refused(host, directory, error) from error
    if holder is not None and holder["pid"] != str(os.getpid()):
        raise WorkError(
            _("Another kvmready is changing this host: process {pid}, since {since}.").format(
                pid=holder["pid"], since=holder["since"]
            ),
            "",
            _("Wait until it has ended, then run the same command again."),
        )


def holder(host: Door, directory: str) -> str:
    """The number of the other process that changes this host now; empty when there is none.

    Only read, never locked: who looks must not stand in the way of who works (proc(5), /proc/locks).
    """
    words = host.read(f"{directory}/lock", 256).text.split()
    if not words or words[0] == str(os.getpid()):
        return ""
    for line in host.read("/proc/locks", 1 << 20).text.splitlines():
        fields = line.split()
        if fields[1:2] == ["FLOCK"] and fields[4:5] == words[:1]:
            return words[0]
    return ""


def _refused(host: Workshop, directory: str, error: OSError) -> WorkError | PrivilegeError:
    why = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM) and host.caller().uid != 0:
        return PrivilegeError(
            _("{folder} cannot be written.").format(folder=directory), why, _("Run the same command with sudo.")
        )
    move = _("Nothing was changed. What an undo needs is kept there: make it writable, and try again.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        move = _("Nothing was changed. Make room on that disk (apt-get clean frees the package cache), and try again.")
    return WorkError(_("{folder} cannot be written.").format(folder=directory), why, move)
