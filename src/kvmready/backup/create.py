"""``backup create``: each guest by itself, so that one that fails does not cost the others theirs."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready import __version__
from kvmready.apply.event import Event, Notify
from kvmready.apply.journal import stamp
from kvmready.backup import host_files, image, leftovers, parts, running, snapshot
from kvmready.backup.manifest import Disk, Item, Manifest
from kvmready.backup.pace import Pace
from kvmready.backup.refused import NO_SPACE, Refused
from kvmready.backup.repository import STATE, Entry, Repository, busy, cannot_write, items, new_id
from kvmready.backup.sources import Sources, disk_file, sources
from kvmready.backup.work import Work
from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import definition_of
from kvmready.domains.listing import Domain, domains
from kvmready.errors import KvmreadyError, WorkError
from kvmready.host.door import Workshop
from kvmready.i18n import _
from kvmready.report.text_backup import size
from kvmready.typed import NamedTuple, Optional

SPARE = 64 << 20
"""Bytes that are left free on a file system at the least."""


class Wish(NamedTuple):
    """``method``: auto, job or snapshot, for guests that run; ``incremental``: on the last backup where possible."""

    method: str = "auto"
    incremental: bool = False


class Outcome(NamedTuple):
    """What became of one guest, or of the host where ``name`` is empty."""

    name: str
    entry: Optional[Entry]
    error: Optional[KvmreadyError]


def create(
    host: Workshop, repository: Repository, libvirt: Libvirt, guests: Sequence[Domain], wish: Wish, notify: Notify
) -> list[Outcome]:
    """Back up the guests, then the host's configuration. The repository must be prepared.

    Raises WorkError where nothing can be begun at all; what fails later is in its outcome.
    """
    lock(host)
    outcomes = []
    total = len(guests) + 1
    for number, guest in enumerate(guests, 1):
        title = _("Back up the guest {name}").format(name=guest.name)
        notify(Event("begin", guest.uuid, title, number, total))
        outcomes.append(
            _one(notify, guest.name, lambda guest=guest: _guest(host, repository, libvirt, guest, wish, notify))
        )
    notify(Event("begin", "host", _("Back up the host's configuration"), total, total))
    outcomes.append(_one(notify, "", lambda: _host(host, repository, libvirt)))
    return outcomes


def lock(host: Workshop) -> None:
    """Only one process of this host makes backups, wherever they go. Raises WorkError."""
    try:
        host.mkdir(STATE, 0o700)
        holder = host.lock(f"{STATE}/backup.lock")
    except OSError as error:
        raise cannot_write(STATE, error) from error
    if holder is not None:
        raise busy(holder)


def _one(notify: Notify, name: str, work: object) -> Outcome:
    assert callable(work)
    try:
        entry: Entry = work()
    except KvmreadyError as error:
        notify(Event("failed", text=str(error)))
        return Outcome(name, None, error)
    except OSError as error:
        notify(Event("failed", text=str(error)))
        return Outcome(name, None, cannot_write(error.filename or "", error))
    notify(Event("done"))
    return Outcome(name, entry, None)


def _host(host: Workshop, repository: Repository, libvirt: Libvirt) -> Entry:
    id = new_id(host)
    folder = repository.begin(id)
    with Work(host, libvirt, "", folder) as work:
        file, left_out = host_files.save(host, libvirt, folder, repository.folder)
        blank = _blank(host, id, "host")
        entry = repository.finish(folder, blank._replace(items=items(host, folder, [file]), left_out=left_out))
        work.keep()
    return entry


def _blank(host: Workshop, id: str, kind: str) -> Manifest:
    return Manifest(
        id=id,
        kind=kind,
        taken_at=stamp(host.now()),
        version=__version__,
        hostname=host.caller().hostname,
        name="",
        uuid="",
        level="full",
        method="none",
        base="",
        checkpoint="",
        quiesced=False,
        autostart=False,
        disks=(),
        items=(),
        left_out=(),
    )


def _guest(
    host: Workshop, repository: Repository, libvirt: Libvirt, guest: Domain, wish: Wish, notify: Notify
) -> Entry:
    id = new_id(host)
    defined = definition_of(libvirt, guest.uuid, inactive=guest.persistent)
    active = definition_of(libvirt, guest.uuid) if guest.active else None
    if snapshot.mend(host, libvirt, guest, active or defined):
        notify(Event("progress", text=_("an overlay that a killed backup had left was committed")))
        return _guest(host, repository, libvirt, guest, wish, notify)
    if leftovers.end_job(host, libvirt, guest):
        notify(Event("progress", text=_("a backup job that an earlier backup had left was ended")))
    leftovers.require_no_lost_job(libvirt, guest)
    leftovers.sweep(host, libvirt, active or defined)
    found = sources(host, libvirt, active or defined, id)
    plan = running.Plan("offline", "", "")
    if active is not None and found.disks:
        # Its emulator must answer before anything is begun: a hanging one costs this long, not a job's time limit.
        running.answers(libvirt, guest, found.disks[0].target)
        plan = running.plan(host, libvirt, guest.uuid, found, repository, wish.incremental)
    need_room(repository, found, active is not None, plan.size)
    folder = repository.begin(id)
    with Work(host, libvirt, guest.uuid, folder) as work:
        saved = _Saved(host, libvirt, folder, work, notify)
        saved.files = parts.save(host, libvirt, folder, defined, active, found)
        if not found.disks:
            plan = plan._replace(method="none")
        elif active is None:
            saved.offline(found)
            still_off(libvirt, guest)
        else:
            plan = running.save(saved, active, guest, found, plan, wish.method, id)
            note = work.settle()
            saved.notes += (note,) if note else ()
        manifest = _blank(host, id, "guest")._replace(
            name=defined.name,
            uuid=guest.uuid,
            level="incremental" if plan.base else "full",
            method=plan.method,
            base=plan.base,
            checkpoint=plan.checkpoint,
            quiesced=saved.quiesced,
            autostart=guest.autostart,
            disks=tuple(Disk(one.target, disk_file(one.target), one.path, one.format, one.size) for one in found.disks),
            items=(*items(host, folder, saved.files), *saved.items),
            left_out=(*found.left_out, *saved.notes),
        )
        entry = repository.finish(folder, manifest)
        work.keep()
    running.forget_old(libvirt, guest.uuid, plan, repository)
    return entry


class _Saved:
    """What has been saved of one guest so far. ``files`` have still to be hashed; ``items`` have been."""

    def __init__(self, host: Workshop, libvirt: Libvirt, folder: str, work: Work, notify: Notify) -> None:
        self.host = host
        self.libvirt = libvirt
        self.folder = folder
        self.work = work
        self.notify = notify
        self.files: list[str] = []
        self.items: tuple[Item, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.quiesced = False

    def say(self, text: str) -> None:
        self.notify(Event("progress", text=text))

    def offline(self, found: Sources) -> None:
        """The disks as they lie there, by qemu-img. It holds QEMU's lock on them, so that no guest starts meanwhile."""
        options = image.compression(self.host, self.folder)
        for one in found.disks:
            target = f"{self.folder}/{disk_file(one.target)}"
            source = image.node(one.path, one.format)
            log = f"{self.folder}/progress.log"
            image.copy(self.host, source, target, log, Pace(one.used, self.say), options=options)
            self.items = (*self.items, *items(self.host, self.folder, [disk_file(one.target)]))


def still_off(libvirt: Libvirt, guest: Domain) -> None:
    """QEMU's lock keeps a guest from starting while a disk is read, but not between two disks. Raises WorkError."""
    now = next((one for one in domains(libvirt) if one.uuid == guest.uuid), None)
    if now is None or now.active:
        raise WorkError(
            _("The guest {name} was started or removed while its disks were being read.").format(name=guest.name),
            "",
            _("Run the same command again."),
        )


def need_room(repository: Repository, found: Sources, active: bool, changed: int) -> None:
    """Refuse what will not fit: in the folder of the backups and, of a guest that runs, beside its disks.

    ``changed``: the bytes of an increment; negative where everything is saved. Raises WorkError.
    """
    host = repository.host
    wanted: dict[str, int] = {}
    used = sum(one.used for one in found.disks) if changed < 0 else changed
    for one in found.disks if active else ():
        folder = one.spool.rpartition("/")[0]
        wanted[folder] = wanted.get(folder, 0) + (one.used if changed < 0 else changed // len(found.disks))
    spaces = {folder: host.space(folder) for folder in (*wanted, repository.folder)}
    here = spaces[repository.folder]
    wanted[repository.folder] = wanted.get(repository.folder, 0) + used
    for folder in list(wanted):
        # Two folders of one file system share its room.
        if folder != repository.folder and spaces[folder][1:4] == here[1:4]:
            wanted[repository.folder] += wanted.pop(folder)
    for folder, count in wanted.items():
        space = spaces[folder]
        if not space.error and space.free < count + SPARE:
            raise Refused(
                NO_SPACE,
                _("There is not enough room in {folder}: up to {need} are needed, {free} are free.").format(
                    folder=folder, need=size(count + SPARE), free=size(space.free)
                ),
                "",
                _("Make room there, or name another folder with --to."),
            )
