"""Explanations of the layer ``tools``: what people look at guests with."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_LAYER = Layer(
    N_("windows and web pages to work with guests"),
    (
        N_("virt-manager is a window for making and running guests; virt-viewer shows one guest's screen."),
        N_("Cockpit with cockpit-machines is the same as a web page, on port 9090."),
    ),
    (
        N_("Guests run without them. The profile desktop asks for the first two, the profile web for Cockpit."),
        N_("Everything that they do can be done with virsh too."),
    ),
    (
        Look("virt-manager --version", "4.1.0", "bash: virt-manager: command not found"),
        Look("systemctl is-active cockpit.socket", "active", "inactive"),
    ),
    ("https://virt-manager.org", "https://cockpit-project.org", "virt-manager(1)"),
)

_TOPICS = {
    "tools.desktop": Topic(
        N_("virt-manager and virt-viewer"),
        (
            N_("Programs with a window: they need a desktop on this machine, or ssh with X forwarding."),
            N_("They can also run on your own computer and reach this host through ssh."),
        ),
        (N_("They are the easiest way to install a guest by hand and to see its screen."),),
        (
            Look("virt-manager --version", "4.1.0", "bash: virt-manager: command not found"),
            Look(
                'echo "$DISPLAY $WAYLAND_DISPLAY"',
                ":0 wayland-0",
                "",
                N_("Bad: an empty line. There is no screen here."),
            ),
        ),
        ("virt-manager(1)", "virt-viewer(1)", "https://virt-manager.org"),
    ),
    "tools.cockpit": Topic(
        N_("Cockpit, the web page of a host"),
        (N_("A web page for the whole host; the part cockpit-machines shows and makes guests."),),
        (N_("It needs no desktop: a browser on any computer is enough."),),
        (
            Look("systemctl is-active cockpit.socket", "active", "inactive"),
            Look("curl -ks -o /dev/null -w '%{http_code}\\n' https://localhost:9090", "200", "000"),
        ),
        ("https://cockpit-project.org", "cockpit(1)"),
    ),
}

_CAUSES = {
    "tools.not-installed": Wrong(
        "tools.desktop",
        (N_("A tool that the profile asks for is not installed."),),
        (
            Do(
                N_("It installs the packages. By hand, on Debian and Ubuntu:"),
                ("# apt-get install virt-manager virt-viewer", "# apt-get install cockpit cockpit-machines"),
            ),
            Do(
                N_("Fedora and RHEL:"),
                ("# dnf install virt-manager virt-viewer", "# dnf install cockpit cockpit-machines"),
            ),
        ),
    ),
    "tools.no-display": Wrong(
        "tools.desktop",
        (N_("The tool wants to open a window, and this session has no screen: a server, or plain ssh."),),
        (
            Do(
                N_("Best: run virt-manager on your own computer, and reach the host through ssh."),
                ("virt-manager -c qemu+ssh://USER@HOST/system",),
            ),
            Do(N_("Or forward the window over ssh:"), ("ssh -X USER@HOST virt-manager",)),
            Do(N_("Or use the web page instead:"), ("kvmready up --profile web",)),
        ),
        (Look("virt-viewer --connect qemu:///system GUEST", "", "Cannot open display:"),),
        ("ssh(1)",),
    ),
    "tools.broken": Wrong(
        "tools.desktop",
        (N_("The tool is installed, but ends before its window opens: mostly one of its libraries is missing."),),
        (
            Do(N_("Start it in a terminal and read its last line:"), ("virt-manager --no-fork --debug",)),
            Do(
                N_("Install the part that it names. On Debian and Ubuntu these are the usual ones:"),
                (
                    "# apt-get install gir1.2-gtk-vnc-2.0 gir1.2-spiceclientgtk-3.0",
                    "# apt-get install gir1.2-libosinfo-1.0 gir1.2-vte-2.91",
                ),
            ),
        ),
        (Look("virt-manager --no-fork", "", "ValueError: Namespace GtkVnc not available"),),
    ),
    "tools.removed-upstream": Wrong(
        "tools.desktop",
        (N_("The distribution dropped the tool in this release, as RHEL 10 did with virt-manager."),),
        (
            Do(N_("Use Cockpit, which takes its place:"), ("kvmready up --profile web",)),
            Do(
                N_("Or run virt-manager on another computer, and reach this host through ssh."),
                ("virt-manager -c qemu+ssh://USER@HOST/system",),
            ),
        ),
        (Look("dnf info virt-manager", "", "Error: No matching Packages to list"),),
    ),
    "tools.no-x-server": Wrong(
        "tools.desktop",
        (
            N_("A proof opens virt-manager and virt-viewer. Without a screen it takes Xvfb, which draws in memory."),
            N_("Guests and their windows work without it; on this host they just cannot be proved from a plain ssh."),
        ),
        (
            Do(N_("It installs the package. By hand, on Debian and Ubuntu:"), ("# apt-get install xvfb",)),
            Do(N_("Fedora and RHEL:"), ("# dnf install xorg-x11-server-Xvfb",)),
        ),
        (Look("Xvfb -help", "use: X [:<display>] [option]", "bash: Xvfb: command not found"),),
        ("Xvfb(1)",),
    ),
    "tools.not-answering": Wrong(
        "tools.cockpit",
        (
            N_("Something listens on the port, and what answers is not Cockpit's page, or nothing answers in time."),
            N_("Mostly its service fails at its start, or another program took the port."),
        ),
        (
            Do(N_("Read what its service says:"), ("# journalctl -b -u cockpit.service",)),
            Do(N_("See who has the port:"), ("# ss -ltnp sport = :9090",)),
            Do(N_("Then start it again:"), ("# systemctl restart cockpit.socket",)),
        ),
        (Look("curl -ks -o /dev/null -w '%{http_code}\\n' https://localhost:9090", "200", "500"),),
        ("cockpit-ws(8)",),
    ),
    "tools.not-listening": Wrong(
        "tools.cockpit",
        (N_("Cockpit is installed, but its socket is off, so that nobody answers on port 9090."),),
        (
            Do(N_("It switches the socket on. By hand:"), ("# systemctl enable --now cockpit.socket",)),
            Do(
                N_("From elsewhere the firewall must let the port through. Fedora and RHEL:"),
                ("# firewall-cmd --permanent --add-service=cockpit", "# firewall-cmd --reload"),
            ),
        ),
    ),
}

_CHECKS = {
    "tools.virt-manager": Asked(
        "tools.desktop",
        N_("virt-manager, a window for guests"),
        ("tools.not-installed", "tools.broken", "tools.removed-upstream"),
    ),
    "tools.virt-viewer": Asked("tools.desktop", N_("virt-viewer, a guest's screen"), ("tools.not-installed",)),
    "tools.display": Asked("tools.desktop", N_("A screen for windows"), ("tools.no-display",)),
    "tools.x-server": Asked("tools.desktop", N_("A screen in memory, for proofs"), ("tools.no-x-server",)),
    "tools.cockpit": Asked("tools.cockpit", "", ("tools.not-installed",)),
    "tools.cockpit-socket": Asked(
        "tools.cockpit", N_("Cockpit's page, switched on"), ("tools.not-listening", "tools.not-answering")
    ),
}

ROOM = Room(_LAYER, _TOPICS, _CAUSES, _CHECKS)
