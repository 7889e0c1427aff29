"""Many sshd on loopback addresses, each with a root of its own: an overlay over the lab's fresh tree, in mount, process
and host name namespaces that end with it. What a host writes lies in memory. It needs root.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PORT = 2222
MOST = 250

HOLDER = """set -eu
tree=$1 memory=$2 count=$3 port=$4 host=$5
mount -t tmpfs -o mode=755 tmpfs "$memory"
number=0
while [ $number -lt $count ]; do
    number=$((number + 1))
    own=$memory/$number
    mkdir -p "$own/upper" "$own/work" "$own/root"
    unshare --mount --pid --uts --fork --kill-child=KILL --propagation private \\
        sh -c "$host" sh "$tree" "$own" "127.76.0.$number" "$port" "node$number" &
done
wait
"""
"""Process 1 of the fleet: all ends with it."""

HOST = """set -eu
tree=$1 own=$2 address=$3 port=$4 name=$5
hostname "$name"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$own/upper,workdir=$own/work" "$own/root"
cd "$own/root"
echo "$name" > etc/hostname
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for node in 'null 1 3' 'zero 1 5' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    set -- $node
    mknod -m 666 "dev/$1" c "$2" "$3"
done
mkdir dev/pts dev/shm run/sshd
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
exec chroot . /usr/sbin/sshd -D -e -o "ListenAddress=$address" -o "Port=$port" -o MaxStartups=100
"""
"""Makes one host and becomes its sshd. /dev/kvm is not in it."""


class Loopback(NamedTuple):
    """The running hosts: an inventory of them, and the file with their keys."""

    inventory: Path
    holder: int

    def lead(self) -> None:
        """Have what runs there, and will, run before all else on the machine."""
        rank(self.holder)


def rank(process: int) -> None:
    """Have a process and all of its descendants, also later ones, run before all else on the machine (SCHED_RR)."""
    waiting = [process]
    while waiting:
        one = waiting.pop()
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(10))
                waiting += map(int, (thread / "children").read_text().split())


@contextlib.contextmanager
def start(tree: Path, key: Path, count: int) -> Iterator[Loopback]:
    """``count`` hosts over the tree, reached as root by ``key``, until the block ends."""
    if not 0 < count <= MOST:
        raise ValueError(f"{count} hosts: there can be 1 to {MOST}")
    with tempfile.TemporaryDirectory(prefix="kvmready-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the hosts' users go through it to their root
        memory = folder / "memory"
        memory.mkdir()
        log = folder / "log"
        argv = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "--mount-proc",
            "--propagation",
            "private",
        ]
        argv = ["setpriv", "--pdeathsig", "KILL", *argv, "sh", "-c", HOLDER, "sh"]
        with log.open("wb") as said:
            holder = subprocess.Popen(
                [*argv, str(tree), str(memory), str(count), str(PORT), HOST],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        try:
            addresses = [f"127.76.0.{number}" for number in range(1, count + 1)]
            for address in addresses:
                _wait(address, holder, log)
            public = (tree / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
            known = folder / "known_hosts"
            known.write_text("".join(f"[{address}]:{PORT} {' '.join(public)}\n" for address in addresses))
            inventory = folder / "hosts.ini"
            lines = [f"node{number} ansible_host={address}" for number, address in enumerate(addresses, 1)]
            lines += [
                "", "[all:vars]", f"ansible_port={PORT}", "ansible_user=root", f"ansible_ssh_private_key_file={key}",
                f"ansible_ssh_common_args=-o UserKnownHostsFile={known} -o HostKeyAlgorithms=ssh-ed25519",
            ]  # fmt: skip
            inventory.write_text("\n".join(lines) + "\n")
            yield Loopback(inventory, holder.pid)
        finally:
            holder.kill()
            holder.wait(timeout=30)


def _wait(address: str, holder: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    """Until the sshd there tells its version."""
    limit = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), socket.create_connection((address, PORT), timeout=10) as connection:
            if connection.recv(4) == b"SSH-":
                return
        if holder.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"no sshd at {address}:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
