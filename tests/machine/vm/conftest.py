"""The private libvirtd of the proofs as a host for guests: a network, terminals, a home for root, an image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.machine.proof.conftest import Stack, eventually, marked, stack  # noqa: F401

SOURCE = str(Path(__file__).resolve().parents[3] / "src")
IMAGES = "/var/lib/libvirt/images"
FAKE = "/tmp/an image; of 10 'MiB'.img"
SETUP = """set -eu
mkdir -p /dev/net /run/lock /root.here /var/lib/kvmready
mount -t tmpfs -o mode=755 state /var/lib/kvmready
[ ! -d /var/lib/swtpm-localca ] || mount -t tmpfs -o mode=700,uid=$(id -u tss) ca /var/lib/swtpm-localca
mknod -m 666 /dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
mount -t tmpfs -o mode=755 home /mnt
mkdir -m 700 /mnt/root
sed 's|^root:x:0:0:root:/root:|root:x:0:0:root:/mnt/root:|' /etc/passwd > /tmp/passwd
cat /tmp/passwd > /etc/passwd
rm /tmp/passwd
virsh -q -c qemu:///system net-start default
"""


class Host:
    """A private host; ``run`` is kvmready in it, under emulation where a guest is created."""

    def __init__(self, stack: Stack) -> None:  # noqa: F811
        self.stack = stack

    def argv(self, *words: str, language: str = "en") -> tuple[str, ...]:
        return self.stack.argv((sys.executable, "-m", "kvmready", "--lang", language, *words))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": SOURCE},
        )

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.ok("--format", "json", *words))

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": SOURCE},
        )

    def create(self, name: str, *more: str) -> subprocess.CompletedProcess[str]:
        """A guest of an image that boots nothing, which nobody waits for."""
        words = ("--image", FAKE, "--accel", "tcg", "--memory", "64M", "--disk", "20M", "--no-wait", *more)
        return self.run("vm", "create", *words, "--", name)

    def root(self, path: str) -> Path:
        """A path of the host, seen from here."""
        return Path(f"/proc/{self.stack.pid}/root{path}")

    def left(self) -> list[str]:
        """All that guests could leave behind."""
        found = self.stack.virsh("list", "--all", "--name").split() + self.stack.virsh("vol-list", "default").split()
        found += [str(path) for path in self.root("/tmp").glob("kvmready*")]
        found += [path.name for path in self.root("/mnt/root").glob(".ssh/*")]
        found += [str(path) for path in self.root("/var/lib/kvmready").glob("vm/*")]
        return found + marked("kvmready-vm-")


@pytest.fixture(scope="module")
def prepared(stack: Stack) -> Host:  # noqa: F811
    done = stack.run(("sh", "-c", SETUP))
    assert done.returncode == 0, done.stderr
    host = Host(stack)
    with open(host.root(FAKE), "wb") as image:
        image.truncate(10 << 20)
        image.seek(510)
        image.write(b"\x55\xaa")
    return host


@pytest.fixture
def host(prepared: Host) -> Iterator[Host]:
    """Each test leaves nothing."""
    yield prepared
    left = eventually(prepared.left, 5)
    for name in prepared.stack.virsh("list", "--all", "--uuid").split():  # the next test shall not suffer from it
        prepared.run("vm", "delete", name, "--yes", "--force", "--timeout", "1")
    assert left == []
