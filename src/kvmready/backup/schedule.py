"""``backup schedule``: a systemd timer that makes backups and prunes them."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.errors import InputError, WorkError
from kvmready.host.door import Command, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain

FOLDER = "/etc/systemd/system"
NAME = "kvmready-backup"
MARK = "# Written by kvmready backup schedule; kvmready backup schedule --remove takes it away.\n"


def quoted(word: str) -> str:
    """One argument in a unit file (systemd.syntax(7), systemd.unit(5)): specifiers and variables are no such."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    escaped = "".join(c if c.isprintable() else "".join(f"\\x{byte:02x}" for byte in c.encode()) for c in escaped)
    return f'"{escaped}"'


def service(create: Sequence[str], prune: Sequence[str]) -> str:
    """The unit that makes the backups; what is surplus goes only after all of them were made."""
    lines = [
        "[Unit]",
        "Description=Backups of guests by kvmready",
        "After=libvirtd.service virtqemud.service",
        "",
        "[Service]",
        "Type=oneshot",
        "ExecStart=" + " ".join(quoted(word) for word in create),
        "ExecStart=" + " ".join(quoted(word) for word in prune),
        "Nice=15",
        "IOSchedulingClass=idle",
        "UMask=0077",
    ]
    return MARK + "\n".join(lines) + "\n"


def timer(calendar: str) -> str:
    lines = [
        "[Unit]",
        "Description=Backups of guests by kvmready",
        "",
        "[Timer]",
        f"OnCalendar={calendar}",
        "Persistent=true",
        "RandomizedDelaySec=10min",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return MARK + "\n".join(lines) + "\n"


def write(host: Workshop, calendar: str, create: Sequence[str], prune: Sequence[str]) -> str:
    """Write both units, start the timer; returns when it will come next, in systemd's words. Raises KvmreadyError."""
    said = host.run(Command(("systemd-analyze", "calendar", "--", calendar)))
    if said.problem == "absent" or host.stat("/run/systemd/system").error:
        raise WorkError(
            _("This host was not started by systemd, so that there is nobody to keep a timer."),
            "",
            _("Let the host's own scheduler run: {command}").format(command=" ".join(create)),
        )
    if not said.ok or "\n" in calendar:
        raise InputError(
            _("systemd does not understand this time: {time}").format(time=repr(calendar)),
            explain(said),
            _("Examples are daily, Sun 03:30, *-*-* 02:00; see: man systemd.time"),
        )
    for unit, text in ((f"{NAME}.service", service(create, prune)), (f"{NAME}.timer", timer(calendar))):
        _refuse_foreign(host, f"{FOLDER}/{unit}")
        try:
            host.write(f"{FOLDER}/{unit}", text.encode("utf-8", "surrogateescape"), 0o644)
        except OSError as error:
            raise WorkError(_("{file} cannot be written.").format(file=f"{FOLDER}/{unit}"), str(error)) from error
    change(host, ("systemctl", "daemon-reload"))
    change(host, ("systemctl", "enable", f"{NAME}.timer"))
    change(host, ("systemctl", "restart", f"{NAME}.timer"))
    return next((line.partition(":")[2].strip() for line in said.stdout.splitlines() if "Next elapse:" in line), "")


def remove(host: Workshop) -> bool:
    """Take both units away; whether there were any. Raises WorkError."""
    paths = [f"{FOLDER}/{NAME}.{kind}" for kind in ("timer", "service")]
    there = [path for path in paths if host.stat(path).error != "ENOENT"]
    for path in there:
        _refuse_foreign(host, path)
    if not there:
        return False
    if paths[0] in there:
        change(host, ("systemctl", "disable", "--now", f"{NAME}.timer"))
    for path in there:
        try:
            host.remove(path)
        except OSError as error:
            raise WorkError(_("{file} cannot be removed.").format(file=path), str(error)) from error
    change(host, ("systemctl", "daemon-reload"))
    return True


def _refuse_foreign(host: Workshop, path: str) -> None:
    reading = host.read(path)
    if not reading.error and not reading.text.startswith(MARK):
        raise WorkError(
            _("{file} was not written by kvmready.").format(file=path), "", _("Move it away, or keep it as it is.")
        )
