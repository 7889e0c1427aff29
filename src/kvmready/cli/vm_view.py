"""What ``kvmready vm`` shows of guests."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.i18n import N_, _
from kvmready.report.canvas import STYLES, Canvas, cells, command_lines, visible
from kvmready.typed import TYPE_CHECKING, Any, TextIO
from kvmready.vm.inventory import login
from kvmready.watch.frame import size

if TYPE_CHECKING:
    from kvmready.vm.delete import Doomed
    from kvmready.vm.inventory import Guest

STATES = {"running": N_("running"), "paused": N_("paused"), "shutoff": N_("shut off"), "other": N_("other")}
FIXED = 10 + 6 + 10 + 17
"""Columns of state, CPUs, memory and address."""


def listed(guests: Sequence[Guest], stream: TextIO) -> None:
    """A line for each guest."""
    canvas = Canvas(stream)
    if not guests:
        canvas.write([canvas.block(2, (_("There is no guest."), "dim"))])
        return
    titles = (_("Name"), _("State"), _("CPUs"), _("Memory"), _("Address"))
    longest = max(cells(visible(guest.domain.name)) for guest in guests)
    room = max(8, min(longest + 2, canvas.width - FIXED - 3))
    lines = [canvas.text(*(("  ", ""), *((text, "dim") for text, _style in _row(canvas, titles, room))))]
    for guest in guests:
        row = (
            guest.domain.name,
            _(STATES[guest.domain.state]),
            str(guest.definition.current_vcpus),
            size(guest.definition.current_memory),
            guest.address or "-",
        )
        style = "" if guest.domain.active else "dim"
        lines.append(canvas.text("  ", *((text, style) for text, _style in _row(canvas, row, room))))
    canvas.write(lines)


def _row(canvas: Canvas, values: Sequence[str], room: int) -> list[tuple[str, str]]:
    name, state, cpus, memory, address = values
    return [
        canvas.padded(canvas.fitted(name, room - 2), room),
        canvas.padded(state, 10),
        (" " * max(0, 5 - cells(cpus)) + cpus + " ", ""),
        (" " * max(0, 9 - cells(memory)) + memory + "   ", ""),
        (address, ""),
    ]


def info(guest: Guest, stream: TextIO) -> None:
    """All there is to tell of one guest."""
    canvas = Canvas(stream)
    domain, definition = guest.domain, guest.definition
    lines: list[Any] = [canvas.block(2, (domain.name, "bold"))]

    def field(title: str, text: str) -> None:
        lines.append(canvas.block(4, canvas.padded(title, 14), text, hang=14))

    kinds = {"kvm": "KVM", "qemu": _("emulation (TCG)")}
    started = _("starts with the host") if domain.autostart else _("does not start with the host")
    field(_("state"), f"{_(STATES[domain.state])}, {started}")
    field("UUID", domain.uuid)
    field(_("runs under"), f"{kinds.get(definition.domain_type, definition.domain_type)}, {definition.machine}")
    field(_("CPUs"), str(definition.current_vcpus))
    field(_("memory"), size(definition.current_memory))
    field(_("firmware"), ("UEFI" if definition.uefi else "BIOS") + (", TPM" if definition.tpm else ""))
    for disk in definition.disks:
        what = _("empty") if disk.image is None else f"{disk.image.path or disk.image.kind} ({disk.image.format})"
        field(_("{device} {target}").format(device=disk.device, target=disk.target), what)
        for image in disk.backing:
            field("", _("on {path}").format(path=image.path))
    for nic in definition.interfaces:
        field(_("network"), f"{nic.kind} {nic.source}, {nic.mac}")
    field(_("address"), guest.address or "-")
    if guest.created is not None:
        field(_("made from"), guest.created.image)
    if login(guest):
        field(_("log in"), "")
        lines += [canvas.line(6, line, "cyan") for line in command_lines(login(guest), canvas.width - 6)]
    canvas.write(lines)


def created(guest: Guest, greeting: str, stream: TextIO) -> None:
    """What a new guest is, and how to log in to it."""
    canvas = Canvas(stream)
    name = guest.domain.name
    command = login(guest)
    lines: list[Any] = [canvas.text("")]
    if command:
        words = _("{name} is up at {address}: {greeting}").format(
            name=name, address=guest.address, greeting=greeting or "ssh"
        )
        lines.append(canvas.block(2, (canvas.glyph("pass") + "  ", STYLES["pass"]), words, hang=3))
        lines.append(canvas.block(2, "   ", _("Log in:")))
        lines += [canvas.line(7, line, "cyan") for line in command_lines(command, canvas.width - 7)]
    else:
        words = _("{name} was started; nobody waited until it can be reached.").format(name=name)
        lines.append(canvas.block(2, (canvas.glyph("skip") + "  ", STYLES["skip"]), words, hang=3))
        lines.append(canvas.block(2, "   ", _("Its address, when it has one:")))
        lines += [canvas.line(7, line, "cyan") for line in _commands(canvas, "info", name)]
    lines.append(canvas.block(2, "   ", _("Its console, and to delete it with its disk:")))
    lines += [
        canvas.line(7, line, "cyan") for action in ("console", "delete") for line in _commands(canvas, action, name)
    ]
    canvas.write(lines)


def _commands(canvas: Canvas, action: str, name: str) -> list[str]:
    end = ("--",) if name.startswith("-") else ()
    return command_lines(("kvmready", "vm", action, *end, name), canvas.width - 7)


def doomed(guest: Guest, work: Doomed, stream: TextIO) -> None:
    """What a deletion will remove, and what stays."""
    canvas = Canvas(stream)
    lines: list[Any] = [canvas.block(2, _("This deletes:"))]

    def item(mark: str, style: str, text: str) -> None:
        lines.append(canvas.block(4, (mark + "  ", style), text, hang=3))

    item("-", "red", _("the guest {name}, its definition and snapshots' records").format(name=repr(guest.domain.name)))
    for volume in work.volumes:
        item("-", "red", _("its disk {path}").format(path=volume.path))
    for path in work.foreign:
        item("-", "red", _("the disk {path}, which kvmready did not make").format(path=path))
    if work.nvram:
        item("-", "red", _("its UEFI variables {path}").format(path=guest.definition.nvram))
    if guest.definition.tpm_state:
        item("-", "red", _("the state of its TPM"))
    for path in work.keys:
        item("-", "red", _("the key {path}, which was made for it").format(path=path))
    for path in work.stays:
        words = _("{path} stays: it was not made by kvmready, or it is in use")
        item(canvas.glyph("skip"), "dim", words.format(path=path))
    for path, user in work.shared:
        words = _("{path} is in use by {name} as well")
        item(canvas.glyph("warn"), STYLES["warn"], words.format(path=path, name=repr(user)))
    canvas.write(lines)
