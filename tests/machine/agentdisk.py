"""A disk with the real qemu-guest-agent of Debian 12, for the tiny Linux of ``cloudimage``: its libraries, the kernel
module of its channel, and a script that starts it. Kept in the tests' cache.

In the guest: ``mount -o ro /dev/vdb /ga && sh /ga/start``. Its hook writes each freeze and thaw into /ga.log, and waits
as long as /ga.hang is there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.machine import cloudimage
from tests.vm import debs
from tests.vm.lab import cache
from tests.vm.lab.cache import command

CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "lib64")
START = """set -e
insmod /ga/virtio_console.ko
until [ -e /dev/vport*p1 ]; do sleep 0.1; done
mkdir -p /ga.state
printf '#!/bin/sh\\necho "$1" >> /ga.log\\nwhile [ -e /ga.hang ]; do sleep 0.2; done\\n' > /ga.hook
chmod 755 /ga.hook
libraries=/ga/usr/lib/x86_64-linux-gnu:/ga/lib/x86_64-linux-gnu
/ga/lib64/ld-linux-x86-64.so.2 --library-path $libraries /ga/usr/sbin/qemu-ga \
    -m virtio-serial -p /dev/vport*p1 -t /ga.state -f /ga.pid --fsfreeze-hook=/ga.hook > /ga.said 2>&1 &
"""


def disk() -> Path:
    """A raw ext4 file system. Raises LabError where Debian's packages cannot be had."""
    return cache.entry("agentdisk", cache.key(Path(__file__), Path(cloudimage.__file__)), _build) / "agent.img"


def _build(work: Path) -> None:
    lists, tree = work / "apt", work / "tree"
    for deb in debs.download(lists, cloudimage.SUITE, ("qemu-guest-agent",)):
        command(["dpkg-deb", "-x", str(deb), str(work / "all")], timeout=60)
    for part in (*LIBRARIES, "usr/sbin"):
        (tree / part).mkdir(parents=True)
    for part in LIBRARIES:
        for file in (work / "all" / part).glob("*.so*"):
            shutil.copy(file, tree / part, follow_symlinks=True)
    shutil.copy(work / "all/usr/sbin/qemu-ga", tree / "usr/sbin")
    modules = cloudimage.kernel()[1]
    shutil.copy(modules / "kernel/drivers/char/virtio_console.ko", tree)
    (tree / "start").write_text(START)
    made = ["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-d", str(tree), str(work / "agent.img"), "64M"]
    command(made, timeout=120)
    for folder in (lists, tree, work / "all"):
        cache.remove_tree(folder)
