"""The actions of ``kvmready backup``, each with its line in the help and options of its own."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.cli.options import Option
from kvmready.i18n import N_


def _folder(word: str) -> Option:
    return Option(
        (f"--{word}",),
        "value",
        N_("the folder of the backups (default: %(default)s)"),
        default="/var/lib/kvmready/backups",
        metavar="DIR",
        dest="folder",
    )


INCREMENTAL = Option(
    ("--incremental",), "flag", N_("save what changed since the last backup, where the disks allow it")
)
KEEP = (
    Option(("--keep-daily",), "value", N_("days of which the last backup stays"), default="7", metavar="N"),
    Option(("--keep-weekly",), "value", N_("weeks of which the last backup stays"), default="4", metavar="N"),
)


def _create() -> tuple[Option, ...]:
    return (
        Option(("names",), "words", N_("the guests, by name or UUID"), metavar="NAME"),
        Option(("--all",), "flag", N_("all guests of this host")),
        _folder("to"),
        INCREMENTAL,
        Option(("--dry-run",), "flag", N_("show what would be saved, and make nothing")),
        Option(
            ("--method",),
            "value",
            N_("for guests that run: libvirt's backup job, or a snapshot where that is missing (default: %(default)s)"),
            default="auto",
            choices=("auto", "job", "snapshot"),
        ),
    )


def _list() -> tuple[Option, ...]:
    return (Option(("name",), "word", N_("only those of this guest"), metavar="NAME"), _folder("from"))


def _verify() -> tuple[Option, ...]:
    return (
        Option(("name",), "word", N_("one backup, or those of one guest (default: all)"), metavar="ID|NAME"),
        _folder("from"),
    )


def _restore() -> tuple[Option, ...]:
    return (
        Option(("name",), "word", N_("a backup, or the last one of a guest"), metavar="ID|NAME"),
        _folder("from"),
        Option(
            ("--as",), "value", N_("as a new guest of this name, beside the old one"), metavar="NEWNAME", dest="new"
        ),
        Option(("--force",), "flag", N_("overwrite the guest where it is there; it must be shut off")),
    )


def _schedule() -> tuple[Option, ...]:
    return (
        Option(("name",), "word", N_("the guest (default: all)"), metavar="NAME"),
        Option(
            ("--calendar",),
            "value",
            N_("when, as in systemd.time(7) (default: %(default)s)"),
            default="daily",
            metavar="WHEN",
        ),
        _folder("to"),
        INCREMENTAL,
        *KEEP,
        Option(("--remove",), "flag", N_("take the timer away; the backups stay")),
    )


def _prune() -> tuple[Option, ...]:
    return (
        _folder("from"),
        *KEEP,
        Option(("--dry-run",), "flag", N_("show what would go, and delete nothing")),
        Option(("--yes",), "flag", N_("delete without asking")),
    )


ACTIONS: dict[str, tuple[str, Callable[[], tuple[Option, ...]]]] = {
    "create": (N_("back up guests, running or not, and the host's configuration"), _create),
    "list": (N_("list the backups, the oldest first"), _list),
    "verify": (N_("hash every file again and check the disks; starts nothing"), _verify),
    "restore": (N_("put a guest back, on this or another host"), _restore),
    "schedule": (N_("make backups regularly, and delete old ones, by a systemd timer"), _schedule),
    "prune": (N_("delete old backups, but never the last good one of a guest"), _prune),
}
