"""libvirt: what is installed of it, whether it answers, and what it says that it can run."""

from __future__ import annotations

import re
from collections.abc import Callable

from kvmready.facts.known import Absent, Fact, Known, Unknown, missing
from kvmready.facts.qemu import program
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.facts.virsh import Virsh
    from kvmready.host.door import Door

PYTHON = "/usr/bin/python3"

XML_ARCH = {"i386": "i686", "i586": "i686", "armv8l": "armv7l", "arm64": "aarch64", "amd64": "x86_64"}
"""``uname -m`` to the name in libvirt's capabilities, where they differ (libvirt: src/util/virarch.c)."""


class Versions(NamedTuple):
    """``client`` is libvirt's, ``hypervisor`` is QEMU's, as ``virsh version`` tells them; "" where it did not."""

    client: str
    hypervisor: str


class Libvirt(NamedTuple):
    """What is known of libvirt.

    ``daemon``, ``virsh`` and ``virt_install`` are paths; ``python`` is the folder with a binding that fits the system's
    Python. ``connection`` is a state of ``facts.virsh.Virsh`` and ``words`` what libvirt said to it. ``sockets`` are
    the paths of those that exist. ``domain_types`` are those that the capabilities list for this architecture
    (``kvm``, ``qemu``).
    """

    daemon: Fact[str]
    virsh: Fact[str]
    virt_install: Fact[str]
    python: Fact[str]
    sockets: tuple[str, ...]
    connection: str
    words: str
    versions: Fact[Versions]
    domain_types: Fact[tuple[str, ...]]


def parse_versions(text: str) -> Versions:
    """``virsh version``: "Using library: libvirt 9.0.0", "Running hypervisor: QEMU 7.2.22"."""
    client = re.search(r"^Using library: libvirt (\S+)$", text, re.MULTILINE)
    hypervisor = re.search(r"^Running hypervisor: QEMU (\S+)$", text, re.MULTILINE)
    return Versions(client.group(1) if client else "", hypervisor.group(1) if hypervisor else "")


def parse_domain_types(text: str, arch: str) -> tuple[str, ...]:
    """The domain types of ``<guest><os_type>hvm</os_type><arch name=ARCH>`` in the capabilities' XML.

    Read by pattern: libvirt writes this document itself, and an XML parser costs more time to load than all the rest.
    """
    found: list[str] = []
    for block in re.findall(r"<arch name=['\"]" + re.escape(arch) + r"['\"]>(.*?)</arch>", text, re.DOTALL):
        found += [kind for kind in re.findall(r"<domain type=['\"]([a-z]+)['\"]", block) if kind not in found]
    return tuple(found)


def binding(host: Door, folders: tuple[str, ...]) -> Fact[str]:
    """The folder with libvirt.py and a compiled half for the system's Python, found without starting Python."""
    folder = next((name for name in folders if not host.stat(f"{name}/libvirt.py").error), None)
    if folder is None:
        return Absent("libvirt.py in " + ", ".join(folders))
    listing = host.listdir(folder)
    if listing.error:
        return missing(listing.error, folder)
    halves = tuple(name for name in listing.names if name.startswith("libvirtmod.") and name.endswith(".so"))
    if not halves:
        return Absent(f"libvirtmod*.so in {folder}")
    link = host.readlink(PYTHON)
    version = re.fullmatch(r"python3\.(\d+)", link.text.rpartition("/")[2])
    if version is None:  # no such link: the file name cannot be compared with anything
        return Known(folder)
    if any(_fits(name, version.group(1)) for name in halves):
        return Known(folder)
    return Absent(f"{folder}: {', '.join(halves)} is not for python3.{version.group(1)}")


def _fits(half: str, minor: str) -> bool:
    tag = re.match(r"libvirtmod\.cpython-3(\d+)[a-z]*-", half)
    return tag is None or tag.group(1) == minor


def ask(host: Door, names: Names, want: Want, virsh: Callable[[], Virsh]) -> Callable[[], Libvirt]:
    """Look at the files; the pending virsh tells the rest."""
    daemon = program(host, names.daemons)
    client = program(host, names.virsh)
    installer = program(host, names.virt_install)
    python = binding(host, names.python_folders)
    arch = host.caller().arch

    def answered() -> Libvirt:
        said = virsh()
        version = said.text("version")
        capabilities = said.text("capabilities")
        domain_types: Fact[tuple[str, ...]] = Unknown(getattr(capabilities, "why", ""))
        if isinstance(capabilities, Known):
            domain_types = Known(parse_domain_types(capabilities.value, XML_ARCH.get(arch, arch)))
        versions = Known(parse_versions(version.value)) if isinstance(version, Known) else version
        return Libvirt(
            daemon,
            client,
            installer,
            python,
            said.sockets,
            said.state,
            said.words,
            versions,
            domain_types,
        )

    return answered
