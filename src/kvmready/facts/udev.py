"""The udev rules that give a device its owner and mode; asked where a device has the wrong ones."""

from __future__ import annotations

from kvmready.facts.known import Absent, Fact, Known, missing
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.host.door import Door

FOLDERS = (
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
)
"""udev(7): a file hides those of the same name in later folders, also when it is empty or a link to /dev/null."""


def lines_about(text: str, device: str) -> tuple[str, ...]:
    """The rules for the kernel's name ``device`` that set a group or a mode."""
    found = []
    for line in text.splitlines():
        words = line.strip()
        settles = any(f"{key}{sign}" in words for key in ("GROUP", "MODE") for sign in ("=", ":="))
        if f'KERNEL=="{device}"' in words and settles and not words.startswith("#"):
            found.append(words)
    return tuple(found)


def rules(host: Door, device: str) -> Fact[tuple[tuple[str, str], ...]]:
    """(path, line) of each rule that settles who may use the device."""
    paths: dict[str, str] = {}
    for folder in FOLDERS:
        listing = host.listdir(folder)
        if listing.error and not isinstance(missing(listing.error, folder), Absent):
            return missing(listing.error, folder)
        for name in listing.names:
            if name.endswith(".rules"):
                paths.setdefault(name, f"{folder}/{name}")
    found = []
    for name in sorted(paths):
        rule = host.grep(paths[name], (f'KERNEL=="{device}"',))
        if rule.error and rule.error != "ENOENT":
            return missing(rule.error, rule.path)
        found += [(rule.path, line) for line in lines_about(rule.text, device)]
    return Known(tuple(found))
