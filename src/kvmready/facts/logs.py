"""What a host wrote since it was started: its journal, the kernel's log, and those of libvirt, QEMU and virt-manager.

Each is a log with its text, or with the reason why it could not be read; none is left out in silence.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable

from kvmready.host.door import READ_LIMIT, Command
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Door, Result

LINES = 20_000
"""Lines of the journal, the newest ones."""

JOURNAL = ("journalctl", "--boot", "--no-pager", "--output=short-iso", f"--lines={LINES}")
KERNEL = ("dmesg",)

FOLDERS = ("/var/log/libvirt", "/var/log/libvirt/qemu", "/var/log/swtpm/libvirt/qemu")
"""libvirt, src/remote/libvirtd.conf.in (log_outputs), src/qemu/qemu_conf.c (logDir) and qemu_tpm.c."""

OF_A_USER = (".cache/libvirt/qemu/log", ".cache/libvirt", ".cache/virt-manager")
"""Of the session connection, and virt-manager's own: virtManager/virtmanager.py (setup_logging)."""

MOST = 100
"""Files in all; the rest is named in a log of its own."""

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)\.\d+(?:\+0000|Z)")
"""How libvirt and QEMU write the time, in UTC: src/util/virtime.c, util/error-report.c."""


class Log(NamedTuple):
    """One log. ``status`` is read, partial (a part of it: ``why`` says which), absent, denied or unknown."""

    name: str
    status: str
    text: str = ""
    why: str = ""


def ask(host: Door, users: Iterable[str]) -> Callable[[], tuple[Log, ...]]:
    """Begin to read; the commands run while the files are read. ``users`` are those whose own logs count too."""
    journal = host.begin(Command(JOURNAL, timeout=20))
    kernel = host.begin(Command(KERNEL, timeout=5))
    files = _files(host, users)

    def answered() -> tuple[Log, ...]:
        return (from_journal(journal.wait()), from_kernel(kernel.wait()), *files)

    return answered


def from_journal(answer: Result) -> Log:
    """The journal since the boot; without the right to read all of it journalctl says so on standard error."""
    name = " ".join(JOURNAL[:2])
    if answer.problem == "absent":
        return Log(name, "absent", why=_("journalctl is not installed"))
    if not answer.ok:
        return Log(name, "unknown", why=_why(answer))
    if "not seeing messages from other users" in answer.stderr:
        return Log(name, "partial", answer.stdout, _("only root may read the messages of others"))
    if not answer.stdout.strip() or answer.stdout.startswith("-- No entries --"):
        return Log(name, "unknown", why=answer.stderr.strip()[:200] or _("the journal is empty"))
    if answer.stdout.count("\n") >= LINES:
        return Log(name, "partial", answer.stdout, _("only the newest {count} lines").format(count=LINES))
    return Log(name, "read", answer.stdout)


def from_kernel(answer: Result) -> Log:
    name = " ".join(KERNEL)
    if answer.ok:
        return Log(name, "read", answer.stdout)
    if answer.problem == "absent":
        return Log(name, "absent", why=_("dmesg is not installed"))
    if answer.problem == "denied" or "not permitted" in answer.stderr:
        return Log(name, "denied", why=_("only root may read the kernel log"))
    return Log(name, "unknown", why=_why(answer))


def since(text: str, booted: int) -> str:
    """The part of a log of libvirt or QEMU from ``booted`` on, in seconds since the epoch; all of one without times."""
    if booted <= 0:
        return text
    first = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(booted))
    dated = False
    for stamp in _STAMP.finditer(text):
        dated = True
        if f"{stamp.group(1)} {stamp.group(2)}" >= first:
            return text[text.rfind("\n", 0, stamp.start()) + 1 :]
    return "" if dated else text


def _why(answer: Result) -> str:
    if answer.problem == "timeout":
        return _("no answer in time")
    return answer.problem or answer.stderr.strip()[:200] or str(answer.status)


def _files(host: Door, users: Iterable[str]) -> list[Log]:
    homes = [account.home for account in map(host.account, users) if not account.error and account.home]
    folders = [*FOLDERS, *(f"{home.rstrip('/')}/{folder}" for home in homes for folder in OF_A_USER)]
    found: list[Log] = []
    paths: list[str] = []
    for folder in folders:
        listing = host.listdir(folder)
        if listing.error and listing.error not in ("ENOENT", "ENOTDIR"):
            found.append(Log(folder, _status(listing.error), why=listing.error))
        elif listing.error and folder == FOLDERS[0]:
            found.append(Log(folder, "absent", why=_("libvirt has written no logs here")))
        paths += [f"{folder}/{name}" for name in listing.names if name.endswith(".log")]
    if len(paths) > MOST:
        more = _("{count} more files were not read").format(count=len(paths) - MOST)
        found.append(Log(", ".join(folders), "partial", why=more))
    booted = _booted(host)
    return [*found, *(_file(host, path, booted) for path in paths[:MOST])]


def _file(host: Door, path: str, booted: int) -> Log:
    """A log file since the boot; of a long one its end."""
    status = host.stat(path)
    if status.error or status.kind != "file":
        return Log(path, _status(status.error), why=status.error or status.kind)
    if status.size <= READ_LIMIT:
        reading = host.read(path)
        if reading.error:
            return Log(path, _status(reading.error), why=reading.error)
        return Log(path, "read", since(reading.text, booted))
    answer = host.run(Command(("tail", f"--bytes={READ_LIMIT}", "--", path), timeout=5))
    if not answer.ok:
        return Log(path, "unknown", why=_why(answer))
    return Log(path, "partial", since(answer.stdout, booted), _("only its end"))


def _status(error: str) -> str:
    return {"ENOENT": "absent", "EACCES": "denied", "EPERM": "denied"}.get(error, "unknown")


def _booted(host: Door) -> int:
    words = host.grep("/proc/stat", ("btime",)).text.split()
    return int(words[1]) if len(words) == 2 and words[1].isascii() and words[1].isdigit() and len(words[1]) < 12 else 0
