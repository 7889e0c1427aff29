"""The actions of ``kvmready timer``, each with its line in the help and options of its own."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.cli.options import ASKED, Option, none
from kvmready.i18n import N_


def _install() -> tuple[Option, ...]:
    return (
        Option(
            ("--output",),
            "value",
            N_("the file for node_exporter (default: one in its own folder for text files)"),
            metavar="FILE",
        ),
        Option(
            ("--calendar",),
            "value",
            N_("when, as in systemd.time(7) (default: %(default)s)"),
            default="hourly",
            metavar="WHEN",
        ),
        *ASKED,
    )


ACTIONS: dict[str, tuple[str, Callable[[], tuple[Option, ...]]]] = {
    "install": (N_("write this host's report for Prometheus regularly, by a systemd timer"), _install),
    "remove": (N_("take the timer away"), none),
    "alerts": (N_("print alert rules for Prometheus"), none),
    "dashboard": (N_("print a dashboard for Grafana"), none),
}
