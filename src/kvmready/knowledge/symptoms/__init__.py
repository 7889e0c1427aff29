"""Symptoms of the causes, one file per layer (and one for what package managers say), as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kvmready.knowledge.symptoms import (
    access,
    hardware,
    kernel,
    libvirt,
    network,
    packages,
    qemu,
    services,
    storage,
    tools,
)
from kvmready.knowledge.symptoms.symptom import Symptom

__all__ = ["ALL", "SILENT", "Symptom"]

ALL: tuple[Symptom, ...] = (
    *hardware.SYMPTOMS,
    *kernel.SYMPTOMS,
    *qemu.SYMPTOMS,
    *libvirt.SYMPTOMS,
    *services.SYMPTOMS,
    *network.SYMPTOMS,
    *storage.SYMPTOMS,
    *access.SYMPTOMS,
    *tools.SYMPTOMS,
    *packages.SYMPTOMS,
)
"""Bottom up."""

SILENT: Mapping[str, str] = MappingProxyType(
    {
        "network.other-subnet": "libvirt does not know what the configuration file wants",
        "network.interface-missing": "only the configuration file says what is wanted, and no other program reads it",
        "network.interface-unfit": "only the configuration file says what is wanted, and no other program reads it",
        "network.manager-unknown": "only the configuration file says what is wanted, and no other program reads it",
        "network.bridge-missing": "only the configuration file says what is wanted, and no other program reads it",
        "network.bridge-undefined": "only the configuration file says what is wanted, and no other program reads it",
        "kernel.hugepages-missing": "only the configuration file says what is wanted, and no other program reads it",
        "libvirt.guest-undefined": "only the configuration file says what is wanted, and no other program reads it",
        "libvirt.guest-no-autostart": "only the configuration file says what is wanted, and no other program reads it",
        "storage.pool-elsewhere": "libvirt does not know what the configuration file wants",
        "kernel.module-not-persistent": "nothing fails until the next boot, and then it is kernel.module-not-loaded",
        "libvirt.exposed": "a daemon that is open to the network works, and says nothing of it",
        "libvirt.graphics-exposed": "QEMU opens the port that it was told to, and says nothing of it",
        "kernel.image-unreadable": "only kvmready reads the kernel for this, and names the cause itself",
        "network.no-address": "the guest says it, in its own log",
        "network.guest-unreachable": "whoever calls the guest is told, and every program has other words for it",
        "qemu.guest-silent": "that is all there is to hear",
        "libvirt.refused": "it stands for all words that are no symptom",
        "storage.not-writable": "only kvmready writes these files, and names the cause itself",
        "libvirt.guest-hangs": "libvirt's words for it are those of libvirt.hangs",
        "storage.disk-unreadable": "only kvmready's own backup asks for all of a disk, and names the cause itself",
        "storage.overlay-left": "a guest runs on an overlay as on any disk, and says nothing of it",
        "storage.backup-folder": "only kvmready looks at this folder, and names the cause itself",
        "storage.backup-busy": "only kvmready takes this lock, and names the cause itself",
        "storage.backup-damaged": "only kvmready reads these backups, and names the cause itself",
        "storage.restore-in-the-way": "only kvmready restores these backups, and names the cause itself",
        "storage.image-download": "only kvmready downloads these images, and names the cause itself",
        "storage.image-checksum": "only kvmready compares these images, and names the cause itself",
        "storage.image-invalid": "firmware says it on a guest's screen, and no program of the host does",
        "tools.no-x-server": "only kvmready's own proof opens windows where nobody sees them",
        "packages.no-table": "only kvmready's own plan can say what kvmready was not told",
    }
)
"""Causes of which no program ever prints a word, and why."""
