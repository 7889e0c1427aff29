"""``backup schedule``: a systemd timer that makes backups and prunes them."""

from __future__ import annotations

from kvmready.timers import Timer

NAME = "kvmready-backup"
SETTINGS = ("Nice=15", "IOSchedulingClass=idle", "UMask=0077")


def timer(create: tuple[str, ...] = (), prune: tuple[str, ...] = ()) -> Timer:
    """The timer of two commands; what is surplus goes only after all backups were made."""
    commands = (create, prune) if create else ()
    description = "Backups of guests by kvmready"
    return Timer(NAME, description, "kvmready backup schedule --remove", commands, SETTINGS)
