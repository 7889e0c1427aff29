"""The package manager, on which every layer from ``qemu`` up is built: nothing half done, nobody at work, a repository.

These checks stand in the layer ``qemu``, the lowest one that is made of packages, before its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmready.checks.finding import Check, Evidence, Judgement, failed, manual, passed, skipped, unknown, warned
from kvmready.facts.known import Absent, Known
from kvmready.facts.packages import AUDIT, LOCKS, SOURCE_FOLDER, SOURCES, STATUS, UPDATES
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts import Facts

CONFIGURE = ("dpkg", "--configure", "-a")
FIX = ("apt-get", "--fix-broken", "install")


def _no_dpkg() -> Judgement:
    return skipped(_("Not needed: this host's packages are not Debian's."))


def state(facts: Facts) -> Judgement:
    """qemu.packages: no package is half installed."""
    found = facts.packages.unfinished
    if isinstance(found, Absent):
        return _no_dpkg()
    if not isinstance(found, Known):
        return unknown(
            _("It could not be seen whether packages are half installed."),
            manual(_("Ask by hand; it says nothing when all is well."), AUDIT),
            Evidence(STATUS, found.why),
        )
    if found.value:
        said = [Evidence("dpkg --audit", line.strip()) for line in facts.packages.audit]
        return warned(
            "packages.broken-state",
            _("An earlier run of the package manager did not finish: {why}").format(why=found.value),
            manual(_("Let it finish, as root. No package can be installed before."), CONFIGURE, FIX),
            *(said or [Evidence(UPDATES, found.value)]),
        )
    return passed(_("No package is half installed."), Evidence(STATUS, _("nothing unfinished")))


def lock(facts: Facts) -> Judgement:
    """qemu.package-lock: nobody is at work with the package manager."""
    found = facts.packages.holder
    if isinstance(found, Absent):
        return _no_dpkg()
    if not isinstance(found, Known):
        return skipped(
            _("Not asked: only root can see who uses the package manager, and only root installs packages."),
            Evidence(LOCKS[0], found.why),
        )
    if found.value:
        return warned(
            "packages.manager-busy",
            _("The package manager is at work: {process}. What it changes may change this answer.").format(
                process=found.value
            ),
            manual(_("Wait until it has ended. kvmready up waits by itself, up to ten minutes.")),
            Evidence(LOCKS[0], found.value),
        )
    return passed(_("Nobody uses the package manager now."), Evidence(LOCKS[0], _("not locked")))


def _wants_packages(facts: Facts) -> bool:
    """QEMU is missing, or libvirt where the profile needs it."""
    no_daemon = facts.want.profile != "minimal" and isinstance(facts.libvirt.daemon, Absent)
    return isinstance(facts.qemu.emulator, Absent) or no_daemon


def source(facts: Facts) -> Judgement:
    """qemu.package-source: where something has to be installed, a repository is configured to get it from."""
    found = facts.packages.sources
    if isinstance(found, Absent):
        return _no_dpkg()
    if not isinstance(found, Known):
        return unknown(
            _("It could not be seen from where this host gets its packages."),
            manual(_("Ask by hand."), ("apt-cache", "policy")),
            Evidence(SOURCES, found.why),
        )
    if facts.packages.gone and _wants_packages(facts):
        return failed(
            "packages.offline",
            _("The repository is a folder that is not there, so that nothing can be installed: {paths}.").format(
                paths=", ".join(facts.packages.gone)
            ),
            manual(
                _(
                    "Mount the medium with the packages there again, or name the distribution's own repository in "
                    "{path}."
                ).format(path=found.value[0] if found.value else SOURCES)
            ),
            *(Evidence(path, _("names a repository in a folder of this host")) for path in found.value),
            *(Evidence(path, _("no such directory")) for path in facts.packages.gone),
        )
    if found.value:
        return passed(
            _("The package manager knows a repository."), *(Evidence(path, _("a repository")) for path in found.value)
        )
    if not _wants_packages(facts):
        return skipped(_("Not needed: nothing has to be installed, and no repository is configured."))
    return failed(
        "packages.no-candidate",
        _("No repository is configured, so that nothing can be installed."),
        manual(_("The distribution's own repository belongs into /etc/apt/sources.list or /etc/apt/sources.list.d.")),
        Evidence(SOURCES, _("names no repository")),
        Evidence(SOURCE_FOLDER, _("names no repository")),
    )


EVERYWHERE = ("minimal", "server", "desktop", "web")

CHECKS = (
    Check("qemu.packages", state, profiles=EVERYWHERE),
    Check("qemu.package-lock", lock, profiles=EVERYWHERE),
    Check("qemu.package-source", source, profiles=EVERYWHERE),
)
