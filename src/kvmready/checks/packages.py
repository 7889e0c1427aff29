"""The package manager, on which every layer from ``qemu`` up is built: nothing half done, nobody at work, a repository.

These checks stand in the layer ``qemu``, the lowest one that is made of packages, before its own.
"""

from __future__ import annotations

from kvmready.checks.finding import Check, Evidence, Judgement, failed, manual, passed, skipped, unknown, warned
from kvmready.facts.known import Absent, Known
from kvmready.facts.packages import (
    AUDIT,
    LOCKS,
    REPOSITORY_FILES,
    REPOSITORY_FOLDERS,
    RPM_LOCKS,
    SOURCE_FOLDER,
    SOURCES,
    STATUS,
    UPDATES,
)
from kvmready.i18n import N_, _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts

CONFIGURE = ("dpkg", "--configure", "-a")
FIX = ("apt-get", "--fix-broken", "install")


def _no_dpkg() -> Judgement:
    return skipped(_("Not asked here: this host has no dpkg. kvmready up asks its package manager before it plans."))


def distribution(facts: Facts) -> Judgement:
    """qemu.distribution: whose names this host's packages and units have, and whether that is known or guessed."""
    names, system = facts.names, facts.os.name or facts.os.id or "?"
    seen = (
        Evidence("/etc/os-release", f"ID={facts.os.id} VERSION_ID={facts.os.version_id}"),
        Evidence("ID_LIKE", " ".join(facts.os.id_like) or "-"),
    )
    if names.guess:
        return passed(
            _("{system} has no table of its own; this is a guess: its packages are called as in {other}.").format(
                system=system, other=names.guess
            ),
            *seen,
        )
    if names.title:
        return passed(
            _("The packages of {system} are known, by the table for {title}.").format(system=system, title=names.title),
            seen[0],
        )
    if not _wants_packages(facts):
        return skipped(_("Not needed: nothing has to be installed on {system}.").format(system=system))
    return warned(
        "packages.no-table",
        _("kvmready does not know what {system} calls its packages, so that it can install none.").format(
            system=system
        ),
        manual(_("Install QEMU, libvirt and virt-install by hand, with the distribution's own guide.")),
        *seen,
    )


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
    seen = RPM_LOCKS[0] if facts.names.manager in REPOSITORY_FOLDERS else LOCKS[0]
    if isinstance(found, Absent):
        return _no_dpkg()
    if not isinstance(found, Known):
        return skipped(
            _("Not asked: only root can see who uses the package manager, and only root installs packages."),
            Evidence(seen, found.why),
        )
    if found.value:
        return warned(
            "packages.manager-busy",
            _("The package manager is at work: {process}. What it changes may change this answer.").format(
                process=found.value
            ),
            manual(_("Wait until it has ended. kvmready up waits by itself, up to ten minutes.")),
            Evidence(seen, found.value),
        )
    return passed(_("Nobody uses the package manager now."), Evidence(seen, _("not locked")))


ASK = {
    "dnf": ("dnf", "repolist"),
    "dnf5": ("dnf5", "repo", "list"),
    "yum": ("yum", "repolist"),
    "zypper": ("zypper", "repos"),
    "pacman": ("pacman-conf", "--repo-list"),
    "apk": ("cat", "/etc/apk/repositories"),
}
"""How a person asks which repositories are used; Debian's way where the manager is not known."""

SWITCH_ON = {
    "dnf": N_(
        "See which repositories are switched on: dnf repolist. On RHEL the machine must be registered; some packages "
        "are in CRB or EPEL."
    ),
    "yum": N_("See which repositories are switched on: yum repolist. On RHEL the machine must be registered."),
    "zypper": N_(
        "See which repositories are switched on: zypper repos. On SLES the module or extension must be registered."
    ),
    "pacman": N_("The distribution's own repositories belong into /etc/pacman.conf."),
    "apk": N_("QEMU and libvirt are in Alpine's repository community: switch it on in /etc/apk/repositories."),
}


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
            manual(_("Ask by hand."), ASK.get(facts.names.manager, ("apt-cache", "policy"))),
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
    name = facts.names.manager
    if name in ASK:
        place = REPOSITORY_FOLDERS.get(name) or REPOSITORY_FILES[name]
        return failed(
            "packages.no-candidate",
            _("No repository is configured, so that nothing can be installed."),
            manual(_(SWITCH_ON.get(name, SWITCH_ON["dnf"])), ASK[name]),
            Evidence(place, _("names no repository")),
        )
    return failed(
        "packages.no-candidate",
        _("No repository is configured, so that nothing can be installed."),
        manual(_("The distribution's own repository belongs into /etc/apt/sources.list or /etc/apt/sources.list.d.")),
        Evidence(SOURCES, _("names no repository")),
        Evidence(SOURCE_FOLDER, _("names no repository")),
    )


EVERYWHERE = ("minimal", "server", "desktop", "web")

CHECKS = (
    Check("qemu.distribution", distribution, profiles=EVERYWHERE),
    Check("qemu.packages", state, profiles=EVERYWHERE),
    Check("qemu.package-lock", lock, profiles=EVERYWHERE),
    Check("qemu.package-source", source, profiles=EVERYWHERE),
)
