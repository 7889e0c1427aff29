"""The service manager and the units that libvirt stands on: one ``systemctl show`` for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kvmready.facts.known import Fact, Known, Unknown, missing
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Result

BOOTED = "/run/systemd/system"
"""Exists exactly when systemd is the service manager: sd_booted(3)."""

PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result")
TIMEOUT = 30.0
LAST_WORDS = 5
"""Lines of the journal that are kept of a unit that failed."""


class Unit(NamedTuple):
    """One unit, in systemd's own words (org.freedesktop.systemd1(5)); ``words`` are the journal's last ones.

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
    """``manager`` is Known("systemd") where systemd runs the machine, else Absent. ``units`` are by name."""

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


def _last_words(host: Door, unit: Unit) -> Unit:
    from kvmready.host.door import Command

    argv = ("journalctl", "--no-pager", "--quiet", "-o", "cat", "-n", str(LAST_WORDS), "-u", unit.name)
    result = host.run(Command(argv, timeout=TIMEOUT))
    return unit._replace(words=tuple(line for line in result.stdout.splitlines() if line.strip()) if result.ok else ())


def ask(host: Door, names: Names, want: Want) -> Callable[[], Services]:
    """Begin the one ``systemctl show``, where systemd runs. The journal is asked only about units that failed."""
    booted = host.stat(BOOTED)
    if booted.error:
        manager = missing(booted.error, BOOTED)
        return lambda: Services(manager, Unknown(_("no systemd")))
    if want.profile == "minimal":
        return lambda: Services(Known("systemd"), Unknown(_("not asked")))
    from kvmready.host.door import Command

    asked = tuple(dict.fromkeys(unit for _, units in names.units for unit in units))
    asked += ("cockpit.socket",) if want.profile == "web" else ()
    argv = ("systemctl", "show", "--no-pager", "--property=" + ",".join(PROPERTIES), "--", *asked)
    running = host.begin(Command(argv, timeout=TIMEOUT))

    def answered() -> Services:
        units = from_result(running.wait(), asked)
        if isinstance(units, Known) and any(unit.active == "failed" for unit in units.value.values()):
            units = Known(
                {
                    name: _last_words(host, unit) if unit.active == "failed" else unit
                    for name, unit in units.value.items()
                }
            )
        return Services(Known("systemd"), units)

    return answered
