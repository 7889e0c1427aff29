"""A guest of a real cloud image, from the command to a login, and deleted again."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.machine import cloudimage
from tests.machine.vm.conftest import IMAGES, Host

MISSING = [name for name in (*cloudimage.TOOLS, "ssh", "ssh-keygen", "virt-install") if shutil.which(name) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}")
def test_a_guest_in_one_command(host: Host) -> None:
    path = "/tmp/a 'cloud'; image.qcow2"
    shutil.copyfile(cloudimage.cloud(), host.root(path))
    words = ("--image", path, "--accel", "tcg", "--memory", "512M", "--disk", "3G", "--user", "tester")
    made = host.json("vm", "create", "web1", *words, "--timeout", "500")
    assert made["ssh_greeting"].startswith("SSH-2.0-")
    host.root(path).unlink()  # the guest has a copy of its own
    key, address = made["created"]["keys"][0], made["address"]
    options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    login = ("ssh", *options.split(), "-i", key, f"tester@{address}")
    asked = "hostname; id -un; sudo -n id -u; cat /sys/block/vda/size; sudo grep -c '^tester:!' /etc/shadow"
    done = host.stack.run((*login, asked))
    assert done.stdout.split() == ["web1", "tester", "0", str((3 << 30) // 512), "1"], done.stderr
    shown = host.ok("vm", "info", "web1")
    assert address in shown
    assert shlex.quote(key) in shown
    host.ok("vm", "stop", "web1", "--timeout", "120")  # its system listens to the power button
    assert host.json("vm", "info", "web1")["state"] == "shutoff"
    host.ok("vm", "delete", "web1", "--yes")
    assert list(Path(host.root(IMAGES)).iterdir()) == []
