"""What a machine must have for the lab: programs, and the Debian packages that bring them."""

from __future__ import annotations

import os
import shutil

#: Program → Debian package.
_BUILD = {
    "mmdebstrap": "mmdebstrap",
    "apt-get": "apt",
    "apt-ftparchive": "apt-utils",
    "mke2fs": "e2fsprogs",
    "modprobe": "kmod",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "setpriv": "util-linux",
}
_KIND = {
    "vm": {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils"},
    "nspawn": {"systemd-nspawn": "systemd-container", "ip": "iproute2", "unshare": "util-linux", "mount": "mount"},
}
_NOT_ROOT = {"unshare": "util-linux", "newuidmap": "uidmap"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_not(kind: str) -> str | None:
    """Why this machine cannot run hosts of this kind (``vm`` or ``nspawn``), or None where it can."""
    tools = {**_BUILD, **_KIND[kind]}
    if os.geteuid() != 0:
        tools.update(_NOT_ROOT)
    missing = [
        f"{tool} (package {package})"
        for tool, package in tools.items()
        if shutil.which(tool) is None and shutil.which(tool, path=_PATH) is None
    ]
    if missing:
        return f"{kind} hosts need {', '.join(missing)}"
    if kind == "nspawn" and os.geteuid() != 0:
        return "nspawn hosts need root"
    return None
