"""Timers of systemd that kvmready writes and takes away: a service, a timer, and who may not be mistaken for ours."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.errors import InputError, WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain, shown
from kvmready.typed import NamedTuple

FOLDER = "/etc/systemd/system"
MARK = "# Written by kvmready; taken away by: "
BOOTED = "/run/systemd/system"
"""sd_booted(3): a directory where systemd is the service manager."""


class Timer(NamedTuple):
    """Commands that a timer starts, one after the other, while the one before it succeeded.

    ``taken_away_by`` is the command that removes it; ``settings`` are lines for the service, such as ``Nice=10``.
    """

    name: str
    description: str
    taken_away_by: str
    commands: tuple[tuple[str, ...], ...]
    settings: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, str]:
        """The paths of the service and of the timer."""
        return f"{FOLDER}/{self.name}.service", f"{FOLDER}/{self.name}.timer"

    @property
    def mark(self) -> str:
        return f"{MARK}{self.taken_away_by}\n"


def quoted(word: str) -> str:
    """One argument in a unit file (systemd.syntax(7), systemd.unit(5)): specifiers and variables are no such."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    escaped = "".join(c if c.isprintable() else "".join(f"\\x{byte:02x}" for byte in c.encode()) for c in escaped)
    return f'"{escaped}"'


def service_text(timer: Timer) -> str:
    """The file of the service."""
    starts = ["ExecStart=" + " ".join(quoted(word) for word in words) for words in timer.commands]
    lines = ["[Unit]", f"Description={timer.description}", "After=libvirtd.service virtqemud.service", "", "[Service]"]
    return timer.mark + "\n".join([*lines, "Type=oneshot", *starts, *timer.settings]) + "\n"


def timer_text(timer: Timer, calendar: str) -> str:
    """The file of the timer; what was missed while the host was off is made up for."""
    lines = ["[Unit]", f"Description={timer.description}", "", "[Timer]", f"OnCalendar={calendar}", "Persistent=true"]
    return timer.mark + "\n".join([*lines, "RandomizedDelaySec=5min", "", "[Install]", "WantedBy=timers.target"]) + "\n"


def install(host: Workshop, timer: Timer, calendar: str) -> str:
    """Write both units and start the timer; returns when it comes next, in systemd's words.

    Raises InputError for a calendar that systemd does not understand, WorkError.
    """
    said = host.run(Command(("systemd-analyze", "calendar", "--", calendar)))
    if said.problem == "absent" or host.stat(BOOTED).error:
        raise WorkError(
            _("This host was not started by systemd, so that there is nobody to keep a timer."),
            "",
            _("Let the host's own scheduler run: {command}").format(
                command="; ".join(shown(words) for words in timer.commands)
            ),
        )
    if not said.ok or "\n" in calendar:
        raise InputError(
            _("systemd does not understand this time: {time}").format(time=repr(calendar)),
            explain(said),
            _("Examples are daily, Sun 03:30, *-*-* 02:00; see: man systemd.time"),
        )
    for path in timer.units:
        refuse_foreign(host, path)
    for path, text in zip(timer.units, (service_text(timer), timer_text(timer, calendar))):
        try:
            host.write(path, text.encode("utf-8", "surrogateescape"), 0o644)
        except OSError as error:
            raise WorkError(_("{file} cannot be written.").format(file=path), str(error)) from error
    change(host, ("systemctl", "daemon-reload"))
    change(host, ("systemctl", "enable", f"{timer.name}.timer"))
    change(host, ("systemctl", "restart", f"{timer.name}.timer"))
    return next((line.partition(":")[2].strip() for line in said.stdout.splitlines() if "Next elapse:" in line), "")


def remove(host: Workshop, timer: Timer) -> bool:
    """Take both units away; whether there were any. Raises WorkError."""
    service, clock = timer.units
    there = [path for path in (clock, service) if host.stat(path).error != "ENOENT"]
    for path in there:
        refuse_foreign(host, path)
    if not there:
        return False
    if clock in there:
        change(host, ("systemctl", "disable", "--now", f"{timer.name}.timer"))
    for path in there:
        try:
            host.remove(path)
        except OSError as error:
            raise WorkError(_("{file} cannot be removed.").format(file=path), str(error)) from error
    change(host, ("systemctl", "daemon-reload"))
    return True


def refuse_foreign(host: Door, path: str) -> None:
    """Raises WorkError where a file of that name is there that kvmready did not write."""
    reading = host.read(path)
    if not reading.error and not reading.text.startswith(MARK):
        raise WorkError(
            _("{file} was not written by kvmready.").format(file=path), "", _("Move it away, or keep it as it is.")
        )


def refuse_changeable(host: Door, program: Sequence[str]) -> None:
    """Raises WorkError where somebody else than root could change what the timer runs as root.

    ``program`` are the words that start it; those that are absolute paths are looked at, with all folders above them.
    """
    for word in program:
        if not word.startswith("/"):
            continue
        for path in (word, *_folders(word)):
            found = host.stat(path)
            # A folder that everybody may write to is safe for others' names where its sticky bit is set: not here.
            if not found.error and (found.uid != 0 or found.mode & 0o022):
                raise WorkError(
                    _("A timer that runs as root may not run what others can change: {path}").format(path=path),
                    _("It belongs to user {uid}, with mode {mode}.").format(uid=found.uid, mode=f"{found.mode:04o}"),
                    _("Install kvmready as root first, from its package or with pipx --global."),
                )


def _folders(path: str) -> tuple[str, ...]:
    parts = path.strip("/").split("/")[:-1]
    return tuple("/" + "/".join(parts[:end]) for end in range(len(parts), -1, -1))
