"""What is known of a host: one subject per file, each question asked once, what waits asked side by side."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.facts.access import Access
    from kvmready.facts.autostart import Autostart
    from kvmready.facts.bridging import Bridging
    from kvmready.facts.confinement import Confinement
    from kvmready.facts.firewall import Firewall
    from kvmready.facts.kernel import Kernel
    from kvmready.facts.known import Fact
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
    from kvmready.facts.virsh import Virsh
    from kvmready.host.door import Caller, Door

__all__ = ["Facts", "begin", "gather"]


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
    autostart: Fact[Autostart]
    bridging: Bridging | None  # None where no bridge is wanted


def gather(host: Door, names: Names, want: Want, caller: Caller, release: OsRelease) -> Facts:
    """Ask everything, and wait for all answers."""
    return begin(host, names, want, caller, release)()


def begin(host: Door, names: Names, want: Want, caller: Caller, release: OsRelease) -> Callable[[], Facts]:
    """Ask everything; what is returned waits for the answers.

    The commands that wait are begun first, and a subject is read in only when it is its turn: the probe and virsh run
    while the rest of the program is still being read. The files are read while the commands run.
    """
    from kvmready.facts import probe

    probed = probe.ask(host, names, want)

    from kvmready.facts import virsh

    answered = virsh.ask(host, names, want)

    from kvmready.facts import qemu, services

    emulator = qemu.ask(host, names, want)
    units = services.ask(host, names, want)

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
        storage,
        tools,
    )

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
    starting, plugged = _wanted(host, names, want, answered)
    return lambda: Facts(
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
        starting(),
        plugged(),
    )


def _wanted(
    host: Door, names: Names, want: Want, virsh: Callable[[], Virsh]
) -> tuple[Callable[[], Fact[Autostart]], Callable[[], Bridging | None]]:
    """What only a configuration file asks for: nothing of it is read in elsewhere."""
    from kvmready.facts.known import Unknown

    def nothing() -> Fact[Autostart]:
        return Unknown("not asked")

    starting: Callable[[], Fact[Autostart]] = nothing
    plugged: Callable[[], Bridging | None] = lambda: None  # noqa: E731
    if want.autostart:
        from kvmready.facts import autostart

        starting = autostart.ask(host, names, virsh)
    if want.bridge:
        from kvmready.facts import bridging

        plugged = bridging.ask(host, names, want, virsh)
    return starting, plugged
