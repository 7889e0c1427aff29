"""A guest that starts by UEFI with a TPM: a real OVMF, a live swtpm, and a Linux that has both."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.machine import cloudimage
from tests.machine.vm.conftest import Host

PROGRAMS = (*cloudimage.TOOLS, "ssh", "ssh-keygen", "virt-install", "swtpm", "swtpm_setup")
MISSING = [name for name in PROGRAMS if shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin") is None]
MISSING += [] if Path("/usr/share/OVMF").is_dir() else ["ovmf"]
OPTIONS = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
LOOK = """id -un; hostname; [ -d /sys/firmware/efi ] && echo efi; cat /sys/bus/acpi/devices/MSFT0101:00/status;
[ -r /sys/firmware/acpi/tables/TPM2 ] && echo tpm2; sync"""


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}")
def test_a_guest_with_uefi_and_a_tpm(host: Host) -> None:
    path = "/tmp/tiny.qcow2"
    shutil.copyfile(cloudimage.tiny(), host.root(path))
    words = ("--image", path, "--accel", "tcg", "--memory", "192M", "--user", "tester", "--uefi", "--tpm")
    made = host.json("vm", "create", "sealed", *words, "--timeout", "300")
    host.root(path).unlink()
    assert (made["firmware"], made["tpm"], made["state"]) == ("uefi", "emulator", "running")
    key, address = made["created"]["keys"][0], made["address"]
    done = host.stack.run(("ssh", *OPTIONS.split(), "-i", key, f"tester@{address}", LOOK))
    assert done.stdout.split() == ["tester", "sealed", "efi", "15", "tpm2"], done
    shown = host.ok("vm", "info", "sealed")
    assert "UEFI, TPM" in shown
    state = host.root("/var/lib/libvirt/swtpm") / made["uuid"]
    assert any(state.rglob("tpm2-00.permall")), "swtpm keeps no state"
    host.ok("vm", "delete", "sealed", "--yes", "--force", "--timeout", "5")
    assert not state.exists() and not host.root(made["nvram"]).exists()
