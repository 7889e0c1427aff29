"""Boots with plain QEMU what ``prove --level linux`` boots through libvirt, on the same bridge, and prints the seconds.

``bare_linux.py CODE ACCEL`` as root; the same kernel, first root, disk size and questions over the network. The first
line is the time until the guest was gone, the second what its own clock said when it was ready.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path


def main() -> None:
    code, accel = sys.argv[1:3]
    sys.path.insert(0, f"{code}/src")
    from kvmready.guest import linux_guest
    from kvmready.host.local import LocalHost
    from kvmready.proof import console, linux, own_kernel

    host = LocalHost()
    nonce, key = os.urandom(8).hex(), 1
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        started = time.perf_counter()
        kernel = own_kernel.find(host, os.uname().release)
        assert not kernel.why, kernel.why
        (folder / "kernel").write_bytes(kernel.image)
        (folder / "initrd").write_bytes(linux_guest.first_root(kernel.modules))
        (folder / "disk").write_bytes(bytes(linux_guest.SENT))
        words = linux.WORDS + " ".join(linux_guest.words("guest", nonce, key, "/dev/vda"))
        argv = ["qemu-system-x86_64", "-machine", f"q35,accel={accel}", "-m", str(linux.OWN_MEMORY), "-display", "none",
                "-nodefaults", "-no-user-config", "-no-reboot", "-serial", f"file:{folder}/console",
                "-kernel", f"{folder}/kernel", "-initrd", f"{folder}/initrd", "-append", words,
                "-drive", f"file={folder}/disk,format=raw,if=virtio", "-device", "virtio-rng-pci",
                "-netdev", "bridge,id=n,br=virbr0", "-device", "virtio-net-pci,netdev=n,romfile="]  # fmt: skip
        process = subprocess.Popen(argv)
        try:
            found: Mapping[str, tuple[str, ...]] = {}
            while "ready" not in found:
                assert process.poll() is None, "QEMU ended"
                time.sleep(0.02)
                found = console.lines(host.read(f"{folder}/console").text, nonce)
            address = found["address"][0]
            for verb in ("HELLO", "SEND", "BYE"):
                while True:  # the host may still believe that nobody has the address: dnsmasq had asked before
                    answer = host.call(address, linux_guest.PORT, f"{verb} {nonce}\n", 60)
                    if answer.error != "EHOSTUNREACH":
                        break
                    time.sleep(0.1)
                assert not answer.error, (verb, address, answer, host.read(f"{folder}/console").text)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
        print(time.perf_counter() - started)
        print((console.number(found, "ready", 1) or 0) / 1e6)


if __name__ == "__main__":
    main()
