"""The tools that a profile adds: virt-manager and virt-viewer with a display, or the web console of Cockpit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kvmready.facts.known import Absent, Fact, Known, Unknown, missing
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door

MANAGER = ("/usr/bin/virt-manager", "/usr/local/bin/virt-manager")
VIEWER = ("/usr/bin/virt-viewer", "/usr/local/bin/virt-viewer")
X_SERVER = ("/usr/bin/Xvfb", "/usr/local/bin/Xvfb")
MACHINES = ("/usr/share/cockpit/machines/manifest.json", "/usr/local/share/cockpit/machines/manifest.json")
WEB_SERVER = ("/usr/lib/systemd/system/cockpit.socket", "/lib/systemd/system/cockpit.socket")

TYPELIBS = ("Gtk-3.0.typelib", "LibvirtGLib-1.0.typelib")
"""What virt-manager imports before it opens a window: virtManager/virtmanager.py, gi.require_version."""

X_SOCKETS = "/tmp/.X11-unix"  # where X servers listen: Xserver(1)
DISPLAY_MANAGER = "/etc/systemd/system/display-manager.service"
"""The link that each display manager makes when it is enabled: systemd.special(7)."""

COCKPIT_SOCKET = "cockpit.socket"


class Tools(NamedTuple):
    """``manager``, ``viewer``, ``machines``, ``web_server`` are the paths that were found. ``typelibs`` are those of
    ``TYPELIBS`` that are missing. ``display`` says which display there is. ``server`` is the X server in memory, with
    which windows are proved where nobody sees one. Unknown what the profile does not need.
    """

    manager: Fact[str]
    viewer: Fact[str]
    typelibs: Fact[tuple[str, ...]]
    display: Fact[str]
    machines: Fact[str]
    web_server: Fact[str]
    server: Fact[str]


def _first(host: Door, paths: Iterable[str]) -> Fact[str]:
    last: Fact[str] = Unknown("")
    for path in paths:
        status = host.stat(path)
        if not status.error:
            return Known(path)
        last = missing(status.error, path)
    return last


def _typelibs(host: Door) -> Fact[tuple[str, ...]]:
    """Those missing of all folders where GObject Introspection looks (girepository(1), of a multiarch system too)."""
    present: set[str] = set()
    libraries = host.listdir("/usr/lib")
    folders = [f"/usr/lib/{name}" for name in libraries.names if name.endswith("-linux-gnu")]
    seen = False
    for folder in ("/usr/lib64", "/usr/lib", *folders):
        listing = host.listdir(f"{folder}/girepository-1.0")
        present |= set(listing.names)
        seen = seen or not listing.error
    if not seen:
        return Unknown("girepository-1.0")
    return Known(tuple(name for name in TYPELIBS if name not in present))


def _display(host: Door, uids: Iterable[int]) -> Fact[str]:
    listing = host.listdir(X_SOCKETS)
    if any(name.startswith("X") for name in listing.names):
        return Known(f"{X_SOCKETS}/{next(name for name in listing.names if name.startswith('X'))}")
    for uid in uids:
        for name in host.listdir(f"/run/user/{uid}").names:
            if name.startswith("wayland-") and not name.endswith(".lock"):
                return Known(f"/run/user/{uid}/{name}")
    link = host.readlink(DISPLAY_MANAGER)
    return Absent(X_SOCKETS) if link.error else Known(f"{DISPLAY_MANAGER} → {link.text}")


def ask(host: Door, names: Names, want: Want) -> Callable[[], Tools]:
    """Look for the files of what the profile wants; this waits for nothing."""
    unasked = Unknown("not asked")
    tools = Tools(unasked, unasked, unasked, unasked, unasked, unasked, unasked)
    if want.profile == "desktop":
        accounts = [host.account(name) for name in dict.fromkeys(want.users)]
        manager = _first(host, MANAGER)
        tools = tools._replace(
            manager=manager,
            viewer=_first(host, VIEWER),
            server=_first(host, X_SERVER),
            typelibs=_typelibs(host) if isinstance(manager, Known) else unasked,
            display=_display(host, [account.uid for account in accounts if not account.error]),
        )
    elif want.profile == "web":
        tools = tools._replace(machines=_first(host, MACHINES), web_server=_first(host, WEB_SERVER))
    return lambda: tools
