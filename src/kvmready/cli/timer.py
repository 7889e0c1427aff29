"""``kvmready timer``: this host's report for Prometheus, regularly; alert rules and a dashboard."""

from __future__ import annotations

import os
import sys

from kvmready import timers
from kvmready.apply.state import require_root
from kvmready.cli import program, session
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_READY, UsageError
from kvmready.host.local import LocalHost
from kvmready.i18n import _

NAME = "kvmready-check"
FILE = "kvmready.prom"
COLLECTORS = (
    "/var/lib/prometheus/node-exporter",
    "/var/lib/node_exporter/textfile_collector",
    "/var/lib/node_exporter",
    "/var/lib/prometheus/node_exporter",
)
"""Where node_exporter's packages look for text files: Debian and Ubuntu; Fedora, EPEL and upstream; others."""

SETTINGS = ("Nice=10", "IOSchedulingClass=idle", "TimeoutStartSec=5min", "SuccessExitStatus=1")
"""Exit status 1 is a verdict, not a failure of the unit."""


def run(parsed: Parsed) -> int:
    status: int = ACTIONS[parsed.action](parsed)
    return status


def _install(parsed: Parsed) -> int:
    host = LocalHost()
    require_root(host)
    target = _target(host, parsed.output)
    start = program.for_root(host)
    want = session.want(parsed, host)
    words = ["check", "--format=prometheus", f"--output={target}"]
    if parsed.config is not None:
        words.append(f"--config={os.path.abspath(parsed.config)}")
    if parsed.profile:
        words.append(f"--profile={parsed.profile}")
    if parsed.user or not (parsed.configuration and "users" in parsed.configuration.values):
        words += [f"--user={name}" for name in want.users]
    timer = _timer(((*start, *words),))
    following = timers.install(host, timer, parsed.calendar)
    _say(parsed, {"units": list(timer.units), "file": target, "next": following, "removed": False})
    return EXIT_READY


def _target(host: LocalHost, wanted: str | None) -> str:
    """The file to write. Raises UsageError where nobody says where, or its folder is not there."""
    if wanted is None:
        found = next((path for path in COLLECTORS if host.stat(path).kind == "directory"), None)
        if found is None:
            raise UsageError(
                _("node_exporter's folder for text files was not found."),
                _("Looked for: {names}").format(names=", ".join(COLLECTORS)),
                _("Name the file: kvmready timer install --output /DIRECTORY/kvmready.prom"),
            )
        return f"{found}/{FILE}"
    path = os.path.abspath(wanted)
    folder = os.path.dirname(path)
    if not path.endswith(".prom"):
        raise UsageError(_("node_exporter reads only files whose name ends in .prom: {file}").format(file=path))
    if host.stat(folder).kind != "directory":
        raise UsageError(_("There is no directory {path}.").format(path=folder))
    return path


def _remove(parsed: Parsed) -> int:
    host = LocalHost()
    require_root(host)
    removed = timers.remove(host, _timer(()))
    _say(parsed, {"units": [], "file": "", "next": "", "removed": removed})
    return EXIT_READY


def _timer(commands: tuple[tuple[str, ...], ...]) -> timers.Timer:
    description = "The report of kvmready for Prometheus"
    return timers.Timer(NAME, description, "kvmready timer remove", commands, SETTINGS)


def _say(parsed: Parsed, record: dict[str, object]) -> None:
    if parsed.format == "json":
        import json

        sys.stdout.write(json.dumps({"schema": "kvmready.timer/1", **record}, indent=2) + "\n")
    elif record["units"]:
        words = _("{unit} writes {file}, the next time {next}.")
        unit = f"{NAME}.timer"
        sys.stdout.write(words.format(unit=unit, file=record["file"], next=record["next"]) + "\n")
        sys.stdout.write(_("The first report now: {command}").format(command=f"systemctl start {NAME}.service") + "\n")
    elif record["removed"]:
        sys.stdout.write(_("The timer is taken away; the file that it wrote is still there.") + "\n")
    else:
        sys.stdout.write(_("There was no timer.") + "\n")


def _shipped(name: str) -> int:
    with open(os.path.join(os.path.dirname(timers.__file__), name), encoding="utf-8") as file:
        sys.stdout.write(file.read())
    return EXIT_READY


def _alerts(_parsed: Parsed) -> int:
    return _shipped("alerts.yml")


def _dashboard(_parsed: Parsed) -> int:
    return _shipped("dashboard.json")


ACTIONS = {"install": _install, "remove": _remove, "alerts": _alerts, "dashboard": _dashboard}
