"""The service manager and the units that libvirt stands on: one ``systemctl show``, or OpenRC's own directories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kvmready.facts.known import Fact, Known, Unknown, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Result

BOOTED = "/run/systemd/system"
"""Exists exactly when systemd is the service manager: sd_booted(3)."""

PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result")
TIMEOUT = 30.0
ENDS = ("Main process exited", "Deactivated", "Failed with")
"""How systemd tells, behind the unit's name, that its process has ended."""

LAST_WORDS = 40
"""Lines of the journal that are asked of a unit that failed; systemd's own fill the last ones (``last_words``)."""

LOCAL = ("/etc/systemd/", "/run/systemd/system")
"""Where an administrator's unit files are; generators and packages write elsewhere."""

NOISE = (
    "libvirt version: ",
    "hostname: ",
    "read /",
    "using nameserver",
    "using local addresses",
    "DHCP",
    "started, version",
    "compile time",
)
"""How lines of libvirt and of its dnsmasq begin that tell of no trouble."""

MANAGERS = ("Starting ", "Started ", "Stopping ", "Stopped ", "Failed to start ", "This usually indicates ")
"""How systemd's own lines begin that do not begin with the unit's name."""

MODULAR = "/usr/sbin/virtqemud"
DRIVERS = ("virtqemud", "virtnetworkd", "virtstoraged", "virtnodedevd", "virtnwfilterd", "virtsecretd", "virtproxyd")
"""The modular daemons that guests of QEMU need (libvirt: docs/daemons.rst); each has a service and a socket."""

EXTRA = ("libvirt-guests.service", "libvirtd-tcp.socket", "libvirtd-tls.socket")
EXTRA_MODULAR = ("virtproxyd-tcp.socket", "virtproxyd-tls.socket")

OPENRC = "/run/openrc"
OPENRC_STATES = (("started", "active"), ("failed", "failed"), ("starting", "activating"))
RUNLEVELS = ("boot", "default")


class Unit(NamedTuple):
    """One unit, in systemd's own words (org.freedesktop.systemd1(5)); ``words`` are the journal's last ones.

    ``local`` are the administrator's files that change it. Both are asked of a unit that failed.

    ``load``: loaded, not-found, masked, error, bad-setting. ``active``: active, inactive, failed, activating, ….
    ``file_state``: enabled, enabled-runtime, disabled, static, indirect, masked, generated, or "".
    """

    name: str
    load: str
    active: str
    sub: str
    file_state: str
    result: str
    words: tuple[str, ...] = ()
    local: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        return self.load not in ("", "not-found")

    @property
    def masked(self) -> bool:
        return self.load == "masked" or self.file_state.startswith("masked")

    @property
    def enabled(self) -> bool:
        """Starts at the next boot; a unit that is only enabled until then does not count."""
        return self.file_state in ("enabled", "static", "generated", "alias")


class Services(NamedTuple):
    """``manager`` is Known: "systemd" or "openrc"; Absent where neither runs the machine. ``units`` are by name."""

    manager: Fact[str]
    units: Fact[Mapping[str, Unit]]


def parse_units(text: str, asked: Sequence[str]) -> dict[str, Unit]:
    """``systemctl show`` prints one block of NAME=VALUE lines for each unit that was asked, in that order.

    A block is filed under the name that was asked, because Id is another one where the unit is an alias.
    """
    blocks: list[dict[str, str]] = [{}]
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            blocks[-1][name] = value
        elif not line.strip() and blocks[-1]:
            blocks.append({})
    blocks = [block for block in blocks if block]
    in_order = len(blocks) == len(asked)
    units = {}
    for number, block in enumerate(blocks):
        name = asked[number] if in_order else block.get("Id", "")
        units[name] = Unit(
            name,
            block.get("LoadState", ""),
            block.get("ActiveState", ""),
            block.get("SubState", ""),
            block.get("UnitFileState", ""),
            block.get("Result", ""),
        )
    return units


def from_result(result: Result, asked: Sequence[str]) -> Fact[Mapping[str, Unit]]:
    """What systemctl answered. It ends with 0 also for units that do not exist."""
    units = parse_units(result.stdout, asked)
    if result.ok and all(name in units for name in asked):
        return Known(units)
    if result.problem:
        return missing(result.problem, "systemctl show")
    said = " ".join(result.stderr.split())[:400]
    return Unknown(f"systemctl show: {said or f'status {result.status}'}")


def since_start(lines: Sequence[str], units: Sequence[str]) -> list[str]:
    """The lines of the last start that has ended: after systemd's "Starting UNIT - DESCRIPTION...".

    An older complaint may be mended already, and a start under way, as by the socket, has not come to its own yet.
    """
    starts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith(tuple(f"Starting {unit}" for unit in units)):
            starts.append([])
        else:
            starts[-1].append(line)
    ends = tuple(f"{unit}: {word}" for unit in units for word in ENDS)
    return next((part for part in reversed(starts) if any(line.startswith(ends) for line in part)), starts[-1])


def last_words(text: str, units: Sequence[str]) -> tuple[str, ...]:
    """The last five different lines of trouble since the last start; the manager's own where there are no others."""
    lines = since_start([line.strip() for line in text.splitlines() if line.strip()], units)
    told = [line for line in lines if not line.startswith(NOISE)]
    return tuple(dict.fromkeys(reversed(_own(told, units) or told)))[:5][::-1]


def _own(lines: Sequence[str], units: Sequence[str]) -> list[str]:
    """The lines that are not the service manager's."""
    return [line for line in lines if not line.startswith((*(f"{unit}: " for unit in units), *MANAGERS))]


def found_words(host: Door, text: str, units: Sequence[str]) -> tuple[str, ...]:
    """The last words in the journal's ``text`` of the units; where it holds none of their own, those of their programs.

    What a process says just before it ends may reach the journal when nobody can tell any more to which unit it
    belonged (systemd: issue 2913); its name is still there. Only the last minutes count: older words may be mended.
    """
    from kvmready.host.door import Command

    words = last_words(text, units)
    programs = [unit.rpartition(".")[0] for unit in units if unit.endswith(".service")]
    by_itself = any(f"{unit}: {end}" in text for unit in units for end in ENDS) and "Stopping " not in text
    if _own(words, units) or not programs or not by_itself:
        return words
    argv = ["journalctl", "--no-pager", "--quiet", "-o", "cat", "--since=-3min", "-n", str(LAST_WORDS)]
    argv += [word for name in programs for word in ("-t", name)]
    result = host.run(Command(tuple(argv), timeout=TIMEOUT))
    return (last_words(result.stdout, units) if result.ok else ()) or words


def parse_files(text: str) -> tuple[str, ...]:
    """The administrator's among the unit files of ``systemctl show --property=FragmentPath,DropInPaths``.

    Those are where systemd.unit(5) has them win over a package's; a path with a space stands there as it is.
    """
    import re

    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    paths = [lines.get("FragmentPath", ""), *re.split(r" (?=/)", lines.get("DropInPaths", ""))]
    return tuple(path for path in paths if path.startswith(LOCAL))


def _after_failure(host: Door, unit: Unit) -> Unit:
    """The unit with what tells why it failed: its last words, and who changed it."""
    from kvmready.host.door import Command

    journal = ("journalctl", "--no-pager", "--quiet", "-o", "cat", "-n", str(LAST_WORDS), "-u", unit.name)
    files = ("systemctl", "show", "--no-pager", "--property=FragmentPath,DropInPaths", "--", unit.name)
    asked = [host.begin(Command(argv, timeout=TIMEOUT)) for argv in (journal, files)]
    said, shown = (running.wait() for running in asked)
    words = found_words(host, said.stdout, (unit.name,)) if said.ok else ()
    return unit._replace(words=words, local=parse_files(shown.stdout) if shown.ok else ())


def units_asked(names: Names, modular: bool) -> tuple[str, ...]:
    """The units of one question, each once."""
    own = [unit for _, units in names.units for unit in units]
    drivers = [f"{name}.{kind}" for name in DRIVERS for kind in ("service", "socket")]
    return tuple(dict.fromkeys([*own, *EXTRA, *([*drivers, *EXTRA_MODULAR] if modular else ())]))


def _openrc(host: Door, asked: Sequence[str]) -> Services:
    """OpenRC: a service's state is a link of its name below /run/openrc (openrc: src/librc/librc.c)."""
    scripts = host.listdir("/etc/init.d")
    states = [(host.listdir(f"{OPENRC}/{folder}").names, state) for folder, state in OPENRC_STATES]
    levels = [name for level in RUNLEVELS for name in host.listdir(f"/etc/runlevels/{level}").names]
    if scripts.error:
        return Services(Known("openrc"), missing(scripts.error, "/etc/init.d"))
    units = {}
    for unit in asked:
        name, _dot, kind = unit.rpartition(".")
        there = kind == "service" and name in scripts.names
        active = next((state for names, state in states if name in names), "inactive") if there else "inactive"
        enabled = "enabled" if name in levels else "disabled"
        units[unit] = Unit(unit, "loaded" if there else "not-found", active, "", enabled if there else "", "")
    return Services(Known("openrc"), Known(units))


def ask(host: Door, names: Names, want: Want) -> Callable[[], Services]:
    """Begin the one ``systemctl show``, where systemd runs. The journal is asked only about units that failed."""
    booted = host.stat(BOOTED)
    if booted.error:
        manager = missing(booted.error, BOOTED)
        if not host.stat(f"{OPENRC}/softlevel").error:
            found = _openrc(host, units_asked(names, False))
            return lambda: found
        return lambda: Services(manager, Unknown(_("no systemd")))
    if want.profile == "minimal":
        return lambda: Services(Known("systemd"), Unknown(_("not asked")))
    from kvmready.host.door import Command

    asked = units_asked(names, not host.stat(MODULAR).error)
    asked += ("cockpit.socket",) if want.profile == "web" else ()
    argv = ("systemctl", "show", "--no-pager", "--property=" + ",".join(PROPERTIES), "--", *asked)
    running = host.begin(Command(argv, timeout=TIMEOUT))

    def answered() -> Services:
        units = from_result(running.wait(), asked)
        if isinstance(units, Known) and any(unit.active == "failed" for unit in units.value.values()):
            units = Known(
                {
                    name: _after_failure(host, unit) if unit.active == "failed" else unit
                    for name, unit in units.value.items()
                }
            )
        return Services(Known("systemd"), units)

    return answered
