"""The units that libvirt stands on: running now, and at the next boot.

A stopped service behind a socket that listens is healthy: systemd starts it at the first connection
(libvirt: daemons.rst, "Systemd socket activation"). virtlogd and virtlockd are made to work that way only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    unknown,
    warned,
)
from kvmready.facts.known import Absent, Known
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.services import Unit

RUNNING = ("active", "activating", "reloading")


def _evidence(unit: Unit) -> Evidence:
    text = f"LoadState={unit.load} ActiveState={unit.active} UnitFileState={unit.file_state}"
    if unit.result not in ("", "success"):
        text += f" Result={unit.result}"
    return Evidence(f"systemctl show {unit.name}", text)


def _no_manager(facts: Facts, name: str) -> Judgement:
    remedy = manual(
        _(
            "systemd does not run here (a container, or another init). Use a host that was booted with systemd, "
            "or start the daemons by hand at every start."
        ),
        ("virtlogd", "-d"),
        ("libvirtd", "-d"),
    )
    seen = Evidence("/run/systemd/system", _("no such directory"))
    if facts.libvirt.connection == "connected":
        return warned(
            "services.no-manager", _("libvirt answers, but no service manager keeps it running."), remedy, seen
        )
    summary = _("No service manager runs here to start {name}.").format(name=name)
    return failed("services.no-manager", summary, remedy, seen)


def _judge(facts: Facts, check: str) -> Judgement:
    names = dict(facts.names.units).get(check, ())
    name = names[0] if names else check
    manager, units = facts.services.manager, facts.services.units
    by_hand = manual(_("Ask systemd by hand."), ("systemctl", "status", name))
    if isinstance(manager, Absent):
        return _no_manager(facts, name)
    if not isinstance(manager, Known) or not isinstance(units, Known):
        why = units.why if not isinstance(units, Known) else getattr(manager, "why", "")
        return unknown(
            _("systemd did not tell the state of {name}.").format(name=name), by_hand, Evidence("systemctl show", why)
        )
    there = [units.value[unit] for unit in names if unit in units.value and units.value[unit].exists]
    if not there:
        return unknown(
            _("systemd knows no unit {name}.").format(name=name),
            by_hand,
            *(_evidence(unit) for unit in units.value.values() if unit.name in names),
        )
    return _state(name, there[:2])


def _state(name: str, units: list[Unit]) -> Judgement:
    """Judge a service and its main socket."""
    evidence = tuple(_evidence(unit) for unit in units)
    masked = [unit.name for unit in units if unit.masked]
    if masked:
        return failed(
            "services.masked",
            _("{units} is masked: it was made impossible to start.").format(units=", ".join(masked)),
            automatic(_("Unmask it, enable it and start it.")),
            *evidence,
        )
    broken = [unit for unit in units if unit.active == "failed"]
    if broken:
        words = (Evidence(f"journalctl -u {unit.name}", line) for unit in broken for line in unit.words)
        return failed(
            "services.failed",
            _("{units} failed.").format(units=", ".join(unit.name for unit in broken)),
            automatic(_("Start it again, once; if it fails again, its last words in the journal say why.")),
            *evidence,
            *words,
        )
    running = [unit.name for unit in units if unit.active in RUNNING]
    if not running:
        return failed(
            "services.not-running",
            _("{name} is not running.").format(name=name),
            automatic(_("Start it, and enable it for the next boot.")),
            *evidence,
        )
    if not any(unit.enabled for unit in units):
        return failed(
            "services.not-enabled",
            _("{name} runs now, but will not after the next boot.").format(name=name),
            automatic(_("Enable it.")),
            *evidence,
        )
    if name in running:
        return passed(_("{name} runs, also after the next boot.").format(name=name), *evidence)
    return passed(_("{name} starts when it is needed: its socket listens.").format(name=name), *evidence)


def _judge_of(check: str) -> Callable[[Facts], Judgement]:
    return lambda facts: _judge(facts, check)


CHECKS = tuple(
    Check(name, _judge_of(name), needs=("libvirt.daemon",))
    for name in ("services.libvirtd", "services.virtlogd", "services.virtlockd")
)
