"""What confines guests, AppArmor or SELinux, and which of their disks it kept from them.

The kernel's audit messages are read where auditd keeps them, else in the kernel log, and only on a host where guests
were run: elsewhere nothing can have been denied. A message about a file that is gone, or that is allowed by now, is
left out: it is history.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from kvmready.facts.known import Denied, Fact, Known, Unknown, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.guests import Guests
    from kvmready.facts.names import Names, Want
    from kvmready.facts.storage import Storage
    from kvmready.host.door import Door, Running

APPARMOR = "/sys/module/apparmor/parameters/enabled"
PROFILES = "/sys/kernel/security/apparmor/profiles"
SELINUX = "/sys/fs/selinux/enforce"
AUDIT_LOG = "/var/log/audit/audit.log"
GUEST_LOGS = "/var/log/libvirt/qemu"
"""One NAME.log for each guest that was started: libvirt, src/qemu/qemu_conf.c (logDir)."""

ABSTRACTIONS = ("/etc/apparmor.d/local/abstractions/libvirt-qemu", "/etc/apparmor.d/abstractions/libvirt-qemu.d")
"""Where an administrator's own rules for all guests belong; the packaged abstraction includes both."""

ABSTRACTION = ABSTRACTIONS[0]

LABEL = "security.selinux"
GUEST_LABELS = ("virt_image_t", "svirt_image_t", "svirt_tcg_image_t", "virt_content_t", "svirt_home_t")
"""Types that guests may read or write: selinux-policy, policy/modules/contrib/virt.te."""

IMAGE = re.compile(r"\.(?:qcow2?|img|raw|iso|vmdk|vdi|vhdx?|qed|snap\w*)$", re.IGNORECASE)
NEEDLES = ('profile="libvirt-', ":svirt_")
LINES = 200
"""Messages that are looked at, the newest ones."""

NOT_ASKED = "not asked"


class Denial(NamedTuple):
    """One refusal: ``by`` apparmor or selinux; ``path`` as the kernel named it (SELinux often gives only a name)."""

    by: str
    path: str
    label: str  # the file's SELinux type, such as default_t; "" for AppArmor
    text: str  # the message


class Confinement(NamedTuple):
    """``apparmor`` and ``selinux`` are whether each confines; Absent where the kernel is without it.

    ``profiles`` are AppArmor's for libvirt, by name with their mode. ``denials`` are those of guests' disks that still
    hold.
    """

    apparmor: Fact[bool]
    profiles: Fact[tuple[tuple[str, str], ...]]
    selinux: Fact[bool]
    denials: Fact[tuple[Denial, ...]]


OPENING = ("open", "file_lock", "truncate", "file_perm", "getattr")
"""AppArmor's names for what QEMU does with a disk: security/apparmor/include/audit.h."""

FILES = ("file", "dir", "blk_file", "lnk_file")
_AVC = re.compile(r"avc:\s+denied")
_FIELD = re.compile(r'\b(\w+)=("(?:[^"]*)"|\S+)')
_STAMP = re.compile(r"\baudit\((\d+)")


def _fields(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _FIELD.findall(line)}


def _name(fields: dict[str, str], quoted: bool) -> str:
    """A path of an audit message; one with unusual characters is hexadecimal and not quoted (auditd, RAW format)."""
    text = fields.get("path") or fields.get("name") or ""
    if quoted or not re.fullmatch(r"(?:[0-9A-F]{2})+", text):
        return text
    return bytes.fromhex(text).decode("utf-8", "replace")


def parse_denials(text: str, since: int = 0) -> tuple[Denial, ...]:
    """The refusals to guests in a log's lines. ``since`` leaves out what is older, in seconds since the epoch."""
    found: dict[tuple[str, str], Denial] = {}
    for line in text.splitlines()[-LINES:]:
        stamp = _STAMP.search(line)
        if stamp is not None and since and int(stamp.group(1)[:12]) < since:
            continue
        fields = _fields(line)
        quoted = bool(re.search(r'\b(?:path|name)="', line))
        path = _name(fields, quoted)
        if not path:
            continue
        if 'apparmor="DENIED"' in line and fields.get("profile", "").startswith("libvirt-"):
            if fields.get("operation") in OPENING:
                found["apparmor", path] = Denial("apparmor", path, "", line.strip()[:400])
        elif _AVC.search(line) and ":svirt_" in fields.get("scontext", "") and fields.get("tclass") in FILES:
            label = (*fields.get("tcontext", "").split(":"), "", "", "")[2]
            if fields.get("permissive") != "1":
                found["selinux", path] = Denial("selinux", path, label, line.strip()[:400])
    return tuple(found.values())


def parse_profiles(text: str) -> tuple[tuple[str, str], ...]:
    """Lines ``NAME (MODE)`` of the kernel's list."""
    found = (re.fullmatch(r"(.+) \((\w+)\)", line.strip()) for line in text.splitlines())
    return tuple((match.group(1), match.group(2)) for match in found if match)


def allows(rules: str, path: str) -> bool:
    """Whether a line of an AppArmor file names this path, or a folder above it with a pattern; in doubt, no."""
    for line in rules.splitlines():
        words = line.strip().rstrip(",").split()
        if len(words) < 2 or line.lstrip().startswith(("#", "deny", "include", "audit deny")):
            continue
        pattern = next((word.strip('"') for word in words if word.strip('"').startswith("/")), "")
        stem, star, _rest = pattern.partition("*")
        if pattern == path or (star and stem.endswith("/") and path.startswith(stem)):
            return True
    return False


def _flag(host: Door, path: str, yes: str) -> Fact[bool]:
    reading = host.read(path, 64)
    return missing(reading.error, path) if reading.error else Known(reading.text.strip() == yes)


def _were_run(host: Door, guests: Fact[Guests]) -> Fact[bool]:
    """Whether any guest was ever run here, by its log or by its definition."""
    if isinstance(guests, Known) and guests.value.names:
        return Known(True)
    logs = host.listdir(GUEST_LOGS)
    if not logs.error:
        return Known(any(name.endswith(".log") for name in logs.names))
    return Known(False) if logs.error == "ENOENT" else missing(logs.error, GUEST_LOGS)


def _booted(host: Door) -> int:
    words = host.grep("/proc/stat", ("btime",)).text.split()
    return int(words[1]) if len(words) == 2 and words[1].isdigit() and len(words[1]) < 12 else 0


def _messages(host: Door, running: Running | None) -> Fact[tuple[Denial, ...]]:
    """What the log says: auditd's where it runs, since it takes the messages away from the kernel log."""
    if running is None:
        reading = host.grep(AUDIT_LOG, NEEDLES)
        if reading.error:
            return missing(reading.error, AUDIT_LOG)
        return Known(parse_denials(reading.text, _booted(host)))
    answer = running.wait()
    if answer.ok:
        lines = (line for line in answer.stdout.splitlines() if any(needle in line for needle in NEEDLES))
        return Known(parse_denials("\n".join(lines)))
    if answer.problem == "denied" or "not permitted" in answer.stderr:
        return Denied(_("dmesg: only root may read the kernel log"))
    return Unknown(f"dmesg: {answer.problem or answer.stderr.strip()[:200] or answer.status}")


def _is_image(path: str, pool: str, images: Iterable[str]) -> bool:
    if not path.startswith("/"):  # SELinux names the file alone
        return bool(IMAGE.search(path)) or any(image.rpartition("/")[2] == path for image in images)
    return path in images or bool(IMAGE.search(path)) or path.startswith(pool.rstrip("/") + "/")


def _whole(denial: Denial, images: Iterable[str]) -> Denial:
    """With the path of the guest's disk of that name, where exactly one has it."""
    if denial.path.startswith("/"):
        return denial
    same = [image for image in images if image.rpartition("/")[2] == denial.path]
    return denial._replace(path=same[0]) if len(same) == 1 else denial


def _holds(host: Door, denial: Denial) -> bool:
    """Whether it would be denied again, as far as can be seen."""
    if not denial.path.startswith("/"):
        return True
    if host.stat(denial.path).error == "ENOENT":
        return False
    if denial.by == "apparmor":
        files = [ABSTRACTIONS[0]]
        files += [f"{ABSTRACTIONS[1]}/{name}" for name in host.listdir(ABSTRACTIONS[1]).names]
        return not any(allows(host.read(file).text, denial.path) for file in files)
    label = host.attribute(denial.path, LABEL)
    try:
        parts = bytes.fromhex(label.text).decode("ascii", "replace").rstrip("\0").split(":")
    except ValueError:
        return True
    return label.error != "" or len(parts) < 3 or parts[2] not in GUEST_LABELS


def ask(host: Door, names: Names, want: Want, storage: Callable[[], Storage]) -> Callable[[], Confinement]:
    """Read the switches; the log is begun only where guests were run."""
    unasked = Unknown(NOT_ASKED)
    if want.profile == "minimal":
        return lambda: Confinement(unasked, unasked, unasked, unasked)
    from kvmready.host.door import Command

    apparmor, selinux = _flag(host, APPARMOR, "Y"), _flag(host, SELINUX, "1")
    confined = [one for one in (apparmor, selinux) if isinstance(one, Known) and one.value]
    if not confined:
        return lambda: Confinement(apparmor, unasked, selinux, unasked)
    profiles: Fact[tuple[tuple[str, str], ...]] = unasked
    if isinstance(apparmor, Known) and apparmor.value:
        listed = host.grep(PROFILES, ("libvirt", "virt-aa-helper"))
        profiles = missing(listed.error, PROFILES) if listed.error else Known(parse_profiles(listed.text))
    known = storage()
    were_run = _were_run(host, known.guests)
    if not isinstance(were_run, Known):
        return lambda: Confinement(apparmor, profiles, selinux, were_run)
    if not were_run.value:
        return lambda: Confinement(apparmor, profiles, selinux, Known(()))
    audited = not host.stat(AUDIT_LOG).error
    running = None if audited else host.begin(Command(("dmesg", "-r"), timeout=5))
    found = known.guests.value.images if isinstance(known.guests, Known) else unasked
    images = found.value if isinstance(found, Known) else ()

    def answered() -> Confinement:
        denials = _messages(host, running)
        if not isinstance(denials, Known):
            return Confinement(apparmor, profiles, selinux, denials)
        about = [_whole(one, images) for one in denials.value if _is_image(one.path, known.path, images)]
        return Confinement(apparmor, profiles, selinux, Known(tuple(one for one in about if _holds(host, one))))

    return answered
