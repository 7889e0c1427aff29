"""Whether the host can have the guest that is wanted: asked and decided before anything is made."""

from __future__ import annotations

from kvmready.domains.listing import domains
from kvmready.domains.pools import Pool, pools
from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple
from kvmready.vm import capability, keys as ssh
from kvmready.vm.trouble import NotReady
from kvmready.vm.wanted import DISK, LEAST_MEMORY, login_name

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt
    from kvmready.host.door import Account, Workshop
    from kvmready.images import Image
    from kvmready.vm.wanted import Wanted

POOL = "default"
SPARE = 256 << 20
"""Bytes that stay free in the pool beside the copy of the image: a guest that starts writes at once."""

LOGIN = "kvmready"
MACHINES = {"x86_64": "q35"}


class Place(NamedTuple):
    """What was decided of a guest: the pool, the size of the disk in bytes, user and keys, what libvirt calls it."""

    pool: Pool
    disk: int
    login: str
    keys: ssh.Keys
    machine: str
    maximum: bool


def early(host: Workshop, libvirt: Libvirt, wanted: Wanted) -> None:
    """What can be told without the image, which may take long to come. Raises UsageError, WorkError."""
    if any(domain.name == wanted.name for domain in domains(libvirt)):
        raise UsageError(
            _("There is a guest {name} already.").format(name=repr(wanted.name)),
            "",
            _("Choose another name, or look at it: {command}").format(command="kvmready vm info NAME"),
        )
    _network(libvirt, wanted.network)
    from kvmready.facts.memory import MEMINFO

    if wanted.memory < LEAST_MEMORY:
        raise UsageError(_("A guest needs at least {size} of memory.").format(size="64 MiB"))
    fields = dict(line.split(":", 1) for line in host.read(MEMINFO).text.splitlines() if ":" in line)
    words = fields.get("MemAvailable", "").split()
    available = int(words[0]) << 10 if words and words[0].isdigit() else 0
    if available and wanted.memory > available:
        raise NotReady(
            "qemu.guest-memory",
            _("The host has not enough memory for this guest."),
            _("{wanted} MiB are wanted, {available} MiB are available.").format(
                wanted=wanted.memory >> 20, available=available >> 20
            ),
            _("Give it less, for instance --memory 1G, or stop other guests."),
        )


def decide(host: Workshop, libvirt: Libvirt, wanted: Wanted, image: Image, person: Account) -> Place:
    """The rest of the decisions. Raises UsageError, InputError, WorkError."""
    arch = host.caller().arch
    machine = MACHINES.get(arch, "")
    can = capability.ask(libvirt, wanted.accel, machine)
    if wanted.uefi and not can.uefi:
        raise NotReady("qemu.firmware-missing", _("libvirt has no UEFI firmware for guests."))
    if wanted.tpm and not can.tpm:
        raise NotReady("qemu.tpm-missing", _("libvirt has no TPM for guests."))
    if can.vcpus and wanted.cpus > can.vcpus:
        raise UsageError(_("A guest can have at most {most} CPUs here.").format(most=can.vcpus))
    pool = _pool(libvirt)
    keys = ssh.named(host, wanted.ssh_key) if wanted.ssh_key else ssh.own(host, person)
    return Place(pool, _disk(host, pool, wanted.disk, image), _login(wanted, person), keys, machine, can.maximum)


def _network(libvirt: Libvirt, name: str) -> None:
    active = [line.strip() for line in libvirt.text("net-list", "--name").split("\n") if line.strip()]
    if "," in name or name not in active:
        if name == "default":
            raise NotReady("network.default-inactive", _("The default network is not active."))
        raise UsageError(
            _("There is no active network {name}.").format(name=repr(name)),
            "",
            _("The active networks are: {names}").format(names=", ".join(map(repr, active)) or _("none")),
        )


def _pool(libvirt: Libvirt) -> Pool:
    """The default pool, else the first one that is a folder."""
    folders = [pool for pool in pools(libvirt) if pool.kind == "dir" and not set(pool.name) & set(",/")]
    for pool in sorted(folders, key=lambda pool: pool.name != POOL):
        return pool
    raise NotReady("storage.pool-missing", _("There is no active storage pool for the guest's disk."))


def _disk(host: Workshop, pool: Pool, wanted: int, image: Image) -> int:
    """How large the disk becomes. It takes room as it is filled, but what is asked for has to be there."""
    space = host.space(pool.path)
    free = pool.available if space.error else space.free
    if wanted and wanted < image.size:
        raise UsageError(_("The disk cannot be smaller than the image, {size} MiB.").format(size=-(-image.size >> 20)))
    needed = max(wanted, image.length + SPARE)
    if needed > free:
        raise NotReady(
            "storage.no-space",
            _("The pool {pool} has not enough room for this guest.").format(pool=repr(pool.name)),
            _("{needed} MiB are needed, {free} MiB are free in {path}.").format(
                needed=needed >> 20, free=free >> 20, path=pool.path
            ),
        )
    if wanted:
        return wanted
    return max(image.size, DISK if free > DISK else 0)


def _login(wanted: Wanted, person: Account) -> str:
    if wanted.login:
        return wanted.login
    try:
        return login_name(person.name)
    except UsageError:
        return LOGIN  # root, or a name that no guest takes
