"""The configuration file: what is wanted of a host, in TOML or JSON. Read in only where there is such a file.

A key that is not known, or that does not have one of its values, is refused: with the file, the line and the key.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping

from kvmready.errors import InputError
from kvmready.facts.memory import MEMINFO, most_huge, parse_meminfo
from kvmready.facts.names import PROFILES
from kvmready.facts.network import subnet_of
from kvmready.host import configuration
from kvmready.i18n import N_, _
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Door

DEEPEST = 32
"""Brackets inside each other, at the most. The parser goes down as deep as they do, and might not come up again."""

MOST_PAGES = 1 << 25
"""64 TiB: a number with which nothing overflows. How many the host can have is asked of the host."""

SUBNET = N_('a private IPv4 network of 256 addresses, such as "192.168.150.0/24"')
FOLDER = N_('the absolute path of a directory, such as "/srv/guests"')
SWITCH = N_("true or false")
NAMES = N_('a list of names of users, such as ["alice", "bob"]')
GUESTS = N_('a list of names of guests, such as ["web", "db"]; a name of digits only is none to virsh')
PAGES = N_('a number of huge pages of 2 MiB, such as 1024, or their size, such as "2G" or "512M"')
BRIDGE = N_('a name for the bridge of at most 15 letters and digits, such as "br0", and none of libvirt\'s own')
INTERFACE = N_('the name of a network interface, such as "eth1" or "enp3s0"')

KEYS: Mapping[str, tuple[str, ...]] = {
    "profile": PROFILES,
    "users": (),
    "nested": (),
    "iommu": (),
    "accel": ("kvm", "tcg"),
    "network.subnet": (),
    "network.bridge": (),
    "network.interface": (),
    "storage.path": (),
    "hugepages": (),
    "autostart": (),
}
"""Every key with the words that it can have; without any, ``_fits`` says what it takes."""

FIELDS = {
    "network.subnet": "subnet",
    "network.bridge": "bridge",
    "network.interface": "interface",
    "storage.path": "pool_path",
}
"""What a key is called in ``Want``, where that is not its own name."""

FOR_LIBVIRT = (*FIELDS, "autostart")
"""Keys that mean nothing without libvirt."""


class Configuration(NamedTuple):
    """``values`` are those that the file gives, by the name that they have in ``Want``. ``lines`` is where each key
    stands, 0 where that was not found.
    """

    path: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def place(self, key: str) -> str:
        return _place(self.path, self.lines.get(key, 0))

    def check_memory(self, host: Door) -> None:
        """Raises InputError where the file wants more huge pages than the host has memory for."""
        wanted = int(self.values.get("hugepages", 0)) << 20
        total = parse_meminfo(host.read(MEMINFO, 16384).text).get("MemTotal", 0) if wanted else 0
        if total and wanted > most_huge(total):
            raise InputError(
                _("{place}: hugepages cannot be {size} MiB on this host.").format(
                    place=self.place("hugepages"), size=wanted >> 20
                ),
                _("It has {total} MiB of memory, and some of it has to stay for the host itself.").format(
                    total=total >> 20
                ),
                _("At most: {size} MiB").format(size=most_huge(total) >> 20),
            )

    def check_users(self, host: Door) -> None:
        """Raises InputError where the host does not know a user that the file names."""
        for name in self.values.get("users", ()):
            if host.account(name).error:
                raise InputError(
                    _("{place}: there is no user {name} on this host.").format(
                        place=self.place("users"), name=_shown(name)
                    ),
                    "",
                    _("Name an existing one in users, or create it first: adduser NAME"),
                )


def load(path: str, trusted: bool = False) -> Configuration:
    """The configuration in a file. ``trusted``: one that nobody named, so that it has to be root's alone.

    Raises InputError for whatever is wrong with it.
    """
    opened = configuration.read(path, trusted)
    if opened.problem:
        raise InputError(
            _("The configuration {file} is not read.").format(file=path),
            opened.problem,
            _("Mend it, or ignore it with --no-config.") if trusted else "",
        )
    try:
        text = opened.content.decode("utf-8-sig")  # some editors begin a file with a mark of its encoding
    except UnicodeDecodeError as error:
        line = opened.content.count(b"\n", 0, error.start) + 1
        raise InputError(
            _("{place}: this is not UTF-8.").format(place=_place(path, line)),
            str(error),
            _("Save the file in the encoding UTF-8."),
        ) from None
    return parse(text, path)


def parse(text: str, path: str) -> Configuration:
    """What a text in TOML wants. Raises InputError, and no other error for any text."""
    document = _document(text, path)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in _flat(document):
        lines[key] = line_of(text, key)
        place = _place(path, lines[key])
        if key not in KEYS:
            raise InputError(
                _("{place}: there is no key {key}.").format(place=place, key=_shown(key)),
                _("The keys are: {names}").format(names=", ".join(KEYS)),
                _nearest(key, tuple(KEYS)),
            )
        if not _fits(key, value):
            raise InputError(
                _("{place}: {key} cannot be {value}.").format(place=place, key=key, value=_shown(value)),
                _("Allowed: {allowed}").format(allowed=_allowed(key)),
                _nearest(value, KEYS[key]),
            )
        values[FIELDS.get(key, key)] = _value(key, value)
    found = Configuration(path, values, lines)
    if values.get("profile") == "minimal":
        for key in FOR_LIBVIRT:
            if key in lines:
                raise InputError(
                    _("{place}: {key} means nothing for the profile minimal.").format(place=found.place(key), key=key),
                    _("Such a host needs no libvirt, and so no default network and no storage pool."),
                    _("Leave it out, or choose the profile server."),
                )
    _check_bridge(found)
    return found


def _check_bridge(found: Configuration) -> None:
    """Raises InputError where the keys for a bridge do not go with each other."""
    bridge, interface = found.values.get("bridge"), found.values.get("interface")
    if bridge and not interface:
        raise InputError(
            _("{place}: network.bridge needs network.interface.").format(place=found.place("network.bridge")),
            _("A bridge leads somewhere only through an interface that is in it."),
            _('Name that interface: interface = "eth1"'),
        )
    if interface and not bridge:
        raise InputError(
            _("{place}: network.interface needs network.bridge.").format(place=found.place("network.interface")),
            _("The interface is that of a bridge."),
            _('Name the bridge: bridge = "br0"'),
        )
    if bridge and bridge == interface:
        raise InputError(
            _("{place}: the bridge and its interface have the same name.").format(place=found.place("network.bridge"))
        )
    if bridge and "subnet" in found.values:
        raise InputError(
            _("{place}: network.subnet and network.bridge exclude each other.").format(
                place=found.place("network.subnet")
            ),
            _("The subnet is that of the default network, in whose place the bridge is."),
            _("Leave one of them out."),
        )


def _value(key: str, value: Any) -> Any:
    """A value as ``Want`` has it."""
    if key == "hugepages":
        return _mebibytes(value)
    return tuple(value) if isinstance(value, list) else value


def _mebibytes(value: object) -> int:
    """The size of huge pages of 2 MiB in MiB; 0 for what is neither their number nor their size."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 2 if 0 < value <= MOST_PAGES else 0
    found = re.fullmatch(r"([1-9][0-9]{0,8}) ?([MG])(?:i?B)?", value) if isinstance(value, str) else None
    if found is None:
        return 0
    size = int(found.group(1)) << (10 if found.group(2) == "G" else 0)
    return size if size % 2 == 0 and size <= 2 * MOST_PAGES else 0


def line_of(text: str, key: str) -> int:
    """The line on which a key is given, counted from 1; 0 where it is not found.

    The parser of TOML tells no lines. A key stands at the beginning of a line, bare or in quotes, and not in a text
    that goes over several lines; of a dotted key, the first part may be the name of the table that it stands in.
    """
    table, within = "", ""
    for number, line in enumerate(text.split("\n"), 1):
        if not within:
            header = re.match(r"\s*\[\[?([^\[\]]+)\]", line)
            if header:
                table = _plain(header.group(1))
            found = table if header else ".".join(part for part in (table, _key(line)) if part and _key(line))
            if found == key or found.startswith(key + "."):
                return number
        within = _open_text(line, within)
    outer = key.rpartition(".")[0]
    return line_of(text, outer) if outer else 0  # its table may be written on one line


def _key(line: str) -> str:
    """The key that a line begins with, its parts with dots in between; empty where it begins with none."""
    part = r"""(?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')"""
    found = re.match(rf"\s*({part}(?:\s*\.\s*{part})*)\s*=", line)
    return _plain(found.group(1)) if found else ""


def _plain(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _open_text(line: str, within: str) -> str:
    """The three quotes of a text that goes on after this line; empty where none does. ``within`` is so before it."""
    while True:
        if within:
            end = line.find(within)
            if end < 0:
                return within
            line, within = line[end + 3 :], ""
        begin = re.match(r"""(?:[^"'#]|"(?!"")(?:[^"\\]|\\.)*"|'(?!'')[^']*')*(\"{3}|'{3})""", line)
        if begin is None:
            return ""
        line, within = line[begin.end() :], begin.group(1)


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys and values; the keys of a table that has some of ours with the table's name and a dot before them."""
    for key, value in document.items():
        if isinstance(value, dict) and any(known.startswith(f"{key}.") for known in KEYS):
            for inner, deeper in value.items():
                yield f"{key}.{inner}", deeper
        else:
            yield key, value


def _document(text: str, path: str) -> dict[str, Any]:
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise InputError(_("{file} is no configuration: its brackets are nested too deeply.").format(file=path))
    if path.endswith(".json"):
        return _from_json(text, path)
    loads = _parser(path).loads
    try:
        document: dict[str, Any] = loads(text)
    except (ValueError, OverflowError, RecursionError) as error:  # a number of five thousand digits is a ValueError
        raise _not_toml(str(error), text, path) from None
    return document


def _from_json(text: str, path: str) -> dict[str, Any]:
    """The same keys as JSON, which every Python reads. Raises InputError."""
    import json

    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise InputError(_("{place}: this is not JSON.").format(place=_place(path, line)), str(error)) from None
    if not isinstance(document, dict):
        raise InputError(_("{place}: this is not an object of JSON.").format(place=path))
    return document


def _parser(path: str) -> Any:
    """tomllib of Python 3.11 and newer, or tomli, from which it was made. Raises InputError where there is neither."""
    for name in ("tomllib", "tomli"):
        try:
            return __import__(name)
        except ImportError:
            continue
    raise InputError(
        _("The configuration {file} cannot be read: this Python has no parser for TOML.").format(file=path),
        _("Python 3.11 and newer have one; older ones need the package tomli."),
        _("Debian, Ubuntu, RHEL, Fedora: install python3-tomli. Elsewhere: python3 -m pip install tomli"),
    )


def _not_toml(said: str, text: str, path: str) -> InputError:
    found = re.search(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$", said)
    line = 0 if found is None else int(found.group(1) or text.rstrip("\n").count("\n") + 1)
    why = said if found is None else said[: found.start()]
    if why == "Cannot overwrite a value":
        return InputError(_("{place}: a key is given twice.").format(place=_place(path, line)), why)
    return InputError(
        _("{place}: this is not TOML.").format(place=_place(path, line)),
        why,
        _("A line is: key = value. Texts stand in quotes, lists in brackets, and true and false in neither."),
    )


def _place(path: str, line: int) -> str:
    return _("{file}, line {line}").format(file=path, line=line) if line else path


def _fits(key: str, value: object) -> bool:
    if KEYS[key]:
        return isinstance(value, str) and value in KEYS[key]
    if key == "users":
        return isinstance(value, list) and bool(value) and all(_is_name(name) for name in value)
    if key == "network.subnet":
        return isinstance(value, str) and _is_subnet(value)
    if key == "storage.path":
        return isinstance(value, str) and _is_folder(value)
    if key == "hugepages":
        return bool(_mebibytes(value))
    if key == "autostart":
        return isinstance(value, list) and bool(value) and all(_is_guest(name) for name in value)
    if key == "network.bridge":
        return isinstance(value, str) and _is_bridge(value)
    if key == "network.interface":
        return isinstance(value, str) and value != "lo" and re.fullmatch(r"\w[\w.-]{0,14}", value, re.ASCII) is not None
    return isinstance(value, bool)


def _is_subnet(value: str) -> bool:
    """RFC 1918, of the one size for which the plan has a definition; written as libvirt's are read."""
    address, _slash, prefix = value.partition("/")
    private = re.match(r"10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.", value)
    return private is not None and prefix == "24" and subnet_of(address, prefix=prefix) == value


def _is_folder(value: str) -> bool:
    return 1 < len(value) <= 1024 and value.startswith("/") and value.isprintable() and os.path.normpath(value) == value


def _is_name(name: object) -> bool:
    """Whether passwd(5) could hold it; whether it does is asked of the host."""
    return isinstance(name, str) and re.fullmatch(r"[^\s:,/-][^\s:,/]{0,255}", name) is not None and name.isprintable()


def _is_guest(name: object) -> bool:
    """What libvirt takes for a name, but for those that virsh would take for a number or an option."""
    return (
        isinstance(name, str)
        and re.fullmatch(r"[^\s/-]([^/]{0,198}[^\s/])?", name) is not None
        and name.isprintable()
        and not name.isdigit()
    )


def _is_bridge(name: str) -> bool:
    """A name of 15 bytes at the most (linux: IFNAMSIZ), and one under which libvirt has nothing of its own."""
    own = name == "default" or name.startswith(("virbr", "vnet"))
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,14}", name) is not None and not own


def _allowed(key: str) -> str:
    others = {
        "users": NAMES,
        "network.subnet": SUBNET,
        "network.bridge": BRIDGE,
        "network.interface": INTERFACE,
        "storage.path": FOLDER,
        "hugepages": PAGES,
        "autostart": GUESTS,
    }
    return ", ".join(KEYS[key]) or _(others.get(key, SWITCH))


def _nearest(value: object, words: tuple[str, ...]) -> str:
    """A question that names the word that was meant; empty where none is near."""
    import difflib

    near = difflib.get_close_matches(value[:40], words, 1) if isinstance(value, str) else []
    return _("Did you mean {name}?").format(name=near[0]) if near else ""


def _shown(value: object) -> str:
    """A value as TOML writes it, more or less, and no more of it than fits on a line."""
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"
