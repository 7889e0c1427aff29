"""The pure pieces of the kinds of steps."""

from __future__ import annotations

import pytest

from kvmready.host.door import Reading, Result, Status
from kvmready.plan import apt, firewall, leftovers, modprobe, network, parameter, reinstall, unit
from kvmready.plan.command import shown
from kvmready.plan.step import Step
from tests.unit.facts.debian import Recorded

SHOWN = """\
Id=libvirtd.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=libvirtd.socket
LoadState=loaded
ActiveState=inactive
UnitFileState=disabled

Id=none.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
"""
RUNS = unit.State("loaded", "enabled", "active")
IDLE = unit.State("loaded", "enabled", "inactive")


def test_systemctl_show() -> None:
    assert unit.parse(SHOWN) == {
        "libvirtd.service": RUNS,
        "libvirtd.socket": ("loaded", "disabled", "inactive"),
        "none.service": ("not-found", "", "inactive"),
    }


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"a.socket": RUNS, "a.service": RUNS}, ([], [], [])),
        ({"a.socket": IDLE, "a.service": IDLE}, ([], [], ["a.socket"])),
        # systemd refuses to start a socket whose service runs
        ({"a.socket": IDLE, "a.service": RUNS}, ([], [], [])),
        ({"a.socket": RUNS._replace(file="disabled"), "a.service": RUNS}, ([], ["a.socket"], [])),
        (
            {"a.socket": unit.State("masked", "masked", "inactive"), "a.service": IDLE},
            (["a.socket"], ["a.socket"], ["a.socket"]),
        ),
        ({"a.socket": IDLE._replace(file="enabled-runtime", active="active")}, ([], ["a.socket"], [])),
        ({}, ([], ["a.socket"], ["a.socket"])),
    ],
)
def test_what_a_unit_needs(states: dict[str, unit.State], expected: tuple[list[str], ...]) -> None:
    assert unit._needs(["a.socket"], states) == expected


def test_sockets_know_their_service() -> None:
    assert unit._with_services(["libvirtd-ro.socket", "virtlogd.socket"]) == [
        "libvirtd-ro.socket",
        "virtlogd.socket",
        "libvirtd.service",
        "virtlogd.service",
    ]
    assert unit._with_services(["virtqemud-admin.socket"]) == ["virtqemud-admin.socket", "virtqemud.service"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/var/lib/libvirt/images/debian.qcow2", True),
        ("/var/lib/libvirt/images/sub/x", True),
        ("/var/lib/libvirt/qemu/save/vm.save", True),
        ("/var/lib/libvirt/qemu/nvram/vm_VARS.fd", True),
        ("/etc/libvirt/qemu/vm.xml", True),
        ("/etc/libvirt/qemu/networks/lab.xml", True),
        ("/etc/libvirt/storage/nfs.xml", True),
        ("/etc/libvirt/hooks/qemu", True),
        ("/etc/libvirt/qemu/networks/default.xml", False),
        ("/etc/libvirt/qemu/networks/autostart/default.xml", False),
        ("/etc/libvirt/storage/default.xml", False),
        ("/etc/libvirt/qemu.conf", False),
        ("/etc/libvirt/nwfilter/clean-traffic.xml", False),
        ("/var/lib/libvirt/dnsmasq/default.conf", False),
        ("/var/cache/libvirt/qemu/capabilities/ab.xml", False),
        ("/etc/apparmor.d/libvirt/libvirt-6b766d72-6561-8479-8d75-313030300000", False),
        ("/etc/apparmor.d/libvirt/libvirt-6b766d72-6561-8479-8d75-313030300000.files", False),
        ("/etc/apparmor.d/libvirt/TEMPLATE.qemu", False),
        ("/etc/apparmor.d/libvirt/my-own", True),
    ],
)
def test_what_a_person_would_miss(path: str, kept: bool) -> None:
    assert leftovers.precious([path]) == ([path] if kept else [])


def test_trees_are_kept_whole_and_compared() -> None:
    before = {"/etc": "d 755 0 0", "/etc/ü\n\"'": "f 644 0 0", "/var/x": "d 700 0 0", "/run/a": "run"}
    assert leftovers.unpack(leftovers.pack(before)) == before
    after = {"/etc": "d 755 0 0", "/var/x": "d 755 33 0", "/etc/new": "d 755 0 0"}
    assert leftovers.changed(before, after) == {"/var/x": "d 755 33 0"}
    assert leftovers.appeared(before, after) == ["/etc/new"]


def test_the_accounts_of_the_system() -> None:
    assert leftovers._is_system("polkitd:x:997:")
    assert leftovers._is_system("libvirt-qemu:x:64055:104::/var/lib/libvirt:/usr/sbin/nologin")
    assert not leftovers._is_system("alice:x:1000:1000::/home/alice:/bin/bash")
    assert not leftovers._is_system("broken:x:many:")


RULES = """\
-P INPUT ACCEPT
-N LIBVIRT_INP
-N DOCKER
-A INPUT -j LIBVIRT_INP
-A INPUT -i eth0 -j LIBVIRT_INP
-A FORWARD -j DOCKER
-A LIBVIRT_INP -i virbr0 -p udp -j ACCEPT
"""
EMPTY = """\
table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy accept;
	}

	chain FORWARD {
	}
}
"""


def test_only_libvirts_chains_and_its_own_jumps_are_known() -> None:
    assert firewall.CHAIN.findall(RULES) == ["LIBVIRT_INP"]
    assert firewall.JUMP.findall(RULES) == [("INPUT", "LIBVIRT_INP")]


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("accept;\n", "accept;\n\t\ttcp dport 22 accept\n"),
        ("accept;\n", "accept;\n\t\tcounter packets 0 bytes 0 jump DOCKER\n"),
        ("accept;\n", "accept;\n\tset x {\n"),
        ("accept;\n", "drop;\n"),
    ],
)
def test_a_table_that_does_anything_is_not_empty(what: str, instead: str) -> None:
    assert all(firewall.EMPTY.match(line) for line in EMPTY.splitlines())
    assert not all(firewall.EMPTY.match(line) for line in EMPTY.replace(what, instead).splitlines())


def test_a_network_definition_is_xml_with_the_subnet() -> None:
    import xml.etree.ElementTree as ElementTree

    root = ElementTree.fromstring(network.definition("default", "virbr0", "192.168.130"))
    address = root.find("ip")
    dhcp = root.find("ip/dhcp/range")
    assert root.findtext("name") == "default"
    assert address is not None and address.get("address") == "192.168.130.1"
    assert dhcp is not None and dhcp.get("end") == "192.168.130.254"
    assert network._address(network.definition("default", "virbr0", "10.1.2")) == "10.1.2.1"
    assert network._address("<network/>") == ""


def test_commands_are_shown_as_they_would_be_typed() -> None:
    assert shown(("usermod", "--", "al ice", "$(id)")) == "usermod -- 'al ice' '$(id)'"


MODPROBE = """\
# VirtualBox
blacklist kvm
  blacklist kvm_amd
install kvm_amd \\
  /bin/false
# told \\
blacklist kvm_amd
options kvm_amd nested=0
"""


def test_only_whole_lines_that_were_named_become_comments() -> None:
    after = modprobe.edited(MODPROBE, ["blacklist kvm_amd", "install kvm_amd \\"])
    changed = [(a, b) for a, b in zip(MODPROBE.splitlines(), after.splitlines()) if a != b]
    assert changed == [("  blacklist kvm_amd", modprobe.MARK + "blacklist kvm_amd")]
    assert len(after.splitlines()) == len(MODPROBE.splitlines())


def test_a_reinstall_is_an_install_that_takes_nothing_away() -> None:
    argv = apt.reinstall(["qemu-system-x86"])
    assert "--no-remove" in argv and argv[-2:] == ("--", "qemu-system-x86")
    assert argv[argv.index("install") + 1] == "--reinstall"


@pytest.mark.parametrize(
    ("status", "active", "lost"),
    [
        (Status("/s", error="ENOENT"), "active", ["a.socket"]),
        (Status("/s", "file", 0o600), "active", ["a.socket"]),
        (Status("/s", "socket", 0o666), "active", []),
        (Status("/s", error="ENOENT"), "inactive", []),
    ],
)
def test_a_socket_is_lost_where_it_listens_at_no_file(status: Status, active: str, lost: list[str]) -> None:
    host = Recorded()
    host.stat(status)
    step = Step("x", "unit", "services", "", (), {"units": ["a.socket"], "sockets": {"a.socket": "/s"}})
    assert unit._lost(host.host(), step, {"a.socket": RUNS._replace(active=active)}) == lost


def test_what_a_masked_unit_takes_along_stands_in_its_packages_file() -> None:
    """systemctl disable takes along what Also= names, so that an undo has to know how that was before."""
    host = Recorded()
    names = ["a.service", "b.socket"]
    host.run(Result(("systemctl", "cat", "--no-pager", "--", "a.service"), 1, "# Unit a.service is masked.\n"))
    show = ("systemctl", "show", "--no-pager", "--property=Id,LoadState,UnitFileState,ActiveState", "--")
    masked = "Id=a.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
    host.run(Result((*show, "a.service"), 0, masked))
    host.run(Result((*show, *names), 0, masked))
    host.run(Result(("systemctl", "cat", "--no-pager", "--", *names), 1, ""))
    host.read(Reading("/usr/lib/systemd/system/a.service", "[Install]\nAlso=b.socket\n"))
    host.read(Reading("/lib/systemd/system/a.service", "[Install]\nAlso=b.socket\n"))
    assert unit.related(host.host(), ["a.service"]) == names


@pytest.mark.parametrize(("gone", "expected"), [((), True), (("/a",), True), (("/a", "/b"), False), (("/c",), False)])
def test_a_reinstall_is_done_when_a_file_of_each_kind_is_there(gone: tuple[str, ...], expected: bool) -> None:
    host = Recorded()
    for path in ("/a", "/b", "/c"):
        host.stat(Status(path, error="ENOENT") if path in gone else Status(path, "file", 0o755))
    step = Step("x", "reinstall", "qemu", "", (), {"packages": ["p"], "present": [["/a", "/b"], ["/c"]]})
    assert reinstall.done(host.host(), step) is expected


@pytest.mark.parametrize(
    ("one", "other", "same"), [("Y", "1", True), ("N", "0", True), ("Y", "0", False), ("3", "3", True)]
)
def test_parameters_are_written_in_two_ways(one: str, other: str, same: bool) -> None:
    assert parameter._same(one, other) == same
