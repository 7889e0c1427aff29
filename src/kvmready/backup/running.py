"""The disks of a guest that runs: by libvirt's backup job, whole or since a checkpoint; else by a snapshot."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.backup import image, job, snapshot
from kvmready.backup.manifest import Item
from kvmready.backup.pace import Pace
from kvmready.backup.refused import HANGS, NO_SPACE, UNREADABLE, Refused
from kvmready.backup.repository import Entry, Repository, chain, items
from kvmready.backup.sources import Source, Sources, disk_file, has_agent
from kvmready.backup.work import Work
from kvmready.domains.connection import Libvirt, LibvirtError
from kvmready.domains.definition import Definition, tree
from kvmready.domains.listing import Domain
from kvmready.errors import InputError
from kvmready.host.door import Workshop
from kvmready.i18n import _
from kvmready.report.text_backup import size
from kvmready.typed import NamedTuple, Protocol

ANSWER_LIMIT = 15.0
"""Seconds in which the emulator of a running guest has to answer libvirt."""

IDLE = 10.0
"""Seconds without progress after which it is asked whether it still lives."""

LEAST_ROOM = 32 << 20
"""Bytes that have to be free beside a guest's disks as long as its backup job runs."""

LONGEST = 14
"""Increments on one full backup: a restore needs all of them, and each can be damaged."""


class Plan(NamedTuple):
    """How the disks are saved. ``base`` is the backup below, and ``since`` its checkpoint; ``checkpoint`` a new one.

    ``stack`` are the folders of ``base`` and of all below it; ``size`` the bytes that changed, -1 for everything.
    """

    method: str
    base: str
    checkpoint: str
    since: str = ""
    stack: tuple[str, ...] = ()
    size: int = -1
    note: str = ""


class Saved(Protocol):
    """What ``create`` collects of one guest."""

    host: Workshop
    libvirt: Libvirt
    folder: str
    work: Work
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    quiesced: bool

    def say(self, text: str) -> None: ...


def plan(
    host: Workshop, libvirt: Libvirt, uuid: str, found: Sources, repository: Repository, incremental: bool
) -> Plan:
    """What can be done. Without ``incremental`` nothing is left in the guest's disks, so that nothing can build on it.

    An increment needs disks that are all qcow2, and the newest good backup of this guest whose checkpoint libvirt
    still has, with the same disks; else it becomes a full backup with a checkpoint.
    """
    whole = Plan("job", "", "")
    if not incremental:
        return whole
    if any(one.format != "qcow2" for one in found.disks):
        return whole._replace(note=_("full: an increment needs disks in the format qcow2"))
    first = whole._replace(checkpoint=job.CHECKPOINT)
    entries = [entry for entry in repository.entries() if entry.manifest is not None and entry.manifest.uuid == uuid]
    known = checkpoints(libvirt, uuid)
    targets = {one.target: one.size for one in found.disks}
    for entry in reversed(entries):
        manifest = entry.manifest
        if manifest is None or not manifest.checkpoint or manifest.checkpoint not in known:
            continue
        if {disk.target: disk.size for disk in manifest.disks} != targets:
            return first._replace(note=_("full: the guest has other disks than at its last backup"))
        try:
            below = chain(repository.entries(), entry)
        except InputError:
            continue
        if len(below) > LONGEST:
            return first._replace(note=_("full: {count} increments stand on the last one").format(count=len(below) - 1))
        count = changed(libvirt, uuid, manifest.checkpoint)
        return Plan("job", entry.id, job.CHECKPOINT, manifest.checkpoint, tuple(one.folder for one in below), count)
    return first._replace(note=_("full: there is no backup with a checkpoint to build on"))


def checkpoints(libvirt: Libvirt, uuid: str) -> set[str]:
    """The names of a guest's checkpoints; none where this libvirt knows no checkpoints."""
    result = libvirt.run("checkpoint-list", f"--domain={uuid}", "--name")
    return set(result.stdout.split()) if result.ok else set()


def changed(libvirt: Libvirt, uuid: str, checkpoint: str) -> int:
    """Bytes that were written since a checkpoint; -1 where that is not known."""
    argv = ("checkpoint-dumpxml", f"--domain={uuid}", f"--checkpointname={checkpoint}", "--no-domain", "--size")
    result = libvirt.run(*argv)
    if not result.ok:
        return -1
    sizes = [disk.get("size", "") for disk in tree(result.stdout).findall("disks/disk")]
    return sum(int(count) for count in sizes if count.isdigit())


def save(saved: Saved, active: Definition, guest: Domain, found: Sources, plan: Plan, method: str, id: str) -> Plan:
    """Save the disks; returns the plan as it was carried out. Raises WorkError, OSError."""
    agent = guest.state == "running" and has_agent(active)
    if plan.note:
        saved.say(plan.note)
    if method != "snapshot":
        try:
            return _by_job(saved, active, guest, found, plan, agent, id)
        except job.Unsupported as error:
            if method == "job":
                raise
            saved.say(_("no backup job: {why}").format(why=error.why))
    saved.quiesced, note = snapshot.save(saved, guest, found, agent, id)
    saved.notes += (note,) if note else ()
    return Plan("snapshot", "", "")


def _by_job(saved: Saved, active: Definition, guest: Domain, found: Sources, plan: Plan, agent: bool, id: str) -> Plan:
    if plan.checkpoint:
        plan = plan._replace(checkpoint=f"{job.CHECKPOINT}{id}")
    options = image.compression(saved.host, saved.folder)
    folder = job.socket_folder(saved.host, active)
    socket = f"{folder}/kvmready-{id[-8:]}.sock" if folder else ""
    begun, plan = _begin(saved, guest, found, plan, agent, socket)
    saved.quiesced = begun.quiesced
    saved.notes += (begun.note,) if begun.note else ()
    if socket and not plan.base:
        try:
            _pull(saved, guest, found, socket, options)
        except Refused as error:
            if error.cause == UNREADABLE and not job.lives(saved.libvirt, guest.uuid):
                raise job.lost(error.why) from error
            raise
        job.finish(saved.host, saved.libvirt, guest.uuid)
        saved.work.job_ended()
    else:
        whole = sum(one.used for one in found.disks)
        job.wait(saved.host, saved.libvirt, guest.uuid, whole if plan.size < 0 else plan.size, saved.say)
        saved.work.job_ended()
        for one in found.disks:
            _compress(saved, one, plan, options)
    saved.work.spools_done()
    for one in found.disks:
        saved.items += items(saved.host, saved.folder, [disk_file(one.target)])
    return plan


def _pull(saved: Saved, guest: Domain, found: Sources, socket: str, options: tuple[str, ...]) -> None:
    """The disks from the running job into the backup, as long as there is room for what the guest overwrites: a guest
    that writes where nothing can be kept any more is stopped by QEMU."""
    log = f"{saved.folder}/progress.log"
    folders = sorted({one.spool.rpartition("/")[0] for one in found.disks})
    for one in found.disks:
        target = f"{saved.folder}/{disk_file(one.target)}"
        source = job.export(socket, one.target)

        def watch(idle: float, disk: str = one.target) -> None:
            enough_room(saved.host, folders)
            if idle > IDLE:
                answers(saved.libvirt, guest, disk)

        image.copy(saved.host, source, target, log, Pace(one.used, saved.say), options=options, watch=watch)


def answers(libvirt: Libvirt, guest: Domain, target: str) -> None:
    """Ask the emulator of a running guest something. Raises LibvirtError, and Refused where only the guest hangs."""
    asked = ("domblkstat", f"--domain={guest.uuid}", f"--device={target}")
    try:
        libvirt.text(*asked, limit=ANSWER_LIMIT)
    except LibvirtError as error:
        if error.gone or not libvirt.run("uri", limit=ANSWER_LIMIT).ok:
            raise
        what = _("The guest {name} does not answer libvirt.").format(name=guest.name)
        raise Refused(HANGS, what, error.why) from error


def enough_room(host: Workshop, folders: list[str]) -> None:
    """Raises WorkError where there is hardly any room left beside the disks of a guest."""
    for folder in folders:
        space = host.space(folder)
        if not space.error and space.free < LEAST_ROOM:
            raise Refused(
                NO_SPACE,
                _("The backup was ended, so that the guest goes on: there is hardly any room left in {folder}.").format(
                    folder=folder
                ),
                _("{free} are free.").format(free=size(space.free)),
                _("Make room there, then run the same command again."),
            )


def _begin(saved: Saved, guest: Domain, found: Sources, plan: Plan, agent: bool, socket: str) -> tuple[job.Begun, Plan]:
    """Begin the job; where the old checkpoint turns out to be of no use, a full one."""
    spools = [one.spool for one in found.disks]
    while True:
        files = (f"{saved.folder}/backup.xml", f"{saved.folder}/checkpoint.xml" if plan.checkpoint else "")
        xml = job.backup_xml(found.disks, found.others, plan.since, "" if plan.base else socket)
        saved.host.write(files[0], xml.encode("utf-8"), 0o600, lasting=False)
        if plan.checkpoint:
            xml = job.checkpoint_xml(plan.checkpoint, found.disks, found.others)
            saved.host.write(files[1], xml.encode("utf-8"), 0o600, lasting=False)
        saved.work.job_begins(spools, plan.checkpoint)
        try:
            begun = job.begin(saved.libvirt, guest.uuid, agent, files, saved.work.thaw_later)
        except LibvirtError as error:
            if not plan.since or not _checkpoint_is_bad(error.words):
                raise
            saved.say(_("full: the checkpoint cannot be used: {why}").format(why=error.words))
            plan = plan._replace(base="", since="", stack=(), size=-1)
            continue
        for file in files:
            if file:
                saved.host.remove(file, lasting=False)
        return begun, plan


def _checkpoint_is_bad(words: str) -> bool:
    return any(word in words.lower() for word in ("checkpoint", "bitmap"))


def _compress(saved: Saved, one: Source, plan: Plan, options: tuple[str, ...]) -> None:
    name = disk_file(one.target)
    target, log = f"{saved.folder}/{name}", f"{saved.folder}/progress.log"
    say: Callable[[str], None] = lambda text: saved.say(_("compress: {news}").format(news=text))  # noqa: E731
    used = image.extent(saved.host, one.spool, "qcow2").used
    if plan.stack:
        base = [f"{folder}/{name}" for folder in plan.stack]
        image.copy_increment(saved.host, one.spool, base, target, log, Pace(used, say), options)
    else:
        source = image.node(one.spool, "qcow2", alone=True)
        image.copy(saved.host, source, target, log, Pace(used, say), options=options)


def forget_old(libvirt: Libvirt, uuid: str, plan: Plan, repository: Repository) -> None:
    """After a whole backup with a checkpoint of its own, the older ones of this folder's backups are of no use."""
    if not plan.checkpoint:
        return
    entries: list[Entry] = repository.entries()
    ours = {entry.manifest.checkpoint for entry in entries if entry.manifest is not None} - {"", plan.checkpoint}
    for name in sorted(ours & checkpoints(libvirt, uuid)):
        libvirt.run("checkpoint-delete", f"--domain={uuid}", f"--checkpointname={name}", limit=120.0)
