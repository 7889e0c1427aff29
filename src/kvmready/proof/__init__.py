"""Proves that guests run: probe, QEMU, libvirt, Linux, as the one who will run them. Nothing is left behind."""

from __future__ import annotations

from kvmready.errors import PrivilegeError, UsageError, WorkError
from kvmready.facts.known import Known
from kvmready.facts.qemu import program
from kvmready.i18n import _
from kvmready.proof import qemu
from kvmready.proof.place import Place, Steps, sweep_folders
from kvmready.proof.record import LEVELS, NO_LEVEL, NO_WISH, Proof, Wish
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts.names import Names
    from kvmready.facts.probe import Probe
    from kvmready.host.door import Account, Caller, Door, Workshop
    from kvmready.plan.step import Say
    from kvmready.proof.record import Linux

__all__ = ["LEVELS", "NO_WISH", "Proving", "Wish", "highest", "prove"]


def highest(host: Door, names: Names) -> str:
    """The highest level for which this host has the tools, but for ``linux``, which is for those who ask for it."""
    emulator = program(host, names.emulators)
    if host.caller().arch not in qemu.GUEST_ARCHITECTURES or not isinstance(emulator, Known):
        return "probe"
    client = program(host, names.virsh)
    if not isinstance(client, Known) or all(host.stat(path).error for path in names.sockets):
        return "qemu"
    return "libvirt"


def prove(
    host: Workshop,
    names: Names,
    level: str,
    accel: str,
    user: str,
    probe_facts: Probe,
    say: Say,
    wish: Wish = NO_WISH,
) -> Proof:
    """Run the levels up to ``level``, bottom up, until one fails; parameters and errors are those of ``Proving``."""
    return Proving(host, names, level, accel, user, wish).finish(probe_facts, say)


class Proving:
    """One proof in the making: ``start`` it early where there is time, ``finish`` it; ``stop`` it in any case.

    ``user`` is whose guests these are, "" for the caller. ``accel`` is kvm or tcg. Raises UsageError for a level or a
    user that does not exist, PrivilegeError when the caller may not act for ``user``.
    """

    def __init__(self, host: Workshop, names: Names, level: str, accel: str, user: str, wish: Wish = NO_WISH) -> None:
        if level not in LEVELS:
            what = _("There is no proof level {level}.").format(level=repr(level))
            raise UsageError(what, "", _("The levels are: {names}").format(names=", ".join(LEVELS)))
        caller = host.caller()
        self._level = level
        self._asked = (wish.image, wish.sha256)
        self._linux: Linux | None = None
        self._profile = wish.profile if level == "libvirt" else ""
        self._screenshot = wish.screenshot
        self._place = Place(host, names, caller, _account(host, caller, user), accel)
        self._steps = Steps()
        self._guest: qemu.Guest | None = None
        self._trouble: OSError | None = None
        self._started = self._clean = self._over = False

    def start(self) -> None:
        """Start the guest under QEMU, which runs by itself from here on: the host can be asked while it does.

        It counts only when the level below it has passed. What goes wrong is told by ``finish``.
        """
        if self._started or self._level == "probe":
            return
        self._started = True
        place = self._place
        try:
            sweep_folders(place.host, place.caller)
            place.guard(*self._made_by_libvirt())
            place.make()
        except OSError as error:
            self._trouble = error
            return
        self._guest = qemu.begin(place)

    def finish(self, probe_facts: Probe, say: Say, news: Say = lambda line: None) -> Proof:
        """Run the levels, bottom up, until one fails. ``probe_facts`` holds what the functional probe saw just now.

        ``say`` is told each level as it begins, ``news`` how far one is that takes long. Raises WorkError when the host
        cannot even be worked on; UsageError and InputError for an image that there is not.
        """
        place, steps = self._place, self._steps
        place.say, place.news = say, news
        try:
            reached, line = self._climb(probe_facts)
            ok = reached == self._level
            kept = ""
            if ok:
                ok, kept = self._part()
            self._clean = self._removed()
        finally:
            self.stop()
        name = place.account.name
        summary = _summary(ok, self._level, self._profile, place.accel, name, steps)
        return Proof(reached, self._level, line, place.accel, name, tuple(steps.taken), ok, summary, self._linux, kept)

    def stop(self) -> None:
        """Leave nothing behind. Safe to call again."""
        if not self._over:
            self._over = True
            self._place.close(clean=self._clean)

    def _part(self) -> tuple[bool, str]:
        """What the profile adds: whether that was seen, and the file with the picture of it."""
        if self._profile == "desktop":
            from kvmready.proof import desktop

            return desktop.level(self._place, self._steps, self._screenshot)
        if self._profile == "web":
            from kvmready.proof import web

            return web.level(self._place, self._steps), ""
        return True, ""

    def _removed(self) -> bool:
        """Whether what was made was taken away; where it could not be, the guard has to."""
        return not any(step.status == "fail" and step.id.endswith(".remove") for step in self._steps.taken)

    def _made_by_libvirt(self) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
        """The commands and the files that remove whatever the levels above may leave."""
        if self._level not in ("libvirt", "linux"):
            return (), ()
        from kvmready.proof import libvirt

        commands, paths = libvirt.takes_back(self._place)
        if self._level == "linux":
            from kvmready.proof import linux

            commands += linux.takes_back(self._place)
        if self._profile == "desktop":
            from kvmready.proof import display

            paths += display.takes_back(self._place)
        return commands, paths

    def _climb(self, probe_facts: Probe) -> tuple[str, str]:
        """The highest level reached and the witness of its guest."""
        from kvmready.proof import probe

        place, steps = self._place, self._steps
        reached, line = NO_LEVEL, ""
        status = probe.level(place, steps, probe_facts)
        if status == "pass":
            reached = "probe"
        if status == "fail" or self._level == "probe":
            return reached, line
        self.start()
        if self._trouble is not None:
            raise WorkError(
                _("No guest can be tried: {path} cannot be made.").format(path=place.folder),
                self._trouble.strerror or str(self._trouble),
                _("Make room there, or mount it read-write."),
            )
        line = qemu.level(place, steps, self._guest)
        if not line:
            return reached, line
        if self._level == "qemu":
            return "qemu", line
        from kvmready.proof import libvirt

        upper = libvirt.level(place, steps)
        if not upper or self._level == "libvirt":
            return ("libvirt", upper) if upper else ("qemu", line)
        from kvmready.proof import linux

        highest, self._linux = linux.level(place, steps, linux.Asked(*self._asked))
        return ("linux", highest) if highest else ("libvirt", upper)


def _account(host: Workshop, caller: Caller, user: str) -> Account:
    name = user or caller.user
    account = host.account(name)
    if account.error:
        raise UsageError(_("There is no user {name} on this host.").format(name=repr(name)))
    if caller.uid not in (0, account.uid):
        what = _("Only root can prove that guests run as {name}.").format(name=name)
        raise PrivilegeError(what, "", _("Run it with sudo, or without --user to prove it for yourself."))
    return account


def _summary(ok: bool, wanted: str, profile: str, accel: str, user: str, steps: Steps) -> str:
    if not ok:
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
    parts = {
        "desktop": _("virt-manager lists a guest, and virt-viewer shows its screen."),
        "web": _("Cockpit's page answers, and its part for guests is there."),
    }
    return " ".join((words.format(level=wanted, user=user), *(parts[p] for p in parts if p == profile)))
