"""Backups on real hosts: a guest under KVM that writes, is lost and comes back; the timer under a real systemd."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.machine import cloudimage
from tests.machine.backup.test_real_guest import SHELL
from tests.vm.lab import machine
from tests.vm.lab.nspawn import Container
from tests.vm.product import Host, kvmready, place

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]

DISK = "/var/lib/libvirt/images/web.qcow2"
DOMAIN = f"""<domain type='kvm'><name>web</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><features><acpi/></features>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{DISK}'/>
<target dev='vda' bus='virtio'/></disk><interface type='network'><source network='default'/><model type='virtio'/>
</interface><serial type='pty'/></devices></domain>"""

BRANCH = """<network><name>branch</name><bridge name='virbr78'/><ip address='192.168.78.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.78.10' end='192.168.78.99'/></dhcp></ip></network>"""


def run(host: Host, *argv: str) -> str:
    done = host.run(list(argv))
    assert done.status == 0, done
    return done.stdout


def backup(host: Host, *words: str) -> Any:
    done = kvmready(host, "backup", *words, "--format", "json")
    assert done.status == 0, done
    return json.loads(done.stdout)


def address(host: Host, name: str, network: str = "default") -> str:
    """Of a tiny Linux, once its shell answers."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        mac = run(host, "virsh", "-q", "-c", "qemu:///system", "domiflist", name).split()[4]
        leases = run(host, "virsh", "-q", "-c", "qemu:///system", "net-dhcp-leases", network, mac).split()
        found = next((word.split("/")[0] for word in leases if "/" in word), "")
        if found and host.run(["python3", "-c", SHELL, found, "true"]).status == 0:
            return found
        time.sleep(1)
    raise AssertionError(f"{name} did not come up")


@pytest.mark.skipif(bool(cloudimage.missing()), reason=f"not installed: {cloudimage.missing()}")
def test_a_guest_under_kvm_comes_back_with_its_file(vm_tools: None) -> None:
    with machine.start("backup", base="ready") as host:
        place(host)
        host.copy(cloudimage.tiny(), DISK)
        host.run(["sh", "-c", 'printf %s "$1" > /root/web.xml', "sh", DOMAIN])
        run(host, "virsh", "-q", "-c", "qemu:///system", "define", "/root/web.xml")
        run(host, "virsh", "-q", "-c", "qemu:///system", "start", "web")
        at = address(host, "web")
        write = "head -c 8000000 /dev/urandom > /data/file; sync; sha256sum /data/file"
        digest = run(host, "python3", "-c", SHELL, at, write).split()[0]
        run(
            host,
            "python3",
            "-c",
            SHELL,
            at,
            "(while :; do head -c 999999 /dev/urandom > /data/o; done) >/dev/null 2>&1 &",
        )
        made = backup(host, "create", "web")["guests"][0]["backup"]
        assert (made["method"], made["folder"].rpartition("/")[0]) == ("job", "/var/lib/kvmready/backups")
        run(host, "virsh", "-q", "-c", "qemu:///system", "destroy", "web")
        run(host, "virsh", "-q", "-c", "qemu:///system", "undefine", "web")
        run(host, "rm", DISK)
        restored = backup(host, "restore", "web")
        assert (restored["uuid"], restored["paths"]) == (made["uuid"], [DISK])
        run(host, "virsh", "-q", "-c", "qemu:///system", "start", "web")
        at = address(host, "web")
        said = run(
            host,
            "python3",
            "-c",
            SHELL,
            at,
            "sha256sum /data/file; cat /proc/cpuinfo /sys/devices/system/clocksource/*/current*",
        )
        assert said.split()[0] == digest and "kvm-clock" in said


@pytest.mark.skipif(bool(cloudimage.missing()), reason=f"not installed: {cloudimage.missing()}")
def test_a_guest_comes_back_on_another_host(nspawn_hosts: Callable[..., Container]) -> None:
    """Made on one host, carried to a fresh one that has neither the guest's network nor a pool for its disk."""
    virsh = ("virsh", "-q", "-c", "qemu:///system")
    disk = "/srv/guests/web.qcow2"
    one, two = (nspawn_hosts(f"backup-{number}", "ready", kvm="absent") for number in range(2))
    place(one)
    run(one, "mkdir", "-p", "/srv/guests")
    one.copy(cloudimage.tiny(), disk)
    tpm = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices>"
    domain = DOMAIN.replace("type='kvm'", "type='qemu'").replace(DISK, disk).replace("'default'", "'branch'")
    one.write("/root/web.xml", domain.replace("</devices>", tpm))
    one.write("/root/branch.xml", BRANCH)
    for words in (("net-define", "/root/branch.xml"), ("net-start", "branch"), ("define", "/root/web.xml")):
        run(one, *virsh, *words)
    run(one, *virsh, "start", "web")
    at = address(one, "web", "branch")
    write = "head -c 8000000 /dev/urandom > /data/file; sync; sha256sum /data/file"
    digest = run(one, "python3", "-c", SHELL, at, write).split()[0]
    made = backup(one, "create", "web")["guests"][0]["backup"]
    assert made["method"] == "job"
    kept = one.directory / "upper/var/lib/kvmready/backups"
    place(two)
    run(two, "mkdir", "-m", "700", "/srv/carried")
    two.copy(kept / made["id"], f"/srv/carried/{made['id']}")
    run(two, "chown", "-R", "root:root", "/srv/carried")
    two.run([*virsh, "pool-destroy", "default"])
    two.run([*virsh, "pool-undefine", "default"])
    no_pool = kvmready(two, "backup", "restore", "web", "--from", "/srv/carried")
    assert no_pool.status == 1 and "kvmready explain storage.pool-missing" in no_pool.stderr, no_pool
    assert run(two, *virsh, "list", "--all", "--uuid").strip() == ""
    run(two, *virsh, "pool-define-as", "default", "dir", "--target", "/var/lib/libvirt/images")
    run(two, *virsh, "pool-start", "default")
    restored = backup(two, "restore", "web", "--from", "/srv/carried")
    assert restored["paths"] == ["/var/lib/libvirt/images/web-vda.qcow2"]
    assert restored["uuid"] == made["uuid"] and len(restored["notes"]) == 1
    said, _colon, commands = restored["notes"][0].partition("Make it: ")
    assert said.startswith("This host has no network branch")
    assert two.run([*virsh, "start", "web"]).status != 0
    run(two, "sh", "-c", commands)  # as a person pastes it
    run(two, *virsh, "start", "web")
    at = address(two, "web", "branch")
    assert run(two, "python3", "-c", SHELL, at, "sha256sum /data/file").split()[0] == digest
    assert run(two, "ls", f"/var/lib/libvirt/swtpm/{made['uuid']}/tpm2").split() == ["tpm2-00.permall"]


def test_the_timer_of_a_real_systemd(nspawn_host: Container) -> None:
    host = nspawn_host
    place(host)
    words = ("--calendar", "Sun 03:30", "--to", "/srv/my backups 100%", "--keep-daily", "2", "--keep-weekly", "0")
    made = backup(host, "schedule", *words)
    assert made["next"].startswith("Sun ") and made["next"].find("03:30") > 0
    assert "kvmready-backup.timer" in run(host, "systemctl", "list-timers", "--no-pager")
    assert run(host, "systemctl", "is-enabled", "kvmready-backup.timer").strip() == "enabled"
    shown = run(host, "systemctl", "show", "-p", "ExecStart", "kvmready-backup.service")
    assert "--to=/srv/my backups 100%" in shown and "--keep-daily=2" in shown
    # There is no libvirt on this host: the service says so, and nothing is pruned after it.
    host.run(["systemctl", "start", "kvmready-backup.service"])
    assert run(host, "systemctl", "show", "-p", "Result", "kvmready-backup.service").strip() == "Result=exit-code"
    assert "There is no virsh on this host" in run(host, "journalctl", "--no-pager", "-u", "kvmready-backup.service")
    wrong = kvmready(host, "backup", "schedule", "--calendar", "whenever")
    assert wrong.status == 2 and "'whenever'" in wrong.stderr
    assert "Sun 03:30" in run(host, "cat", "/etc/systemd/system/kvmready-backup.timer")
    assert backup(host, "schedule", "--remove")["removed"] is True
    assert "kvmready-backup" not in run(host, "systemctl", "list-timers", "--all", "--no-pager")
    assert host.run(["ls", "/etc/systemd/system/kvmready-backup.service"]).status != 0
    assert backup(host, "schedule", "--remove")["removed"] is False
    run(host, "sh", "-c", "echo mine > /etc/systemd/system/kvmready-backup.service")
    foreign = kvmready(host, "backup", "schedule")
    assert foreign.status == 1 and "was not written by kvmready" in foreign.stderr
