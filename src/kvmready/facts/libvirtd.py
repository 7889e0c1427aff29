"""libvirt's daemon itself: its configuration files, who may use it, and, where it does not answer, what it said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown, missing
from kvmready.facts.qemu import program
from kvmready.facts.services import found_words
from kvmready.facts.virconf import Config, parse
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.facts.virsh import Virsh
    from kvmready.host.door import Door, Reading

FOLDER = "/etc/libvirt"
FILES = ("libvirtd.conf", "qemu.conf", "virtlogd.conf", "virtlockd.conf", "network.conf")
MODULAR_FILES = ("virtqemud.conf", "virtnetworkd.conf", "virtstoraged.conf", "virtproxyd.conf")
MODULAR = "/usr/sbin/virtqemud"

RULES = ("/usr/share/polkit-1/rules.d", "/etc/polkit-1/rules.d", "/var/lib/polkit-1/localauthority/10-vendor.d")
"""polkit(8); the last one is where polkit before 0.106 (Debian 11) keeps what packages bring."""

LOCAL_RULES = "/etc/polkit-1/rules.d"
SHIPPED = ("40-debian-sudo.rules", "49-polkit-pkla-compat.rules", "49-ubuntu-admin.rules", "50-default.rules")
"""What distributions put there; none of them speaks of libvirt."""

REFUSALS = ("Result.NO", "Result.AUTH_")
"""What a rule answers that refuses a person, or admits one only with a password: polkit(8)."""

ACTION = "org.libvirt.unix.manage"
ACTIONS = "org.libvirt"
"""What every rule about libvirt's actions holds, also one for all of them."""
POLKIT_SERVICE = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"
"""By this file D-Bus starts polkit, wherever its program is."""
POLKITD = (
    "/usr/lib/polkit-1/polkitd",
    "/usr/libexec/polkitd",
    "/usr/lib/policykit-1/polkitd",
    "/usr/libexec/polkit-1/polkitd",
)

CACHE = "/var/cache/libvirt/qemu/capabilities"
CACHED_KVM = "<flag name='kvm'"
"""libvirt: src/qemu/qemu_capabilities.c writes <flag name='kvm'/> for an emulator that can use it."""

PIDS = ("/run/libvirtd.pid", "/run/virtqemud.pid")
DAEMONS = ("virtqemud.service", "libvirtd.service")
JOURNAL_LINES = 40
TIMEOUT = 10.0
NOT_ASKED = "not asked"


class Refusal(NamedTuple):
    """A user whom libvirt refused, and what it said to them."""

    user: str
    words: str


class Libvirtd(NamedTuple):
    """What is known of the daemon.

    ``configs`` are those of its files that are there; Absent where none is. ``rule`` is the polkit rule file that
    speaks of libvirt, ``polkitd`` the program that obeys it; ``open_socket`` whether everybody may connect to the
    socket, so that polkit decides. The rest is asked only where something is wrong: ``cache`` are the remembered
    emulators that could not use KVM, ``words`` the journal's last ones of a daemon that does not answer, and
    ``waiting`` what it waits for when it hangs. ``deniers`` are the administrator's polkit rules that speak of libvirt
    and can refuse, ``refused`` the users whom libvirt then refused when they tried.
    """

    configs: Fact[tuple[Config, ...]]
    rule: Fact[str]
    polkitd: Fact[str]
    open_socket: Fact[bool]
    cache: Fact[tuple[str, ...]]
    words: Fact[tuple[str, ...]]
    waiting: Fact[str]
    deniers: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


def config(reading: Reading) -> Config | None:
    """One file; None where there is none."""
    if reading.error in ("ENOENT", "ENOTDIR"):
        return None
    if reading.error:
        return Config(reading.path, {}, None, reading.error)
    values, problem = parse(reading.text)
    return Config(reading.path, values, problem)


def _rule(host: Door) -> Fact[str]:
    """The rule file that names libvirt, by its name, else by what is in it."""
    refused = ""
    paths: list[str] = []
    for folder in RULES:
        listing = host.listdir(folder)
        if listing.error in ("EACCES", "EPERM"):
            refused = refused or f"{folder}: {listing.error}"
        paths += [f"{folder}/{name}" for name in listing.names if name.endswith((".rules", ".pkla"))]
    named = next((path for path in paths if "libvirt" in path.rpartition("/")[2]), None)
    if named is not None:
        return Known(named)
    if refused:
        return Denied(refused)
    inside = next((path for path in paths if host.grep(path, (ACTIONS,)).text), None)
    return Known(inside) if inside is not None else Absent(ACTIONS)


def _deniers(host: Door) -> tuple[str, ...]:
    """The administrator's rule files that name libvirt's actions and hold a refusal."""
    names = [name for name in host.listdir(LOCAL_RULES).names if name.endswith(".rules") and name not in SHIPPED]
    paths = [f"{LOCAL_RULES}/{name}" for name in names]
    naming = [path for path in paths if host.grep(path, (ACTIONS,)).text]
    return tuple(path for path in naming if host.grep(path, REFUSALS).text)


def _refused(host: Door, client: str, users: Iterable[str]) -> tuple[Refusal, ...]:
    """Let each user knock at libvirt's door: what a rule written in JavaScript answers, only polkit can say."""
    from kvmready.facts import virsh
    from kvmready.host.door import Command

    asked = ((user, host.begin(Command((client, "-q", "-c", virsh.URI, "uri"), TIMEOUT, user))) for user in users)
    found = []
    for user, running in list(asked):
        words = virsh.complaint(running.wait().stderr)
        if virsh.is_refusal(words):
            found.append(Refusal(user, words))
    return tuple(found)


def _cache(host: Door) -> Fact[tuple[str, ...]]:
    listing = host.listdir(CACHE)
    if listing.error:
        return missing(listing.error, CACHE)
    stale = []
    for name in listing.names:
        if name.endswith(".xml"):
            path = f"{CACHE}/{name}"
            reading = host.grep(path, (CACHED_KVM,))
            if reading.error:
                return missing(reading.error, path)
            if not reading.text:
                stale.append(path)
    return Known(tuple(stale))


def _words(host: Door, units: Iterable[str]) -> Fact[tuple[str, ...]]:
    from kvmready.host.door import Command

    argv = ["journalctl", "--no-pager", "--quiet", "-o", "cat", "-b", "-n", str(JOURNAL_LINES)]
    for unit in units:
        argv += ["-u", unit]
    result = host.run(Command(tuple(argv), timeout=TIMEOUT))
    if result.problem:
        return missing(result.problem, " ".join(argv))
    return (
        Known(found_words(host, result.stdout, DAEMONS))
        if result.ok
        else Unknown(" ".join(result.stderr.split())[:200])
    )


def _waiting(host: Door) -> Fact[str]:
    """proc_pid_status(5) and proc_pid_wchan(5) of the daemon that does not answer."""
    for path in PIDS:
        pid = host.read(path, 64).text.strip()
        if pid.isascii() and pid.isdigit():
            status = host.read(f"/proc/{pid}/status", 4096)
            if not status.error:
                state = re.search(r"^State:\s*(.+)$", status.text, re.MULTILINE)
                where = host.read(f"/proc/{pid}/wchan", 256).text.strip("\0\n")
                return Known(f"pid {pid}: {state.group(1) if state else '?'} {where}".strip())
    return Absent(", ".join(PIDS))


def ask(host: Door, names: Names, want: Want, virsh: Callable[[], Virsh]) -> Callable[[], Libvirtd]:
    """Read the files; what the daemon said is asked only when virsh had no answer."""
    unasked = Unknown(NOT_ASKED)
    if want.profile == "minimal":
        return lambda: Libvirtd(unasked, unasked, unasked, unasked, unasked, unasked, unasked)
    modular = not host.stat(MODULAR).error
    files = (*FILES, *MODULAR_FILES) if modular else FILES
    configs = tuple(found for name in files for found in (config(host.read(f"{FOLDER}/{name}")),) if found)
    known: Fact[tuple[Config, ...]] = Known(configs) if configs else Absent(FOLDER)
    root = host.caller().uid == 0
    rule: Fact[str] = unasked
    polkitd: Fact[str] = unasked
    open_socket: Fact[bool] = Absent("no socket")
    for path in names.sockets:
        status = host.stat(path)
        if status.kind == "socket":
            open_socket = Known(bool(status.mode & 0o002))
            break
    if root and isinstance(open_socket, Known) and open_socket.value:
        rule, polkitd = _rule(host), program(host, POLKITD)
        if isinstance(polkitd, Absent) and not host.stat(POLKIT_SERVICE).error:
            polkitd = Known(POLKIT_SERVICE)
    deniers = _deniers(host) if isinstance(rule, Known) else ()
    booted = not host.stat("/run/systemd/system").error

    def answered() -> Libvirtd:
        said = virsh()
        cache: Fact[tuple[str, ...]] = unasked
        words: Fact[tuple[str, ...]] = unasked
        waiting: Fact[str] = unasked
        capabilities = said.text("capabilities")
        if root and isinstance(capabilities, Known) and "<domain type='kvm'" not in capabilities.value:
            cache = _cache(host)
        if booted and said.state == "failed":
            words = _words(host, DAEMONS if modular else DAEMONS[1:])
        if said.state == "timeout":
            waiting = _waiting(host)
        client = next((path for path in names.virsh if not host.stat(path).error), "") if deniers else ""
        connected = client and said.state == "connected"
        refused = _refused(host, client, [user for user in want.users if user != "root"]) if connected else ()
        seen = _rule(host) if said.state == "denied" and not root else rule
        return Libvirtd(known, seen, polkitd, open_socket, cache, words, waiting, deniers, refused)

    return answered


def setting(configs: Iterable[Config], name: str, *files: str) -> tuple[str, object] | None:
    """Where ``name`` is set, and to what; None where no file of those sets it. Of several the last counts."""
    found = None
    for one in configs:
        if one.path.rpartition("/")[2] in files and name in one.values:
            found = (one.path, one.values[name])
    return found


__all__ = ["ACTION", "Config", "Libvirtd", "ask", "config", "setting"]
