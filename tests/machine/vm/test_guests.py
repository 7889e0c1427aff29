"""``kvmready vm`` on a real libvirtd: hostile names, foreign disks, guests that hang, and a daemon that goes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from tests.machine.proof.conftest import eventually
from tests.machine.vm.conftest import FAKE, IMAGES, Host

HOSTILE = ("-c", "--help", "a;b,c", "it's$(reboot)", "名é", "@@m")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_guest_of_a_hostile_name(host: Host, name: str) -> None:
    done = host.create(name)
    assert done.returncode == 0, done.stderr
    assert [guest["name"] for guest in host.json("vm", "list")["guests"]] == [name]
    found = host.json("vm", "info", "--", name)
    assert (found["name"], found["state"], found["vcpus"], found["memory"]) == (name, "running", 2, 64 << 20)
    assert found["acceleration"] == "tcg"
    assert [Path(disk["source"]).parent for disk in found["disks"]] == [Path(IMAGES)] * 2
    assert host.root(found["disks"][0]["source"]).stat().st_size == 20 << 20
    assert found["created"]["image"] == FAKE
    private = host.root(found["created"]["keys"][0])
    assert private.stat().st_mode & 0o777 == 0o600
    host.ok("vm", "delete", "--yes", "--force", "--timeout", "1", "--", name)


def test_names_that_are_refused(host: Host) -> None:
    for name in ("a b", "a/b", "", "a\nb", "..", "7", str(uuid.uuid4()), "x" * 65):
        done = host.create(name)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), name
    assert host.create("twice").returncode == 0
    again = host.create("twice")
    assert again.returncode == 2
    assert "There is a guest 'twice' already." in again.stderr
    host.ok("vm", "delete", "twice", "--yes", "--force", "--timeout", "1")


def test_what_the_host_cannot_give(host: Host) -> None:
    """Each is told before anything is made."""
    for words, status, text in (
        (("--memory", "4T"), 1, "not enough memory"),
        (("--disk", "900T"), 1, "not enough room"),
        (("--disk", "1M"), 2, "cannot be smaller than the image"),
        (("--network", "none,model=x"), 2, "no active network"),
        (("--user", "root"), 2, "cannot be the user"),
        (("--ssh-key", "/etc/hostname"), 2, "holds no public ssh key"),
        (("--ssh-key", "/nonexistent; rm -rf"), 2, "cannot be read"),
        (("--image", "/etc/hostname"), 1, "no disk image"),
        (("--cpus", "0"), 2, "--cpus takes a number"),
        (("--memory", "lots"), 2, "--memory takes a size"),
    ):
        done = host.create("never", *words)
        assert done.returncode == status, (words, done.stderr)
        assert text in done.stderr, words
    wrong: tuple[tuple[str, ...], ...] = (
        ("vm",),
        ("vm", "fly"),
        ("vm", "start"),
        ("vm", "list", "x"),
        ("vm", "list", "--force"),
    )
    for line in wrong:
        assert host.run(*line).returncode == 2, words


HIDDEN = """for folder in /usr/share/qemu/firmware /usr/share/OVMF; do
    [ ! -d $folder ] || mount -t tmpfs none $folder
done
for program in swtpm swtpm_setup; do
    path=$(command -v $program) || continue
    mount --bind /dev/null "$path"
done
"""
SHOWN = """for place in /usr/share/qemu/firmware /usr/share/OVMF /usr/bin/swtpm /usr/bin/swtpm_setup; do
    ! mountpoint -q $place && [ "$(stat -c %t:%T $place 2> /dev/null)" != 1:3 ] || umount $place
done
"""


def test_firmware_and_tpm_that_are_not_there(host: Host) -> None:
    host.stack.run(("sh", "-c", HIDDEN))
    try:
        for option, text in (("--uefi", "no UEFI firmware"), ("--tpm", "no TPM")):
            done = host.create("never", option)
            assert (done.returncode, text in done.stderr) == (1, True), done.stderr
            assert "kvmready explain qemu." in done.stderr
    finally:
        host.stack.run(("sh", "-c", SHOWN))


@pytest.mark.skipif(not Path("/usr/share/OVMF").is_dir(), reason="no UEFI firmware is installed here (ovmf)")
def test_uefi(host: Host) -> None:
    done = host.create("modern", "--uefi")
    assert done.returncode == 0, done.stderr
    found = host.json("vm", "info", "modern")
    assert found["firmware"] == "uefi"
    assert host.root(found["nvram"]).exists()
    host.ok("vm", "delete", "modern", "--yes", "--force", "--timeout", "1")
    assert not host.root(found["nvram"]).exists()


def test_a_creation_that_libvirt_refuses(host: Host) -> None:
    device, aside = "/dev/net/tun", "/dev/net/tun.aside"
    host.stack.run(("mv", device, aside))
    done = host.create("refused")
    host.stack.run(("mv", aside, device))
    assert done.returncode == 1
    assert "Unable to open /dev/net/tun" in done.stderr
    assert "kvmready explain kernel.tun-missing" in done.stderr


def test_one_that_cannot_be_reached_is_removed(host: Host) -> None:
    words = ("--image", FAKE, "--accel", "tcg", "--memory", "64M", "--timeout", "3")
    done = host.run("vm", "create", "silent", *words)
    assert done.returncode == 1
    assert "The guest has no address after 3 s." in done.stderr
    assert "See: kvmready explain network.no-address" in done.stderr


def begun(host: Host, name: str, stage: str) -> subprocess.Popen[str]:
    """A creation that has come to a stage."""
    running = host.begin("vm", "create", name, "--image", FAKE, "--accel", "tcg", "--memory", "64M")
    assert running.stdout is not None
    for line in running.stdout:
        if stage in line:
            return running
    raise AssertionError(f"it ended before: {stage}")


def end(host: Host, which: Callable[[list[str]], bool], how: signal.Signals) -> None:
    """Send a signal to the host's processes whose arguments are meant; there has to be one."""
    met = 0
    space = os.readlink(f"/proc/{host.stack.pid}/ns/pid")
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                if which(words) and os.readlink(folder / "ns/pid") == space:
                    os.kill(int(folder.name), how)
                    met += 1
            except OSError:
                continue  # it ended meanwhile
    assert met


@pytest.mark.parametrize("stage", ["Making an ssh key", "Copying the image", "Starting the guest", "Waiting until"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_creation_that_is_killed(host: Host, stage: str, how: signal.Signals) -> None:
    name = f"killed-{uuid.uuid4().hex}"
    running = begun(host, name, stage)
    end(host, lambda words: name in words and "create" in words, how)
    running.wait(120)
    assert running.stdout is not None
    running.stdout.close()
    assert eventually(host.left, 60) == []
    assert list(host.root("/var/lib/libvirt").glob("boot/*")) == []


def restart(host: Host) -> None:
    host.stack.run(("rm", "-f", "/run/libvirtd.pid"))
    assert host.stack.run(("libvirtd", "-d")).returncode == 0


def test_one_that_is_killed_while_libvirt_is_away(host: Host) -> None:
    """Its guard waits until libvirt is back."""
    name = f"killed-{uuid.uuid4().hex}"
    running = begun(host, name, "Waiting until")
    os.kill(host.stack.daemon(), signal.SIGKILL)
    end(host, lambda words: name in words and "create" in words, signal.SIGKILL)
    running.wait(120)
    assert running.stdout is not None
    running.stdout.close()
    time.sleep(3)  # longer than the rounds of a guard that does not wait
    assert list(host.root(IMAGES).iterdir()) != []
    restart(host)
    assert eventually(host.left, 90) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("then", ["list", "delete"])
def test_the_next_command_removes_what_no_guard_could(host: Host, then: str, how: signal.Signals) -> None:
    """The guard is gone as well, as after a power cut; a creation that can still speak says what is left."""
    name = f"killed-{uuid.uuid4().hex}"
    running = begun(host, name, "Waiting until")
    assert running.stdout is not None
    identity = host.stack.virsh("domuuid", name).strip()
    assert host.json("vm", "list")["guests"][0]["name"] == name  # it is being made: nobody removes it
    end(host, lambda words: any("kvmready.host.guard" in word for word in words), signal.SIGKILL)
    end(host, lambda words: name in words and "create" in words, how)
    said = running.stdout.read()
    running.wait(120)
    running.stdout.close()
    assert ("the next kvmready vm removes it" in said) == (how == signal.SIGTERM), said
    record = host.root("/var/lib/kvmready/vm") / identity
    assert record.stat().st_mode & 0o777 == 0o600
    os.kill(host.stack.daemon(), signal.SIGKILL)
    away = host.run("vm", "list")
    assert (away.returncode, "cannot be removed yet" in away.stderr, record.exists()) == (1, True, True), away.stderr
    restart(host)
    done = host.run("vm", then, *((name,) if then == "delete" else ()))
    assert done.returncode == 0, done.stderr
    assert f"Removed what an interrupted creation left: '{name}'" in done.stderr


def define(host: Host, name: str, *disks: str) -> None:
    xml = "".join(
        f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file={path!r}/>"
        f"<target dev='vd{letter}' bus='virtio'/></disk>"
        for path, letter in zip(disks, "abc")
    )
    host.root("/tmp/kvmready.xml").write_text(
        f"<domain type='qemu'><name>{escape(name)}</name><memory unit='MiB'>16</memory>"
        f"<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>{xml}</devices></domain>"
    )
    host.stack.virsh("define", "/tmp/kvmready.xml")
    host.root("/tmp/kvmready.xml").unlink()
    for path in disks:
        host.root(path).touch()


def test_foreign_disks_stay_unless_they_are_named(host: Host) -> None:
    mine, other, shared = "/tmp/a disk; mine", f"{IMAGES}/--other", "/tmp/shared"
    define(host, "of somebody", mine, other, shared)
    define(host, "another", shared)
    listed = host.ok("vm", "list")
    assert "of somebody" in listed and "shut off" in listed
    undecided = host.run("vm", "delete", "of somebody")
    assert (undecided.returncode, "Nothing was deleted" in undecided.stderr) == (2, True)
    refused = host.run("vm", "delete", "of somebody", "--yes", "--delete-disk", "vdc")
    assert (refused.returncode, "another guest uses it" in refused.stderr) == (2, True)
    assert host.run("vm", "delete", "of somebody", "--yes", "--delete-disk", "/etc/passwd").returncode == 2
    done = host.run("vm", "delete", "of somebody", "--yes", "--delete-disk", mine)
    assert done.returncode == 0, done.stderr
    assert f"{other} stays" in done.stderr
    assert [host.root(path).exists() for path in (mine, other, shared)] == [False, True, True]
    define(host, "of somebody", other)
    host.ok("vm", "delete", "of somebody", "--yes", "--delete-disk", "vda")
    host.ok("vm", "delete", "another", "--yes")
    assert [host.root(path).exists() for path in (other, shared)] == [False, True]
    host.root(shared).unlink()


def test_a_disk_of_ours_that_another_guest_uses_stays(host: Host) -> None:
    assert host.create("owner").returncode == 0
    disk = host.json("vm", "info", "owner")["disks"][0]["source"]
    define(host, "borrower", disk)
    done = host.run("vm", "delete", "owner", "--yes", "--force", "--timeout", "1")
    assert done.returncode == 0, done.stderr
    assert "is in use by 'borrower' as well" in "".join(done.stderr.split("\n")).replace("     ", " ").replace(
        "  ", " "
    )
    assert host.root(disk).exists()
    host.ok("vm", "delete", "borrower", "--yes", "--delete-disk", "vda")


def test_start_and_stop(host: Host) -> None:
    assert host.create("switch").returncode == 0
    polite = host.run("vm", "stop", "switch", "--timeout", "1")
    assert (polite.returncode, "did not shut down within 1 s" in polite.stderr) == (1, True)
    host.ok("vm", "stop", "switch", "--timeout", "1", "--force")
    assert host.json("vm", "info", "switch")["state"] == "shutoff"
    assert "it did not run" in host.run("vm", "stop", "switch").stderr
    console = host.run("vm", "console", "switch")
    assert (console.returncode, "does not run" in console.stderr) == (2, True)
    host.ok("vm", "start", "switch")
    assert "it runs already" in host.run("vm", "start", "switch").stderr
    host.stack.virsh("suspend", "switch")
    host.ok("vm", "start", "switch")
    assert host.json("vm", "info", "switch")["state"] == "running"
    host.ok("vm", "delete", "switch", "--yes", "--force", "--timeout", "1")
    assert host.run("vm", "start", "switch").returncode == 2


def emulator(host: Host, guest: str) -> int:
    """The process of a guest of that host's."""
    space = os.readlink(f"/proc/{host.stack.pid}/ns/pid")
    for folder in Path("/proc").iterdir():
        try:
            if not folder.name.isdigit() or os.readlink(folder / "ns/pid") != space:
                continue
            if f"guest={guest},".encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue  # it ended meanwhile
    raise AssertionError(f"{guest} has no process")


def test_a_guest_that_hangs(host: Host) -> None:
    """The others are listed, and it can be cut off and deleted."""
    assert host.create("hangs").returncode == 0
    process = emulator(host, "hangs")
    os.kill(process, signal.SIGSTOP)
    assert [guest["state"] for guest in host.json("vm", "list")["guests"]] == ["running"]
    host.ok("vm", "delete", "hangs", "--yes", "--force", "--timeout", "2")
    assert not Path(f"/proc/{process}").exists()


def test_libvirtd_restarted_in_the_middle(host: Host) -> None:
    """A creation that waits for its guest goes on to its time limit or says what is wrong, and leaves nothing."""
    words = ("--image", FAKE, "--accel", "tcg", "--memory", "64M", "--timeout", "8")
    running = host.begin("vm", "create", "survivor", *words)
    assert running.stdout is not None
    said = []
    for line in running.stdout:
        said.append(line)
        if "Waiting until" in line:
            break
    os.kill(host.stack.daemon(), signal.SIGKILL)
    restart(host)
    said += list(running.stdout)
    assert running.wait(120) == 1
    assert "The guest has no address after 8 s." in "".join(said), said
