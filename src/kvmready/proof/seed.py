"""What cloud-init in a guest is told (its data source NoCloud): to run our program, and nothing besides."""

from __future__ import annotations

from kvmready.guest import iso9660, linux_guest

LABEL = "cidata"
FOLDER = "/var/lib/kvmready-proof"

_SCRIPT = """#!/bin/sh
exec > /dev/ttyS0 2>&1 < /dev/null
if command -v firewall-cmd > /dev/null; then firewall-cmd -q --add-port={port}/tcp; fi
began=0
if command -v systemctl > /dev/null; then
    for name in InitRDTimestampMonotonic UserspaceTimestampMonotonic; do
        value=$(systemctl show --property=$name | cut -d= -f2)
        if [ "${{began:-0}}" = 0 ]; then began=$value; fi
    done
fi
exec {folder}/guest {words} "${{began:-0}}"
"""


def disc(name: str, nonce: str, key: int, disk: str) -> bytes:
    """The seed for one guest; ``disk`` is the device that it may measure."""
    from base64 import b64encode

    words = " ".join(linux_guest.words("guest", nonce, key, disk))
    script = _SCRIPT.format(folder=FOLDER, words=words, port=linux_guest.PORT)
    files = ((f"{FOLDER}/guest", linux_guest.program()), (f"{FOLDER}/run", script.encode()))
    lines = ["#cloud-config", "package_update: false", "ssh_pwauth: false", "growpart: {mode: 'off'}",
             "resize_rootfs: false", "write_files:"]  # fmt: skip
    for path, content in files:
        lines += [
            f"- path: {path}",
            "  owner: 'root:root'",
            "  permissions: '0700'",
            "  encoding: b64",
            f"  content: {b64encode(content).decode()}",
        ]
    lines += ["runcmd:", f"- [sh, -c, 'nohup {FOLDER}/run > /dev/null 2>&1 &']", ""]
    meta = f"instance-id: {name}\nlocal-hostname: kvmready-proof\n"
    return iso9660.disc(LABEL, {"user-data": "\n".join(lines).encode(), "meta-data": meta.encode()})
