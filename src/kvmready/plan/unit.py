"""Kind ``unit``: unmask, enable and start a group of systemd units, the sockets before the service they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any, NamedTuple

LIMIT = 120.0
PACKAGED = ("/usr/lib/systemd/system", "/lib/systemd/system")
ENABLED = ("enabled", "static", "indirect", "alias", "generated")


class State(NamedTuple):
    """One unit in systemd's own words, as in org.freedesktop.systemd1(5)."""

    load: str
    file: str
    active: str

    @property
    def masked(self) -> bool:
        return self.load == "masked" or self.file.startswith("masked")


def parse(text: str) -> dict[str, State]:
    """The blocks of ``systemctl show``, by Id."""
    found = {}
    for block in text.split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("Id"):
            found[fields["Id"]] = State(*(fields.get(k, "") for k in ("LoadState", "UnitFileState", "ActiveState")))
    return found


def states(host: Door, units: Iterable[str]) -> dict[str, State]:
    """What systemd says of the units. Raises WorkError when it does not answer."""
    argv = ("systemctl", "show", "--no-pager", "--property=Id,LoadState,UnitFileState,ActiveState", "--", *units)
    result = host.run(Command(argv, timeout=30))
    if not result.ok:
        raise WorkError(_("The service manager does not answer."), explain(result))
    return parse(result.stdout)


def _named(step: Step) -> list[str]:
    return [str(unit) for unit in step.arguments["units"]]


def _needs(units: Sequence[str], known: Mapping[str, State]) -> tuple[list[str], list[str], list[str]]:
    """Which of the units are to be unmasked, enabled, started."""
    unmask, enable, start = [], [], []
    for unit in units:
        state = known.get(unit, State("not-found", "", "inactive"))
        if state.masked:
            unmask.append(unit)
        if state.masked or state.file not in ENABLED:
            enable.append(unit)
        # systemd refuses to start a socket while its service holds the address already.
        owner = known.get(service(unit))
        held = unit.endswith(".socket") and owner is not None and owner.active == "active"
        if state.active != "active" and not held:
            start.append(unit)
    return unmask, enable, start


def _lost(host: Door, step: Step, known: Mapping[str, State]) -> list[str]:
    """The socket units of the step that listen, as systemd says, at a path where there is no socket any more."""
    paths: Mapping[str, str] = step.arguments.get("sockets", {})
    gone = [unit for unit, path in paths.items() if host.stat(path).kind != "socket"]
    return [unit for unit in gone if unit in known and known[unit].active == "active"]


def _with_services(units: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*units, *(service(unit) for unit in units if unit.endswith(".socket"))]))


def service(socket: str) -> str:
    """The service that libvirt's socket units start: virtqemud-ro.socket belongs to virtqemud.service, too."""
    return re.sub(r"(-ro|-admin)?\.socket$", ".service", socket)


def done(host: Door, step: Step) -> bool:
    """Whether each unit is unmasked, starts at boot and is active now, and each socket is where it should be."""
    units = _named(step)
    known = states(host, _with_services(units))
    return not any(_needs(units, known)) and not _lost(host, step, known)


def related(host: Door, units: Sequence[str]) -> list[str]:
    """The units, and those that ``systemctl enable`` or ``start`` of them touches as well (systemd.unit(5): Also=)."""
    found = list(_with_services(units))
    for _round in range(2):
        text = host.run(Command(("systemctl", "cat", "--no-pager", "--", *found), timeout=30)).stdout
        # systemctl shows nothing of a masked unit; what unmasking brings back is the package's file.
        masked = [name for name, state in states(host, found).items() if state.masked]
        packaged = [host.read(f"{folder}/{name}").text for name in masked for folder in PACKAGED]
        for line in "\n".join([text, *packaged]).splitlines():
            name, equals, value = line.partition("=")
            if equals and name.strip() in ("Also", "Sockets", "Requires", "Wants"):
                found += [u for u in value.split() if u.endswith((".service", ".socket", ".timer")) and "%" not in u]
        found = list(dict.fromkeys(found))
    return found


def former(host: Door, step: Step) -> dict[str, Any]:
    units = [*related(host, _named(step)), *step.arguments.get("unmask", ())]
    return {"units": {name: list(state) for name, state in states(host, dict.fromkeys(units)).items()}}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Do what is missing of the step's commands. Raises WorkError with the unit's last words."""
    units = _named(step)
    known = states(host, [*_with_services(units), *step.arguments.get("unmask", ())])
    unmask, enable, _start = _needs(units, known)
    lost = _lost(host, step, known)
    if lost:
        # A socket makes its file when it starts, which it does only while its service is stopped.
        change(host, ("systemctl", "stop", "--", *lost, *dict.fromkeys(service(unit) for unit in lost)), LIMIT)
    unmask += [unit for unit in step.arguments.get("unmask", ()) if unit in known and known[unit].masked]
    if unmask:
        change(host, ("systemctl", "unmask", "--", *unmask), LIMIT)
    if enable:
        change(host, ("systemctl", "enable", "--", *enable), LIMIT)
    known = states(host, _with_services(units))
    start = _needs(units, known)[2]
    failed = [unit for unit in start if known.get(unit, State("", "", "")).active == "failed"]
    if failed:
        host.change(Command(("systemctl", "reset-failed", "--", *failed), timeout=LIMIT))
    if start:
        say(_("Starting {units}").format(units=", ".join(start)))
        result = host.change(Command(("systemctl", "start", "--", *start), timeout=LIMIT))
        if not result.ok:
            ask = ("journalctl", "--no-pager", "-o", "cat", "-n", "5", "-u", start[-1])
            journal = host.run(Command(ask, timeout=30))
            raise WorkError(
                _("These units do not start: {units}").format(units=", ".join(start)),
                " ".join((explain(result) + "\n" + journal.stdout).split("\n")).strip(),
                _("Look at: journalctl -u {unit}").format(unit=start[-1]),
            )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Each unit back to its former state: masked or not, enabled or not, running or not. Raises WorkError."""
    before = {str(name): State(*values) for name, values in former["units"].items()}
    now = states(host, before)
    here = [name for name in before if now.get(name, State("not-found", "", "")).load != "not-found"]
    stop = [n for n in here if before[n].active in ("inactive", "failed") and now[n].active in ("active", "activating")]
    if stop:
        # Sockets first, or they would start their service again.
        stop.sort(key=lambda name: (not name.endswith(".socket"), name))
        change(host, ("systemctl", "stop", "--", *stop), LIMIT)
    disable = [n for n in here if before[n].file in ("disabled", "masked") and now[n].file.startswith("enabled")]
    if disable:
        change(host, ("systemctl", "disable", "--", *disable), LIMIT)
    # disable takes along what Also= names, so look again for what was enabled before.
    now = states(host, before)
    enable = [n for n in here if before[n].file == "enabled" and now[n].file in ("disabled", "indirect")]
    if enable:
        change(host, ("systemctl", "enable", "--", *enable), LIMIT)
    for state, options in (("masked", ()), ("masked-runtime", ("--runtime",))):
        mask = [n for n in here if before[n].file == state and not now[n].masked]
        if mask:
            change(host, ("systemctl", "mask", *options, "--", *mask), LIMIT)
    start = [n for n in here if before[n].active == "active" and states(host, [n])[n].active != "active"]
    if start:
        change(host, ("systemctl", "start", "--", *start), LIMIT)
    now = states(host, before)
    return tuple(
        _("The unit {name} was {before} and is {now} now.").format(name=n, now=now[n].file, before=before[n].file)
        for n in here
        if now[n].file != before[n].file
    )
