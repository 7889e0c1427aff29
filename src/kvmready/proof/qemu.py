"""Level ``qemu``: our boot sector under the emulator itself, started by the user."""

from __future__ import annotations

import time

from kvmready.checks.finding import Evidence
from kvmready.facts.known import Known
from kvmready.facts.qemu import program
from kvmready.guest import bootsector
from kvmready.i18n import _
from kvmready.proof import causes, witness
from kvmready.proof.place import Nonce, quoted
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.host.door import Result, Running
    from kvmready.proof.place import Place, Steps

STEP = "qemu.guest"
DISK = "disk.img"
LIMIT = 120.0
"""Seconds. A BIOS takes a tenth of one under KVM, and many under a KVM that emulates its guests' kernel code."""

GUEST_ARCHITECTURES = ("x86_64", "i686", "i586", "i386")
"""uname -m of hosts that can run our boot sector, which is x86 machine code."""


def command_line(emulator: str, accel: str, disk: str) -> tuple[str, ...]:
    """The whole command. One accelerator, never a list: with ``kvm:tcg`` emulation would pass for KVM unseen.

    A machine without a display, network, USB and further devices: SeaBIOS waits for none and gets to the disk at once.
    """
    return (
        emulator,
        "-machine",
        f"pc,accel={accel}",
        "-m",
        "16",
        "-display",
        "none",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-boot",
        "order=c,strict=on",
        "-serial",
        "stdio",
        "-drive",
        f"file={disk},format=raw,if=ide",
    )


class Guest:
    """A guest that was begun: what it was given, its command, when it began, and either the process or an error."""

    __slots__ = ("argv", "begun", "error", "nonce", "running")

    def __init__(self, place: Place, emulator: str) -> None:
        self.begun = time.monotonic()
        self.nonce = Nonce()
        self.argv: tuple[str, ...] = ()
        self.error: OSError | None = None
        self.running: Running | None = None
        try:
            disk = place.put(DISK, bootsector.image(self.nonce.text, self.nonce.key))
        except OSError as error:
            self.error = error
            return
        self.argv = command_line(emulator, place.accel, disk)
        self.running = place.begin(self.argv, LIMIT)


def begin(place: Place) -> Guest | None:
    """Start the guest; None where there is none for this host, or no emulator: ``level`` says so."""
    emulator = program(place.host, place.names.emulators)
    if place.caller.arch not in GUEST_ARCHITECTURES or not isinstance(emulator, Known):
        return None
    return Guest(place, emulator.value)


def level(place: Place, steps: Steps, guest: Guest | None = None) -> str:
    """Run the guest, or wait for one that was begun; returns the witness, "" when the level was not reached."""
    guest = guest or begin(place)
    steps.begin(None if guest is None else guest.begun)
    if guest is None:
        _no_guest(place, steps)
        return ""
    words = _("Running a guest under QEMU ({accel}), as {user} …")
    place.say(words.format(accel=place.accel, user=place.account.name))
    if guest.running is None:
        error = guest.error or OSError()
        steps.add(STEP, "fail", (Evidence(place.folder, str(error)),), no_room(error))
        return ""
    result = guest.running.wait()
    nonce = guest.nonce
    judged = witness.judge(nonce.text, nonce.key, place.accel, result.stdout)
    source = quoted(guest.argv)
    if judged.ok and result.ok:
        steps.add(STEP, "pass", (Evidence(source, judged.line),))
        return judged.line
    evidence = [Evidence(source, said(result, LIMIT))]
    if result.ok or judged.line:
        evidence.append(Evidence(_("the guest's serial port"), judged.why or judged.line))
    steps.add(STEP, "fail", evidence, _cause(place, result) or judged.cause)
    return ""


def _no_guest(place: Place, steps: Steps) -> None:
    if place.caller.arch not in GUEST_ARCHITECTURES:
        why = _("The guest of this proof is x86 code, and this host is {arch}.").format(arch=place.caller.arch)
        steps.add(STEP, "fail", (Evidence("uname -m", why),))
        return
    emulator = program(place.host, place.names.emulators)
    why = "" if isinstance(emulator, Known) else emulator.why
    why = _("There is no emulator: {why}").format(why=why)
    steps.add(STEP, "fail", (Evidence(" ".join(place.names.emulators), why),), "qemu.not-installed")


def _cause(place: Place, result: Result) -> str:
    hangs = "kernel.run-fails" if place.accel == "kvm" else ""
    cause = causes.of_program(result, "qemu.not-installed", hangs) or causes.recognise(result.stderr, causes.QEMU)
    return causes.settled(cause, place.host, place.names, place.caller, place.account)


def no_room(error: OSError) -> str:
    """The cause when our own files cannot be written."""
    import errno

    return "storage.no-space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""


def said(result: Result, limit: float) -> str:
    """How a command ended, with its last words."""
    words = " ".join((result.stderr.strip() or result.stdout.strip()).split())
    words = words if len(words) <= 600 else "…" + words[-599:]
    if result.problem == "timeout":
        ended = _("no end within {limit:.0f} s").format(limit=limit)
    elif result.problem == "absent":
        ended = _("no such program")
    elif result.problem:
        ended = _("could not be started")
    elif result.status is not None and result.status < 0:
        ended = _("ended by signal {number}").format(number=-result.status)
    else:
        ended = _("exit status {status}").format(status=result.status)
    return f"{ended}: {words}" if words else ended
