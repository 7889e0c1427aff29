"""Proves that guests run: probe, then QEMU, then libvirt, as the one who will run them. Nothing is left behind."""

from __future__ import annotations

from kvmready.errors import PrivilegeError, UsageError, WorkError
from kvmready.facts.known import Known
from kvmready.facts.qemu import program
from kvmready.i18n import _
from kvmready.proof import libvirt, probe, qemu
from kvmready.proof.place import Place, Steps, sweep_folders
from kvmready.proof.record import LEVELS, NO_LEVEL, Proof
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts.names import Names
    from kvmready.facts.probe import Probe
    from kvmready.host.door import Account, Caller, Door, Workshop
    from kvmready.plan.step import Say

__all__ = ["LEVELS", "highest", "prove"]


def highest(host: Door, names: Names) -> str:
    """The highest level for which this host has the tools."""
    emulator = program(host, names.emulators)
    if host.caller().arch not in qemu.GUEST_ARCHITECTURES or not isinstance(emulator, Known):
        return "probe"
    client = program(host, names.virsh)
    if not isinstance(client, Known) or all(host.stat(path).error for path in names.sockets):
        return "qemu"
    return "libvirt"


def prove(host: Workshop, names: Names, level: str, accel: str, user: str, probe_facts: Probe, say: Say) -> Proof:
    """Run the levels up to ``level``, bottom up, until one fails.

    ``user`` is whose guests these are, "" for the caller. ``accel`` is kvm or tcg. ``probe_facts`` holds what the
    functional probe saw just now. Raises UsageError for a level or a user that does not exist, PrivilegeError when
    the caller may not act for ``user``, WorkError when the host cannot even be worked on.
    """
    if level not in LEVELS:
        what = _("There is no proof level {level}.").format(level=repr(level))
        raise UsageError(what, "", _("The levels are: {names}").format(names=", ".join(LEVELS)))
    caller = host.caller()
    account = _account(host, caller, user)
    place = Place(host, names, caller, account, accel, say)
    steps = Steps()
    finished = False
    try:
        reached, line = _climb(place, steps, level, probe_facts)
        finished = not any(step.status == "fail" and step.id == libvirt.REMOVE for step in steps.taken)
    finally:
        place.close(clean=finished)
    ok = reached == level
    summary = _summary(reached, level, accel, account.name, steps)
    return Proof(reached, level, line, accel, account.name, tuple(steps.taken), ok, summary)


def _account(host: Workshop, caller: Caller, user: str) -> Account:
    name = user or caller.user
    account = host.account(name)
    if account.error:
        raise UsageError(_("There is no user {name} on this host.").format(name=repr(name)))
    if caller.uid not in (0, account.uid):
        what = _("Only root can prove that guests run as {name}.").format(name=name)
        raise PrivilegeError(what, "", _("Run it with sudo, or without --user to prove it for yourself."))
    return account


def _climb(place: Place, steps: Steps, level: str, probe_facts: Probe) -> tuple[str, str]:
    """The highest level reached and the witness of its guest."""
    reached, line = NO_LEVEL, ""
    status = probe.level(place, steps, probe_facts)
    if status == "pass":
        reached = "probe"
    if status == "fail" or level == "probe":
        return reached, line
    try:
        sweep_folders(place.host, place.caller)
        place.guard(*(libvirt.takes_back(place) if level == "libvirt" else ()))
        place.make()
    except OSError as error:
        raise WorkError(
            _("No guest can be tried: {path} cannot be made.").format(path=place.folder),
            error.strerror or str(error),
            _("Make room there, or mount it read-write."),
        ) from None
    line = qemu.level(place, steps)
    if not line:
        return reached, line
    if level == "qemu":
        return "qemu", line
    upper = libvirt.level(place, steps)
    return ("libvirt", upper) if upper else ("qemu", line)


def _summary(reached: str, wanted: str, accel: str, user: str, steps: Steps) -> str:
    if reached != wanted:
        failed = next((step for step in steps.taken if step.status == "fail"), None)
        if failed is None:
            return _("Nothing was proved at level {level}; the step of that level says why.").format(level=wanted)
        if failed.cause:
            words = _("The proof failed at {step}: {cause}.")
            return words.format(step=failed.id, cause=failed.cause)
        return _("The proof failed at {step}: its evidence says how.").format(step=failed.id)
    if accel == "tcg":
        words = _("PROVED UNDER EMULATION (TCG), NOT KVM: a guest ran at level {level}, as {user}.")
    else:
        words = _("Proved: a guest ran under KVM at level {level}, as {user}.")
    return words.format(level=reached, user=user)
