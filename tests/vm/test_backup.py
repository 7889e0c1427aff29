"""Backups on real hosts: a guest under KVM that writes, is lost and comes back; the timer under a real systemd."""

from __future__ import annotations

import json
import time
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


def run(host: Host, *argv: str) -> str:
    done = host.run(list(argv))
    assert done.status == 0, done
    return done.stdout


def backup(host: Host, *words: str) -> Any:
    done = kvmready(host, "backup", *words, "--format", "json")
    assert done.status == 0, done
    return json.loads(done.stdout)


def address(host: Host, name: str) -> str:
    """Of a tiny Linux, once its shell answers."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        mac = run(host, "virsh", "-q", "-c", "qemu:///system", "domiflist", name).split()[4]
        leases = run(host, "virsh", "-q", "-c", "qemu:///system", "net-dhcp-leases", "default", mac).split()
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
