"""The tables of distributions: complete, and honest about what they do not know."""

from __future__ import annotations

import pytest

from kvmready import distro
from kvmready.distro.debian import EMULATOR_PACKAGES
from kvmready.distro.table import OPTIONAL, ROLES
from kvmready.facts.os import OsRelease


def release(identity: str, version: str, *like: str) -> OsRelease:
    return OsRelease(identity, version, "", like)


@pytest.mark.parametrize("version", ["11", "12", "13"])
@pytest.mark.parametrize("arch", sorted(EMULATOR_PACKAGES))
def test_debian(version: str, arch: str) -> None:
    table = distro.find(release("debian", version), arch)
    assert table is not None
    assert (table.family, table.package_manager, table.versions, table.arch) == ("debian", "apt", (version,), arch)
    assert all(table.candidates(role) for role in ROLES if role not in OPTIONAL)
    assert bool(table.names.tpm) == bool(table.candidates("tpm")) == (version != "11")
    assert {role for role, _ in table.packages} == set(ROLES)
    own = [unit for _, units in table.names.units for unit in units]
    assert set(table.wanted_units()) <= set(own)
    for field, value in table.names._asdict().items():
        assert value or field in ("roms", "tpm")


def test_debian_12_on_a_pc() -> None:
    table = distro.find(release("debian", "12"), "x86_64")
    assert table is not None
    assert [name for role in ROLES for name in table.candidates(role)] == [
        "qemu-system-x86",
        "qemu-utils",
        "libvirt-daemon-system",
        "libvirt-clients",
        "virtinst",
        "python3-libvirt",
        "dnsmasq-base",
        "iptables",
        "ovmf",
        "swtpm-tools",
        "acl",
        "seabios",
        "virt-manager",
        "virt-viewer",
        "cockpit-machines",
        "cockpit",
    ]
    assert table.names.emulators == ("/usr/bin/qemu-system-x86_64",)
    assert (table.names.qemu_user, table.names.qemu_group) == ("libvirt-qemu", "kvm")


def test_an_unknown_role_is_an_error() -> None:
    table = distro.find(release("debian", "12"), "x86_64")
    assert table is not None
    with pytest.raises(KeyError):
        table.candidates("desktop")


@pytest.mark.parametrize(
    ("found", "arch"),
    [
        (release("debian", "10"), "x86_64"),
        (release("debian", ""), "x86_64"),
        (release("debian", "12"), "m68k"),
        (release("ubuntu", "24.04", "debian"), "x86_64"),
        (release("linuxmint", "21", "ubuntu", "debian"), "x86_64"),
        (release("", ""), "x86_64"),
    ],
)
def test_no_table(found: OsRelease, arch: str) -> None:
    """A derivative is not taken for its parent."""
    assert distro.find(found, arch) is None


@pytest.mark.parametrize(
    ("arch", "emulator"),
    [("x86_64", "qemu-system-x86_64"), ("aarch64", "qemu-system-aarch64"), ("m68k", "qemu-system-m68k")],
)
def test_a_host_without_a_table_can_still_be_looked_at(arch: str, emulator: str) -> None:
    names = distro.generic(arch)
    assert names.emulators[0] == f"/usr/bin/{emulator}"
    for field, value in names._asdict().items():
        assert value or field == "roms"
    for paths in (names.virsh, names.daemons, names.dnsmasq, names.python_folders, names.sockets):
        assert all(path.startswith("/") for path in paths)
