"""What package scripts and daemons leave behind when their package goes, told apart from what people put there.

Before the packages come in, the directories of the host and the whole of /etc are listed with kind, mode and owner,
and the accounts and the running units with them. After the packages went, the lists tell what the purge took too much
of, what it left, and what it changed. Nothing is removed that is not empty, unless it is one of libvirt's own
directories and holds nothing that a person would miss.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Result, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.typed import Any, NamedTuple

OWN = (
    "/etc/apparmor.d/libvirt",
    "/etc/libvirt",
    "/etc/libvirt/nwfilter",
    "/etc/libvirt/qemu",
    "/etc/libvirt/secrets",
    "/etc/libvirt/storage",
    "/var/lib/libvirt",
    "/var/lib/libvirt/dnsmasq",
    "/var/lib/libvirt/network",
    "/var/lib/libvirt/qemu",
    "/var/cache/libvirt",
    "/var/log/libvirt",
    "/run/libvirt",
    "/etc/cockpit",
    "/run/cockpit",
)
"""Directories that libvirt's daemons and Cockpit fill; removed whole when they were not there before and hold nothing
precious."""

PRECIOUS = (
    "/var/lib/libvirt/images/",
    "/var/lib/libvirt/boot/",
    "/var/lib/libvirt/filesystems/",
    "/var/lib/libvirt/qemu/save/",
    "/var/lib/libvirt/qemu/snapshot/",
    "/var/lib/libvirt/qemu/checkpoint/",
    "/var/lib/libvirt/qemu/dump/",
    "/var/lib/libvirt/qemu/nvram/",
    "/var/lib/libvirt/swtpm/",
    "/etc/libvirt/secrets/",
    "/etc/libvirt/hooks/",
)
"""Every file below these belongs to a person or a guest."""

DEFINITIONS = ("/etc/libvirt/qemu/", "/etc/libvirt/qemu/networks/", "/etc/libvirt/storage/", "/etc/libvirt/lxc/")
"""XML files directly in these are definitions by people, except those called ``default.xml``."""

PROFILES = "/etc/apparmor.d/libvirt/"
PROFILE = r"libvirt-[0-9a-f-]{36}(\.files)?|TEMPLATE(\..*)?"
"""What virt-aa-helper writes there for each domain, and never removes for a transient one; and the package's own."""

COCKPIT = "/etc/cockpit/"
CERTIFICATE = r"/etc/cockpit/ws-certs\.d/0-self-signed[a-z-]*\.(cert|key|pem)"
"""What Cockpit makes there at its first start; all else that stays after its package is a person's."""

EMPTY_FILES = "/etc/apparmor.d/local/"
"""Package scripts put empty include files here and do not always take them back."""

ROOTS = (("/etc", "", 32), ("/usr", "d", 32), ("/var", "d", 5), ("/opt", "d", 3))
"""What is listed: root, kind (every or directories), depth."""

PRUNED = (
    "/var/lib/docker",
    "/var/lib/containers",
    "/var/lib/containerd",
    "/var/lib/snapd",
    "/var/lib/flatpak",
    "/var/lib/kvmready",
    "/var/lib/systemd/timers",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache/apt",
    "/var/lib/rpm",
    "/usr/lib/sysimage",
    "/var/lib/dnf",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/cache/yum",
    "/var/lib/yum",
    "/var/lib/zypp",
    "/var/cache/zypp",
    "/var/log/YaST2",
    "/var/log/zypp",
    "/var/lib/pacman",
    "/var/cache/pacman",
    "/usr/lib/apk",
    "/var/cache/apk",
    "/etc/apk",
    "/var/tmp",
    "/usr/share/doc",
    "/usr/share/locale",
    "/usr/share/man",
    "/usr/src",
)
"""Large, and changed by nobody whom an undo could take back."""

COPIES = (".rpmnew", ".pacnew", ".apk-new", ".dpkg-new", ".dpkg-dist")
"""What is put beside a configuration file that a person had there before: the package's own version of it."""

Tree = dict[str, str]
"""Path to "KIND MODE UID GID", KIND as find(1) prints it: d, f, l …"""


class Accounts(NamedTuple):
    """Lines of /etc/passwd and /etc/group by name."""

    users: dict[str, str]
    groups: dict[str, str]


class Units(NamedTuple):
    """The active units, and which of all are not backed by a file any more."""

    active: frozenset[str]
    lost: frozenset[str]


# looking


def pack(tree: Tree) -> str:
    """A tree as text for the journal."""
    import base64
    import json
    import zlib

    return base64.b64encode(zlib.compress(json.dumps(tree, separators=(",", ":")).encode("utf-8"), 6)).decode("ascii")


def unpack(text: str) -> Tree:
    """The tree that ``pack`` was given."""
    import base64
    import json
    import zlib

    return {str(k): str(v) for k, v in json.loads(zlib.decompress(base64.b64decode(text))).items()}


def tree(host: Door) -> Tree:
    """The listing of ``ROOTS`` and of the names in /run. Raises WorkError when find(1) does not work."""
    there = [root for root in ROOTS if not host.stat(root[0]).error]
    begun = [host.begin(Command(_find(*root), timeout=300)) for root in there]
    found: Tree = {f"/run/{name}": "run" for name in host.listdir("/run").names}
    for root, running in zip(there, begun):
        result = running.wait()
        if not result.problem and not result.stdout:  # busybox's find has no -printf
            result = host.run(Command(_find(*root, told_by=STAT), timeout=300))
            found.update(parse_stat(result.stdout))
        if result.problem or not result.stdout:  # status 1 only says that something vanished while it was listed
            raise WorkError(_("The host's directories cannot be listed."), explain(result))
        for entry in result.stdout.split("\0"):
            words = entry.split(" ", 4)
            if len(words) == 5 and "\ufffd" not in words[4]:
                found[words[4]] = " ".join(words[:4])
    return found


PRINTF = ("-printf", "%y %m %U %G %p\\0")
STAT = ("-exec", "stat", "-c", "%f %a %u %g %n", "{}", "+")
"""How find(1) tells of a path: GNU's own way, and the one that busybox can do, too."""

KINDS = {0x4: "d", 0x8: "f", 0xA: "l", 0x2: "c", 0x6: "b", 0x1: "p", 0xC: "s"}
"""The upper four bits of a mode to find(1)'s letter: inode(7)."""


def parse_stat(text: str) -> Tree:
    """The lines of ``STAT``: the raw mode in hexadecimal digits, permissions, user, group and path."""
    found: Tree = {}
    for line in text.splitlines():
        raw, mode, uid, gid, path = (*line.split(" ", 4), "", "", "", "", "")[:5]
        if path.startswith("/") and "\ufffd" not in path and re.fullmatch(r"[0-9a-f]{4,5}", raw):
            found[path] = f"{KINDS.get(int(raw, 16) >> 12, '?')} {mode} {uid} {gid}"
    return found


def _find(root: str, kind: str, depth: int, told_by: tuple[str, ...] = ()) -> tuple[str, ...]:
    prune = [word for path in PRUNED for word in ("-path", path, "-prune", "-o") if path.startswith(root + "/")]
    wanted = ["-type", kind] if kind else []
    return ("find", root, "-xdev", "-maxdepth", str(depth), *prune, *wanted, *(told_by or PRINTF))


def accounts(host: Door) -> Accounts:
    """The local users and groups."""
    lines = [host.read(path).text.splitlines() for path in ("/etc/passwd", "/etc/group")]
    users, groups = ({line.split(":", 1)[0]: line for line in part if ":" in line} for part in lines)
    return Accounts(users, groups)


def units(host: Door) -> Units:
    """What runs. Empty where systemd does not."""
    if host.stat("/run/systemd/system").error:
        return Units(frozenset(), frozenset())
    argv = ("systemctl", "list-units", "--all", "--plain", "--full", "--no-legend", "--no-pager")
    result = host.run(Command(argv, timeout=60))
    rows = [line.split()[:3] for line in result.stdout.splitlines()]
    rows = [row for row in rows if len(row) == 3]
    return Units(
        frozenset(name for name, _load, active in rows if active == "active"),
        frozenset(name for name, load, active in rows if load == "not-found" and active in ("active", "failed")),
    )


# pure


def changed(before: Tree, after: Tree) -> dict[str, str]:
    """The paths that are in both and have another mode or owner, with the new one."""
    return {path: after[path] for path in before if path in after and after[path] != before[path]}


def appeared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names that came."""
    return sorted(set(after) - set(before))


def precious(files: Iterable[str]) -> list[str]:
    """Those of the files that a person would miss."""
    found = []
    for path in files:
        folder, _slash, name = path.rpartition("/")
        definition = folder + "/" in DEFINITIONS and name.endswith(".xml") and name != "default.xml"
        profile = folder + "/" == PROFILES and not re.fullmatch(PROFILE, name)
        console = path.startswith(COCKPIT) and not re.fullmatch(CERTIFICATE, path)
        if definition or profile or console or path.startswith(PRECIOUS):
            found.append(path)
    return sorted(found)


# putting back


def restore_tree(
    host: Workshop,
    before: Tree,
    around: tuple[Tree, Tree],
    made: Sequence[str] | None,
    altered: Mapping[str, str],
    in_use: frozenset[str] = frozenset(),
) -> list[str]:
    """Make the listing what it was before the packages came. Returns a sentence for each thing that stays.

    ``around`` are the listings before and after the purge; ``made`` are the paths that came with the packages and
    ``altered`` the new mode and owner of those that they changed (None and empty when the run was killed before it
    could tell). ``in_use`` are paths of packages that came with this run and stay.
    """
    pre, post = around
    stays = []
    for path in sorted(before):
        if before[path].startswith("d ") and path in pre and path not in post:
            _put_back(host, path, before[path])
    users = {int(line.split(":")[2]) for line in accounts(host).users.values() if line.split(":")[2].isdigit()}
    for path in sorted(before):
        now = post.get(path, before[path])
        if now == before[path] or now[:2] != before[path][:2] or now[:2] not in ("d ", "f ") or path in in_use:
            continue
        if altered.get(path) == now or int(now.split()[2]) not in users:
            _put_back(host, path, before[path])
    came = set(post) - set(before)
    candidates = (came if made is None else came & set(made)) - in_use
    parents = {root: root.rpartition("/")[0] for root in OWN}
    own = [root for root in OWN if root not in before and (parents[root] not in OWN or parents[root] in before)]
    for root in own:
        if root not in in_use and not host.stat(root).error:
            stays += _remove_own(host, root)
    for path in sorted(candidates, key=lambda p: (-p.count("/"), p)):
        if path in own or path.startswith((*(f"{root}/" for root in own), "/run/")):
            continue
        sentence = _remove_empty(host, path, post[path], told=made is not None)
        if sentence:
            stays.append(sentence)
    return stays


def _put_back(host: Workshop, path: str, state: str) -> None:
    kind, mode, uid, gid = state.split()
    if kind == "d" and host.stat(path).error == "ENOENT":
        host.mkdir(path, int(mode, 8))
    host.chown(path, int(uid), int(gid), int(mode, 8))


def _remove_own(host: Workshop, root: str) -> list[str]:
    result = host.run(Command(("find", root, "-xdev", "!", "-type", "d", "-print0"), timeout=120))
    kept = precious(path for path in result.stdout.split("\0") if path)
    if kept:
        some = ", ".join(kept[:3]) + (" …" if len(kept) > 3 else "")
        return [_("{folder} stays: it holds {files}").format(folder=root, files=some)]
    try:
        host.remove_tree(root)
    except OSError as error:
        return [_("{folder} stays: {why}").format(folder=root, why=error.strerror or str(error))]
    return []


def _remove_empty(host: Workshop, path: str, state: str, told: bool) -> str:
    """Remove an empty directory or an empty include file; a sentence for what is neither, where it is surely ours."""
    try:
        if state.startswith("d "):
            if host.listdir(path).names:
                return _("{path} stays: it is not empty.").format(path=path) if told else ""
            host.rmdir(path)
            return ""
        if path.endswith(COPIES) and state.startswith("f "):
            host.remove(path)
            return ""
        if path.startswith(EMPTY_FILES) and state.startswith("f ") and host.stat(path).size == 0:
            host.remove(path)
            return ""
    except OSError as error:
        return _("{path} stays: {why}").format(path=path, why=error.strerror or str(error))
    return _("{path} stays: it came with the packages, and no package removes it.").format(path=path) if told else ""


KNOWN_ACCOUNTS = frozenset(
    ("libvirt", "libvirt-qemu", "libvirt-dnsmasq", "dnsmasq", "polkitd", "qemu", "rdma", "swtpm", "tss")
)
"""Accounts that the packages of a virtualization host make, for a run that was killed before it could tell its own."""


def restore_accounts(
    host: Workshop, before: Accounts, made: Accounts | None, in_use: frozenset[str] = frozenset()
) -> list[str]:
    """Remove the users and groups that came with the packages, bring back those that the purge took too many.

    ``made`` are the accounts that came, None when the run was killed before it could tell; ``in_use`` are names that
    packages which stay have use for.
    """
    users, groups = (KNOWN_ACCOUNTS, KNOWN_ACCOUNTS) if made is None else (set(made.users), set(made.groups))
    now = accounts(host)
    stays = []
    for name in sorted((set(now.users) - set(before.users) - in_use) & set(users)):
        if _is_system(now.users[name]):
            result = _delete(host, "user", name)
            if not result.ok:
                stays.append(_("The user {name} stays: {why}").format(name=name, why=explain(result)))
    now = accounts(host)
    for name in sorted((set(now.groups) - set(before.groups) - in_use) & set(groups)):
        if _is_system(now.groups[name]):
            result = _delete(host, "group", name)
            if not result.ok:
                stays.append(_("The group {name} stays: {why}").format(name=name, why=explain(result)))
    now = accounts(host)
    for name in appeared(now.groups, before.groups):
        gid, members = (*before.groups[name].split(":"), "", "", "", "")[2:4]
        change(host, ("groupadd", "--system", "--gid", gid, "--", name), 60)
        for member in filter(None, members.split(",")):
            if member in now.users:
                change(host, ("gpasswd", "--add", member, "--", name), 60)
    for name in appeared(now.users, before.users):
        fields = before.users[name].split(":")
        argv = ("useradd", "--system", "--no-create-home", "--uid", fields[2], "--gid", fields[3])
        change(host, (*argv, "--comment", fields[4], "--home-dir", fields[5], "--shell", fields[6], "--", name), 60)
    return stays


def _delete(host: Workshop, what: str, name: str) -> Result:
    """Remove an account with shadow's tools, else with busybox's."""
    result = host.change(Command((f"{what}del", "--", name), timeout=60))
    return host.change(Command((f"del{what}", name), timeout=60)) if result.problem == "absent" else result


def _is_system(line: str) -> bool:
    """login.defs(5): people's accounts begin at 1000; libvirt-qemu has the fixed number 64055 in Debian."""
    number = line.split(":")[2]
    return number.isdigit() and (int(number) < 1000 or number == "64055")


def restore_units(host: Workshop, active_before: Iterable[str]) -> None:
    """Stop what still runs although its unit file went with its package."""
    now = units(host)
    if not now.active:
        return
    change(host, ("systemctl", "daemon-reload"), 60)
    lost = sorted(units(host).lost - set(active_before))
    if lost:
        host.change(Command(("systemctl", "stop", "--", *lost), timeout=120))
        host.change(Command(("systemctl", "reset-failed", "--", *lost), timeout=60))
