"""``backup restore``: put a guest back, whole or not at all.

Everything is written under hidden names beside its place and moved there when all of it is on the disk; then libvirt
gets the definition. What fails before that is removed, and what was overwritten comes back, also after a kill.
"""

from __future__ import annotations

import shlex

from kvmready.apply.event import Event, Notify
from kvmready.backup import image, parts, place, tree
from kvmready.backup.manifest import ID, Manifest
from kvmready.backup.pace import Pace
from kvmready.backup.place import File
from kvmready.backup.putting import Putting
from kvmready.backup.refused import IN_THE_WAY, NO_SPACE, Damaged, Refused
from kvmready.backup.repository import Entry, Repository, chain
from kvmready.backup.rewrite import Placed, rewritten
from kvmready.backup.running import checkpoints
from kvmready.backup.verify import changed
from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import TPM_FOLDER, Definition, definitions_of, parse
from kvmready.domains.listing import Domain, domains
from kvmready.errors import UsageError
from kvmready.host.door import Command, Workshop
from kvmready.i18n import _
from kvmready.report.text_backup import size
from kvmready.typed import NamedTuple, Optional

SPARE = 64 << 20
DEFINE_LIMIT = 120.0


class Restored(NamedTuple):
    """The guest that is there now. ``notes`` are sentences on what it lacks on this host."""

    name: str
    uuid: str
    id: str
    paths: tuple[str, ...]
    notes: tuple[str, ...]


class _Old(NamedTuple):
    """What is on this host: the guest that is overwritten, if any, and the files of it and of all others."""

    guest: Optional[Domain]
    mine: frozenset[str]
    others: frozenset[str]


def choose(repository: Repository, wanted: str) -> Entry:
    """The backup of that id, or the newest whole one of the guest of that name or UUID. Raises KvmreadyError."""
    if ID.fullmatch(wanted):
        entry = repository.entry(wanted)
        if entry.manifest is None or entry.problem:
            raise Damaged(_("The backup {id} is damaged.").format(id=wanted), entry.problem)
    else:
        all_of = [one for one in repository.entries() if one.manifest is not None and not one.problem]
        mine = [one for one in all_of if one.manifest is not None and wanted in (one.manifest.name, one.manifest.uuid)]
        if not mine:
            raise UsageError(
                _("There is no backup of a guest {name} in {folder}.").format(
                    name=repr(wanted), folder=repository.folder
                ),
                "",
                _("See what there is: kvmready backup list"),
            )
        if len({one.manifest.uuid for one in mine if one.manifest is not None}) > 1:
            raise UsageError(
                _("More than one guest was called {name}.").format(name=repr(wanted)),
                "",
                _("Name the backup by its id, see: kvmready backup list"),
            )
        entry = mine[-1]
    if entry.manifest is None or entry.manifest.kind != "guest":
        raise UsageError(
            _("The backup {id} is one of the host's configuration, which is not put back as a whole.").format(
                id=entry.id
            ),
            "",
            _("Its files are in: {file}").format(file=f"{entry.folder}/host.tar.*"),
        )
    return entry


def restore(
    host: Workshop, repository: Repository, libvirt: Libvirt, entry: Entry, name: str, force: bool, notify: Notify
) -> Restored:
    """Put the guest of ``entry`` back, as the new guest ``name`` where that is given. Raises KvmreadyError."""
    assert entry.manifest is not None
    manifest = entry.manifest
    below = chain(repository.entries(), entry)
    defined = _definition(host, entry)
    old = _old(libvirt, manifest, defined, name, force)
    notify(Event("begin", "verify", _("Verify the backup {id}").format(id=entry.id)))
    _verify(host, below)
    notify(Event("begin", "disks", _("Restore the guest {name}").format(name=name or defined.name)))
    uuid = new_uuid() if name else manifest.uuid
    files = place.disks(host, libvirt, manifest.disks, name, old.mine, old.others)
    _need_room(host, below, files)
    with Putting(host, libvirt) as putting:
        _put_disks(host, putting, below, files, notify)
        others = _put_others(host, libvirt, putting, entry, defined, uuid, name, old)
        placed = {file.target: Placed(file.path, file.format) for file in (*files, *others)}
        nvram = placed.pop("nvram", Placed("", "")).path
        xml = rewritten(defined.xml, placed, nvram, name, uuid if name else "")
        putting.move()
        if old.guest is None:
            putting.defining(uuid)
        _define(host, libvirt, xml, f"{putting.folder}/{parts.DOMAIN}")
        putting.keep()
    if old.guest is not None:
        for checkpoint in checkpoints(libvirt, uuid):  # their bitmaps went with the old disks
            libvirt.run("checkpoint-delete", f"--domain={uuid}", f"--checkpointname={checkpoint}", "--metadata")
    if manifest.autostart and not name:
        libvirt.change("autostart", f"--domain={uuid}")
    notify(Event("done"))
    return Restored(
        name or defined.name, uuid, entry.id, tuple(file.path for file in files), _notes(libvirt, entry, defined, uuid)
    )


def new_uuid() -> str:
    import uuid

    return str(uuid.uuid4())


def _verify(host: Workshop, below: list[Entry]) -> None:
    for number, entry in enumerate(below):
        assert entry.manifest is not None
        disks = [disk.file for disk in entry.manifest.disks]
        wrong = changed(host, entry, disks if number else [item.path for item in entry.manifest.items])
        if wrong:
            raise Damaged(_("The backup {id} is damaged.").format(id=entry.id), " ".join(wrong))


def _definition(host: Workshop, entry: Entry) -> Definition:
    """Raises Damaged where it is not the one of the manifest."""
    assert entry.manifest is not None
    reading = host.read(f"{entry.folder}/{parts.DOMAIN}", 16 << 20)
    defined = parse(reading.text)
    if not entry.manifest.has(parts.DOMAIN) or defined.uuid != entry.manifest.uuid:
        raise Damaged(_("The backup {id} is damaged.").format(id=entry.id), parts.DOMAIN)
    return defined


def _old(libvirt: Libvirt, manifest: Manifest, defined: Definition, name: str, force: bool) -> _Old:
    """What the guest would meet here. Raises WorkError where it would overwrite something."""
    there = domains(libvirt)
    known = definitions_of(libvirt, [one.uuid for one in there], inactive=False)
    wanted = name or defined.name
    same = None if name else next((one for one in there if one.uuid == manifest.uuid), None)
    if any(found.name == wanted and uuid != (same.uuid if same else "") for uuid, found in known.items()):
        raise Refused(
            IN_THE_WAY,
            _("There is another guest {name} on this host.").format(name=wanted),
            "",
            _("Restore it under another name with --as."),
        )
    if same is not None and not force:
        raise Refused(
            IN_THE_WAY,
            _("The guest {name} is on this host already.").format(name=wanted),
            "",
            _("Add --force to overwrite it with its backup, or restore it under another name with --as."),
        )
    if same is not None and same.active:
        raise Refused(
            IN_THE_WAY,
            _("The guest {name} is running, and a running guest is not overwritten.").format(name=wanted),
            "",
            _("Stop it, then run the same command again."),
        )
    mine = set(known[same.uuid].image_paths()) if same is not None and same.uuid in known else set()
    others = {
        path for uuid, found in known.items() if same is None or uuid != same.uuid for path in found.image_paths()
    }
    return _Old(same, frozenset(mine), frozenset(others))


def _need_room(host: Workshop, below: list[Entry], files: list[File]) -> None:
    import json

    assert below[0].manifest is not None
    need: dict[str, int] = {}
    for file, disk in zip(files, below[0].manifest.disks):
        source = image.pseudo(image.stack([f"{entry.folder}/{disk.file}" for entry in below]))
        argv = ("qemu-img", "measure", "--output=json", "-O", file.format, "--", source)
        result = host.run(Command(argv, timeout=image.ASK_LIMIT))
        folder = file.path.rpartition("/")[0]
        if result.ok:
            need[folder] = need.get(folder, 0) + int(json.loads(result.stdout)["required"])
    for folder, count in need.items():
        space = host.space(folder)
        if not space.error and space.free < count + SPARE:
            raise Refused(
                NO_SPACE,
                _("There is not enough room in {folder}: up to {need} are needed, {free} are free.").format(
                    folder=folder, need=size(count + SPARE), free=size(space.free)
                ),
                "",
                _("Make room there, then run the same command again."),
            )


def _put_disks(host: Workshop, putting: Putting, below: list[Entry], files: list[File], notify: Notify) -> None:
    assert below[0].manifest is not None
    for file, disk in zip(files, below[0].manifest.disks):
        hidden = putting.hidden(file)
        pace = Pace(disk.size, lambda text: notify(Event("progress", text=text)))
        source = image.stack([f"{entry.folder}/{disk.file}" for entry in below])
        image.copy(host, source, hidden, f"{putting.folder}/progress.log", pace, format=file.format)


def _put_others(
    host: Workshop,
    libvirt: Libvirt,
    putting: Putting,
    entry: Entry,
    defined: Definition,
    uuid: str,
    name: str,
    old: _Old,
) -> list[File]:
    """Media, firmware variables and the TPM's state; returns where the first two go."""
    manifest = entry.manifest
    assert manifest is not None
    held = frozenset(item.path for item in manifest.items)
    files = place.media(host, libvirt, defined, held, name)
    for file in files:
        parts.copy(host, f"{entry.folder}/{parts.medium_file(file.target)}", putting.hidden(file))
    if parts.NVRAM in held:
        host.mkdir(place.NVRAM, 0o755)
        file = place.nvram(host, defined, name, old.guest is not None)
        parts.copy(host, f"{entry.folder}/{parts.NVRAM}", putting.hidden(file))
        files.append(file)
    for archive in (f"{parts.TPM}.tar.zst", f"{parts.TPM}.tar.gz"):
        if archive in held:
            state = tree.load(host, f"{entry.folder}/{archive}", putting.folder)
            prefix = f"{TPM_FOLDER}/{manifest.uuid}/".lstrip("/")
            inside = [(path[len(prefix) :], content) for path, content, _mode in state if path.startswith(prefix)]
            putting.put_tree(f"{TPM_FOLDER}/{uuid}", inside)
    return files


def _define(host: Workshop, libvirt: Libvirt, xml: str, file: str) -> None:
    host.write(file, xml.encode("utf-8", "surrogateescape"), 0o600, lasting=False)
    libvirt.change("define", f"--file={file}", limit=DEFINE_LIMIT)


def _notes(libvirt: Libvirt, entry: Entry, defined: Definition, uuid: str) -> tuple[str, ...]:
    """What the guest needs that this host does not have."""
    notes = []
    for number, network in enumerate(parts.networks(defined)):
        result = libvirt.run("net-info", f"--network={network}")
        virsh, name = f"virsh -c {libvirt.uri}", shlex.quote(network)
        start = f"{virsh} net-start {name}"
        if not result.ok:
            file = f"{entry.folder}/network-{number}.xml"
            define = f"{virsh} net-define {shlex.quote(file)}"
            words = _("This host has no network {name}, without which the guest does not start. Make it: {commands}")
            if entry.manifest is not None and entry.manifest.has(f"network-{number}.xml"):
                notes.append(words.format(name=network, commands=f"{define}; {start}"))
            else:  # it was not there, either
                words = _("This host has no network {name}, and the backup neither. Give the guest another: {command}")
                notes.append(words.format(name=network, command=f"{virsh} edit {uuid}"))
        elif "Active: no" in " ".join(result.stdout.split()):
            words = _("The network {name} is off, and the guest does not start without it: {command}")
            notes.append(words.format(name=network, command=start))
    return tuple(notes)
