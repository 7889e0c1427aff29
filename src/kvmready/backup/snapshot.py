"""Disks of a running guest without a backup job: an external snapshot, the images below it copied, then committed.

While this lasts the guest writes into overlays beside its disks. They are never removed before libvirt has said that
they are committed, and a run that finds a guest on overlays of an earlier one commits these first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmready.backup import image, refused
from kvmready.backup.freeze import frozen
from kvmready.backup.pace import Pace
from kvmready.backup.refused import Refused
from kvmready.backup.repository import items
from kvmready.backup.sources import SPOOL, Source, Sources, disk_file
from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import Definition, definition_of
from kvmready.host.door import Workshop
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.backup.running import Saved
    from kvmready.domains.listing import Domain

SNAPSHOT_LIMIT = 120.0
COMMIT_LIMIT = 24 * 3600.0
OVERLAY = re.compile(re.escape(SPOOL) + r"\d{8}T\d{6}Z-[0-9a-f]{8}-[a-z0-9]+\.overlay")


def overlay(source: Source) -> str:
    return source.spool[: -len(".qcow2")] + ".overlay"


def snapshot_xml(name: str, disks: Sequence[Source], others: Sequence[str]) -> str:
    from xml.sax.saxutils import escape, quoteattr

    lines = ["<domainsnapshot>", f"  <name>{escape(name)}</name>", "  <disks>"]
    for one in disks:
        lines += [
            f"    <disk name={quoteattr(one.target)} snapshot='external' type='file'>",
            "      <driver type='qcow2'/>",
            f"      <source file={quoteattr(overlay(one))}/>",
            "    </disk>",
        ]
    lines += [f"    <disk name={quoteattr(target)} snapshot='no'/>" for target in others]
    return "\n".join([*lines, "  </disks>", "</domainsnapshot>\n"])


def save(saved: Saved, guest: Domain, found: Sources, agent: bool, id: str) -> tuple[bool, str]:
    """Save the disks: whether the file systems were frozen, and a sentence where that failed. Raises WorkError."""
    host, libvirt, uuid = saved.host, saved.libvirt, guest.uuid
    file = f"{saved.folder}/snapshot.xml"
    host.write(file, snapshot_xml(f"kvmready-{id}", found.disks, found.others).encode("utf-8"), 0o600, lasting=False)
    overlays = [overlay(one) for one in found.disks]
    commits = [commit(uuid, one.target) for one in found.disks]
    saved.work.commits(commits, lambda: drop(host, libvirt, uuid, overlays))
    with frozen(libvirt, uuid, agent, saved.work.thaw_later) as freeze:
        more = ("--disk-only", "--atomic", "--no-metadata")
        libvirt.change("snapshot-create", f"--domain={uuid}", f"--xmlfile={file}", *more, limit=SNAPSHOT_LIMIT)
    host.remove(file, lasting=False)
    options = image.compression(host, saved.folder)
    for one in found.disks:
        name = disk_file(one.target)
        log = f"{saved.folder}/progress.log"
        pace = Pace(one.used, saved.say)
        image.copy(host, image.node(one.path, one.format), f"{saved.folder}/{name}", log, pace, options=options)
        saved.items += items(host, saved.folder, [name])
    saved.say(_("committing what the guest wrote meanwhile"))
    for words in commits:
        libvirt.change(*words, limit=COMMIT_LIMIT)
    drop(host, libvirt, uuid, overlays)
    saved.work.commits([], lambda: None)
    return freeze.done, freeze.why


def commit(uuid: str, target: str) -> tuple[str, ...]:
    return ("blockcommit", f"--domain={uuid}", f"--path={target}", "--active", "--pivot", "--wait")


def left(found: Definition) -> list[tuple[str, str]]:
    """Target and path of each overlay of ours that a guest stands on."""
    return [(disk.target, disk.path) for disk in found.disks if OVERLAY.fullmatch(disk.path.rpartition("/")[2])]


def mend(host: Workshop, libvirt: Libvirt, guest: Domain, found: Definition) -> bool:
    """Commit the overlays that a killed backup left; whether there were some. Raises WorkError, LibvirtError."""
    stands = left(found)
    if stands and not guest.active:
        raise Refused(
            refused.OVERLAY,
            _("The guest {name} stands on an overlay that a killed backup left: {path}").format(
                name=guest.name, path=stands[0][1]
            ),
            "",
            _("Start the guest, then run the same command again: it commits the overlay while the guest runs."),
        )
    for target, _path in stands:
        libvirt.run("blockjob", f"--domain={guest.uuid}", f"--path={target}", "--abort")
        libvirt.change(*commit(guest.uuid, target), limit=COMMIT_LIMIT)
    drop(host, libvirt, guest.uuid, [path for _target, path in stands])
    return bool(stands)


def drop(host: Workshop, libvirt: Libvirt, uuid: str, overlays: Sequence[str]) -> None:
    """Remove overlays that the guest does not use any more."""
    used = set(definition_of(libvirt, uuid).image_paths())
    for path in overlays:
        if path not in used and host.stat(path).kind == "file":
            host.remove(path, lasting=False)
