"""A test guest on a host of the lab: created, reached over ssh, stopped, started, deleted, and nothing left of it."""

from __future__ import annotations

import json
from typing import Any

from tests.machine import cloudimage
from tests.vm.product import Host, kvmready

IMAGE = "/srv/tiny.qcow2"
OPTIONS = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"


def place_image(host: Host) -> None:
    """Lay the smallest image that ssh lets in where every user can read it."""
    host.copy(cloudimage.tiny(), IMAGE)
    host.run(["chmod", "644", IMAGE]).check()


def vm(host: Host, user: str, *words: str) -> str:
    done = kvmready(host, "vm", *words, user=user, timeout=900)
    assert done.status == 0, done
    return done.stdout


def said(host: Host, user: str, *words: str) -> Any:
    return json.loads(vm(host, user, *words, "--format", "json"))


def left(host: Host, user: str) -> str:
    """What of guests is on the host, one line each."""
    virsh = "virsh -q -c qemu:///system"
    home = "/root" if user == "root" else f"/home/{user}"
    places = f"{home}/.ssh/kvmready-* {home}/.local/state/kvmready/vm/* /var/lib/kvmready/vm/* /tmp/kvmready-vm-*"
    guards = "pgrep -af '[k]vmready.host.guard'"
    script = f"{virsh} list --all --name; {virsh} vol-list default; ls -d {places} 2> /dev/null; {guards}"
    return "\n".join(line for line in host.run(["sh", "-c", script]).stdout.splitlines() if line.strip())


def whole_life(host: Host, user: str, accel: str, again: bool) -> str:
    """Returns what the guest says of its clock. ``again``: it is also started once more."""
    words = ("--image", IMAGE, "--accel", accel, "--memory", "192M", "--cpus", "1", "--timeout", "600")
    made = said(host, user, "create", "web1", *words)
    assert (made["name"], made["state"], made["acceleration"]) == ("web1", "running", accel)
    assert made["ssh_greeting"].startswith("SSH-2.0-")
    listed = said(host, user, "list")["guests"]
    assert [(one["name"], one["address"]) for one in listed] == [("web1", made["address"])]
    assert made["address"] in vm(host, user, "info", "web1")
    login = ["ssh", *OPTIONS.split(), "-i", made["created"]["keys"][0], f"{made['created']['login']}@{made['address']}"]
    asked = "hostname; cat /sys/devices/system/clocksource/clocksource0/current_clocksource"
    name, clock = host.run([*login, asked], user=user, timeout=120).check().stdout.split()
    assert name == "web1"
    vm(host, user, "stop", "web1", "--timeout", "300")  # its system listens to the power button
    assert host.run(["virsh", "-q", "-c", "qemu:///system", "domstate", "web1"]).stdout.strip() == "shut off"
    if again:
        vm(host, user, "start", "web1")
        assert said(host, user, "info", "web1")["state"] == "running"
    vm(host, user, "delete", "web1", "--yes", "--force", "--timeout", "1")
    assert left(host, user) == ""
    return clock
