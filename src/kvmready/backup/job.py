"""Disks of a running guest by libvirt's backup job: QEMU holds them as they were when the job began.

Whole disks are pulled: QEMU shows that moment as NBD exports on a socket, from which they go compressed into the
backup, and keeps beside each disk (the spool) only what the guest overwrites meanwhile. Increments are pushed: QEMU
writes what changed into the spool, from where it is compressed; the folder of the backups is closed to QEMU's user.
"""

from __future__ import annotations

import re
import time

from kvmready.backup.freeze import frozen
from kvmready.backup.pace import Pace
from kvmready.backup.refused import HANGS, Refused
from kvmready.domains.connection import Libvirt, LibvirtError
from kvmready.domains.definition import tree
from kvmready.errors import WorkError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvmready.backup.sources import Source
    from kvmready.domains.definition import Definition
    from kvmready.host.door import Workshop

BEGIN_LIMIT = 120.0
LOOK_EVERY = 0.5
SILENCE = 120.0
"""Seconds for which libvirt may fail to answer while the job runs: a daemon that is restarted needs some."""

STALLED = 600.0
"""Seconds without a byte written after which a job is given up."""

UNSUPPORTED = ("unsupported", "not supported", "unknown command", "unknown procedure")
CHECKPOINT = "kvmready-"
PRIVATE = "/var/lib/libvirt/qemu"
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class Unsupported(WorkError):
    """This libvirt or QEMU has no backup job; ``why`` is what it said."""


class Begun(NamedTuple):
    """``quiesced``: the guest's file systems were frozen when the job began; ``note`` says why not, where it should."""

    quiesced: bool
    note: str


class State(NamedTuple):
    """A job as libvirt tells it. ``kind`` is its type (None, Unbounded, Completed, Failed, Cancelled)."""

    kind: str
    done: int
    total: int


def socket_folder(host: Workshop, active: Definition) -> str:
    """The folder that libvirt made for this run of a guest, in which QEMU may make a socket; "" where there is none.

    virDomainDefGetShortName cuts the name; virt-aa-helper lets QEMU write there, and svirt owns it. Only QEMU's user
    and root may enter it.
    """
    number = tree(active.xml).get("id", "")
    mark = f"domain-{number}-"
    found = [name for name in host.listdir(PRIVATE).names if number and name.startswith(mark)]
    return f"{PRIVATE}/{found[0]}" if len(found) == 1 else ""


def export(socket: str, target: str) -> dict[str, Any]:
    """The disk ``target`` as the job shows it, as a block node of QEMU."""
    server = {"type": "unix", "path": socket}
    return {"driver": "raw", "file": {"driver": "nbd", "server": server, "export": target}}


def backup_xml(sources: Sequence[Source], others: Sequence[str], base: str, socket: str = "") -> str:
    """What is saved; ``others`` are the targets of disks that are not, ``base`` a checkpoint or empty.

    Pulled from ``socket`` where that is given, else pushed into the spools.
    """
    from xml.sax.saxutils import escape, quoteattr

    lines = [f"<domainbackup mode='{'pull' if socket else 'push'}'>"]
    if base:
        lines.append(f"  <incremental>{escape(base)}</incremental>")
    if socket:
        lines.append(f"  <server transport='unix' socket={quoteattr(socket)}/>")
    lines.append("  <disks>")
    place = "scratch" if socket else "target"
    for source in sources:
        lines += [
            f"    <disk name={quoteattr(source.target)} backup='yes' type='file'>",
            "      <driver type='qcow2'/>",
            f"      <{place} file={quoteattr(source.spool)}/>",
            "    </disk>",
        ]
    lines += [f"    <disk name={quoteattr(target)} backup='no'/>" for target in others]
    return "\n".join([*lines, "  </disks>", "</domainbackup>\n"])


def checkpoint_xml(name: str, sources: Sequence[Source], others: Sequence[str]) -> str:
    from xml.sax.saxutils import escape, quoteattr

    lines = ["<domaincheckpoint>", f"  <name>{escape(name)}</name>", "  <disks>"]
    lines += [f"    <disk name={quoteattr(source.target)} checkpoint='bitmap'/>" for source in sources]
    lines += [f"    <disk name={quoteattr(target)} checkpoint='no'/>" for target in others]
    return "\n".join([*lines, "  </disks>", "</domaincheckpoint>\n"])


def begin(libvirt: Libvirt, uuid: str, agent: bool, files: tuple[str, str], late: Callable[[], None]) -> Begun:
    """Begin the job, with the guest's file systems frozen for that moment where its agent answers.

    ``files``: the XML of the backup, and of the checkpoint or empty; ``late``: see ``frozen``. Raises Unsupported,
    LibvirtError.
    """
    more = (f"--checkpointxml={files[1]}",) if files[1] else ()
    with frozen(libvirt, uuid, agent, late) as freeze:
        try:
            libvirt.change("backup-begin", f"--domain={uuid}", f"--backupxml={files[0]}", *more, limit=BEGIN_LIMIT)
        except LibvirtError as error:
            if any(word in error.words.lower() for word in UNSUPPORTED):
                raise Unsupported(error.what, error.words) from error
            raise
    return Begun(freeze.done, freeze.why)


def parse(text: str) -> State:
    """``virsh domjobinfo`` in the C locale."""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    return State(
        values.get("Job type", ""), _bytes(values.get("File processed", "")), _bytes(values.get("File total", ""))
    )


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([\d.]+) (\w+)", text)
    return int(float(match.group(1)) * _UNITS.get(match.group(2), 1)) if match else 0


def wait(host: Workshop, libvirt: Libvirt, uuid: str, size: int, say: Callable[[str], None]) -> None:
    """Wait for the job's end, over a restart of libvirt as well. Raises LibvirtError, and WorkError where it failed."""
    pace = Pace(size, say)
    heard = moved = time.monotonic()
    last = -1
    while True:
        try:
            state = parse(libvirt.text("domjobinfo", f"--domain={uuid}"))
        except LibvirtError as error:
            if error.gone or time.monotonic() - heard > SILENCE:
                raise
            say(_("libvirt does not answer; waiting for it"))
            host.sleep(1.0)
            continue
        heard = time.monotonic()
        if state.kind in ("None", ""):
            return _ended(libvirt, uuid)
        if state.done != last:
            last, moved = state.done, heard
        if heard - moved > STALLED:
            raise Refused(HANGS, _("The backup job does not get on: nothing was written for 10 minutes."))
        if state.total:
            pace(state.done / state.total)
        host.sleep(LOOK_EVERY)


def _ended(libvirt: Libvirt, uuid: str) -> None:
    options = ("--completed", "--anystats", "--keep-completed")
    state = parse(libvirt.text("domjobinfo", f"--domain={uuid}", *options))
    if state.kind == "Completed":
        return
    if state.kind in ("None", ""):
        raise lost("")
    raise WorkError(
        _("The backup job failed."),
        _("libvirt says: {state}").format(state=state.kind),
        _("Look whether there is room beside the guest's disks, and at: virsh domblkerror"),
    )


def lost(why: str) -> WorkError:
    """The error for a job that is gone, nobody knows how."""
    what = _("How the backup job ended cannot be known: libvirt was restarted meanwhile, or the guest stopped.")
    return WorkError(what, why, _("Run the same command again."))


def lives(libvirt: Libvirt, uuid: str) -> bool:
    """Whether a guest has a job; also where libvirt does not say."""
    result = libvirt.run("domjobinfo", f"--domain={uuid}")
    return parse(result.stdout).kind not in ("None", "") if result.ok else not libvirt.failure(result).gone


def cancel(libvirt: Libvirt, uuid: str) -> None:
    """End the job, if there still is one; that there is none is no error."""
    libvirt.run("domjobabort", f"--domain={uuid}")


def finish(host: Workshop, libvirt: Libvirt, uuid: str) -> None:
    """End a job whose disks have been pulled, and wait until it is gone. Raises LibvirtError."""
    cancel(libvirt, uuid)  # a libvirt that is being restarted may not answer this once
    end = time.monotonic() + SILENCE
    nap = 0.02
    while True:
        result = libvirt.run("domjobinfo", f"--domain={uuid}")
        if result.ok and parse(result.stdout).kind in ("None", ""):
            return
        if time.monotonic() > end:
            raise libvirt.failure(result) if not result.ok else Refused(HANGS, _("The backup job does not end."))
        host.sleep(nap)
        nap = min(nap * 2, 1.0)
        if nap == 1.0:
            cancel(libvirt, uuid)
