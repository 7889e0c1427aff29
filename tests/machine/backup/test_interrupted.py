"""Backups and restores that are interrupted: by a kill, a restarted daemon, a full disk, a guest that hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.machine.backup.conftest import BACKUPS, IMAGES, Host

A, B = f"{IMAGES}/a.qcow2", f"{IMAGES}/b.img"


def big(host: Host, start: bool = True) -> str:
    """A guest whose backup takes some seconds."""
    host.disk(A, 1600)
    return host.guest("big", (A, "qcow2"), start=start)


def begun(host: Host, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(host.argv(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def inside(outer: int) -> int:
    """The process of kvmready itself: nsenter forks, and env becomes it."""
    return int(Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0])


def spooling(host: Host) -> bool:
    return bool(host.run("find", IMAGES, "-name", ".kvmready-*"))


def compressing(host: Host) -> bool:
    return bool(host.stack.run(("find", BACKUPS, "-name", "disk-vda.qcow2")).stdout)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["job", "compress", "snapshot", "offline"])
def test_ended_in_the_middle(host: Host, moment: str, number: signal.Signals) -> None:
    uuid = big(host, start=moment != "offline")
    method = "snapshot" if moment == "snapshot" else "auto"
    process = begun(host, "create", "big", "--method", method, "--to", BACKUPS)
    host.until(lambda: spooling(host) if moment == "job" else compressing(host))
    os.kill(inside(process.pid), number)
    _out, said = process.communicate(timeout=120)
    assert process.returncode == (137 if number == signal.SIGKILL else 130) or process.returncode < 0, said
    killed = moment == "snapshot" and number == signal.SIGKILL  # the next backup removes what was committed
    host.until(lambda: [name.endswith(".overlay") for name in host.hidden()] == [True] * killed)
    host.until(lambda: host.stack.virsh("domblklist", uuid).split() == ["vda", A])
    assert host.listed() == []
    assert host.state(uuid) == ("shut off" if moment == "offline" else "running")
    assert moment == "offline" or "None" in host.stack.virsh("domjobinfo", uuid)
    assert host.create("big")["ok"]
    assert host.backup("verify", "--from", BACKUPS).returncode == 0


def test_an_overlay_that_was_left_is_committed_first(host: Host) -> None:
    """As after a power failure, when nobody was left to clean up."""
    uuid = host.guest("web", (host.disk(A, 40), "qcow2"), start=True)
    overlay = f"{IMAGES}/.kvmready-20260101T000000Z-0123abcd-vda.overlay"
    spec = f"vda,snapshot=external,file={overlay}"
    host.stack.virsh("snapshot-create-as", uuid, "left", "--disk-only", "--no-metadata", "--diskspec", spec)
    assert host.stack.virsh("domblklist", uuid).split() == ["vda", overlay]
    host.stop(uuid)
    assert "Start the guest" in host.refused("web", cause="storage.overlay-left")
    host.stack.virsh("start", uuid)
    made = host.create("web")["backup"]
    assert made["disks"][0]["source"] == A
    assert host.stack.virsh("domblklist", uuid).split() == ["vda", A]


def test_what_a_power_failure_left_is_swept(host: Host) -> None:
    host.guest("web", (host.disk(A, 20), "qcow2"), start=True)
    spool, folder = (
        f"{IMAGES}/.kvmready-20260101T000000Z-0123abcd-vda.qcow2",
        f"{BACKUPS}/.partial-20260101T000000Z-0123abcd",
    )
    host.run("touch", spool)
    host.run("mkdir", folder)
    host.run("sh", "-c", f"""printf '["{spool}", "/etc/passwd", "{A}"]' > {folder}/spools.json""")
    assert host.create("web")["ok"]
    assert host.stack.run(("ls", "/etc/passwd", A)).returncode == 0


@pytest.mark.parametrize("moment", ["begin", "job"])
def test_the_daemon_is_restarted_in_the_middle(host: Host, moment: str) -> None:
    """The backup carries on or says that it could not; the guest runs on, and soon the next one is good."""
    uuid = big(host)
    process = begun(host, "create", "big", "--to", BACKUPS, "--format", "json")
    asked = ("virsh", "-q", "-c", "qemu:///system", "domjobinfo", uuid)  # it fails while a job is set up
    host.until(lambda: spooling(host) if moment == "begin" else "Backup" in host.stack.run(asked).stdout)
    os.kill(host.stack.daemon(), signal.SIGKILL)
    host.run("sh", "-c", "sleep 1; exec libvirtd -d")
    out, said = process.communicate(timeout=200)
    assert "Traceback" not in said
    first = json.loads(out)["guests"][0]
    assert first["ok"] or "libvirt" in first["error"], first
    assert [one["name"] for one in host.listed() if one["kind"] == "guest"] == ["big"] * first["ok"]
    host.until(lambda: not host.hidden())
    assert host.state(uuid) == "running"
    again = host.backup("create", "big", "--to", BACKUPS)
    if "that it has lost" in " ".join(again.stdout.split()):  # killed at a bad moment, libvirt itself knows no way out
        host.stop(uuid)
        host.stack.virsh("start", uuid)
    # A daemon that was killed may find the job of its forerunner still held, and refuses for half a minute.
    host.until(lambda: host.backup("create", "big", "--to", BACKUPS).returncode == 0, 200)
    assert host.backup("verify", "--from", BACKUPS).returncode == 0


def test_too_little_room_is_seen_before(host: Host) -> None:
    uuid = big(host)
    host.run("mkdir", "/tmp/small")
    host.run("mount", "-t", "tmpfs", "-o", "size=80M,mode=700", "small", "/tmp/small")
    try:
        for _state in ("running", "shut off"):
            assert "not enough room in /tmp/small" in host.refused("big", "/tmp/small", "storage.no-space")
            assert ".partial" not in host.run("ls", "-A", "/tmp/small")
            host.stop(uuid)
    finally:
        host.run("umount", "/tmp/small")
        host.run("rmdir", "/tmp/small")


def test_a_disk_that_is_full(host: Host) -> None:
    """A compressed image takes less than what comes out of it, so that the room seems enough before."""
    host.disk(B, 400, "raw")
    host.run("mount", "-t", "tmpfs", "-o", "size=120M,mode=711", "small", BACKUPS)
    try:
        host.run("sh", "-c", "head -c 300M /dev/urandom > /tmp/b.img")
        host.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "/tmp/b.img", A)
        host.run("rm", "/tmp/b.img")
        uuid = host.guest("web", (A, "qcow2"), start=True)
        assert "not enough room" in host.refused("web", cause="storage.no-space")
        assert host.state(uuid) == "running"
        assert [one for one in host.listed() if one["kind"] == "guest"] == []
        assert host.hidden() == []
        host.remove(uuid)
    finally:
        host.run("umount", BACKUPS)


def test_the_room_beside_the_disk_goes_while_it_is_read(host: Host) -> None:
    """The backup ends before the guest has to: QEMU would pause it where the old data can be kept nowhere."""
    host.run("mount", "-t", "tmpfs", "-o", "size=3G,mode=711", "small", IMAGES)
    try:
        uuid = big(host)
        process = begun(host, "create", "big", "--to", BACKUPS, "--format", "json")
        host.until(lambda: spooling(host))
        host.run("sh", "-c", f"fallocate -l $(($(df -B1 --output=avail {IMAGES} | tail -n1) - 1000000)) {IMAGES}/more")
        out, said = process.communicate(timeout=200)
        guest = json.loads(out)["guests"][0]
        assert (guest["ok"], guest["cause"]) == (False, "storage.no-space"), (guest, said)
        assert host.state(uuid) == "running" and host.hidden() == []
        host.run("rm", f"{IMAGES}/more")
        assert host.create("big")["ok"]
        host.remove(uuid)
    finally:
        host.run("umount", IMAGES)


def test_a_guest_that_hangs_does_not_cost_the_others_theirs(host: Host) -> None:
    """The process of its emulator is stopped, so that nothing answers libvirt."""
    host.disk(A, 20)
    host.disk(B, 20, "raw")
    first = host.guest("a-hangs", (A, "qcow2"), start=True)
    host.guest("z-runs", (B, "raw"), start=True)
    pid = int(host.run("cat", "/run/libvirt/qemu/a-hangs.pid"))
    host.run("kill", "-STOP", str(pid))
    try:
        guests = host.json("create", "--all", "--to", BACKUPS, status=1)["guests"]
    finally:
        host.run("kill", "-CONT", str(pid))
    assert [(one["name"], one["ok"]) for one in guests] == [("a-hangs", False), ("z-runs", True), ("", True)]
    assert guests[0]["cause"] == "libvirt.guest-hangs" and "a-hangs does not answer" in guests[0]["error"]
    assert [one["name"] for one in host.listed()] == ["z-runs", ""]
    host.until(lambda: not host.hidden())
    host.until(lambda: host.stack.run(("virsh", "-q", "-c", "qemu:///system", "domstate", first)).returncode == 0)
    host.until(lambda: host.json("create", "a-hangs", "--to", BACKUPS)["guests"][0]["ok"])


def test_a_guest_that_hangs_in_the_middle(host: Host) -> None:
    """Its emulator is stopped while its disk is read: nothing of that backup is left when it goes on."""
    uuid = big(host)
    pid = int(host.run("cat", "/run/libvirt/qemu/big.pid"))
    process = begun(host, "create", "big", "--to", BACKUPS, "--format", "json")
    try:
        host.until(lambda: compressing(host))
        host.run("kill", "-STOP", str(pid))
        out, said = process.communicate(timeout=300)
    finally:
        host.run("kill", "-CONT", str(pid))
    guest = json.loads(out)["guests"][0]
    assert (guest["ok"], guest["cause"]) == (False, "libvirt.guest-hangs"), (guest, said)
    assert host.hidden() == [] and [one["name"] for one in host.listed()] == [""]
    host.until(lambda: host.create("big")["ok"])
    assert host.state(uuid) == "running" and host.hidden() == []


def test_a_job_that_began_when_nobody_waited_any_more(host: Host) -> None:
    """As of a guest that hung while its job was begun: the next backup ends it and takes its file away, and that of
    one before; a file that a process has open stays."""
    uuid = host.guest("web", (host.disk(A, 40), "qcow2"), start=True)
    spools = [f"{IMAGES}/.kvmready-20260101T000000Z-0123abc{number}-vda.qcow2" for number in range(3)]
    xml = "<domainbackup mode='pull'><server transport='unix' socket='/var/lib/libvirt/qemu/x.sock'/><disks><disk "
    xml += f"name='vda' backup='yes' type='file'><scratch file='{spools[0]}'/></disk></disks></domainbackup>"
    host.run("sh", "-c", 'printf %s "$1" > /tmp/job.xml', "sh", xml)
    host.stack.virsh("backup-begin", uuid, "/tmp/job.xml")
    for path in spools[1:]:
        host.run("qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
    with subprocess.Popen(
        host.stack.argv(("qemu-io", "-f", "qcow2", spools[2])), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdin is not None and user.stdout is not None
        user.stdin.write(b"length\n")
        user.stdin.flush()
        assert b"1 MiB" in user.stdout.readline()  # it has the image open
        assert host.create("web")["ok"]
        assert host.hidden() == [spools[2]]
        user.stdin.close()
    assert "None" in host.stack.virsh("domjobinfo", uuid)
    assert host.create("web")["ok"]
    assert host.hidden() == []


@pytest.mark.parametrize("force", [False, True])
def test_a_restore_killed_in_the_middle(host: Host, force: bool) -> None:
    uuid = big(host, start=False)
    host.create("big")
    before = host.run("sha256sum", A)
    if not force:
        host.remove(uuid, A)
    process = begun(host, "restore", "big", *(("--force",) if force else ()), "--from", BACKUPS)
    host.until(lambda: bool(host.run("find", IMAGES, "-name", ".kvmready-restore-*")))
    os.kill(inside(process.pid), signal.SIGKILL)
    process.communicate(timeout=60)
    host.until(lambda: not host.hidden())
    if force:
        assert host.run("sha256sum", A) == before
    else:
        assert host.run("ls", "-A", IMAGES) == "" and host.stack.virsh("list", "--all", "--uuid").split() == []
    assert host.backup("restore", "big", *(("--force",) if force else ()), "--from", BACKUPS).returncode == 0


def test_only_one_at_a_time(host: Host) -> None:
    big(host)
    process = begun(host, "create", "big", "--to", BACKUPS)
    host.until(lambda: spooling(host))
    done = host.backup("create", "big", "--to", BACKUPS)
    assert done.returncode == 1 and "Another kvmready works on the backups" in done.stderr
    assert "kvmready explain storage.backup-busy" in done.stderr
    assert host.listed() == []
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert Path(host.listed()[0]["folder"]).name == host.listed()[0]["id"]
