"""What a backup left that could not clean up: its guest hung, its guard was killed, or the power failed.

Nobody makes any of it meanwhile: whoever calls this holds the lock of all backups of this host.
"""

from __future__ import annotations

from kvmready.backup import job
from kvmready.backup.snapshot import OVERLAY
from kvmready.backup.sources import SPOOL, SPOOL_NAME
from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import Definition, definitions_of, tree
from kvmready.domains.listing import domains
from kvmready.errors import WorkError
from kvmready.host.door import Workshop
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.domains.listing import Domain


def end_job(host: Workshop, libvirt: Libvirt, guest: Domain) -> bool:
    """End a backup job that writes into a file of ours; whether there was one. Raises LibvirtError, WorkError.

    Libvirt begins a job whose caller has given up, when its guest answers again.
    """
    if not guest.active:
        return False
    result = libvirt.run("backup-dumpxml", f"--domain={guest.uuid}")
    if not result.ok:  # there is none, or this libvirt knows no such jobs
        return False
    disks = tree(result.stdout).findall("disks/disk")
    files = [file.get("file", "") for disk in disks for file in (*disk.findall("target"), *disk.findall("scratch"))]
    if not any(path.rpartition("/")[2].startswith(SPOOL) for path in files):
        return False
    job.finish(host, libvirt, guest.uuid)
    return True


def require_no_lost_job(libvirt: Libvirt, guest: Domain) -> None:
    """Raises WorkError where libvirt holds the guest for a backup job of which it knows nothing.

    So it is when libvirtd was killed between noting that a job begins and noting which (src/qemu/qemu_backup.c): what
    it read in again says that a job is there, for which every change of the guest waits, and which nobody can end.
    """
    result = libvirt.run("domjobinfo", f"--domain={guest.uuid}") if guest.active else None
    if result is not None and not result.ok and "job data missing" in result.stderr:
        raise WorkError(
            _("libvirt holds the guest {name} for a backup job that it has lost.").format(name=guest.name),
            " ".join(result.stderr.split()),
            _("The guest runs on, but libvirt changes nothing of it before it was shut off and started again."),
        )


def sweep(host: Workshop, libvirt: Libvirt, found: Definition) -> None:
    """Remove spools and committed overlays beside a guest's disks that no guest and no process uses."""
    folders = {path.rpartition("/")[0] for path in found.image_paths() if not path.startswith("/dev/")}
    left_over = [
        f"{folder}/{name}"
        for folder in sorted(folders)
        for name in host.listdir(folder).names
        if OVERLAY.fullmatch(name) or SPOOL_NAME.fullmatch(name)
    ]
    if not left_over:
        return
    known = definitions_of(libvirt, [one.uuid for one in domains(libvirt)])
    used = {path for one in known.values() for path in one.image_paths()}
    for path in left_over:
        # QEMU, qemu-img and qemu-nbd hold locks on an image that they have open.
        if path not in used and host.stat(path).kind == "file" and host.locked(path) == (path, "", "", False):
            host.remove(path, lasting=False)
