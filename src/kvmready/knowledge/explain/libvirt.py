"""Explanations of the layer ``libvirt``: its daemons, its clients, and whether they agree."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain import backups, linux_guest, wanted
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_URI = Look(
    "virsh -c qemu:///system uri",
    "qemu:///system",
    "error: failed to connect to the hypervisor\n"
    "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock':\n"
    "No such file or directory",
)

_SETS = N_(
    "The old kind is one daemon, libvirtd. The new kind is one daemon per task: virtqemud, virtnetworkd and more."
)

_LAYER = Layer(
    N_("starts and manages guests, and remembers them"),
    (
        N_("libvirt is a daemon that keeps the definitions of guests, networks and disks, and starts QEMU for them."),
        _SETS,
        N_("You talk to it with virsh, virt-install, virt-manager or Cockpit."),
    ),
    (
        N_("QEMU alone forgets a guest when it ends, and its command line is very long."),
        N_("libvirt also sets up the network, the rights and the limits of each guest, and starts guests at boot."),
    ),
    (_URI, Look("virsh -c qemu:///system list --all", " Id   Name   State\n--------------------", "")),
    ("https://libvirt.org/daemons.html", "virsh(1)", "https://libvirt.org/drvqemu.html"),
)

_TOPICS = {
    "libvirt.daemon": Topic(
        N_("libvirt's daemon"),
        (N_("The program in the background that does the work for virsh and all other tools."), _SETS),
        (N_("Without the daemon there is nobody who could start a guest, a network or a storage pool."),),
        (
            Look(
                "ls /usr/sbin/libvirtd /usr/sbin/virtqemud",
                "/usr/sbin/libvirtd",
                "",
                N_("One of the two is enough."),
            ),
        ),
        ("libvirtd(8)", "virtqemud(8)", "https://libvirt.org/daemons.html"),
    ),
    "libvirt.clients": Topic(
        N_("virsh and virt-install"),
        (
            N_("virsh is the command line of libvirt: it lists, starts, stops and changes guests."),
            N_("virt-install makes a new guest from an installation medium or a disk image."),
        ),
        (N_("kvmready asks libvirt with virsh too; without it much stays unknown."),),
        (
            Look("virsh --version", "9.0.0", "bash: virsh: command not found"),
            Look("virt-install --version", "4.1.0", "bash: virt-install: command not found"),
        ),
        ("virsh(1)", "virt-install(1)"),
    ),
    "libvirt.python": Topic(
        N_("libvirt for Python"),
        (N_("A library through which Python programs use libvirt."),),
        (N_("virt-install, virt-manager and Ansible's libvirt modules are Python programs and need it."),),
        (
            Look(
                "/usr/bin/python3 -c 'import libvirt; print(libvirt.getVersion())'",
                "9000000",
                "ModuleNotFoundError: No module named 'libvirt'",
            ),
        ),
        ("https://libvirt.org/bindings.html",),
    ),
    "libvirt.connect": Topic(
        N_("A daemon that answers"),
        (
            N_("The tools reach the daemon through a socket, a file under /run/libvirt."),
            N_(
                "The address qemu:///system means the daemon of the whole host; qemu:///session is a private one "
                "per user."
            ),
        ),
        (N_("When nobody answers there, no tool can do anything, and the message seldom says why."),),
        (
            _URI,
            Look(
                "ls -l /run/libvirt/libvirt-sock", "srw-rw-rw- 1 root root 0 Nov 24 09:15 /run/libvirt/libvirt-sock", ""
            ),
        ),
        (
            "https://libvirt.org/kbase/failed_connection_after_install.html",
            "https://libvirt.org/uri.html",
            "virsh(1)",
        ),
    ),
    "libvirt.polkit": Topic(
        N_("polkit, which decides who may use libvirt"),
        (
            N_("polkit is the part of the system that allows or forbids things to users, by rules."),
            N_("libvirt asks it for everybody who is not root; a rule of the package lets the group libvirt in."),
        ),
        (
            N_(
                "Without the rule members of the group are asked for root's password, or refused where nobody "
                "can be asked."
            ),
        ),
        (
            Look(
                "# ls /usr/share/polkit-1/rules.d /etc/polkit-1/rules.d",
                "/usr/share/polkit-1/rules.d:\n60-libvirt.rules",
                "",
            ),
            Look(
                "virsh -c qemu:///system uri", "qemu:///system", "", N_("Try it as a member of the group, not as root.")
            ),
        ),
        ("polkit(8)", "https://libvirt.org/aclpolkit.html", "https://libvirt.org/auth.html"),
    ),
    "libvirt.kvm-capability": Topic(
        N_("A libvirt that knows KVM"),
        (
            N_("libvirt starts each emulator once, asks what it can do, and keeps the answer in a cache."),
            N_("If KVM did not work at that moment, the cache says so, perhaps long after it was mended."),
        ),
        (N_("virt-install and virt-manager then offer only slow emulation, or refuse to make a guest."),),
        (
            Look(
                "virsh -c qemu:///system capabilities | grep 'domain type'",
                "<domain type='qemu'/>\n<domain type='kvm'/>",
                "<domain type='qemu'/>",
                N_("Good: a line with kvm."),
            ),
        ),
        ("https://libvirt.org/formatcaps.html", "virsh(1)"),
    ),
    "libvirt.daemon-set": Topic(
        N_("One set of daemons, and all of it"),
        (
            _SETS,
            N_("A host uses one kind or the other; the new kind needs all of its sockets."),
        ),
        (N_("Both at once fight over the same guests; half of the new kind leaves guests without network or disks."),),
        (
            Look(
                "systemctl is-active libvirtd.socket virtqemud.socket",
                "active\ninactive",
                "active\nactive",
                N_("Good: exactly one of the two is active."),
            ),
            Look("systemctl list-units 'virt*.socket' 'libvirtd*.socket'"),
        ),
        ("https://libvirt.org/daemons.html",),
    ),
    "libvirt.config": Topic(
        N_("libvirt's configuration files"),
        (N_("The files under /etc/libvirt: libvirtd.conf (or virtqemud.conf) for the daemon, qemu.conf for guests."),),
        (N_("The daemon reads them when it starts. One line that it cannot read, and it does not start."),),
        (
            Look(
                "journalctl -u libvirtd -n 20    # or virtqemud",
                "",
                "configuration file syntax error: /etc/libvirt/qemu.conf:519: expecting\na value",
            ),
        ),
        ("https://libvirt.org/drvqemu.html", "libvirtd(8)"),
    ),
    "libvirt.exposed": Topic(
        N_("Who can reach libvirt from the network"),
        (
            N_("The daemon can listen on TCP: on port 16509 without encryption, on 16514 with TLS."),
            N_("Normally it listens on local sockets only, and others come in through ssh."),
        ),
        (N_("Whoever may manage guests is as good as root on the host: a port without a login gives the host away."),),
        (
            Look(
                "# ss -tlnp | grep -E ':(16509|16514)'",
                "",
                'LISTEN 0 4096 *:16509 *:* users:(("libvirtd",pid=812,fd=10))',
                N_("Good: no line."),
            ),
        ),
        ("https://libvirt.org/remote.html", "https://libvirt.org/auth.html"),
    ),
    "libvirt.graphics": Topic(
        N_("Who can reach guests' screens"),
        (
            N_("A guest's screen, keyboard and mouse are served by QEMU over VNC or SPICE, from port 5900 on."),
            N_("Normally on 127.0.0.1 only, so that only this host and those who come through ssh can see it."),
        ),
        (N_("On an open address anybody in the network can watch and type, often without a password."),),
        (
            Look(
                "# ss -tlnp | grep qemu",
                'LISTEN 0 1 127.0.0.1:5900 0.0.0.0:* users:(("qemu-system-x86",...',
                'LISTEN 0 1 0.0.0.0:5900 0.0.0.0:* users:(("qemu-system-x86",...',
            ),
            Look("grep -E '^(vnc|spice)_listen' /etc/libvirt/qemu.conf", "", 'vnc_listen = "0.0.0.0"'),
        ),
        ("https://libvirt.org/formatdomain.html", "https://libvirt.org/drvqemu.html"),
    ),
}

_CAUSES = {
    "libvirt.not-installed": Wrong(
        "libvirt.daemon",
        (N_("Neither libvirtd nor virtqemud was found on this host."),),
        (
            Do(
                N_("It installs the package. By hand, on Debian and Ubuntu:"),
                ("# apt-get install libvirt-daemon-system",),
            ),
            Do(N_("Fedora and RHEL:"), ("# dnf install libvirt",)),
            Do(
                N_("openSUSE, Arch, Alpine:"),
                (
                    "# zypper install libvirt libvirt-daemon-qemu",
                    "# pacman -S libvirt dnsmasq",
                    "# apk add libvirt-daemon libvirt-qemu",
                ),
            ),
        ),
    ),
    "libvirt.clients-missing": Wrong(
        "libvirt.clients",
        (N_("The daemon may be there, but a command to talk to it is not installed."),),
        (
            Do(
                N_("It installs the package. By hand, on Debian and Ubuntu:"),
                ("# apt-get install libvirt-clients virtinst",),
            ),
            Do(N_("Fedora and RHEL:"), ("# dnf install libvirt-client virt-install",)),
        ),
    ),
    "libvirt.python-missing": Wrong(
        "libvirt.python",
        (
            N_("The Python of the system cannot import libvirt."),
            N_("A Python of your own (pyenv, conda, a venv) does not count: the tools use the one in /usr/bin."),
        ),
        (
            Do(N_("It installs the package. By hand, on Debian and Ubuntu:"), ("# apt-get install python3-libvirt",)),
            Do(N_("Fedora and RHEL:"), ("# dnf install python3-libvirt",)),
        ),
    ),
    "libvirt.unreachable": Wrong(
        "libvirt.connect",
        (
            N_("Nobody listens on libvirt's socket: the daemon and its socket are off, or it is another socket."),
            N_("The path in the message tells which: libvirt-sock is the old kind, virtqemud-sock the new kind."),
        ),
        (
            Do(
                N_("It starts the units that this host needs. By hand, for the old kind:"),
                ("# systemctl enable --now libvirtd.socket libvirtd.service",),
            ),
            Do(
                N_("For the new kind:"),
                ("# systemctl enable --now virtqemud.socket virtnetworkd.socket virtstoraged.socket",),
            ),
            Do(N_("If it does not start, its journal says why:"), ("journalctl -u libvirtd -n 30    # or virtqemud",)),
        ),
        (Look("systemctl status libvirtd.socket virtqemud.socket"),),
    ),
    "libvirt.hangs": Wrong(
        "libvirt.connect",
        (
            N_("The daemon took the call but did not answer: it waits for something itself."),
            N_("Usual reasons: storage in the network that is gone, a guest that does not react, a very slow CPU."),
        ),
        (
            Do(
                N_("See what it is busy with, and whether its storage answers:"),
                ("journalctl -u libvirtd -n 30    # or virtqemud", "timeout 5 ls /var/lib/libvirt/images"),
            ),
            Do(
                N_("Start it again; guests that run go on running:"),
                ("# systemctl restart libvirtd    # or virtqemud",),
            ),
            Do(
                N_(
                    "If it hangs each time, look for a pool on NFS, iSCSI or the like that starts with it, and "
                    "switch that off."
                )
            ),
        ),
        (
            Look(
                "timeout 20 virsh -c qemu:///system list; echo $?",
                "0",
                "124",
                N_("124 means: no answer in 20 seconds."),
            ),
        ),
    ),
    "libvirt.mixed-daemons": Wrong(
        "libvirt.daemon-set",
        (N_("libvirtd and virtqemud are on at the same time; guests seem to vanish, and networks do not start."),),
        (
            Do(N_("It keeps the set that this distribution uses, and switches the other off.")),
            Do(
                N_("By hand, to keep the old kind (Debian, Ubuntu):"),
                (
                    "# systemctl disable --now virtqemud.service virtqemud{,-ro,-admin}.socket",
                    "# systemctl enable --now libvirtd.socket libvirtd.service",
                ),
            ),
            Do(
                N_("To keep the new kind (Fedora, RHEL, openSUSE):"),
                (
                    "# systemctl disable --now libvirtd.service libvirtd{,-ro,-admin}.socket",
                    "# systemctl enable --now virtqemud.socket virtnetworkd.socket virtstoraged.socket",
                ),
            ),
        ),
    ),
    "libvirt.partial-modular": Wrong(
        "libvirt.daemon-set",
        (N_("virtqemud runs, but the sockets of its helpers for networks, storage or others are off."),),
        (
            Do(
                N_("It switches the missing sockets on. By hand:"),
                (
                    "# systemctl enable --now virt{network,storage,nodedev}d{,-ro,-admin}.socket",
                    "# systemctl enable --now virt{nwfilter,secret,interface,proxy}d{,-ro,-admin}.socket",
                ),
            ),
        ),
        (
            Look(
                "virsh -c qemu:///system net-list",
                "",
                "error: Failed to connect socket to\n'/var/run/libvirt/virtnetworkd-sock': No such file or directory",
            ),
        ),
    ),
    "libvirt.config-invalid": Wrong(
        "libvirt.config",
        (
            N_("Somebody edited a file under /etc/libvirt, and the daemon cannot read it or use what it says."),
            N_("Values of text need quotes; a user or group named there must exist."),
        ),
        (
            Do(N_("The journal names the file and the line:"), ("journalctl -u libvirtd -n 20    # or virtqemud",)),
            Do(
                N_("Mend that line, or put # before it to get the default; then start the daemon."),
                ("# systemctl reset-failed libvirtd", "# systemctl start libvirtd"),
            ),
            Do(
                N_("See every line that differs from a comment, in both files:"),
                ("# grep -vnE '^ *(#|$)' /etc/libvirt/libvirtd.conf /etc/libvirt/qemu.conf",),
            ),
        ),
        (
            Look(
                "virsh start GUEST",
                "",
                "error: internal error: unable to set user and group to '65534:992'",
                N_("It comes from the settings user or group in qemu.conf."),
            ),
        ),
    ),
    "libvirt.no-kvm-capability": Wrong(
        "libvirt.kvm-capability",
        (N_("KVM works on this host, but libvirt's cache is older than that, or it found no emulator."),),
        (
            Do(
                N_("It empties the cache and starts the daemon again. By hand:"),
                ("# rm /var/cache/libvirt/qemu/capabilities/*.xml", "# systemctl restart libvirtd    # or virtqemud"),
            ),
        ),
        (
            Look(
                "virt-install --osinfo generic --memory 512 --disk none --import",
                "",
                "ERROR    Host does not support domain type kvm for virtualization\n"
                "type 'hvm' with architecture 'x86_64'",
            ),
        ),
    ),
    "libvirt.exposed": Wrong(
        "libvirt.exposed",
        (N_("The daemon listens on the network, and its configuration asks nobody for a name or a certificate."),),
        (
            Do(
                N_("Switch the open port off:"),
                ("# systemctl disable --now libvirtd-tcp.socket    # or virtproxyd-tcp.socket",),
            ),
            Do(
                N_(
                    "In /etc/libvirt/libvirtd.conf (or virtproxyd.conf) remove these lines, and start the daemon again:"
                ),
                ("| listen_tcp = 1", '| auth_tcp = "none"'),
            ),
            Do(N_("Reach the host through ssh instead:"), ("virsh -c qemu+ssh://USER@HOST/system list",)),
            Do(N_("Programs that must come without ssh: use TLS with certificates on both sides.")),
        ),
        (Look("# grep -E '^(listen_|auth_)' /etc/libvirt/*.conf", "", '/etc/libvirt/libvirtd.conf:auth_tcp = "none"'),),
    ),
    "libvirt.graphics-exposed": Wrong(
        "libvirt.graphics",
        (N_("New guests' screens listen on all addresses, without a password and without TLS."),),
        (
            Do(
                N_("In /etc/libvirt/qemu.conf set these, and start the daemon again:"),
                ('| vnc_listen = "127.0.0.1"', '| spice_listen = "127.0.0.1"'),
            ),
            Do(
                N_("Guests that name an address of their own: change it, and switch the guest off and on."),
                ("virsh edit GUEST    # <graphics type='vnc' listen='127.0.0.1'/>",),
            ),
            Do(N_("See the screen from elsewhere through ssh:"), ("virt-viewer -c qemu+ssh://USER@HOST/system GUEST",)),
        ),
    ),
    "libvirt.polkit-denied": Wrong(
        "libvirt.polkit",
        (
            N_("polkit decides who may use libvirt, and it said no or had nobody to ask for a password."),
            N_("Distributions ship a rule that lets the group libvirt in without a password."),
        ),
        (
            Do(N_("It puts you into that group. By hand, and then log in again:"), ("# usermod -aG libvirt USER",)),
            Do(
                N_("If you are in it, look whether the rule is there:"),
                ("# grep -rl libvirt /usr/share/polkit-1/rules.d /etc/polkit-1/rules.d",),
            ),
        ),
        (
            Look(
                "virsh -c qemu:///system list",
                "",
                "error: authentication unavailable: no polkit agent available to\n"
                "authenticate action 'org.libvirt.unix.manage'",
            ),
        ),
    ),
}

_CHECKS = {
    "libvirt.daemon": Asked("libvirt.daemon"),
    "libvirt.clients": Asked("libvirt.clients", N_("virsh, libvirt's command line")),
    "libvirt.virt-install": Asked("libvirt.clients", N_("virt-install, which makes guests")),
    "libvirt.python": Asked("libvirt.python"),
    "libvirt.config": Asked("libvirt.config"),
    "libvirt.daemon-set": Asked("libvirt.daemon-set"),
    "libvirt.answers": Asked(
        "libvirt.connect", N_("A daemon that answers in time"), ("libvirt.hangs", "libvirt.unreachable")
    ),
    "libvirt.connect": Asked("libvirt.connect"),
    "libvirt.polkit": Asked("libvirt.polkit"),
    "libvirt.kvm-capability": Asked("libvirt.kvm-capability"),
    "libvirt.capabilities-cache": Asked(
        "libvirt.kvm-capability", N_("What libvirt remembers of the emulators"), ("libvirt.no-kvm-capability",)
    ),
    "libvirt.exposed": Asked("libvirt.exposed"),
    "libvirt.graphics": Asked("libvirt.graphics"),
}

ROOM = Room(
    _LAYER,
    {**_TOPICS, **wanted.LIBVIRT_TOPICS, **backups.LIBVIRT_TOPICS},
    {**_CAUSES, **linux_guest.LIBVIRT_CAUSES, **wanted.LIBVIRT_CAUSES, **backups.LIBVIRT_CAUSES},
    {**_CHECKS, **wanted.LIBVIRT_CHECKS},
)
