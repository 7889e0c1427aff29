"""Backups of real guests under a real libvirtd: made, listed, verified, restored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.machine.backup.conftest import BACKUPS, IMAGES, Host

A, B = f"{IMAGES}/a.qcow2", f"{IMAGES}/b.img"
HOSTILE_NAME = "--all $(touch got-in-here) '\"<b>&amp;é;`id`%n"
HOSTILE_PATH = f"{IMAGES}/-x, \"$(id)\" 'ü' <&>;json:{{}} %s .qcow2"


def two_disks(host: Host, start: bool = False) -> str:
    host.disk(A, 40)
    host.disk(B, 20, "raw", 9)
    return host.guest("web", (A, "qcow2"), (B, "raw"), start=start)


def test_a_guest_that_is_shut_off_comes_back(host: Host) -> None:
    uuid = two_disks(host)
    made = host.create("web")["backup"]
    assert (made["method"], made["level"], made["uuid"]) == ("offline", "full", uuid)
    host.run("cp", A, "/tmp/a.qcow2")
    host.run("cp", B, "/tmp/b.img")
    host.remove(uuid, A, B)
    restored = host.json("restore", "web", "--from", BACKUPS)
    assert (restored["uuid"], restored["paths"]) == (uuid, [A, B])
    assert host.same(A, "/tmp/a.qcow2") and host.same(B, "/tmp/b.img", ("raw", "raw"))
    host.stack.virsh("start", "web")


@pytest.mark.parametrize("method", ["job", "snapshot"])
@pytest.mark.parametrize("paused", [False, True])
def test_a_guest_that_runs(host: Host, method: str, paused: bool) -> None:
    uuid = two_disks(host, start=True)
    if paused:
        host.stack.virsh("suspend", uuid)
    made = host.create("web", "--method", method)["backup"]
    assert (made["method"], made["quiesced"], len(made["disks"])) == (method, False, 2)
    assert host.state(uuid) == ("paused" if paused else "running")
    assert host.stack.virsh("domblklist", uuid).split() == ["vda", A, "vdb", B]
    assert host.stack.virsh("checkpoint-list", uuid, "--name").split() == []  # nothing is left in the guest
    assert host.backup("verify", "--from", BACKUPS).returncode == 0
    restored = host.json("restore", "web", "--as", "other", "--from", BACKUPS)
    assert host.same(A, restored["paths"][0]) and host.same(B, restored["paths"][1], ("raw", "raw"))


def test_beside_each_other(host: Host) -> None:
    """A restored guest under another name shares nothing with the first: both run."""
    network = "<interface type='user'><mac address='52:54:00:00:00:07'/></interface><channel type='unix'>"
    uuid = host.guest(
        "web", (host.disk(A, 20), "qcow2"), more=network + "<target type='virtio' name='x'/></channel>", start=True
    )
    host.create("web")
    for number in range(2):
        restored = host.json("restore", uuid, "--as", f"copy {number}", "--from", BACKUPS)
        assert restored["uuid"] != uuid
        host.stack.virsh("start", restored["uuid"])
    said = host.backup("restore", "web", "--as", "copy 0", "--from", BACKUPS)
    assert said.returncode == 1 and "There is another guest copy 0" in said.stderr
    xml = [host.stack.virsh("dumpxml", one) for one in ("web", "copy 0", "copy 1")]
    assert len({text.split("mac address='")[1][:17] for text in xml}) == 3
    assert [host.state(one) for one in ("web", "copy 0", "copy 1")] == ["running"] * 3


def test_hostile_names_and_paths(host: Host) -> None:
    uuid = host.guest(HOSTILE_NAME, (host.disk(HOSTILE_PATH, 20), "qcow2"))
    host.run("cp", "--", HOSTILE_PATH, "/tmp/kept")
    for start in (False, True):
        if start:
            host.stack.virsh("start", uuid)
        for method in ("job", "snapshot") if start else ("auto",):
            made = host.json("create", uuid, "--method", method, "--to", BACKUPS)["guests"][0]["backup"]
            assert (made["name"], made["disks"][0]["source"]) == (HOSTILE_NAME, HOSTILE_PATH)
    assert "é;`id`%n" in host.backup("list", "--from", BACKUPS).stdout
    restored = host.json("restore", uuid, f"--as={HOSTILE_NAME}2", "--from", BACKUPS)
    assert host.same(HOSTILE_PATH, restored["paths"][0])
    host.remove(uuid, HOSTILE_PATH)
    restored = host.json("restore", uuid, "--from", BACKUPS)
    assert restored["paths"] == [HOSTILE_PATH] and host.same(HOSTILE_PATH, "/tmp/kept")
    assert host.stack.run(("find", "/", "-xdev", "-name", "got-in-here")).stdout == ""


def test_a_raw_disk_is_not_taken_for_what_its_guest_wrote_into_it(host: Host) -> None:
    """The guest writes the header of a qcow2 over a file of the host into its raw disk."""
    host.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", B)
    host.run("truncate", "-s", "8M", B)
    uuid = host.guest("sly", (B, "raw"))
    for start in (False, True):
        if start:
            host.stack.virsh("start", uuid)
        host.create("sly")
        restored = host.json("restore", "sly", "--as", f"sly-{start}", "--from", BACKUPS)
        assert host.same(B, restored["paths"][0], ("raw", "raw"))
        assert restored["paths"][0].endswith(".img")


def test_an_incremental_chain(host: Host) -> None:
    uuid = host.guest("db", (host.disk(A, 40), "qcow2"), start=True)
    changes = ("write -P 1 1M 2M", "write -z 0 1M", "write -P 3 35M 1M")
    levels = []
    for change in ("", *changes):
        if change:
            host.stop(uuid)
            host.write(A, change)
            host.stack.virsh("start", uuid)
        made = host.create("db", "--incremental")["backup"]
        levels.append(made["level"])
    assert levels == ["full", "incremental", "incremental", "incremental"]
    assert host.stack.virsh("checkpoint-list", uuid, "--name").split() == [f"kvmready-{made['id']}"]
    assert host.backup("verify", "--from", BACKUPS).returncode == 0
    # Prune deletes nothing below the last one, however little shall stay.
    pruned = host.json("prune", "--keep-daily", "0", "--keep-weekly", "0", "--yes", "--from", BACKUPS)
    assert all(one["kind"] == "host" for one in pruned["gone"])
    restored = host.json("restore", "db", "--as", "db2", "--from", BACKUPS)
    host.stop(uuid)
    assert host.same(A, restored["paths"][0])
    # Over the guest itself: the checkpoint went with the disk, and the next one is full again.
    host.write(A, "write -P 99 0 30M")
    assert host.backup("restore", "db", "--force", "--from", BACKUPS).returncode == 0
    assert host.same(A, restored["paths"][0])
    host.stack.virsh("start", uuid)
    assert host.create("db", "--incremental")["backup"]["level"] == "full"
    base = next(one for one in host.listed("db") if one["level"] == "full")
    host.run("rm", "-r", base["folder"])
    done = host.backup("verify", "--from", BACKUPS)
    assert done.returncode == 1 and "which is not there" in done.stdout


def test_a_checkpoint_whose_bitmap_is_gone(host: Host) -> None:
    uuid = host.guest("db", (host.disk(A, 20), "qcow2"), start=True)
    made = host.create("db", "--incremental")["backup"]
    host.stop(uuid)
    host.run("qemu-img", "bitmap", "--remove", A, f"kvmready-{made['id']}")
    host.stack.virsh("start", uuid)
    assert host.create("db", "--incremental")["backup"]["level"] == "full"


def test_raw_disks_are_always_saved_whole(host: Host) -> None:
    two_disks(host, start=True)
    for _turn in range(2):
        made = host.create("web", "--incremental")["backup"]
        assert (made["level"], made["checkpoint"]) == ("full", "")


def test_what_is_damaged_is_found_and_not_restored(host: Host) -> None:
    uuid = two_disks(host)
    good, bad, short = (host.create("web")["backup"] for _turn in range(3))
    host.run("sh", "-c", f"printf x | dd of={bad['folder']}/disk-vda.qcow2 bs=1 seek=70000 conv=notrunc status=none")
    host.run("truncate", "-s", "1000", f"{short['folder']}/disk-vdb.qcow2")
    verified = {one["id"]: one for one in host.json("verify", "web", "--from", BACKUPS, status=1)["backups"]}
    assert [verified[one["id"]]["good"] for one in (good, bad, short)] == [True, False, False]
    assert "disk-vda.qcow2 has changed" in verified[bad["id"]]["problems"][0]
    assert [verified[one["id"]]["cause"] for one in (good, bad)] == ["", "storage.backup-damaged"]
    assert next(one for one in host.listed() if one["id"] == short["id"])["problem"]
    host.remove(uuid, A, B)
    for one in (bad, short):
        done = host.backup("restore", one["id"], "--from", BACKUPS)
        assert done.returncode == 2 and "is damaged" in done.stderr
        assert "kvmready explain storage.backup-damaged" in done.stderr
        assert done.stderr.count("kvmready explain") == 1
    assert host.run("ls", "-A", IMAGES) == ""
    assert host.backup("restore", good["id"], "--from", BACKUPS).returncode == 0


def test_nothing_is_overwritten_unasked(host: Host) -> None:
    uuid = two_disks(host)
    host.create("web")
    done = host.backup("restore", "web", "--from", BACKUPS)
    assert done.returncode == 1 and "--force" in done.stderr
    assert "kvmready explain storage.restore-in-the-way" in done.stderr
    assert done.stderr.count("kvmready explain") == 1
    host.stack.virsh("start", uuid)
    done = host.backup("restore", "web", "--force", "--from", BACKUPS)
    assert done.returncode == 1 and "is running" in done.stderr
    host.remove(uuid)
    done = host.backup("restore", "web", "--force", "--from", BACKUPS)  # the disks are there, and nobody's
    assert done.returncode == 1 and f"{A} is there already" in done.stderr
    host.run("mv", A, "/tmp/elsewhere")
    host.run("rm", B)
    assert host.json("restore", "web", "--from", BACKUPS)["paths"] == [A, B]


def test_a_restore_that_fails_leaves_nothing(host: Host) -> None:
    """libvirt refuses the definition; also where that was to overwrite a guest, which then is what it was."""
    uuid = two_disks(host)
    made = host.create("web")["backup"]
    _edit(host, made, b"<emulator>", b"<emulator>/nowhere")
    host.write(A, "write -P 5 0 1M")
    before = host.run("sha256sum", A, B)
    done = host.backup("restore", "web", "--force", "--from", BACKUPS)
    assert done.returncode == 1 and "/nowhere" in done.stderr
    assert host.run("sha256sum", A, B) == before
    assert host.stack.virsh("list", "--all", "--uuid").split() == [uuid]
    host.remove(uuid, A, B)
    assert host.backup("restore", "web", "--from", BACKUPS).returncode == 1
    assert host.run("ls", "-A", IMAGES) == ""
    assert host.stack.virsh("list", "--all", "--uuid").split() == []


@pytest.mark.parametrize("path", ["/etc/cron.d/x", "/var/lib/libvirt/images/../../../../etc/x", "relative", "/x"])
def test_a_backup_does_not_choose_where_it_writes(host: Host, path: str) -> None:
    uuid = host.guest("web", (host.disk(A, 20), "qcow2"))
    made = host.create("web")["backup"]
    host.run("mv", A, "/tmp/kept.qcow2")
    host.remove(uuid)
    manifest = json.loads(host.run("cat", f"{made['folder']}/manifest.json"))
    manifest["disks"][0]["source"] = path
    _put(host, f"{made['folder']}/manifest.json", json.dumps(manifest).encode())
    restored = host.json("restore", "web", "--from", BACKUPS)
    assert Path(restored["paths"][0]).parent == Path(IMAGES) and host.same(restored["paths"][0], "/tmp/kept.qcow2")


def test_firmware_variables_tpm_and_seed(host: Host) -> None:
    nvram, state = "/var/lib/libvirt/qemu/nvram/web_VARS.fd", "/var/lib/libvirt/swtpm"
    host.disk(A, 20)
    host.run("mkdir", "-p", "/var/lib/libvirt/qemu/nvram")
    host.run("sh", "-c", f"head -c 300000 /dev/urandom > {IMAGES}/seed.iso; head -c 540672 /dev/urandom > {nvram}")
    loader = "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>"
    tpm = "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>" + (
        f"<disk type='file' device='cdrom'><source file='{IMAGES}/seed.iso'/><target dev='sda' bus='sata'/></disk>"
    )
    uuid = host.guest("web", (A, "qcow2"), more=tpm)
    xml = host.stack.virsh("dumpxml", uuid, "--inactive").replace("</os>", f"{loader}<nvram>{nvram}</nvram></os>")
    _put(host, "/tmp/uefi.xml", xml.replace("pc-i440fx", "pc-q35").encode())
    host.run("mkdir", "-p", f"{state}/{uuid}/tpm2")
    _put(host, f"{state}/{uuid}/tpm2/tpm2-00.permall", b"\0secret\1")
    host.run(
        "sed",
        "-i",
        "/<controller type='pci'/d; /<address type='pci'/d; /i440fx/s/pc-i440fx-[0-9.]*/q35/",
        "/tmp/uefi.xml",
    )
    host.stack.virsh("define", "/tmp/uefi.xml")
    made = host.create("web")["backup"]
    names = {item["path"] for item in made["items"]}
    assert {"nvram", "tpm.tar.zst", "medium-sda.img", "disk-vda.qcow2", "domain.xml"} <= names
    sums = host.run("sha256sum", nvram, f"{IMAGES}/seed.iso").split()[::2]
    host.remove(uuid, A, f"{IMAGES}/seed.iso")
    host.run("rm", "-rf", nvram, f"{state}/{uuid}")
    host.json("restore", "web", "--from", BACKUPS)
    assert host.run("sha256sum", nvram, f"{IMAGES}/seed.iso").split()[::2] == sums
    assert host.stack.run(("cat", f"{state}/{uuid}/tpm2/tpm2-00.permall")).stdout.startswith("\0secret")
    assert host.run("stat", "-c", "%a", f"{state}/{uuid}").strip() == "700"
    copy = host.json("restore", "web", "--as", "copy", "--from", BACKUPS)
    assert "copy_VARS.fd" in host.stack.virsh("dumpxml", "copy")
    assert "permall" in host.run("ls", f"{state}/{copy['uuid']}/tpm2")


def test_the_tpm_of_a_guest_that_starts_with_it(host: Host) -> None:
    """A real swtpm: its state is saved while the guest runs and while it is off, and the copy starts with it."""
    if host.stack.run(("sh", "-c", "command -v swtpm && command -v swtpm_setup")).returncode:
        pytest.skip("not installed: swtpm")
    folder = "/var/lib/libvirt/swtpm"
    tpm = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
    uuid = host.guest("web", (host.disk(A, 20), "qcow2"), more=tpm, start=True)
    for state in ("running", "shut off"):
        if state == "shut off":
            host.stop(uuid)
        made = host.create("web")["backup"]
        assert any(item["path"].startswith("tpm.tar") for item in made["items"])
        assert host.state(uuid) == state
        sums = host.run("sha256sum", f"{folder}/{uuid}/tpm2/tpm2-00.permall").split()
        copy = host.json("restore", made["id"], "--as", f"copy-{state[:3]}", "--from", BACKUPS)
        assert host.run("sha256sum", f"{folder}/{copy['uuid']}/tpm2/tpm2-00.permall").split()[0] == sums[0]
        host.stack.virsh("start", copy["uuid"])
        assert f"{folder}/{copy['uuid']}/tpm2" in host.run("ps", "-ww", "-C", "swtpm", "-o", "args")
        assert host.state(copy["uuid"]) == "running"
    host.remove(uuid, A)
    host.run("rm", "-rf", f"{folder}/{uuid}")
    host.json("restore", "web", "--from", BACKUPS)
    host.stack.virsh("start", uuid)
    assert host.state(uuid) == "running"


def test_secrets_and_rights(host: Host) -> None:
    screen = "<graphics type='vnc' passwd='geheim77'/>"
    host.guest("web", (host.disk(A, 20), "qcow2"), more=screen, start=True)
    host.run("sh", "-c", "echo 'vnc_password = \"geheim78\"' >> /etc/libvirt/qemu.conf")
    host.run("mkdir", "-p", "/etc/libvirt/secrets")
    _put(host, "/etc/libvirt/secrets/x.base64", b"Z2VoZWltNzk=")
    host.create("--all")
    host.run("sh", "-c", f"for f in {BACKUPS}/*/host.tar.zst; do zstd -qd $f -o /tmp/host.tar; done")
    tar = host.run("tar", "-tf", "/tmp/host.tar")
    assert "etc/libvirt/qemu.conf" in tar and "networks/0.xml" in tar and "pools/0.xml" in tar
    assert "secrets" not in tar and "qemu/web.xml" not in tar
    for what in ("geheim77", "geheim78", "Z2VoZWltNzk="):
        assert host.stack.run(("grep", "-rlF", what, BACKUPS, "/tmp/host.tar")).stdout == ""
    assert host.run("find", BACKUPS, "-perm", "/077") == ""
    host.run("rm", "/tmp/host.tar")
    host.run("chmod", "777", BACKUPS)
    done = host.backup("create", "web", "--to", BACKUPS)
    assert done.returncode == 1 and "no safe place" in done.stderr
    assert "kvmready explain storage.backup-folder" in done.stderr
    host.run("chmod", "700", BACKUPS)


def test_two_hundred_defined_guests(host: Host) -> None:
    for number in range(200):
        host.guest(f"guest-{number:03}")
    guests = host.json("create", "--all", "--to", BACKUPS)["guests"]
    assert len(guests) == 201 and all(one["ok"] for one in guests)
    listed = host.listed()
    assert [one["name"] for one in listed[:200]] == [f"guest-{number:03}" for number in range(200)]
    assert {one["method"] for one in listed} == {"none"}
    for uuid in host.stack.virsh("list", "--all", "--uuid").split()[:3]:
        host.stack.virsh("undefine", uuid)
        assert host.json("restore", uuid, "--from", BACKUPS)["uuid"] == uuid


def _put(host: Host, path: str, content: bytes) -> None:
    host.run(
        "python3", "-c", "import sys; open(sys.argv[1], 'wb').write(bytes.fromhex(sys.argv[2]))", path, content.hex()
    )


def _edit(host: Host, made: dict[str, Any], old: bytes, new: bytes) -> None:
    """Change a backup's definition as somebody would who also knows how a manifest is made."""
    place = f"{made['folder']}/domain.xml"
    text = host.run("cat", place).encode().replace(old, new)
    _put(host, place, text)
    manifest = json.loads(host.run("cat", f"{made['folder']}/manifest.json"))
    for item in manifest["items"]:
        if item["path"] == "domain.xml":
            item.update(size=len(text), sha256=host.run("sha256sum", place).split()[0])
    _put(host, f"{made['folder']}/manifest.json", json.dumps(manifest).encode())
