"""The units that libvirt stands on: running now, and at the next boot.

A stopped service behind a socket that listens is healthy: systemd starts it at the first connection
(libvirt: daemons.rst, "Systemd socket activation"). virtlogd and virtlockd are made to work that way only. A host has
either libvirtd or the modular daemons; the units of the set that is not in use are not wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    skipped,
    unknown,
    warned,
)
from kvmready.facts.known import Absent, Known
from kvmready.facts.services import DRIVERS, Unit
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts

REQUIRED = ("virtlogd", "virtlockd")
"""The daemons whose sockets libvirtd.service requires."""

RUNNING = ("active", "activating", "reloading")
OTHER_DRIVERS = tuple(name for name in DRIVERS if name not in ("virtqemud", "virtnetworkd", "virtstoraged"))


def is_running(unit: Unit) -> bool:
    return unit.active in RUNNING


def daemon_set(facts: Facts) -> str:
    """Which of libvirt's sets this host uses: "modular" or "monolithic", by what runs, else by what is enabled.

    Where neither is installed yet, it is the one that the distribution uses.
    """
    units = facts.services.units.value if isinstance(facts.services.units, Known) else {}

    def some(name: str, wanted: Callable[[Unit], bool]) -> bool:
        return any(wanted(units[f"{name}.{kind}"]) for kind in ("service", "socket") if f"{name}.{kind}" in units)

    if not some("virtqemud", lambda unit: unit.exists):
        return "monolithic" if some("libvirtd", lambda unit: unit.exists) else facts.names.libvirt_set
    for wanted in (is_running, lambda unit: unit.file_state == "enabled", lambda unit: unit.exists):
        if some("libvirtd", wanted):
            return "monolithic"
        if some("virtqemud", wanted):
            return "modular"
    return "monolithic"


def evidence(unit: Unit, manager: str) -> Evidence:
    """The unit in the words of its service manager."""
    if manager == "openrc":
        service = unit.name.rpartition(".")[0]
        text = f"{unit.load}, {unit.active}, {unit.file_state or '-'}"
        return Evidence(f"rc-service {service} status; rc-update show default", text)
    text = f"LoadState={unit.load} ActiveState={unit.active} UnitFileState={unit.file_state}"
    if unit.result not in ("", "success"):
        text += f" Result={unit.result}"
    return Evidence(f"systemctl show {unit.name}", text)


def manager(facts: Facts) -> Judgement:
    """Whether anything starts services here."""
    found = facts.services.manager
    if isinstance(found, Known):
        name = {"systemd": "systemd", "openrc": "OpenRC"}.get(found.value, found.value)
        seen = "/run/systemd/system" if found.value == "systemd" else "/run/openrc/softlevel"
        return passed(_("{name} runs the services of this host.").format(name=name), Evidence(seen, _("is there")))
    if not isinstance(found, Absent):
        return unknown(
            _("It could not be seen which service manager runs here."),
            manual(_("Look at the first process."), ("ps", "-p", "1", "-o", "comm=")),
            Evidence("/run/systemd/system", found.why),
        )
    remedy = manual(
        _(
            "systemd does not run here (a container, or another init). Use a host that was booted with systemd, "
            "or start the daemons by hand at every start."
        ),
        ("virtlogd", "-d"),
        ("libvirtd", "-d"),
    )
    seen_ = Evidence("/run/systemd/system", _("no such directory"))
    if facts.libvirt.connection == "connected":
        return warned(
            "services.no-manager", _("libvirt answers, but no service manager keeps it running."), remedy, seen_
        )
    return failed("services.no-manager", _("No service manager runs here to start libvirt."), remedy, seen_)


def _by_hand(facts: Facts, name: str) -> tuple[str, ...]:
    if facts.services.manager == Known("openrc"):
        return ("rc-service", name.rpartition(".")[0], "status")
    return ("systemctl", "status", name)


def _unseen(facts: Facts, name: str) -> Judgement | None:
    """What is said where the units are not known; None where they are."""
    found, units = facts.services.manager, facts.services.units
    if isinstance(found, Absent) and facts.libvirt.connection == "connected":
        return skipped(_("libvirt answers without a service manager, so {name} is not asked for.").format(name=name))
    if isinstance(found, Known) and isinstance(units, Known):
        return None
    why = units.why if not isinstance(units, Known) else getattr(found, "why", "")
    return unknown(
        _("The service manager did not tell the state of {name}.").format(name=name),
        manual(_("Ask it by hand."), _by_hand(facts, name)),
        Evidence(" ".join(_by_hand(facts, name)), why),
    )


def _judge(facts: Facts, check: str) -> Judgement:
    names = dict(facts.names.units).get(check, ())
    name = names[0] if names else check
    if check == "services.libvirtd" and daemon_set(facts) == "modular":
        return skipped(_("This host uses libvirt's modular daemons, which do without libvirtd."))
    judgement = _of(facts, name, names)
    return _with_reasons(facts, judgement) if check == "services.libvirtd" else judgement


def _with_reasons(facts: Facts, judgement: Judgement) -> Judgement:
    """libvirtd's own judgement, with the units that keep it from starting: its unit requires their sockets.

    A process that ran and failed did so for a reason of its own (libvirt: src/remote/libvirtd.service.in;
    systemd.unit(5), "Requires="). Those that are merely off are no reason: systemd starts them along.
    """
    units = facts.services.units.value if isinstance(facts.services.units, Known) else {}
    service = units.get("libvirtd.service")
    if service is None or is_running(service) or service.masked or service.active == "failed":
        return judgement
    off = [
        f"services.{name}"
        for name in REQUIRED
        for unit in (units.get(f"{name}.socket"), units.get(f"{name}.service"))
        if unit is not None and (unit.masked or unit.active == "failed")
    ]
    return judgement._replace(because=tuple(dict.fromkeys(off)))


def _of(facts: Facts, name: str, names: tuple[str, ...], off: str = "services.not-running") -> Judgement:
    """Judge a service and its main socket; ``off`` is the cause where neither runs."""
    unseen = _unseen(facts, name)
    if unseen is not None:
        return unseen
    assert isinstance(facts.services.units, Known) and isinstance(facts.services.manager, Known)
    init, units = facts.services.manager.value, facts.services.units.value
    there = [units[unit] for unit in names if unit in units and units[unit].exists]
    if not there and name == "virtlockd.service" and _daemon_is_there(units):
        return _no_locks(facts, *(evidence(unit, init) for unit in units.values() if unit.name in names))
    if not there:
        return unknown(
            _("The service manager knows no unit {name}.").format(name=name),
            manual(_("Ask it by hand."), _by_hand(facts, name)),
            *(evidence(unit, init) for unit in units.values() if unit.name in names),
        )
    if init == "openrc" and name == "virtlockd.service" and not is_running(there[0]):
        return skipped(_("Nothing here asks virtlockd for locks, and it is off."), evidence(there[0], init))
    return _state(name, there[:2], init, off)


def _daemon_is_there(units: Mapping[str, Unit]) -> bool:
    return any(units[name].exists for name in ("libvirtd.service", "virtqemud.service") if name in units)


def _no_locks(facts: Facts, *seen: Evidence) -> Judgement:
    """virtlockd is a package of its own since Debian 13: only ``lock_manager`` in qemu.conf asks for it."""
    found = facts.libvirtd.configs
    configs = found.value if isinstance(found, Known) else ()
    asking = next((one.path for one in configs if one.values.get("lock_manager") == "lockd"), "")
    if not asking:
        return skipped(_("Nothing here asks virtlockd for locks, and it is off."), *seen)
    return failed(
        "services.not-running",
        _("{file} asks virtlockd for locks, and it is not installed: guests do not start.").format(file=asking),
        manual(
            _("Install it (Debian: libvirt-daemon-lock, libvirt-daemon-plugin-lockd), or take lock_manager out again.")
        ),
        Evidence(asking, 'lock_manager = "lockd"'),
        *seen,
    )


def _state(name: str, units: list[Unit], init: str, off: str) -> Judgement:
    seen = tuple(evidence(unit, init) for unit in units)
    masked = [unit.name for unit in units if unit.masked]
    if masked:
        return failed(
            "services.masked",
            _("{units} is masked: it was made impossible to start.").format(units=", ".join(masked)),
            automatic(_("Unmask it, enable it and start it.")),
            *seen,
        )
    broken = [unit for unit in units if unit.active == "failed"]
    if broken:
        words = [Evidence(f"journalctl -u {unit.name}", line) for unit in broken for line in unit.words]
        changed = tuple(dict.fromkeys(path for unit in broken for path in unit.local))
        if changed:
            words += [Evidence(path, _("changes how the unit is started")) for path in changed]
            remedy = manual(
                _(
                    "A file of this host changes how it is started. Mend that file, or remove it if nobody needs it, "
                    "by what the unit's last words say; then start the unit again."
                ),
                *(("editor", path) for path in changed),
                ("systemctl", "daemon-reload"),
                ("systemctl", "reset-failed", *(unit.name for unit in broken)),
                ("systemctl", "start", *(unit.name for unit in reversed(broken))),
            )
        else:
            remedy = automatic(_("Start it again, once; if it fails again, its last words in the journal say why."))
        return failed(
            "services.failed",
            _("{units} failed.").format(units=", ".join(unit.name for unit in broken)),
            remedy,
            *seen,
            *words,
        )
    running = [unit.name for unit in units if is_running(unit)]
    if not running:
        return failed(
            off,
            _("{name} is not running.").format(name=name),
            automatic(_("Start it, and enable it for the next boot.")),
            *seen,
        )
    if not any(unit.enabled for unit in units):
        return failed(
            "services.not-enabled",
            _("{name} runs now, but will not after the next boot.").format(name=name),
            automatic(_("Enable it.")),
            *seen,
        )
    if name in running:
        return passed(_("{name} runs, also after the next boot.").format(name=name), *seen)
    return passed(_("{name} starts when it is needed: its socket listens.").format(name=name), *seen)


def _judge_of(check: str) -> Callable[[Facts], Judgement]:
    return lambda facts: _judge(facts, check)


def _not_modular(facts: Facts) -> Judgement | None:
    """The answer for a modular daemon where libvirtd does the work."""
    if isinstance(facts.services.units, Known) and daemon_set(facts) == "monolithic":
        return skipped(_("This host uses libvirtd, which does the work of the modular daemons."))
    return None


def _driver_of(name: str) -> Callable[[Facts], Judgement]:
    def judge(facts: Facts) -> Judgement:
        service = f"{name}.service"
        off = "services.not-running" if name == "virtqemud" else "libvirt.partial-modular"
        units = facts.services.units
        unit = units.value.get(service) if isinstance(units, Known) else None
        if unit is not None and not unit.exists and daemon_set(facts) == "modular":
            return failed(
                "libvirt.partial-modular",
                _("{name}, one of libvirt's modular daemons that guests need, is not installed.").format(name=name),
                manual(
                    _(
                        "Install libvirt's driver package for it; it is called like libvirt-daemon-driver-{what}."
                    ).format(what=name[len("virt") : -1])
                ),
                evidence(unit, "systemd"),
            )
        return _not_modular(facts) or _of(facts, service, (service, f"{name}.socket"), off)

    return judge


def other_drivers(facts: Facts) -> Judgement:
    """The modular daemons without which only some of a guest's parts fail."""
    unseen = _not_modular(facts) or _unseen(facts, "virtnodedevd.service")
    if unseen is not None:
        return unseen
    assert isinstance(facts.services.units, Known)
    units = facts.services.units.value
    pairs = [
        (units[f"{name}.service"], units[f"{name}.socket"]) for name in OTHER_DRIVERS if f"{name}.service" in units
    ]
    if not any(socket.exists for _service, socket in pairs):
        name = f"{OTHER_DRIVERS[0]}.socket"
        return unknown(
            _("The service manager knows no unit {name}.").format(name=name),
            manual(_("Ask it by hand."), _by_hand(facts, name)),
        )
    off = [pair for pair in pairs if pair[1].exists and not any(is_running(unit) for unit in pair)]
    if off:
        return warned(
            "libvirt.partial-modular",
            _("Some of libvirt's modular daemons are off: {names}.").format(
                names=", ".join(service.name.rpartition(".")[0] for service, _socket in off)
            ),
            automatic(_("Enable their sockets; each daemon then starts when it is needed.")),
            *(evidence(socket, "systemd") for _service, socket in off),
        )
    return passed(
        _("The other modular daemons start when they are needed."),
        *(evidence(socket, "systemd") for _service, socket in pairs if socket.exists),
    )


def guests(facts: Facts) -> Judgement:
    """libvirt-guests, which shuts guests down in order when the host goes down: welcome, not needed."""
    unseen = _unseen(facts, "libvirt-guests.service")
    if unseen is not None:
        return unseen
    assert isinstance(facts.services.units, Known) and isinstance(facts.services.manager, Known)
    unit = facts.services.units.value.get("libvirt-guests.service")
    if unit is None:
        return unknown(
            _("The service manager did not tell the state of {name}.").format(name="libvirt-guests.service"),
            manual(_("Ask it by hand."), _by_hand(facts, "libvirt-guests.service")),
        )
    seen = evidence(unit, facts.services.manager.value)
    if not unit.exists:
        return skipped(_("libvirt-guests, which shuts guests down with the host, is not installed; nothing needs it."))
    if unit.active == "failed":
        return warned(
            "services.failed",
            _("libvirt-guests failed: guests may be cut off hard when this host goes down."),
            manual(
                _("See why, then start it again."),
                ("journalctl", "-u", unit.name, "-n", "20"),
                ("systemctl", "restart", unit.name),
            ),
            seen,
            *(Evidence(f"journalctl -u {unit.name}", line) for line in unit.words),
        )
    if is_running(unit) and unit.enabled:
        return passed(_("Guests are shut down in order when this host goes down."), seen)
    return skipped(_("libvirt-guests is off: guests are cut off when this host goes down; nothing needs it."), seen)


CHECKS = (
    Check("services.manager", manager, needs=("libvirt.daemon",)),
    *(
        Check(
            name, _judge_of(name), needs=("libvirt.daemon", "libvirt.config", "libvirt.daemon-set", "services.manager")
        )
        for name in ("services.libvirtd", "services.virtlogd", "services.virtlockd")
    ),
    *(
        Check(
            f"services.{name}",
            _driver_of(name),
            needs=("libvirt.daemon", "libvirt.config", "libvirt.daemon-set", "services.manager"),
        )
        for name in ("virtqemud", "virtnetworkd", "virtstoraged")
    ),
    Check(
        "services.modular-drivers", other_drivers, needs=("libvirt.daemon", "services.manager", "services.virtqemud")
    ),
    Check("services.libvirt-guests", guests, needs=("libvirt.daemon", "services.manager")),
)
