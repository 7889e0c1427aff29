"""The boot sector under a real QEMU: what it writes to COM1, to port 0xe9 and to its disk."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from kvmready.guest import bootsector, uapi

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs qemu-system-x86_64"),
]
needs_kvm = pytest.mark.skipif(not os.access(uapi.DEVICE, os.R_OK | os.W_OK), reason="needs an open /dev/kvm")


def command(directory: Path, accel: str, *drive: str) -> list[str]:
    """QEMU with the disk and, for what the guest says, the files serial and debug of a directory."""
    return [
        *("qemu-system-x86_64", "-accel", accel, "-m", "32", "-nodefaults", "-display", "none", "-no-reboot"),
        *("-serial", f"file:{directory / 'serial'}", "-debugcon", f"file:{directory / 'debug'}"),
        *drive,
    ]


def boot(directory: Path, accel: str, interface: str, nonce: str, key: int) -> Path:
    """Boots the image to its end and returns the disk."""
    disk = directory / "disk"
    disk.write_bytes(bootsector.image(nonce, key))
    argv = command(directory, accel, "-drive", f"file={disk},format=raw,if={interface}")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return disk


@pytest.mark.parametrize(
    ("accel", "interface", "signature"),
    [
        ("tcg", "ide", "TCGTCGTCGTCG"),
        ("tcg", "virtio", "TCGTCGTCGTCG"),
        pytest.param("kvm", "virtio", "KVMKVMKVM", marks=needs_kvm),
    ],
)
def test_witness(tmp_path: Path, accel: str, interface: str, signature: str) -> None:
    nonce, key = secrets.token_hex(8), secrets.randbits(32)
    disk = boot(tmp_path, accel, interface, nonce, key)
    line = bootsector.expected_witness(nonce, key, signature) + "\r\n"
    said = line + bootsector.DISK_MAGIC + " 00000000\r\n"
    assert (tmp_path / "serial").read_text("ascii") == said.replace("\r\n", "\n")
    assert (tmp_path / "debug").read_bytes() == said.encode()
    sector = disk.read_bytes()[bootsector.WITNESS_OFFSET :][: bootsector.SECTOR_SIZE]
    assert sector == line.encode().ljust(bootsector.SECTOR_SIZE, b"\0")


def test_disk_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    nonce = secrets.token_hex(8)
    disk = tmp_path / "disk"
    disk.write_bytes(bootsector.image(nonce, 7))
    node = f"driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename={disk}"
    argv = command(tmp_path, "tcg", "-blockdev", node, "-device", "virtio-blk-pci,drive=disk")
    subprocess.run(argv, capture_output=True, timeout=60, check=True)
    witness, status = (tmp_path / "serial").read_text("ascii").splitlines()
    assert witness == bootsector.expected_witness(nonce, 7, "TCGTCGTCGTCG")
    magic, code = status.split()
    assert magic == bootsector.DISK_MAGIC
    assert int(code, 16) != 0
    assert not any(disk.read_bytes()[bootsector.WITNESS_OFFSET :])


def test_guest_that_is_told_to_stay_stays(tmp_path: Path) -> None:
    nonce = secrets.token_hex(8)
    disk = tmp_path / "disk"
    disk.write_bytes(bootsector.image(nonce, 7, stay=True))
    argv = command(tmp_path, "tcg", "-drive", f"file={disk},format=raw,if=virtio")
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        serial = tmp_path / "serial"
        end = time.monotonic() + 60
        while not (serial.exists() and bootsector.DISK_MAGIC in serial.read_text("ascii")):
            assert time.monotonic() < end, "the guest did not get to its end"
            assert process.poll() is None
            time.sleep(0.05)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
    finally:
        process.kill()
        process.wait()
    assert nonce.encode() in disk.read_bytes()[bootsector.WITNESS_OFFSET :][:512]
