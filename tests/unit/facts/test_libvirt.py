"""What is installed of libvirt, and what it says of itself."""

from __future__ import annotations

import pytest

from kvmready.facts import libvirt, virsh
from kvmready.facts.known import Absent, Known, Unknown
from kvmready.facts.names import Want
from kvmready.host.door import Caller, Listing, Reading
from tests.unit.facts.debian import ANSWERS, CAPABILITIES, NAMES, Recorded

FOLDER = "/usr/lib/python3/dist-packages"


def ask(recorded: Recorded) -> libvirt.Libvirt:
    host = recorded.host()
    return libvirt.ask(host, NAMES, Want(), virsh.ask(host, NAMES, Want()))()


def test_a_healthy_host() -> None:
    found = ask(Recorded())
    assert found.daemon == Known("/usr/sbin/libvirtd")
    assert found.virsh == Known("/usr/bin/virsh")
    assert found.virt_install == Known("/usr/bin/virt-install")
    assert found.python == Known(FOLDER)
    assert found.connection == "connected"
    assert found.versions == Known(libvirt.Versions("9.0.0", "7.2.22"))
    assert found.domain_types == Known(("qemu", "kvm"))


def test_a_fresh_host() -> None:
    recorded = Recorded()
    recorded.absent(*NAMES.daemons, *NAMES.virsh, *NAMES.virt_install, *NAMES.sockets, f"{FOLDER}/libvirt.py")
    found = ask(recorded)
    assert [type(fact) for fact in found[:4]] == [Absent] * 4
    assert found.connection == "no-client"
    assert isinstance(found.domain_types, Unknown)
    assert isinstance(found.versions, Unknown)


def test_only_this_architecture_counts() -> None:
    assert libvirt.parse_domain_types(CAPABILITIES, "i686") == ("qemu",)
    assert libvirt.parse_domain_types(CAPABILITIES, "aarch64") == ()
    recorded = Recorded()
    recorded.caller(Caller(0, (0,), "root", "", "old", "6.1.0", "i586"))
    assert ask(recorded).domain_types == Known(("qemu",))


def test_a_late_capabilities_answer_is_unknown() -> None:
    recorded = Recorded()
    recorded.virsh(ANSWERS, last="capabilities")
    found = ask(recorded)
    assert found.connection == "connected"
    assert isinstance(found.domain_types, Unknown)


@pytest.mark.parametrize(
    ("names", "link", "kind"),
    [
        (("libvirtmod.cpython-311-x86_64-linux-gnu.so",), "python3.11", Known),
        (("libvirtmod.cpython-311-x86_64-linux-gnu.so",), "/usr/bin/python3.11", Known),
        (("libvirtmod.cpython-39-x86_64-linux-gnu.so",), "python3.11", Absent),
        (("libvirtmod.abi3.so",), "python3.11", Known),
        (("libvirtmod.so",), "python3.11", Known),
        (("libvirtmod_qemu.cpython-311-x86_64-linux-gnu.so",), "python3.11", Absent),
        (("libvirtmod.cpython-39-x86_64-linux-gnu.so",), "", Known),
        ((), "python3.11", Absent),
    ],
)
def test_the_binding_fits_the_python(names: tuple[str, ...], link: str, kind: type) -> None:
    recorded = Recorded()
    recorded.listdir(Listing(FOLDER, names))
    recorded.readlink(Reading("/usr/bin/python3", link) if link else Reading("/usr/bin/python3", error="ENOENT"))
    assert isinstance(libvirt.binding(recorded.host(), (FOLDER,)), kind)


def test_an_unreadable_folder_is_not_an_absent_binding() -> None:
    recorded = Recorded()
    recorded.listdir(Listing(FOLDER, error="EIO"))
    assert isinstance(libvirt.binding(recorded.host(), (FOLDER,)), Unknown)
