"""Who will run guests, and what groups each has: in the database, and in the sessions that run now."""

from __future__ import annotations

import re
from collections.abc import Callable

from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.guests import Guests
    from kvmready.facts.names import Names, Want
    from kvmready.facts.storage import Storage
    from kvmready.host.door import Account, Door


class Person(NamedTuple):
    """One user of ``want.users``.

    ``account`` is Absent where the database knows no such user. ``sessions`` are the groups (by number) of each
    different set among the user's running processes: the caller's own alone where the caller is this user, Absent
    where the user runs nothing now or is in neither group, so that no session can be behind the database.
    """

    name: str
    account: Fact[Account]
    sessions: Fact[tuple[tuple[int, ...], ...]]


class Uri(NamedTuple):
    """Where virsh and virt-install of a user go when nothing is said: ``uri`` is "" where libvirt chooses itself, which
    is the session for everybody but root. ``source`` is the file that says so, ``session_guests`` who is there.
    """

    uri: str
    source: str
    session_guests: tuple[str, ...] = ()


class Access(NamedTuple):
    """``kvm_gid`` and ``libvirt_gid`` are the groups' numbers, Absent where there is no such group.

    ``uris`` are the users' default connections, by name; asked only where guests are defined on the system connection.
    """

    people: tuple[Person, ...]
    kvm_group: str
    kvm_gid: Fact[int]
    libvirt_group: str
    libvirt_gid: Fact[int]
    uris: tuple[tuple[str, Fact[Uri]], ...] = ()


URI_VARIABLE = "LIBVIRT_DEFAULT_URI"
SYSTEM_FILES = ("/etc/environment", "/etc/profile", "/etc/bash.bashrc", "/etc/bashrc")
OWN_FILES = (".profile", ".bash_profile", ".bash_login", ".bashrc", ".zprofile", ".zshrc", ".pam_environment")
PROFILE_FOLDER = "/etc/profile.d"
CONFIG = ".config/libvirt/libvirt.conf"
"""libvirt: docs/uri.rst, "Default URI choice" (where XDG_CONFIG_HOME is not set)."""

_SET = re.compile(URI_VARIABLE + r"['\"]?\s*(?:=|\s|DEFAULT=)\s*['\"]?([^'\"\s;]+)")
_URI_DEFAULT = re.compile(r"^\s*uri_default\s*=\s*[\"']([^\"']*)[\"']", re.MULTILINE)


def parse_variable(text: str) -> str:
    """The value that shell or environment lines give to LIBVIRT_DEFAULT_URI last; "" where none does."""
    found = ""
    for line in text.splitlines():
        match = None if line.lstrip().startswith("#") else _SET.search(line)
        found = match.group(1) if match else found
    return found


def parse_uri_default(text: str) -> str:
    """``uri_default`` of a libvirt.conf; "" where it is not set."""
    found = _URI_DEFAULT.findall(text)
    return str(found[-1]) if found else ""


def goes_to_session(uri: Uri) -> bool:
    """Whether a user's own commands go to the session, where guests of the system connection are not seen."""
    return uri.uri in ("", "qemu:///session")


def by_configuration(uri: Uri) -> bool:
    """Whether the user's libvirt.conf decides, and no variable of the environment that would beat it."""
    return uri.source.endswith("/" + CONFIG)


def member(account: Account, gid: Fact[int]) -> bool:
    """Whether a new login of this account is in the group."""
    return isinstance(gid, Known) and any(number == gid.value for _, number in account.groups)


def _gid(host: Door, name: str) -> Fact[int]:
    group = host.group(name)
    return Absent(name) if group.error else Known(group.gid)


def _person(host: Door, name: str, gids: tuple[Fact[int], ...], own: tuple[int, tuple[int, ...]]) -> Person:
    account = host.account(name)
    if account.error:
        return Person(name, Absent(name), Absent(_("no such user")))
    if account.uid == own[0]:
        return Person(name, Known(account), Known((own[1],)))
    if not any(member(account, gid) for gid in gids):
        return Person(name, Known(account), Absent(_("in neither group")))
    groups = tuple(dict.fromkeys(session.groups for session in host.sessions(account.uid)))
    return Person(name, Known(account), Known(groups) if groups else Absent(_("no running session")))


def _uri(host: Door, home: str) -> Fact[Uri]:
    """The user's default connection. libvirt looks at the environment first, then at the user's libvirt.conf."""
    own = host.listdir(f"{home}/.config/libvirt/qemu")
    if own.error in ("EACCES", "EPERM"):
        return Denied(home)
    session = tuple(name[:-4] for name in own.names if name.endswith(".xml"))
    scripts = host.listdir(PROFILE_FOLDER)
    files = [*SYSTEM_FILES, *(f"{PROFILE_FOLDER}/{name}" for name in scripts.names if name.endswith(".sh"))]
    for path in (*(f"{home}/{name}" for name in OWN_FILES), *files):
        value = parse_variable(host.grep(path, (URI_VARIABLE,)).text)
        if value:
            return Known(Uri(value, path, session))
    path = f"{home}/{CONFIG}"
    reading = host.grep(path, ("uri_default",))
    if reading.error and reading.error not in ("ENOENT", "ENOTDIR"):
        return missing(reading.error, path)
    return Known(Uri(parse_uri_default(reading.text), path, session))


def _uris(
    host: Door, people: tuple[Person, ...], libvirt_gid: Fact[int], guests: Fact[Guests]
) -> tuple[tuple[str, Fact[Uri]], ...]:
    if not isinstance(guests, Known) or not guests.value.names:
        return ()
    found = []
    for person in people:
        account = person.account
        if isinstance(account, Known) and account.value.uid != 0 and member(account.value, libvirt_gid):
            home = account.value.home
            known = home.startswith("/") and home != "/"
            found.append((person.name, _uri(host, home) if known else Unknown(person.name)))
    return tuple(found)


def ask(host: Door, names: Names, want: Want, storage: Callable[[], Storage]) -> Callable[[], Access]:
    """Ask the database of users and groups, and the kernel about running sessions."""
    kvm_gid = _gid(host, names.kvm_group)
    libvirt_gid = _gid(host, names.libvirt_group)
    caller = host.caller()
    people = tuple(
        _person(host, name, (kvm_gid, libvirt_gid), (caller.uid, caller.groups)) for name in dict.fromkeys(want.users)
    )

    def answered() -> Access:
        uris = _uris(host, people, libvirt_gid, storage().guests)
        return Access(people, names.kvm_group, kvm_gid, names.libvirt_group, libvirt_gid, uris)

    return answered
