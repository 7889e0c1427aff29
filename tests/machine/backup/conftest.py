"""The private libvirtd of the proofs, with guests whose disks are backed up inside of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest

from tests.machine.proof.conftest import Stack, stack  # noqa: F401

TREE = Path(__file__).resolve().parents[3]
IMAGES = "/var/lib/libvirt/images"
BACKUPS = "/tmp/backups"
STATE = Path("/var/lib/kvmready")


class Host:
    """What the tests do on the private host: guests that are only disks, and kvmready as a person calls it."""

    def __init__(self, stack: Stack) -> None:  # noqa: F811
        self.stack = stack

    def run(self, *argv: str) -> str:
        done = self.stack.run(argv)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def argv(self, *words: str) -> tuple[str, ...]:
        program = ("env", f"PYTHONPATH={TREE / 'src'}", "LC_ALL=C.UTF-8", sys.executable, "-m", "kvmready")
        return self.stack.argv((*program, "backup", *words))

    def backup(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.argv(*words), capture_output=True, text=True, timeout=300, check=False)

    def json(self, *words: str, status: int = 0) -> Any:
        done = self.backup(*words, "--format", "json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def create(self, *words: str, status: int = 0) -> Any:
        """``backup create``; the record of its first guest."""
        return self.json("create", *words, "--to", BACKUPS, status=status)["guests"][0]

    def refused(self, name: str, folder: str = BACKUPS, cause: str = "") -> str:
        """``backup create`` of a guest that fails for that cause; what it says."""
        guest = self.json("create", name, "--to", folder, status=1)["guests"][0]
        assert guest["cause"] == cause
        assert not cause or f"kvmready explain {cause}" in guest["error"]
        said: str = guest["error"]
        return said

    def listed(self, name: str = "") -> list[dict[str, Any]]:
        words = (name,) if name else ()
        found: list[dict[str, Any]] = self.json("list", *words, "--from", BACKUPS)["backups"]
        return found

    def disk(self, path: str, mib: int, format: str = "qcow2", pattern: int = 7) -> str:
        """A disk with data in its first three quarters."""
        self.run("qemu-img", "create", "-q", "-f", format, "--", path, f"{mib}M")
        self.write(path, f"write -P {pattern} 0 {mib * 3 // 4}M", format)
        return path

    def write(self, path: str, command: str, format: str = "qcow2") -> None:
        options = f"driver={format},file.driver=file,file.filename={path.replace(',', ',,')}"
        self.run("qemu-io", "-c", command, "--image-opts", options)

    def guest(self, name: str, *disks: tuple[str, str], more: str = "", start: bool = False) -> str:
        """Define a guest with disks (path, format); its UUID."""
        drives = "".join(
            f"<disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file={quoteattr(path)}/>"
            f"<target dev='vd{chr(97 + number)}' bus='virtio'/></disk>"
            for number, (path, format) in enumerate(disks)
        )
        xml = (
            f"<domain type='qemu'><name>{escape(name)}</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>"
            "<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><features><acpi/></features>"
            f"<devices>{drives}<memballoon model='none'/>{more}</devices></domain>"
        )
        file = f"/tmp/define-{os.getpid()}.xml"
        self.stack.run(("sh", "-c", 'printf %s "$2" > "$1"', "sh", file, xml))
        self.stack.virsh("define", file)
        uuid = self.uuid(name)
        if start:
            self.stack.virsh("start", uuid)
        return uuid

    def uuid(self, name: str) -> str:
        lines = self.stack.virsh("list", "--all", "--uuid", "--name").splitlines()
        return next(line[:36] for line in lines if line[37:].rstrip() == name.rstrip())

    def state(self, uuid: str) -> str:
        return self.stack.virsh("domstate", uuid).strip()

    def stop(self, uuid: str) -> None:
        if self.state(uuid) != "shut off":
            self.stack.virsh("destroy", uuid)

    def remove(self, uuid: str, *paths: str) -> None:
        """The guest and its disks are gone."""
        self.stop(uuid)
        self.stack.virsh("undefine", uuid, "--checkpoints-metadata", "--nvram")
        for path in paths:
            self.run("rm", "--", path)

    def same(self, one: str, other: str, formats: tuple[str, str] = ("qcow2", "qcow2")) -> bool:
        """Whether a guest sees the same in both disks."""
        argv = ("qemu-img", "compare", "-U", "-f", formats[0], "-F", formats[1], "--", one, other)
        done = self.stack.run(argv)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0

    def hidden(self) -> list[str]:
        """What work leaves that was interrupted: hidden folders, and files beside the disks."""
        names = self.run("find", BACKUPS, IMAGES, str(STATE), "-name", ".*", "-o", "-name", "kvmready-*").split("\n")
        return [name for name in names if name and not name.endswith("/.lock")]

    def until(self, what: Callable[[], Any], limit: float = 60.0) -> None:
        end = time.monotonic() + limit
        while not what():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def private(stack: Stack) -> Iterator[Host]:  # noqa: F811
    """One private host for the tests of a module."""
    made = not STATE.exists()
    STATE.mkdir(mode=0o700, exist_ok=True)
    try:
        host = Host(stack)
        host.run("mount", "-t", "tmpfs", "-o", "mode=700", "kvmready", str(STATE))
        host.run("mkdir", "-m", "700", BACKUPS)
        host.run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,gid=5", "devpts", "/dev/pts")
        yield host
    finally:
        if made:
            STATE.rmdir()


@pytest.fixture
def host(private: Host) -> Iterator[Host]:
    """The same without guests and backups of an earlier test."""
    for uuid in private.stack.virsh("list", "--all", "--uuid").split():
        private.remove(uuid)
    private.run("sh", "-c", f"rm -rf {BACKUPS} {IMAGES}/* {IMAGES}/.[!.]* && mkdir -m 700 {BACKUPS}")
    yield private
    assert private.hidden() == []
