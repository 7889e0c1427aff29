"""What the things that facts ask about are called on one distribution. ``distro/`` fills this in."""

from __future__ import annotations

from kvmready.typed import NamedTuple

PROFILES = ("minimal", "server", "desktop", "web")
"""What a host can be wanted for. Each says by its checks which layers it needs."""


class Names(NamedTuple):
    """Names and paths of one release. Paths are absolute; candidates are in order of preference."""

    emulators: tuple[str, ...]  # candidate paths of the emulator for this architecture
    image_tools: tuple[str, ...]  # candidate paths of qemu-img
    virsh: tuple[str, ...]
    virt_install: tuple[str, ...]
    daemons: tuple[str, ...]  # candidate paths of libvirtd or virtqemud
    dnsmasq: tuple[str, ...]
    python_folders: tuple[str, ...]  # where the system's Python looks for libvirt
    default_network: tuple[str, ...]  # candidate paths of the packaged default network's XML
    pool_path: str  # directory of the default pool
    units: tuple[tuple[str, tuple[str, ...]], ...]  # service check id -> its units, the first is the main one
    sockets: tuple[str, ...]  # paths of the sockets that virsh may connect to, system URI
    qemu_user: str
    qemu_group: str
    kvm_group: str
    libvirt_group: str
    roms: tuple[str, ...] = ()  # candidate paths of the BIOS that guests start with; empty: there is no such file
    tpm: tuple[str, ...] = ()  # the programs of a guest's TPM, all are needed; empty: the release has none
    title: str = ""  # whose names these are, for people; empty: nobody's own, the distribution has no table
    guess: str = ""  # the other distribution for which this one is taken; empty: the names are its own
    libvirt_set: str = "monolithic"  # libvirt's daemons here: monolithic or modular; what is installed counts more
    manager: str = ""  # the package manager, by the name of its file in plan/; empty where nobody knows


class Want(NamedTuple):
    """What is asked of the host: for whom, and which parts that most hosts do not need."""

    profile: str = "server"
    users: tuple[str, ...] = ()
    accel: str = "kvm"  # "tcg" when emulation was accepted
    nested: bool = False
    iommu: bool = False
    subnet: str = ""  # the default network's, as "192.168.150.0/24"; empty: whatever it has, or libvirt's own choice
    pool_path: str = ""  # the default pool's directory; empty: whatever it has, or the distribution's choice
    hugepages: int = 0  # MiB of memory in huge pages, at the least; 0: as many as there are
    autostart: tuple[str, ...] = ()  # guests that shall start with the host, by their names
    bridge: str = ""  # the bridge that guests are plugged into, in place of the default network; empty: none
    interface: str = ""  # the interface that shall be in it; always given with the bridge
