"""A Linux that writes while it is backed up, is lost with its disk, and comes back with its file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.machine import agentdisk, cloudimage
from tests.machine.backup.conftest import BACKUPS, IMAGES, Host
from tests.vm.lab.cache import LabError

DISK = f"{IMAGES}/web.qcow2"
NETWORK = """<network><name>default</name><bridge name='virbr77'/><ip address='192.168.77.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.77.10' end='192.168.77.99'/></dhcp></ip></network>"""
INTERFACE = "<interface type='network'><source network='default'/><model type='virtio'/></interface>"
SERIAL = "<serial type='null'/>"
SHELL = """
import socket, sys
with socket.create_connection((sys.argv[1], 2323), 20) as shell:
    shell.sendall(sys.argv[2].encode() + b"\\necho; echo the-end\\n")
    said = b""
    while not said.endswith(b"the-end\\n"):
        part = shell.recv(65536)
        if not part:
            sys.exit("the shell went away: " + repr(said))
        said += part
print(said.decode()[: -len("the-end\\n")].strip())
"""


class Guest:
    """A running tiny Linux."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name
        self.address = ""
        host.until(self._up, 300)

    def _up(self) -> bool:
        if not self.address:
            mac = self._host.stack.virsh("domiflist", self._name).split()[4]
            leases = self._host.stack.virsh("net-dhcp-leases", "default", mac).split()
            self.address = next((word.split("/")[0] for word in leases if word.startswith("192.168.77.")), "")
            return False
        return self._host.stack.run(("python3", "-c", SHELL, self.address, "true")).returncode == 0

    def sh(self, command: str) -> str:
        return self._host.run("python3", "-c", SHELL, self.address, command)


@pytest.fixture
def network(host: Host) -> Iterator[None]:
    if cloudimage.missing():
        pytest.skip(f"not installed: {cloudimage.missing()}")
    host.run("sh", "-c", "mkdir -p /dev/net; [ -e /dev/net/tun ] || mknod -m 666 /dev/net/tun c 10 200")
    host.run("sh", "-c", 'printf %s "$1" > /tmp/network.xml', "sh", NETWORK)
    for word in ("net-destroy", "net-undefine"):
        host.stack.run(("virsh", "-q", "-c", "qemu:///system", word, "default"))
    host.stack.virsh("net-define", "/tmp/network.xml")
    host.stack.virsh("net-start", "default")
    yield
    for uuid in host.stack.virsh("list", "--uuid").split():
        host.stop(uuid)
    host.stack.virsh("net-destroy", "default")
    host.stack.virsh("net-undefine", "default")


@pytest.mark.parametrize("way", ["job", "snapshot", "incremental"])
def test_its_file_comes_back(host: Host, network: None, way: str) -> None:
    host.run("cp", str(cloudimage.tiny()), DISK)
    host.run("chmod", "600", DISK)
    uuid = host.guest("web", (DISK, "qcow2"), more=INTERFACE + SERIAL, start=True)
    guest = Guest(host, uuid)
    options: tuple[str, ...] = ("--method", way) if way != "incremental" else ("--incremental",)
    if way == "incremental":
        assert host.create("web", *options)["backup"]["level"] == "full"
    digest = guest.sh("head -c 20000000 /dev/urandom > /data/file; sync; sha256sum /data/file").split()[0]
    assert len(digest) == 64
    guest.sh("(while :; do head -c 6000000 /dev/urandom > /data/other; echo >> /data/turns; done) > /dev/null 2>&1 &")
    turns = int(guest.sh("wc -l < /data/turns || echo 0"))
    made = host.create("web", *options)["backup"]
    assert made["level"] == ("incremental" if way == "incremental" else "full")
    assert int(guest.sh("wc -l < /data/turns")) > turns  # it went on writing
    host.remove(uuid, DISK)
    assert host.run("ls", "-A", IMAGES) == ""

    restored = host.json("restore", "web", "--from", BACKUPS)
    assert restored["uuid"] == uuid and restored["notes"] == []
    copied = host.json("restore", "web", "--as", "copy", "--from", BACKUPS)
    for one in (restored, copied):
        host.stack.virsh("start", one["uuid"])
    back = [Guest(host, one["uuid"]) for one in (restored, copied)]
    assert back[0].address != back[1].address
    for one in back:
        assert one.sh("sha256sum /data/file").split()[0] == digest
        assert "/data ext4 rw" in one.sh("cat /proc/mounts")
    assert os.path.basename(copied["paths"][0]) == "copy-vda.qcow2"


def journal_is_clean(host: Host, image: str) -> bool:
    """Whether the file system of a tiny Linux was frozen, or unmounted, when its disk was read: ext4 then has nothing
    to recover from its journal."""
    host.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, "/tmp/raw.img")
    start = cloudimage.ROOT_START * cloudimage.SECTOR
    shown = host.run("env", "PATH=/usr/sbin:/usr/bin:/bin", "debugfs", "-R", "stats -h", f"/tmp/raw.img?offset={start}")
    features = next(line for line in shown.splitlines() if line.startswith("Filesystem features:"))
    host.run("rm", "/tmp/raw.img")
    return "needs_recovery" not in features.split()


def test_a_guest_with_a_real_agent_is_frozen_for_the_moment_and_never_longer(host: Host, network: None) -> None:
    """qemu-guest-agent itself, in a Linux that writes all the time: frozen at the moment of the copy, thawed also when
    the backup fails right then and when the agent hangs in the freeze."""
    agent = f"{IMAGES}/agent.img"
    try:
        host.run("cp", str(agentdisk.disk()), agent)
    except LabError as error:
        pytest.skip(f"qemu-guest-agent cannot be had from Debian here: {str(error)[-300:]}")
    host.run("cp", str(cloudimage.tiny()), DISK)
    host.run("chmod", "600", DISK)
    more = INTERFACE + SERIAL + agentdisk.CHANNEL
    uuid = host.guest("web", (DISK, "qcow2"), (agent, "raw"), more=more, start=True)
    guest = Guest(host, uuid)
    guest.sh("(while :; do echo >> /data/turns; sync; done) > /dev/null 2>&1 &")

    def turns() -> int:
        return int(guest.sh("wc -l < /data/turns || echo 0"))

    def hooks() -> list[str]:
        return guest.sh("cat /ga.log; : > /ga.log").split()

    def writes() -> bool:
        before = turns()
        host.until(lambda: turns() > before)
        return True

    without = host.create("web")["backup"]
    assert without["quiesced"] is False and not journal_is_clean(host, f"{without['folder']}/disk-vda.qcow2")
    guest.sh("mkdir /ga; mount -t ext4 -o ro /dev/vdb /ga && sh /ga/start")
    host.until(lambda: "state='connected'" in host.stack.virsh("dumpxml", uuid), 120)

    for method in ("job", "snapshot"):
        made = host.create("web", "--method", method)["backup"]
        assert made["quiesced"] is True and made["left_out"] == []
        assert journal_is_clean(host, f"{made['folder']}/disk-vda.qcow2")
        assert hooks() == ["freeze", "thaw"] and writes()

    # libvirt cannot make its file beside the disk: the job fails while the guest is frozen.
    host.run("mount", "--bind", IMAGES, IMAGES)
    host.run("mount", "-o", "remount,bind,ro", IMAGES)
    try:
        assert "Read-only" in host.refused("web")
    finally:
        host.run("umount", IMAGES)
    assert hooks() == ["freeze", "thaw"] and writes()

    # The agent hangs in the freeze until the backup has given it up, and then carries it out.
    guest.sh("touch /ga.hang; (sleep 50; rm /ga.hang) > /dev/null 2>&1 &")
    made = host.create("web")["backup"]
    assert made["quiesced"] is False and "did not freeze" in made["left_out"][0]
    assert guest.sh("[ -e /ga.hang ] || echo gone").split() == ["gone"]
    assert hooks() == ["freeze", "thaw"] and writes()
