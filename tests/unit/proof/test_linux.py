"""The pieces of the Linux proof: console, modules, domain, seed and figures."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest

from kvmready.guest import linux_guest
from kvmready.host.door import Answer
from kvmready.proof import console, figures, linux_domain, own_kernel, seed
from kvmready.proof.libvirt import uuid_of

NONCE = "0123456789abcdef"
MARK = "kvmready-proof-4711-0123456789abcdef"

CONSOLE = (
    "Connected to domain 'x'\r\nEscape character is ^]\r\n[    0.00] Linux\r\n"
    f"\r\nKVMLINUX1 {NONCE} up 1709474 1709474\r\n"
    "KVMLINUX1 ffffffffffffffff cpu 1\r\n"
    f"[    1.71] virtio: KVMLINUX1 {NONCE} cpu 2774\r\n"
    f"KVMLINUX1 {NONCE} cpu 9\r\n"
    f"KVMLINUX1 {NONCE} memory 10611 1692\r\nKVMLINUX1 {NONCE} disk - -\r\nKVMLINUX1 {NONCE} address 192.168.12"
)


def test_lines_of_this_run_are_told_from_everything_else() -> None:
    found = console.lines(CONSOLE, NONCE)
    assert found == {"up": ("1709474", "1709474"), "cpu": ("2774",), "memory": ("10611", "1692"), "disk": ("-", "-")}
    assert console.number(found, "memory", 1) == 1692
    assert console.number(found, "disk") is None
    assert console.number(found, "cpu", 7) is None


def test_the_tail_of_a_console_is_harmless_and_short() -> None:
    text = "\x1b[2J\x1b[1;1Hfirst\r\n" + "".join(f"line {n}\r\n" for n in range(50)) + "\x1b]0;t\x07\x00end\u202e"
    shown = console.tail(text)
    assert len(shown.splitlines()) == console.TAIL
    assert "\x1b" not in shown and "\u202e" not in shown and "\\u202e" in shown
    assert console.tail("") == ""


DEPENDENCIES = """kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz
kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz kernel/drivers/virtio/virtio.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio.ko.xz:
kernel/drivers/virtio/virtio_ring.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/virtio/virtio-pci.ko.zst: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
"""  # noqa: E501


def test_modules_come_after_those_that_they_need() -> None:
    order = own_kernel.in_order(DEPENDENCIES, own_kernel.MODULES)
    names = [path.rpartition("/")[2].partition(".")[0] for path in order]
    assert names == ["virtio", "virtio_ring", "virtio-pci", "failover", "net_failover", "virtio_net"]
    assert own_kernel.in_order("", own_kernel.MODULES) == ()


@pytest.mark.parametrize("path", ["/images/plain", "/images/a,b=c", "/images/'\"<>&", "/images/-x", "/images/a b\nc"])
def test_the_domain_is_whole_xml_whatever_the_path(path: str) -> None:
    disks = (linux_domain.Disk(path, "qcow2"), linux_domain.Disk("/seed", readonly=True))
    wanted = linux_domain.Wanted(MARK, uuid_of(MARK), "kvm", 512, disks, cpu="host-passthrough")
    tree = ElementTree.fromstring(linux_domain.xml(wanted))
    assert tree.get("type") == "kvm"
    sources = [element.get("file") for element in tree.iterfind("devices/disk/source")]
    assert sources == [path, "/seed"]
    drivers = [element.get("type") for element in tree.iterfind("devices/disk/driver")]
    assert drivers == ["qcow2", "raw"]
    assert tree.findtext("os/kernel") is None
    assert tree.find("cpu") is not None
    direct = ElementTree.fromstring(
        linux_domain.xml(wanted._replace(accel="tcg", kernel=path, initrd=path, words="a <b> -- c", cpu=None))
    )
    assert direct.get("type") == "qemu"
    assert (direct.findtext("os/kernel"), direct.findtext("os/cmdline")) == (path, "a <b> -- c")
    assert direct.find("os/boot") is None and direct.find("cpu") is None


def test_an_interface_has_one_address_for_each_name() -> None:
    assert linux_domain.mac_of("a") == linux_domain.mac_of("a") != linux_domain.mac_of("b")
    assert linux_domain.mac_of("a").startswith("52:54:00:")


def test_the_seed_carries_the_program_whole() -> None:
    disc = seed.disc(MARK, NONCE, 0x11, "/dev/vdc")
    text = disc.decode("latin-1")
    assert text.count("#cloud-config") == 1
    contents = [base64.b64decode(line.split()[1]) for line in text.splitlines() if line.startswith("  content: ")]
    assert contents[0] == linux_guest.program()
    assert f"guest {NONCE} 00000011 /dev/vdc".encode() in contents[1]
    assert f"instance-id: {MARK}" in text


def test_figures_say_how_quick_the_guest_is_whatever_the_unit() -> None:
    guest = {"cpu": ("2000",), "memory": ("5000", "400"), "disk": ("-", "-")}
    host = {"cpu": ("1000",), "memory": ("10000", "100"), "disk": ("900", "9000")}
    sent = Answer(size=linux_guest.SENT, seconds=0.1)
    found = {one.id: one for one in figures.compare(guest, host, sent, sent._replace(seconds=0.01), "kvm")}
    assert (found["cpu"].guest, found["cpu"].host, found["cpu"].ratio) == (2.0, 1.0, 0.5)
    assert found["cpu"].normal is False
    assert (found["memory"].ratio, found["first-touch"].ratio) == (0.5, 0.25)
    assert (found["disk-read"].guest, found["disk-read"].normal) == (None, None)
    assert found["network"].ratio == pytest.approx(0.1, abs=0.001)
    assert found["network"].normal is True
    none = figures.compare({}, {}, None, sent._replace(size=5), "tcg")
    assert all(one.ratio is None and one.normal is None for one in none)
