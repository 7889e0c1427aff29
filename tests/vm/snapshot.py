"""What a host looks like, whole enough that an undo can be held against it.

Run on the host as a program without arguments it prints the snapshot as JSON (standard library only)::

    before = snapshot.parse(host.run(["python3", "-I", "-"], input=snapshot.program()).check().stdout)
    ...
    assert snapshot.differences(before, after) == []

A snapshot holds the packages with version, state and automatic mark, the units with their state on disk and in the
running system, the accounts, every path of the root file system with kind, mode, owner and SHA-256, the mounts, the
loaded modules, the network interfaces, the firewall's rules and the forwarding switches. What no program can put
back, or what changes without anybody's doing, is named in ``EXCEPTIONS`` with its reason, and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOTS = ("/boot", "/etc", "/home", "/opt", "/root", "/srv", "/usr", "/var")

RUNTIME = ("/run", "/dev")
"""Only the names that are there are compared: what runs writes to its files all the time."""


class Exempt(NamedTuple):
    """A path, as a regular expression over the whole of it, that is not compared, and why that is right."""

    pattern: str
    reason: str


EXCEPTIONS = (
    Exempt(r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-", "the account tools' backup of the last change"),
    Exempt(r"/etc/\.pwd\.lock", "an empty lock file, made by the account tools when they first run"),
    Exempt(r"/etc/ld\.so\.cache", "ldconfig's cache: same libraries, other order of entries"),
    Exempt(r"/var/cache/ldconfig(/.*)?", "ldconfig's cache"),
    Exempt(r"/var/lib/dpkg/.*", "the package database's own files: compared as the list of packages"),
    Exempt(r"/var/lib/apt/.*", "package lists and marks: the marks are compared on their own"),
    Exempt(r"/var/cache/(apt|debconf)(/.*)?", "caches of the package tools"),
    Exempt(r"/var/log/(apt(/.*)?|dpkg\.log|alternatives\.log)", "what happened is kept: the package tools' log"),
    Exempt(r"/var/log/(btmp|wtmp|lastlog|faillog|journal(/.*)?)", "logs of logins and of the system"),
    Exempt(r"/var/lib/ucf/hashfile\.[0-9]+", "ucf's earlier versions of its list; the list itself is compared"),
    Exempt(r"/boot/initrd\.img-.*", "packed anew, with the time, by packages whose programs it holds"),
    Exempt(r"/var/lib/systemd/(random-seed|timers(/.*)?|linger|catalog(/.*)?)", "systemd's own state"),
    Exempt(r"/var/lib/kvmready(/.*)?", "kvmready's own journal, kept on purpose: it tells what was done"),
    Exempt(r"/var/cache/libvirt/qemu/capabilities(/.*)?", "libvirt's memory of the emulators, written when it starts"),
    Exempt(r"/var/tmp/.*|/tmp/.*", "temporary files"),
    Exempt(r"/(root|home/[^/]+)/\.(cache|ansible|bash_history|lesshst|viminfo)(/.*)?", "a person's own caches"),
    Exempt(r"/(usr|opt|home|root|srv|var)/.*/__pycache__(/.*)?", "compiled by whoever runs Python"),
    Exempt(r"/etc/resolv\.conf|/etc/adjtime", "written by the system as it runs"),
    Exempt(r"/run/(user|systemd|udev|log|lock|sudo|sshd|dbus|utmp|credentials)(/.*)?", "the running system"),
    Exempt(r"/run/adduser", "a lock file of adduser, in memory"),
    Exempt(r"/run/(motd.*|initctl|nologin|agetty\.reload|mount|rpcbind.*)(/.*)?", "the running system"),
    Exempt(r"/dev/(pts|shm|mqueue|char|disk|block|core|fd|std.*|tty.*|vcs.*|loop.*|input)(/.*)?", "the kernel's own"),
)


MODULES = re.compile(r"kvm(_\w+)?")
"""The modules that are compared. The kernel loads others by itself when a program asks for what they offer (a bridge, a
packet filter), and unloads none."""


def program() -> str:
    """The text of this file: what to run on the host."""
    return Path(__file__).read_text(encoding="utf-8")


def parse(text: str) -> dict[str, Any]:
    """A snapshot from the program's output."""
    value = json.loads(text)
    if not isinstance(value, dict) or "paths" not in value:
        raise ValueError("this is no snapshot")
    return value


def differences(before: dict[str, Any], after: dict[str, Any], ignore: tuple[str, ...] = ()) -> list[str]:
    """One line for each thing that is not as it was. ``ignore`` are further path patterns (the test's own files)."""
    patterns = [re.compile(e.pattern) for e in EXCEPTIONS] + [re.compile(p) for p in ignore]
    lines: list[str] = []
    for section in sorted({*before, *after}):
        old, new = before.get(section, {}), after.get(section, {})
        for key in sorted({*old, *new}):
            if old.get(key) == new.get(key):
                continue
            if section == "paths" and any(p.fullmatch(key) for p in patterns):
                continue
            if section == "modules" and not MODULES.fullmatch(key):
                continue
            lines.append(f"{section}: {key}: {_word(old.get(key))} -> {_word(new.get(key))}")
    return lines


def _word(value: Any) -> str:
    return "absent" if value is None else str(value)


# on the host


def take() -> dict[str, dict[str, Any]]:
    """The snapshot of this machine. Values are strings; a section is a mapping from a name to what is so of it."""
    return {
        "packages": dict(_packages()),
        "automatic": dict.fromkeys(_lines(["apt-mark", "showauto"]), "auto"),
        "unit-files": dict(_unit_files()),
        "units": dict(_units()),
        "passwd": {line.split(":")[0]: line for line in _lines(["getent", "passwd"])},
        "group": {line.split(":")[0]: line for line in _lines(["getent", "group"])},
        "paths": dict(_paths()),
        "modules": {line.split()[0]: "loaded" for line in _modules()},
        "interfaces": dict.fromkeys(os.listdir("/sys/class/net"), "present"),
        "forwarding": {
            path: _read(path).strip()
            for path in ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")
        },
        "firewall": {str(n): line for n, line in enumerate(_firewall())},
        "mounts": {
            line.split()[4]: "mounted"
            for line in _read("/proc/self/mountinfo").splitlines()
            if not line.split()[4].startswith(("/proc", "/run/user", "/run/credentials"))
        },
    }


def _modules() -> list[str]:
    return _read("/proc/modules").splitlines() if os.path.exists("/proc/modules") else []


def _firewall() -> list[str]:
    for path in ("/usr/sbin/nft", "/sbin/nft"):
        if os.path.exists(path):
            return [re.sub(r"packets \d+ bytes \d+", "", line) for line in _lines([path, "list", "ruleset"])]
    return []


def _lines(argv: list[str]) -> list[str]:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120, env=environment)
    return done.stdout.splitlines()


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _packages() -> Iterator[tuple[str, str]]:
    for line in _lines(["dpkg-query", "-W", "-f", "${Package}:${Architecture}\t${Version} ${db:Status-Abbrev}\n"]):
        name, state = line.split("\t")
        yield name, state


def _unit_files() -> Iterator[tuple[str, str]]:
    for line in _lines(["systemctl", "list-unit-files", "--no-legend", "--no-pager", "--full"]):
        name, state = line.split()[:2]
        if not name.endswith(".scope"):  # a login
            yield name, state


def _units() -> Iterator[tuple[str, str]]:
    """What is active and lasts: services, sockets, timers and paths; logins and one-shot jobs come and go."""
    argv = ["systemctl", "list-units", "--no-legend", "--no-pager", "--full", "--plain", "--state=active,failed"]
    for line in _lines([*argv, "--type=service,socket,timer,path,target,mount"]):
        name, _load, active, sub = line.split()[:4]
        # network-online.target: a point of the boot that was reached, whoever wanted it; it does nothing.
        passing = (
            *("user@", "user-runtime-dir@", "run-user-", "run-credentials-", "systemd-tmpfiles-clean", "ssh@"),
            "network-online.target",
        )
        if not name.startswith(passing):
            yield name, f"{active} {sub}"


def _paths() -> Iterator[tuple[str, str]]:
    for root in ROOTS:
        device = os.lstat(root).st_dev
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if _same_device(os.path.join(folder, name), device)]
            for name in [*folders, *files]:
                path = os.path.join(folder, name)
                yield path, _state(path)
    for root in RUNTIME:
        for name in os.listdir(root):
            yield os.path.join(root, name), "present"


def _same_device(path: str, device: int) -> bool:
    found = os.lstat(path)
    return found.st_dev == device or not stat.S_ISDIR(found.st_mode)


def _state(path: str) -> str:
    import hashlib

    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return "gone"
    words = f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid}"
    if stat.S_ISLNK(found.st_mode):
        return f"{words} -> {os.readlink(path)}"
    if stat.S_ISREG(found.st_mode):
        with open(path, "rb") as file:
            return f"{words} {hashlib.sha256(file.read()).hexdigest()[:16]}"
    return words


if __name__ == "__main__":
    print(json.dumps(take(), sort_keys=True))
