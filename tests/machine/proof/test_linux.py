"""Level linux with a real libvirtd, its default network and real images: proved, refused, broken, and interrupted."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import cloudimage
from tests.machine.images.server import Server
from tests.machine.proof.conftest import HERE, Stack, eventually, marked
from tests.machine.proof.test_libvirt import IMAGES, needs_python

pytestmark = pytest.mark.timeout(900)
PASSED = ["source", "disks", "boot", "address", "network", "figures", "remove"]


@pytest.fixture(scope="module")
def host(stack: Stack) -> Stack:
    """The private host with its default network up, and the images' kernel as its own."""
    if cloudimage.missing():
        pytest.skip(f"needs what builds images: {cloudimage.missing()}")
    kernel, modules = cloudimage.kernel()
    done = stack.run(("sh", str(HERE / "linux_stack.sh"), str(kernel), str(modules)))
    assert done.returncode == 0, done.stderr
    return stack


@pytest.fixture(autouse=True)
def nothing_left(host: Stack) -> Iterator[None]:
    yield
    assert eventually(host.leftovers, 10) == []
    assert "kvmready" not in host.run(("ls", "/var/tmp")).stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the private host sees as well; its /tmp is its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as path:
        yield Path(path)


def leases(host: Stack) -> str:
    return host.virsh("net-dhcp-leases", "default")


@pytest.mark.parametrize(("user", "caller"), [("alice", ""), pytest.param("", "alice", marks=needs_python)])
def test_a_linux_runs_with_the_hosts_own_kernel(host: Stack, user: str, caller: str) -> None:
    proved = host.prove("linux", "tcg", user, caller)
    assert proved.document["ok"], proved
    assert (proved.document["level"], proved.document["user"]) == ("linux", "alice")
    assert proved.document["witness"].endswith(" TCGTCGTCGTCG")
    steps = {name[6:]: step["status"] for name, step in proved.steps.items() if name.startswith("linux.")}
    assert steps == dict.fromkeys(PASSED, "pass"), proved
    linux = proved.document["linux"]
    assert (linux["image"], linux["clocksource"] != "kvm-clock") == (None, True)
    assert linux["kernel"].endswith("-cloud-amd64")
    assert linux["address"].startswith("192.168.122.")
    assert [one["phase"] for one in linux["boot"]] == ["firmware", "kernel", "user-space", "address"]
    assert all(one["ratio"] for one in linux["figures"])
    assert {one["id"] for one in linux["figures"]} == {
        "cpu", "memory", "first-touch", "disk-write", "disk-read", "network",
    }  # fmt: skip
    assert linux["address"] not in leases(host)  # the guest gave it back


def test_a_kernel_that_only_root_may_read(host: Stack) -> None:
    kernel = f"/boot/vmlinuz-{os.uname().release}"
    host.run(("chmod", "600", kernel))
    try:
        if os.access("/usr/bin/python3", os.X_OK):
            proved = host.prove("linux", "tcg", "", "alice")
            assert proved.failed == ("linux.source", "kernel.image-unreadable")
            assert "Permission denied" in proved.steps["linux.source"]["evidence"]
        host.run(("mv", kernel, "/boot/elsewhere"))
        assert host.prove("linux", "tcg", "alice").failed == ("linux.source", "kernel.image-unreadable")
        host.run(("mv", "/boot/elsewhere", kernel))
    finally:
        host.run(("chmod", "644", kernel))


def test_a_cloud_image(host: Stack, folder: Path) -> None:
    """Debian with cloud-init, from a file whose name is no plain word."""
    image = folder / "a 'cloud',image=\n.qcow2"
    image.symlink_to(cloudimage.cloud())
    proved = host.prove("linux", "tcg", "alice", "", str(image))
    assert proved.document["ok"], proved
    linux = proved.document["linux"]
    assert linux["image"] == image.name
    assert [one["phase"] for one in linux["boot"]] == ["firmware", "kernel", "user-space"]
    assert linux["address"].startswith("192.168.122.")


def test_an_image_that_starts_nothing(host: Stack, folder: Path) -> None:
    """A boot record whose code gives up, and a system that says nothing of ours."""
    broken = bytearray(4 << 20)
    broken[0:2], broken[510:512] = b"\xcd\x18", b"\x55\xaa"
    image = folder / "broken.img"
    image.write_bytes(broken)
    proved = host.prove("linux", "tcg", "alice", "", str(image))
    assert proved.failed == ("linux.boot", "storage.image-invalid")
    assert "the guest ended" in proved.steps["linux.boot"]["evidence"]
    assert proved.document["level"] == "libvirt"


def test_images_that_are_refused(host: Stack, folder: Path) -> None:
    text = folder / "text.qcow2"
    text.write_bytes(b"<html>not found</html>")
    assert host.prove("linux", "tcg", "alice", "", str(text)).failed == ("linux.source", "storage.image-invalid")
    proved = host.prove("linux", "tcg", "alice", "", str(cloudimage.tiny()), "0" * 64)
    assert proved.failed == ("linux.source", "storage.image-checksum")
    with Server().running() as server:
        url = f"{server.url}/gone.qcow2"
        host.run(("ip", "link", "set", "lo", "up"))
        proved = host.prove("linux", "tcg", "alice", "", url, "0" * 64)
    assert proved.failed == ("linux.source", "storage.image-download")


def test_a_pool_without_room_for_the_image(host: Stack, folder: Path) -> None:
    image = folder / "large.img"
    body = bytearray(hashlib.shake_128(b"large").digest(24 << 20))
    body[510:512] = b"\x55\xaa"
    image.write_bytes(body)
    host.run(("mount", "-t", "tmpfs", "-o", "size=8m,mode=711", "small", IMAGES))
    try:
        assert host.prove("linux", "tcg", "alice", "", str(image)).failed == ("linux.disks", "storage.no-space")
    finally:
        host.run(("umount", IMAGES))
        host.virsh("pool-refresh", "default")


def test_a_network_that_gives_no_address(host: Stack) -> None:
    """The DHCP server of the default network is stopped: the guest comes up, and says that it has no address."""
    pids = host.run(("pidof", "dnsmasq")).stdout.split()
    assert pids
    host.run(("kill", "-STOP", *pids))
    try:
        proved = host.prove("linux", "tcg", "alice")
    finally:
        host.run(("kill", "-CONT", *pids))
    assert proved.failed == ("linux.address", "network.no-address")
    assert "KVMLINUX1" in proved.steps["linux.address"]["evidence"]


def test_the_default_network_is_off(host: Stack) -> None:
    host.virsh("net-destroy", "default")
    try:
        assert host.prove("linux", "tcg", "alice").failed == ("linux.boot", "network.default-inactive")
    finally:
        host.virsh("net-start", "default")


MOMENTS = {
    "upload": "-initrd\0/tmp/kvmready",
    "guest": "guest=kvmready-proof",
    "console": "create --autodestroy --paused",
    "measure": "/measure\0host",
}
"""The text in a process's arguments that tells that the proof has come so far."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_proof_leaves_nothing(host: Stack, moment: str, number: signal.Signals) -> None:
    outer = subprocess.Popen(
        host.drive("linux", "tcg", "alice"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert outer.stdout is not None
    try:
        end = time.monotonic() + 120
        while not (seen := marked(MOMENTS[moment])) and outer.poll() is None and time.monotonic() < end:
            time.sleep(0.001)
        assert outer.poll() is None and seen, f"the proof ended before it could be interrupted: {outer.stdout.read()}"
        inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        os.kill(inner, number)
        assert outer.wait(60) != 0
    finally:
        outer.kill()
        outer.wait()
        outer.stdout.close()
    assert eventually(lambda: host.leftovers() + marked("kvmready.host.guard")) == []
    assert host.records() == []
