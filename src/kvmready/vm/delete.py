"""Delete a guest: its definition and what ``vm create`` made for it. Other disks stay unless they are named."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.domains.connection import LibvirtError
from kvmready.domains.definition import definitions_of
from kvmready.domains.listing import domains
from kvmready.errors import UsageError, WorkError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt
    from kvmready.domains.definition import Definition, Disk
    from kvmready.host.door import Workshop
    from kvmready.vm.inventory import Guest
    from kvmready.vm.record import Volume

NVRAM_FOLDER = "/var/lib/libvirt/qemu/nvram/"
"""Where libvirt puts UEFI variables by itself; a file elsewhere was put there by somebody."""


class Doomed(NamedTuple):
    """What a deletion will remove, and what it leaves.

    ``volumes`` are those that kvmready made, as far as they are still the guest's and nobody else's. ``foreign`` are
    the paths of disks to delete although kvmready did not make them. ``stays`` are the paths of disks that stay,
    ``shared`` those that other guests use as well, with the name of one.
    """

    volumes: tuple[Volume, ...]
    foreign: tuple[str, ...]
    nvram: bool
    keys: tuple[str, ...]
    stays: tuple[str, ...]
    shared: tuple[tuple[str, str], ...]


def doomed(libvirt: Libvirt, guest: Guest, named: Sequence[str]) -> Doomed:
    """What ``vm delete`` shall do. ``named`` are targets or paths of disks to delete as well.

    Raises UsageError for what is no disk of the guest, or is in use by another guest; LibvirtError.
    """
    shared = _shared(libvirt, guest)
    chosen = [_chosen(guest.definition, word) for word in named]
    for path in chosen:
        user = dict(shared).get(path)
        if user is not None:
            raise UsageError(_("{path} is not deleted: another guest uses it as well.").format(path=repr(path)), user)
    volumes = tuple(volume for volume in _own(guest) if volume.path not in dict(shared))
    made = {volume.path for volume in volumes}
    kept = [disk for disk in guest.definition.disks if disk.image is not None and disk.device in ("disk", "lun")]
    stays = tuple(disk.path or _named(disk) for disk in kept)
    return Doomed(
        volumes,
        tuple(path for path in dict.fromkeys(chosen) if path not in made),
        guest.definition.nvram.startswith(NVRAM_FOLDER),
        guest.created.keys if guest.created is not None else (),
        tuple(path for path in stays if path not in made and path not in chosen),
        tuple(pair for pair in shared if pair[0] not in chosen),
    )


def _own(guest: Guest) -> tuple[Volume, ...]:
    """The disks that were made for the guest, where they still are disks of the guest's."""
    if guest.created is None:
        return ()
    used = {disk.image.path for disk in guest.definition.disks if disk.image is not None}
    return tuple(one for one in guest.created.volumes if one.path in used or f"{one.pool}/{one.name}" in used)


def _named(disk: Disk) -> str:
    return disk.image.path if disk.image is not None and disk.image.path else disk.target


def _chosen(definition: Definition, word: str) -> str:
    for disk in definition.disks:
        if disk.path and word in (disk.target, disk.path):
            if disk.image is not None and disk.image.kind == "file":
                return disk.path
            raise UsageError(_("{disk} is no file: only a file can be deleted.").format(disk=repr(word)))
    known = ", ".join(f"{disk.target} {disk.path!r}" for disk in definition.disks if disk.path)
    raise UsageError(
        _("{disk} is no disk of this guest.").format(disk=repr(word)),
        "",
        _("Its disks are: {disks}").format(disks=known or _("none")),
    )


def _shared(libvirt: Libvirt, guest: Guest) -> tuple[tuple[str, str], ...]:
    """The guest's images that other guests stand on as well, each with one guest's name."""
    own = set(guest.definition.image_paths())
    if guest.created is not None:
        own.update(volume.path for volume in guest.created.volumes)
    others = [domain.uuid for domain in domains(libvirt) if domain.uuid != guest.domain.uuid]
    found = {}
    for definition in definitions_of(libvirt, others).values() if others else ():
        found.update({path: definition.name for path in definition.image_paths() if path in own})
    return tuple(found.items())


def delete(host: Workshop, libvirt: Libvirt, guest: Guest, work: Doomed) -> None:
    """Undefine the guest, which must not run, and remove what ``work`` names. Raises WorkError."""
    if guest.domain.persistent:
        undefine(libvirt, guest.domain.uuid, work.nvram)
    for volume in work.volumes:
        remove_volume(libvirt, volume)
    for path in work.foreign:
        _remove_file(host, libvirt, path)
    for path in work.keys:
        try:
            host.remove(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise WorkError(_("{path} cannot be removed.").format(path=path), error.strerror or str(error)) from None


def undefine(libvirt: Libvirt, uuid: str, nvram: bool) -> None:
    """Forget the domain with what libvirt keeps of it, an emulated TPM as well. Raises LibvirtError."""
    more = ["--nvram" if nvram else "--keep-nvram", "--managed-save", "--snapshots-metadata", "--checkpoints-metadata"]
    try:
        libvirt.change("undefine", f"--domain={uuid}", *more)
    except LibvirtError as error:
        if not error.gone:
            raise


def remove_volume(libvirt: Libvirt, volume: Volume) -> None:
    """Delete it; one that is gone is as good. Raises LibvirtError."""
    try:
        libvirt.change("vol-delete", f"--pool={volume.pool}", f"--vol={volume.name}")
    except LibvirtError as error:
        if "storage volume not found" not in error.words.lower():
            raise


def _remove_file(host: Workshop, libvirt: Libvirt, path: str) -> None:
    """Through its pool, where it lies in one, else as the caller."""
    try:
        libvirt.change("vol-delete", f"--vol={path}")
        return
    except LibvirtError as error:
        if "failed to get vol" not in error.words.lower():
            raise
    try:
        host.remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise WorkError(_("{path} cannot be removed.").format(path=path), error.strerror or str(error)) from None
