"""What libvirt says that a guest can have on this host: ``virsh domcapabilities``."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt

LIMIT = 90.0
"""Seconds: a daemon that does not know the emulator yet starts it several times first."""


class Capability(NamedTuple):
    """``uefi`` and ``tpm``: firmware and swtpm are there. ``maximum``: the CPU model that has all there is."""

    uefi: bool
    tpm: bool
    maximum: bool
    vcpus: int


def ask(libvirt: Libvirt, accel: str, machine: str) -> Capability:
    """Raises LibvirtError, also where guests of that acceleration cannot run at all."""
    kind = "kvm" if accel == "kvm" else "qemu"
    more = (f"--machine={machine}",) if machine else ()
    return parse(libvirt.text("domcapabilities", f"--virttype={kind}", *more, limit=LIMIT))


def parse(text: str) -> Capability:
    from kvmready.domains.definition import tree

    root = tree(text)

    def supported(path: str) -> bool:
        found = root.find(path)
        return found is not None and found.get("supported") == "yes"

    firmware = [value.text for value in root.findall("os/enum[@name='firmware']/value")]
    backends = [value.text for value in root.findall("devices/tpm/enum[@name='backendModel']/value")]
    vcpu = root.find("vcpu")
    most = vcpu.get("max", "") if vcpu is not None else ""
    return Capability(
        "efi" in firmware,
        supported("devices/tpm") and "emulator" in backends,
        supported("cpu/mode[@name='maximum']"),
        int(most) if most.isdigit() else 0,
    )
