"""The tables of distributions: complete, and honest about what they do not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmready import distro
from kvmready.distro.common import MODULAR, MONOLITHIC
from kvmready.distro.debian import EMULATOR_PACKAGES
from kvmready.distro.table import CONTAINED, OPTIONAL, ROLES, Family, Table
from kvmready.facts.os import OsRelease
from kvmready.plan.managers import NAMES

ARCHES = ("x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "loongarch64", "i686", "armv7l")


def release(identity: str, version: str, *like: str, codename: str = "", parent: str = "") -> OsRelease:
    return OsRelease(identity, version, "", like, codename, "", parent)


def found(identity: str, version: str, *like: str, parent: str = "", arch: str = "x86_64") -> Table:
    table = distro.find(release(identity, version, *like, parent=parent), arch)
    assert table is not None
    return table


ROWS = [
    pytest.param(family, row, arch, id=f"{family.IDS[0]} {row} {arch}")
    for family in distro.families()
    for row in family.RELEASES
    for arch in ARCHES
    if family.table(row, arch, family.IDS[0]) is not None
]


@pytest.mark.parametrize(("family", "row", "arch"), ROWS)
def test_every_row_is_whole(family: Family, row: str, arch: str) -> None:
    table = family.table(row, arch, family.IDS[0])
    assert table is not None
    assert {role for role, _ in table.packages} | set(CONTAINED) == set(ROLES)
    assert len(table.packages) == len(dict(table.packages))
    assert all(table.candidates(role) for role in ROLES if role not in (*OPTIONAL, *CONTAINED, "tpm"))
    assert all(len(set(names)) == len(names) for _, names in table.packages)
    assert table.package_manager in NAMES
    assert table.wanted_units() and table.title and table.accounts in ("shadow", "busybox")
    assert set(table.ids) == set(family.IDS)
    for field, value in table.names._asdict().items():
        assert value or field in ("roms", "tpm", "title", "guess", "manager"), field
    assert bool(table.candidates("tpm")) == bool(table.names.tpm)
    emulator = table.names.emulators[0]
    assert emulator.startswith("/usr/") and ("qemu-system-" in emulator or emulator.endswith("qemu-kvm"))


def test_each_file_is_found_by_its_ids() -> None:
    assert {name: family.IDS for name, family in zip(distro.FILES, distro.families())} == distro.FILES
    files = {path.stem for path in Path(distro.__file__).parent.glob("*.py")} - {"__init__", "common", "table"}
    assert files == set(distro.FILES)


def test_there_are_rows_for_every_architecture_of_the_issue() -> None:
    for arch in ("x86_64", "aarch64"):
        assert all(any(f.table(row, arch, f.IDS[0]) for row in f.RELEASES) for f in distro.families())
    for arch in ("ppc64le", "s390x"):
        some = {f.IDS[0] for f in distro.families() if any(f.table(row, arch, f.IDS[0]) for row in f.RELEASES)}
        assert some == {"debian", "ubuntu", "rhel", "fedora", "opensuse-leap", "alpine"}


@pytest.mark.parametrize("version", ["11", "12", "13"])
@pytest.mark.parametrize("arch", sorted(EMULATOR_PACKAGES))
def test_debian(version: str, arch: str) -> None:
    table = found("debian", version, arch=arch)
    assert (table.family, table.package_manager, table.versions, table.arch) == ("debian", "apt", (version,), arch)
    assert bool(table.names.tpm) == bool(table.candidates("tpm")) == (version != "11")
    own = [unit for _, units in table.names.units for unit in units]
    assert set(table.wanted_units()) <= set(own)
    assert table.guess == ""


def test_debian_12_on_a_pc() -> None:
    table = found("debian", "12")
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
        "xvfb",
        "cockpit-machines",
        "cockpit",
    ]
    assert table.names.emulators == ("/usr/bin/qemu-system-x86_64",)
    assert (table.names.qemu_user, table.names.qemu_group) == ("libvirt-qemu", "kvm")


@pytest.mark.parametrize(
    ("identity", "version", "title", "manager", "libvirt_set"),
    [
        ("ubuntu", "20.04", "Ubuntu 20.04", "apt", "monolithic"),
        ("ubuntu", "24.04", "Ubuntu 24.04", "apt", "monolithic"),
        ("centos", "7", "CentOS 7", "yum", "monolithic"),
        ("rhel", "8.10", "RHEL 8", "dnf", "monolithic"),
        ("rocky", "9.4", "Rocky Linux 9", "dnf", "modular"),
        ("almalinux", "9.6", "AlmaLinux 9", "dnf", "modular"),
        ("ol", "8.9", "Oracle Linux 8", "dnf", "monolithic"),
        ("centos", "10", "CentOS 10", "dnf", "modular"),
        ("rhel", "10.0", "RHEL 10", "dnf", "modular"),
        ("fedora", "40", "Fedora 39 and 40", "dnf", "modular"),
        ("fedora", "42", "Fedora 41 and later", "dnf5", "modular"),
        ("opensuse-leap", "15.6", "openSUSE Leap and SLES 15.6 and later", "zypper", "modular"),
        ("sles", "15.7", "openSUSE Leap and SLES 15.6 and later", "zypper", "modular"),
        ("sles", "15.5", "openSUSE Leap and SLES 15 to 15.5", "zypper", "monolithic"),
        ("sles", "15", "openSUSE Leap and SLES 15 to 15.5", "zypper", "monolithic"),
        ("opensuse-leap", "16.0", "openSUSE Leap and SLES 16", "zypper", "modular"),
        ("opensuse-tumbleweed", "20260101", "openSUSE Tumbleweed", "zypper", "modular"),
        ("arch", "", "Arch Linux", "pacman", "monolithic"),
        ("alpine", "3.22.0", "Alpine Linux", "apk", "monolithic"),
        ("alpine", "3.23_alpha20260101", "Alpine Linux", "apk", "monolithic"),
        ("openeuler", "24.03", "openEuler 24.03", "dnf", "monolithic"),
        ("kylin", "v10", "Kylin Linux Advanced Server V10", "dnf", "monolithic"),
        ("kylin", "V10", "Kylin Linux Advanced Server V10", "dnf", "monolithic"),
        ("anolis", "8.10", "Anolis OS 8", "dnf", "monolithic"),
        ("anolis", "23.1", "Anolis OS 23", "dnf", "monolithic"),
    ],
)
def test_releases_find_their_rows(identity: str, version: str, title: str, manager: str, libvirt_set: str) -> None:
    table = found(identity, version)
    assert (table.title, table.package_manager, table.libvirt_set) == (title, manager, libvirt_set)
    assert table.guess == table.names.guess == ""
    assert (table.names.title, table.names.manager) == (title, manager)


@pytest.mark.parametrize(
    ("derivative", "like"),
    [
        (release("linuxmint", "21.3", "ubuntu", "debian", codename="virginia", parent="jammy"), "Ubuntu 22.04"),
        (release("linuxmint", "6", "debian", codename="faye", parent="bookworm"), "Debian 12"),
        (release("pop", "22.04", "ubuntu", "debian", codename="jammy"), "Ubuntu 22.04"),
        (release("raspbian", "12", "debian", codename="bookworm"), "Debian 12"),
        (release("kali", "2026.1", "debian", codename="kali-rolling"), "Debian 13"),
        (release("manjaro", "", "arch"), "Arch Linux"),
        (release("endeavouros", "", "arch"), "Arch Linux"),
        (release("nobara", "42", "rhel", "centos", "fedora"), "Fedora 41 and later"),
        (release("eurolinux", "9.3", "rhel", "fedora", "centos"), "RHEL 9"),
        (release("kylin", "v10", "debian"), "Debian 13"),
        (release("ubuntu", "24.10", "debian"), "Ubuntu 24.04"),
        (release("debian", "", codename="forky"), "Debian 13"),
        (release("debian", "14"), "Debian 13"),
        (release("rhel", "11.0", "fedora"), "RHEL 10"),
        (release("opensuse-microos", "20260101", "suse", "opensuse"), "openSUSE Tumbleweed"),
    ],
)
def test_a_derivative_is_guessed_and_says_so(derivative: OsRelease, like: str) -> None:
    table = distro.find(derivative, "x86_64")
    assert table is not None
    assert (table.guess, table.names.guess, table.title) == (like, like, like)


@pytest.mark.parametrize(
    ("wanted", "arch"),
    [
        (release("debian", "10"), "x86_64"),
        (release("debian", "12"), "m68k"),
        (release("ubuntu", "18.04", "debian"), "x86_64"),
        (release("fedora", "30"), "x86_64"),
        (release("centos", "6", "rhel"), "x86_64"),
        (release("rhel", "9.4"), "ppc64le"),
        (release("gentoo", "2.17"), "x86_64"),
        (release("nixos", "26.05"), "x86_64"),
        (release("", ""), "x86_64"),
    ],
)
def test_no_table(wanted: OsRelease, arch: str) -> None:
    """Older than every row, another architecture, or a family that nobody described."""
    assert distro.find(wanted, arch) is None


def test_the_sets_of_daemons_are_never_mixed() -> None:
    assert not {u for u in MONOLITHIC if u.startswith("libvirtd")} & set(MODULAR)
    assert {u for u in MODULAR if u.startswith("libvirtd")} == set()
    table = found("rocky", "9.4")
    assert table.wanted_units() == MODULAR and table.wanted_units("monolithic") == MONOLITHIC
    assert {"virtqemud.socket", "virtqemud-ro.socket", "virtqemud-admin.socket"} <= set(MODULAR)
    debian = found("debian", "12")
    assert debian.wanted_units("modular") == MONOLITHIC  # Debian packages no other


def test_the_candidates_of_a_role_are_found_by_any_of_them() -> None:
    table = found("rocky", "9.4")
    assert table.alternatives("qemu-kvm-core") == (
        "qemu-kvm-core",
        "qemu-kvm",
        "qemu-kvm-ev",
        "qemu-kvm-rhev",
    )
    assert table.alternatives("nobody's") == ("nobody's",)


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError):
        found("debian", "12").candidates("desktop")


@pytest.mark.parametrize(
    ("arch", "emulator"),
    [("x86_64", "qemu-system-x86_64"), ("aarch64", "qemu-system-aarch64"), ("m68k", "qemu-system-m68k")],
)
def test_a_host_without_a_table_can_still_be_looked_at(arch: str, emulator: str) -> None:
    names = distro.generic(arch)
    assert names.emulators[0] == f"/usr/bin/{emulator}"
    for field, value in names._asdict().items():
        assert value or field in ("roms", "title", "guess", "manager")
    for paths in (names.virsh, names.daemons, names.dnsmasq, names.python_folders, names.sockets):
        assert all(path.startswith("/") for path in paths)
