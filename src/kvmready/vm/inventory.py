"""What there is to tell of guests, for people and for machines."""

from __future__ import annotations

from kvmready.domains.addresses import addresses_of, best
from kvmready.domains.definition import definition_of, definitions_of
from kvmready.domains.listing import domains, find
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple
from kvmready.vm import record

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt
    from kvmready.domains.definition import Definition
    from kvmready.domains.listing import Domain
    from kvmready.vm.record import Created

LIST_SCHEMA, GUEST_SCHEMA = "kvmready.guests/1", "kvmready.guest/1"


class Guest(NamedTuple):
    """``address`` is "" where none is known; ``created`` is None for a guest that kvmready did not make."""

    domain: Domain
    definition: Definition
    address: str
    created: Created | None


def listed(libvirt: Libvirt) -> tuple[Guest, ...]:
    """All guests by name. A few virsh, however many there are; no guest is asked anything. Raises LibvirtError."""
    known = domains(libvirt)
    written = definitions_of(libvirt, [domain.uuid for domain in known]) if known else {}
    active = [domain.uuid for domain in known if domain.active and domain.uuid in written]
    addresses = addresses_of(libvirt, active, ("lease",)) if active else {}
    return tuple(
        _guest(domain, written[domain.uuid], best(addresses.get(domain.uuid, [])))
        for domain in known
        if domain.uuid in written
    )


def one(libvirt: Libvirt, name: str) -> Guest:
    """The guest of that name or UUID. Raises NoSuchDomain, LibvirtError."""
    domain = find(libvirt, name)
    definition = definition_of(libvirt, domain.uuid)
    found = addresses_of(libvirt, [domain.uuid], ("lease", "arp"))[domain.uuid] if domain.active else []
    return _guest(domain, definition, best(found))


def _guest(domain: Domain, definition: Definition, address: str) -> Guest:
    return Guest(domain._replace(name=definition.name), definition, address, record.read(definition))


def document(guest: Guest) -> dict[str, Any]:
    """One guest as JSON: sizes in bytes, ``created`` null for one that kvmready did not make."""
    definition, domain = guest.definition, guest.domain
    return {
        "name": domain.name,
        "uuid": domain.uuid,
        "state": domain.state,
        "autostart": domain.autostart,
        "persistent": domain.persistent,
        "acceleration": {"kvm": "kvm", "qemu": "tcg"}.get(definition.domain_type, definition.domain_type),
        "arch": definition.arch,
        "machine": definition.machine,
        "vcpus": definition.current_vcpus,
        "memory": definition.current_memory,
        "memory_maximum": definition.memory,
        "firmware": "uefi" if definition.uefi else "bios",
        "nvram": definition.nvram or None,
        "tpm": definition.tpm or None,
        "disks": [
            {
                "target": disk.target,
                "device": disk.device,
                "kind": disk.image.kind if disk.image is not None else None,
                "source": disk.image.path if disk.image is not None else None,
                "format": disk.image.format if disk.image is not None else None,
                "backing": [image.path for image in disk.backing],
            }
            for disk in definition.disks
        ],
        "interfaces": [
            {"kind": nic.kind, "source": nic.source, "mac": nic.mac, "model": nic.model, "device": nic.target or None}
            for nic in definition.interfaces
        ],
        "address": guest.address or None,
        "created": None if guest.created is None else _created(guest.created),
    }


def _created(created: Created) -> dict[str, Any]:
    return {
        "image": created.image,
        "login": created.login,
        "volumes": [volume._asdict() for volume in created.volumes],
        "keys": list(created.keys),
    }


def login(guest: Guest) -> tuple[str, ...]:
    """The command to log in with, as far as it is known; empty where it is not."""
    if guest.created is None or not guest.address or not guest.created.login:
        return ()
    key = ("-i", guest.created.keys[0]) if guest.created.keys else ()
    return ("ssh", *key, f"{guest.created.login}@{guest.address}")
