"""The host's own part of a backup: /etc/libvirt, networks, pools and what kvmready knows; no secret of libvirt's."""

from __future__ import annotations

import re

from kvmready.backup import tree
from kvmready.domains.connection import Libvirt
from kvmready.errors import WorkError
from kvmready.host.door import Workshop
from kvmready.i18n import _

CONFIGURATION = "/etc/libvirt"
KVMREADY = ("/etc/kvmready", "/var/lib/kvmready")
NAME = "host"

_SECRET = re.compile(
    r"/etc/libvirt/(?:secrets(?:/.*)?|passwd\.db|(?:qemu|lxc|libxl)/[^/]+\.xml|(?:qemu|lxc|libxl)/autostart/.*"
    r"|storage/.*\.secret)"
)
"""Values of secrets, SASL passwords, and the guests' definitions as libvirt keeps them, with the passwords of their
screens. The definitions without these are part of each guest's own backup."""

_PASSWORD = re.compile(rb"^[ \t]*((?:vnc|spice)_password[ \t]*=).*$", re.MULTILINE)

_OTHERS = re.compile(r"/var/lib/kvmready/(?:backups|images|vm|lock|backup\.lock)(?:/.*)?")
"""Large things, and what says nothing after this process has ended."""


def scrubbed(path: str, content: bytes) -> bytes:
    """A configuration file without the passwords that it gives to the screens of all guests."""
    if path != f"{CONFIGURATION}/qemu.conf":
        return content
    return _PASSWORD.sub(rb"#\1 (left out of the backup)", content)


def left_out(path: str, repository: str) -> bool:
    return bool(_SECRET.fullmatch(path) or _OTHERS.fullmatch(path)) or path == repository


def save(host: Workshop, libvirt: Libvirt, folder: str, repository: str) -> tuple[str, tuple[str, ...]]:
    """Writes the tar into ``folder``: its name, and sentences on what it lacks. Raises OSError, LibvirtError."""
    more: dict[str, str] = {}
    notes = []
    for kind, word in (("network", "net"), ("pool", "pool")):
        names = libvirt.text(f"{word}-list", "--all", "--uuid" if word == "net" else "--name").split("\n")
        for number, name in enumerate(name.rstrip(" ") for name in names):
            if not name:
                continue
            try:
                more[f"{kind}s/{number}.xml"] = libvirt.text(f"{word}-dumpxml", f"--{kind}={name}", "--inactive")
            except WorkError:  # one that is not persistent has no inactive definition
                more[f"{kind}s/{number}.xml"] = libvirt.text(f"{word}-dumpxml", f"--{kind}={name}")
    folders = [path for path in (CONFIGURATION, *KVMREADY) if not host.stat(path).error]
    packed = tree.pack(host, folders, lambda path: left_out(path, repository), more, scrubbed)
    notes += [_("not readable or too large: {path}").format(path=path) for path in packed.missed]
    return tree.save(host, packed.content, folder, NAME), tuple(notes)
