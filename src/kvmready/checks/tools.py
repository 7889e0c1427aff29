"""What the profiles desktop and web add: virt-manager and virt-viewer with a display, or Cockpit's page of machines."""

from __future__ import annotations

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
from kvmready.facts.known import Absent, Fact, Known
from kvmready.facts.tools import COCKPIT_SOCKET, DISPLAY_MANAGER, X_SOCKETS
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts

WITHOUT_MANAGER = ("rhel", "centos", "almalinux", "rocky")
"""Enterprise Linux: release 10 no longer ships virt-manager; its documentation names Cockpit instead."""


REINSTALL = {
    "apt": ("apt-get", "install", "--reinstall", "virt-manager", "gir1.2-gtk-3.0", "gir1.2-libvirt-glib-1.0"),
    "dnf": ("dnf", "reinstall", "virt-manager", "gtk3", "libvirt-glib"),
    "zypper": ("zypper", "install", "--force", "virt-manager", "typelib-1_0-Gtk-3_0"),
    "pacman": ("pacman", "-S", "virt-manager", "gtk3", "libvirt-glib"),
    "apk": ("apk", "fix", "--reinstall", "virt-manager", "gtk+3.0"),
}
"""How virt-manager and what it draws with are installed again, by package manager; dnf stands for its relatives."""


def _installed(name: str, found: Fact[str]) -> Judgement:
    if isinstance(found, Known):
        return passed(_("{name} is installed.").format(name=name), Evidence(found.value, _("found")))
    if isinstance(found, Absent):
        return failed(
            "tools.not-installed",
            _("{name} is not installed.").format(name=name),
            automatic(_("Install {name}.").format(name=name)),
            Evidence(found.why, _("not found")),
        )
    return unknown(
        _("It could not be seen whether {name} is installed.").format(name=name),
        manual(_("Look by hand."), ("ls", "-l", found.why.partition(":")[0])),
        Evidence(name, found.why),
    )


def _gone_upstream(facts: Facts) -> bool:
    release = facts.os.version_id.partition(".")[0]
    return facts.os.id in WITHOUT_MANAGER and release.isdigit() and len(release) < 4 and int(release) >= 10


def manager(facts: Facts) -> Judgement:
    """tools.virt-manager: installed, with the libraries that its window needs."""
    found = facts.tools.manager
    if isinstance(found, Absent) and _gone_upstream(facts):
        return failed(
            "tools.removed-upstream",
            _("{system} no longer ships virt-manager.").format(system=facts.os.name),
            manual(
                _("Use the web console instead: kvmready up --profile web"),
                ("kvmready", "up", "--profile", "web"),
            ),
            Evidence("/etc/os-release", facts.os.name),
            Evidence(found.why, _("not found")),
        )
    missing = facts.tools.typelibs
    if isinstance(found, Known) and isinstance(missing, Known) and missing.value:
        return failed(
            "tools.broken",
            _("virt-manager is installed, but cannot open its window: {names} is missing.").format(
                names=", ".join(missing.value)
            ),
            manual(
                _("See what it says, then install its packages again."),
                ("virt-manager", "--no-fork", "--debug"),
                REINSTALL.get(facts.names.manager, REINSTALL["dnf"]),
            ),
            Evidence("girepository-1.0", _("without {names}").format(names=", ".join(missing.value))),
        )
    return _installed("virt-manager", found)


def viewer(facts: Facts) -> Judgement:
    """tools.virt-viewer: installed."""
    return _installed("virt-viewer", facts.tools.viewer)


def display(facts: Facts) -> Judgement:
    """tools.display: there is a screen for the windows of the desktop profile."""
    found = facts.tools.display
    if isinstance(found, Known):
        return passed(_("There is a display for windows."), Evidence(*_split(found.value)))
    if isinstance(found, Absent):
        return warned(
            "tools.no-display",
            _("There is no display here: virt-manager and virt-viewer cannot open a window on this host."),
            manual(
                _("Start a desktop, log in with ssh -X, or use the web console: kvmready up --profile web"),
                ("kvmready", "up", "--profile", "web"),
            ),
            Evidence(X_SOCKETS, _("no X server")),
            Evidence(DISPLAY_MANAGER, _("no display manager")),
        )
    return unknown(
        _("It could not be seen whether there is a display."),
        manual(_("Look by hand."), ("ls", X_SOCKETS)),
        Evidence(X_SOCKETS, found.why),
    )


def server(facts: Facts) -> Judgement:
    """tools.x-server: the windows can be proved also where nobody sees them."""
    found = facts.tools.server
    if isinstance(found, Absent) and isinstance(facts.tools.manager, Absent) and _gone_upstream(facts):
        return skipped(_("Not needed: {system} has no virt-manager to open.").format(system=facts.os.name))
    if isinstance(found, Absent):
        return warned(
            "tools.no-x-server",
            _("Windows cannot be proved here without a screen: Xvfb, an X server in memory, is not installed."),
            automatic(_("Install {name}.").format(name="Xvfb")),
            Evidence(found.why, _("not found")),
        )
    return _installed("Xvfb", found)


def _split(text: str) -> tuple[str, str]:
    path, arrow, target = text.partition(" → ")
    return path, target if arrow else _("found")


def cockpit(facts: Facts) -> Judgement:
    """tools.cockpit: Cockpit's page of virtual machines is installed."""
    return _installed("cockpit-machines", facts.tools.machines)


def cockpit_socket(facts: Facts) -> Judgement:
    """tools.cockpit-socket: the web console listens, also after the next boot."""
    if isinstance(facts.tools.web_server, Absent):
        return _installed("cockpit", facts.tools.web_server)
    manager, units = facts.services.manager, facts.services.units
    if isinstance(manager, Absent):
        return skipped(_("Not asked: no service manager runs here."))
    unit = units.value.get(COCKPIT_SOCKET) if isinstance(units, Known) else None
    asked = f"systemctl status {COCKPIT_SOCKET}"
    if unit is None:
        return unknown(
            _("The service manager did not tell the state of {name}.").format(name=COCKPIT_SOCKET),
            manual(_("Ask by hand."), ("systemctl", "status", COCKPIT_SOCKET)),
            Evidence(asked, units.why if not isinstance(units, Known) else _("no answer")),
        )
    said = Evidence(asked, f"{unit.active}, {unit.file_state}")
    if unit.active == "active" and unit.enabled:
        return passed(_("The web console listens on port 9090, also after the next boot."), said)
    return failed(
        "tools.not-listening",
        _("The web console does not listen: its socket is {state}.").format(
            state=unit.active if unit.active != "active" else unit.file_state
        ),
        automatic(_("Start {name} now and at every boot.").format(name=COCKPIT_SOCKET)),
        said,
    )


CHECKS = (
    Check("tools.virt-manager", manager, profiles=("desktop",)),
    Check("tools.virt-viewer", viewer, profiles=("desktop",)),
    Check("tools.display", display, profiles=("desktop",)),
    Check("tools.x-server", server, profiles=("desktop",)),
    Check("tools.cockpit", cockpit, profiles=("web",)),
    Check("tools.cockpit-socket", cockpit_socket, profiles=("web",)),
)
