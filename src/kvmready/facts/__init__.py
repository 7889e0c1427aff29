"""What is known of a host: one subject per file, each question asked once, what waits asked side by side."""

from __future__ import annotations

from kvmready.facts import (
    access,
    confinement,
    firewall,
    kernel,
    libvirt,
    libvirtd,
    machine,
    memory,
    network,
    packages,
    probe,
    qemu,
    services,
    storage,
    tools,
    virsh,
)
from kvmready.facts.access import Access
from kvmready.facts.confinement import Confinement
from kvmready.facts.firewall import Firewall
from kvmready.facts.kernel import Kernel
from kvmready.facts.libvirt import Libvirt
from kvmready.facts.libvirtd import Libvirtd
from kvmready.facts.machine import Machine
from kvmready.facts.memory import Memory
from kvmready.facts.names import Names, Want
from kvmready.facts.network import Network
from kvmready.facts.os import OsRelease
from kvmready.facts.packages import Packages
from kvmready.facts.probe import Probe
from kvmready.facts.qemu import Qemu
from kvmready.facts.services import Services
from kvmready.facts.storage import Storage
from kvmready.facts.tools import Tools
from kvmready.host.door import Caller, Door
from kvmready.typed import NamedTuple

__all__ = ["Facts", "gather"]


class Facts(NamedTuple):
    """All subjects of one host at one time."""

    want: Want
    names: Names
    caller: Caller
    os: OsRelease
    machine: Machine
    kernel: Kernel
    probe: Probe
    qemu: Qemu
    libvirt: Libvirt
    services: Services
    network: Network
    storage: Storage
    access: Access
    memory: Memory
    libvirtd: Libvirtd
    firewall: Firewall
    confinement: Confinement
    packages: Packages
    tools: Tools


def gather(host: Door, names: Names, want: Want, caller: Caller, release: OsRelease) -> Facts:
    """Ask everything. The commands that wait are begun first; the files are read while they run."""
    probed = probe.ask(host, names, want)
    answered = virsh.ask(host, names, want)
    emulator = qemu.ask(host, names, want)
    units = services.ask(host, names, want)
    hardware = machine.ask(host, names, want)
    modules = kernel.ask(host, names, want, hardware)
    daemon = libvirt.ask(host, names, want, answered)
    files = libvirtd.ask(host, names, want, answered)
    packets = firewall.ask(host, names, want, answered)
    bridges = network.ask(host, names, want, answered)
    pools = storage.ask(host, names, want, answered)
    people = access.ask(host, names, want, pools)
    manager = packages.ask(host, names, want)
    extras = tools.ask(host, names, want)
    confined = confinement.ask(host, names, want, pools)
    room = memory.ask(host, names, want)
    return Facts(
        want,
        names,
        caller,
        release,
        hardware(),
        modules(),
        probed(),
        emulator(),
        daemon(),
        units(),
        bridges(),
        pools(),
        people(),
        room(),
        files(),
        packets(),
        confined(),
        manager(),
        extras(),
    )
