"""What ``backup create`` would save, asked without making or changing anything."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.backup import running
from kvmready.backup.create import Wish, need_room
from kvmready.backup.repository import Repository, new_id
from kvmready.backup.sources import Source, sources
from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import definition_of
from kvmready.domains.listing import Domain
from kvmready.errors import KvmreadyError
from kvmready.host.door import Workshop
from kvmready.typed import NamedTuple, Optional


class Planned(NamedTuple):
    """One guest. ``level``, ``method`` and ``base`` as in its manifest; a job may still turn out to be a snapshot.

    ``size``: bytes that will be read, before compression. ``error``: why it cannot be saved as things stand.
    """

    name: str
    uuid: str
    level: str = "full"
    method: str = "none"
    base: str = ""
    size: int = 0
    disks: tuple[Source, ...] = ()
    left_out: tuple[str, ...] = ()
    error: Optional[KvmreadyError] = None


def planned(
    host: Workshop, repository: Repository, libvirt: Libvirt, guests: Sequence[Domain], wish: Wish
) -> list[Planned]:
    """Asks about each guest; what keeps one from being saved stands in its ``error``."""
    found = []
    for guest in guests:
        try:
            found.append(_guest(host, repository, libvirt, guest, wish))
        except KvmreadyError as error:
            found.append(Planned(guest.name, guest.uuid, error=error))
    return found


def _guest(host: Workshop, repository: Repository, libvirt: Libvirt, guest: Domain, wish: Wish) -> Planned:
    definition = definition_of(libvirt, guest.uuid, inactive=not guest.active)
    found = sources(host, libvirt, definition, new_id(host))
    plan = running.Plan("offline", "", "")
    if guest.active and found.disks:
        running.answers(libvirt, guest, found.disks[0].target)
        if wish.method == "snapshot":
            plan = running.Plan("snapshot", "", "")
        else:
            plan = running.plan(host, libvirt, guest.uuid, found, repository, wish.incremental)
    need_room(_standing(repository), found, guest.active, plan.size)
    return Planned(
        guest.name,
        guest.uuid,
        "incremental" if plan.base else "full",
        plan.method if found.disks else "none",
        plan.base,
        plan.size if plan.size >= 0 else sum(one.used for one in found.disks),
        found.disks,
        found.left_out,
    )


def _standing(repository: Repository) -> Repository:
    """The folder of the backups, or where it is not there yet the one in which it will be made."""
    folder = repository.folder
    while folder != "/" and repository.host.stat(folder).error:
        folder = folder.rpartition("/")[0] or "/"
    return Repository(repository.host, folder)
