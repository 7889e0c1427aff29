"""``kvmready vm``: test guests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kvmready.cli import output, session, vm_view, work
from kvmready.cli.options import Parsed
from kvmready.domains.connection import Libvirt, LibvirtError
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, UsageError
from kvmready.host.local import LocalHost
from kvmready.i18n import _
from kvmready.vm import inventory, unfinished

CREATE_PATIENCE, STOP_PATIENCE = 300.0, 60.0
LONGEST = 86400.0


def run(parsed: Parsed) -> int:
    if parsed.action != "list" and not parsed.name:
        raise UsageError(_("vm {action} needs the name of a guest.").format(action=parsed.action))
    if parsed.format == "json" and parsed.action not in ("list", "info", "create"):
        raise UsageError(_("vm {action} has no format {format}.").format(action=parsed.action, format=parsed.format))
    session.let_signals_clean_up()
    host = LocalHost()
    actions: dict[str, Callable[[Parsed, LocalHost, Libvirt], int]] = {
        "create": _create,
        "list": _list,
        "start": _start,
        "stop": _stop,
        "console": _console,
        "info": _info,
        "delete": _delete,
    }
    libvirt = Libvirt(host)
    swept = unfinished.sweep(host, libvirt, output.say)
    if parsed.action == "delete" and parsed.name in swept:
        return EXIT_READY  # that was the guest
    return actions[parsed.action](parsed, host, libvirt)


def _number(text: str | None, option: str, default: float, least: float, most: float) -> float:
    """The value of an option as a number. Raises UsageError."""
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise UsageError(
            _("{option} takes a number from {least} to {most}.").format(
                option=option, least=f"{least:g}", most=f"{most:g}"
            )
        )
    return value


def _create(parsed: Parsed, host: LocalHost, libvirt: Libvirt) -> int:
    from kvmready import images
    from kvmready.vm import ready, wanted
    from kvmready.vm.create import Creating

    if not parsed.image:
        raise UsageError(
            _("vm create needs --image."), "", _("Known names are: {names}").format(names=", ".join(images.KNOWN))
        )
    patience = 0.0 if parsed.no_wait else _number(parsed.timeout, "--timeout", CREATE_PATIENCE, 1, LONGEST)
    want = wanted.Wanted(
        wanted.guest_name(parsed.name),
        parsed.image,
        int(_number(parsed.cpus, "--cpus", wanted.CPUS, 1, 4096)),
        wanted.size(parsed.memory, "--memory", wanted.MIB) if parsed.memory else wanted.MEMORY,
        wanted.size(parsed.disk, "--disk", wanted.GIB) if parsed.disk else 0,
        parsed.network or "default",
        wanted.login_name(parsed.user) if parsed.user else "",
        parsed.ssh_key or "",
        parsed.uefi,
        parsed.tpm,
        parsed.accel or "kvm",
    )
    caller = host.caller()
    person = host.account(caller.sudo_user or caller.user)
    with output.progress() as progress, _every_refusal_has_a_cause():
        progress.begin(_("Looking whether the host can have this guest …"))
        ready.early(host, libvirt, want)
        progress.begin(_("Getting the image {image} …").format(image=want.image))
        image = images.resolve(host, want.image, progress.say)
        place = ready.decide(host, libvirt, want, image, person)
        creating = Creating(host, libvirt, want, image, place, person, progress.begin)
        try:
            made = creating.run(patience)
        except BaseException:
            if creating.left():
                output.say(_("libvirt did not answer, so that what was made stays: the next kvmready vm removes it."))
            raise
        progress.end("pass")
    guest = inventory.one(libvirt, made.uuid)
    if made.address and not guest.address:
        guest = guest._replace(address=made.address)
    if parsed.format == "json":
        _json({"schema": inventory.GUEST_SCHEMA, **inventory.document(guest), "ssh_greeting": made.greeting or None})
    else:
        vm_view.created(guest, made.greeting, sys.stdout)
    return EXIT_READY


@contextmanager
def _every_refusal_has_a_cause() -> Iterator[None]:
    try:
        yield
    except LibvirtError as error:
        error.cause = error.cause or "libvirt.refused"
        raise


def _json(document: dict[str, object]) -> None:
    from kvmready.report import as_json

    output.document(as_json.render(document))


def _list(parsed: Parsed, host: LocalHost, libvirt: Libvirt) -> int:
    guests = inventory.listed(libvirt)
    if parsed.format == "json":
        _json({"schema": inventory.LIST_SCHEMA, "guests": [inventory.document(guest) for guest in guests]})
    else:
        vm_view.listed(guests, sys.stdout)
    return EXIT_READY


def _info(parsed: Parsed, host: LocalHost, libvirt: Libvirt) -> int:
    guest = inventory.one(libvirt, parsed.name)
    if parsed.format == "json":
        _json({"schema": inventory.GUEST_SCHEMA, **inventory.document(guest)})
    else:
        vm_view.info(guest, sys.stdout)
    return EXIT_READY


def _start(parsed: Parsed, host: LocalHost, libvirt: Libvirt) -> int:
    from kvmready.domains.listing import find
    from kvmready.vm import power

    domain = find(libvirt, parsed.name)
    with output.progress() as progress:
        progress.begin(_("Starting {name} …").format(name=repr(domain.name)))
        started = power.start(libvirt, domain)
        progress.end("pass" if started else "skip", "" if started else _("it runs already"))
    return EXIT_READY


def _stop(parsed: Parsed, host: LocalHost, libvirt: Libvirt) -> int:
    from kvmready.domains.listing import find
    from kvmready.vm import power

    patience = _number(parsed.timeout, "--timeout", STOP_PATIENCE, 1, LONGEST)
    domain = find(libvirt, parsed.name)
    with output.progress() as progress:
        progress.begin(_("Stopping {name} …").format(name=repr(domain.name)))
        how = power.stop(host, libvirt, domain, patience, parsed.force, progress.say)
        notes = {"idle": _("it did not run"), "forced": _("cut off: it did not shut down")}
        progress.end({"idle": "skip", "forced": "warn"}.get(how, "pass"), notes.get(how, ""))
    return EXIT_READY


def _console(parsed: Parsed, host: LocalHost, libvirt: Libvirt) -> int:
    from kvmready.domains.listing import find
    from kvmready.host.terminal import become

    domain = find(libvirt, parsed.name)
    if not domain.active:
        raise UsageError(
            _("{name} does not run.").format(name=repr(domain.name)), "", _("Start it: kvmready vm start NAME")
        )
    if not sys.stdin.isatty():
        raise UsageError(_("vm console needs a terminal."))
    output.say(_("To leave the console: Ctrl and ]. Press Enter once where nothing shows."))
    become(libvirt.argv("console", f"--domain={domain.uuid}"))


def _delete(parsed: Parsed, host: LocalHost, libvirt: Libvirt) -> int:
    from kvmready.vm import delete, power

    patience = _number(parsed.timeout, "--timeout", STOP_PATIENCE, 1, LONGEST)
    guest = inventory.one(libvirt, parsed.name)
    doomed = delete.doomed(libvirt, guest, parsed.delete_disk)
    vm_view.doomed(guest, doomed, sys.stderr)
    name = repr(guest.domain.name)
    if not work.agreed(_("Delete {name}?").format(name=name), parsed, _("Nothing was deleted.")):
        output.say(_("Nothing was deleted."))
        return EXIT_NOT_READY
    with output.progress() as progress:
        if guest.domain.active:
            progress.begin(_("Stopping {name} …").format(name=name))
            power.stop(host, libvirt, guest.domain, patience, parsed.force, progress.say)
        progress.begin(_("Deleting {name} …").format(name=name))
        delete.delete(host, libvirt, guest, doomed)
        progress.end("pass")
    return EXIT_READY
