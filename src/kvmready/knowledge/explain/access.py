"""Explanations of the layer ``access``: which users may run guests."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_ID = Look(
    "id alice",
    "uid=1000(alice) gid=1000(alice) groups=1000(alice),104(kvm),108(libvirt)",
    "uid=1000(alice) gid=1000(alice) groups=1000(alice)",
    N_("Put your own name there. Good: kvm and libvirt are among the groups."),
)

_LAYER = Layer(
    N_("which users may run guests"),
    (
        N_("Two groups decide: kvm may open /dev/kvm, libvirt may manage the guests of the whole host."),
        N_("A user's groups are written in a database, and copied into each session at login."),
    ),
    (
        N_("Without the groups a user gets Permission denied, or a question for root's password, everywhere."),
        N_("Whoever is in the group libvirt is as good as root on this host: give it only to people you trust."),
    ),
    (
        _ID,
        Look(
            "virsh -c qemu:///system list",
            " Id   Name   State\n--------------------",
            "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock':\nPermission denied",
        ),
    ),
    ("usermod(8)", "group(5)", "https://libvirt.org/auth.html"),
)

_TOPICS = {
    "access.user": Topic(
        N_("The users who will run guests"),
        (N_("Everybody named with --user; without it the person behind sudo, else whoever calls kvmready."),),
        (N_("Groups and sessions are judged for these people, and a proof runs as one of them."),),
        (_ID, Look("getent passwd alice", "alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash", "")),
        ("getent(1)", "passwd(5)"),
    ),
    "access.kvm-group": Topic(
        N_("The group kvm"),
        (N_("/dev/kvm belongs to the group kvm; its members may open it and so run guests with QEMU itself."),),
        (
            N_("Android emulators and quickemu, for example, start QEMU as you, without libvirt's daemon."),
            N_("Where the device is open to all (mode 0666), the group is not needed."),
        ),
        (_ID, Look("getent group kvm", "kvm:x:104:alice", "kvm:x:104:")),
        ("usermod(8)", "getent(1)"),
    ),
    "access.libvirt-group": Topic(
        N_("The group libvirt"),
        (N_("Its members may use qemu:///system, the libvirt of the whole host, without a password."),),
        (N_("virsh and virt-manager work there as a plain user, and guests start at boot without a login."),),
        (_ID, Look("getent group libvirt", "libvirt:x:108:alice", "libvirt:x:108:")),
        ("usermod(8)", "https://libvirt.org/auth.html", "polkit(8)"),
    ),
    "access.session": Topic(
        N_("The groups of the running session"),
        (
            N_("A session gets its groups at login and keeps them; a change in the database does not reach it."),
            N_("Terminals in tmux or screen, ssh connections kept open, and desktop sessions can be very old."),
        ),
        (N_("A user who was just added to a group is refused until the next login."),),
        (
            Look(
                "id -nG; id -nG alice",
                "alice kvm libvirt\nalice kvm libvirt",
                "alice\nalice kvm libvirt",
                N_("The first line is this session, the second the database. Good: they agree."),
            ),
        ),
        ("id(1)", "newgrp(1)", "sg(1)"),
    ),
    "access.default-uri": Topic(
        N_("Which libvirt your tools talk to"),
        (
            N_("qemu:///system is the libvirt of the host: its guests have the default network and start at boot."),
            N_("qemu:///session is your private one: no default network, and it ends with your login."),
            N_("A plain user's virsh takes the session unless told otherwise."),
        ),
        (N_("A guest that was made under one is invisible under the other: the list looks empty."),),
        (Look("virsh uri", "qemu:///system", "qemu:///session"),),
        ("https://libvirt.org/uri.html", "virsh(1)"),
    ),
}

_CAUSES = {
    "access.not-in-kvm-group": Wrong(
        "access.kvm-group",
        (N_("The user is not a member of the group that /dev/kvm belongs to."),),
        (
            Do(N_("It adds the user to the group. By hand, and then log in again:"), ("# usermod -aG kvm alice",)),
            Do(N_("Never use chmod 666 on /dev/kvm: it opens the device to every program on the host.")),
        ),
        (
            Look(
                "kvmready prove --level probe",
                "",
                "Could not access KVM kernel module: Permission denied",
                N_("QEMU's words for the same."),
            ),
        ),
    ),
    "access.not-in-libvirt-group": Wrong(
        "access.libvirt-group",
        (N_("The user is not a member of the group libvirt, so that the daemon asks for root's password or refuses."),),
        (Do(N_("It adds the user to the group. By hand, and then log in again:"), ("# usermod -aG libvirt alice",)),),
        (
            Look(
                "virsh -c qemu:///system list",
                "",
                "error: authentication unavailable: no polkit agent available to\n"
                "authenticate action 'org.libvirt.unix.manage'",
            ),
        ),
    ),
    "access.session-stale": Wrong(
        "access.session",
        (N_("The user is in the group by the database, but the running session began before that."),),
        (
            Do(N_("Log out of everything and log in again: the desktop, every ssh connection, tmux and screen.")),
            Do(N_("An ssh master connection keeps the old groups; end it on your own machine:"), ("ssh -O exit HOST",)),
            Do(N_("For now, in one shell:"), ("newgrp libvirt",)),
            Do(N_("For one command:"), ("sg kvm -c 'kvmready prove --level probe'",)),
            Do(
                N_("If a new login does not help, programs of yours still run: reboot, or end them all."),
                ("# loginctl terminate-user alice",),
            ),
        ),
        (),
        ("loginctl(1)",),
    ),
    "access.session-uri": Wrong(
        "access.default-uri",
        (N_("virsh without -c talks to the private libvirt of this user, while the host's guests are under system."),),
        (
            Do(
                N_("It sets the default for this user. By hand, put this into ~/.config/libvirt/libvirt.conf:"),
                ('| uri_default = "qemu:///system"',),
            ),
            Do(N_("For one shell:"), ("export LIBVIRT_DEFAULT_URI=qemu:///system",)),
            Do(N_("In virt-manager: File, Add Connection, QEMU/KVM.")),
        ),
        (
            Look(
                "virsh list --all; virsh -c qemu:///system list --all",
                "",
                " Id   Name   State\n--------------------\n\n Id   Name    State\n---------------------\n"
                " 1    web     running",
            ),
        ),
    ),
    "access.no-such-user": Wrong(
        "access.user",
        (N_("A user was named with --user whom this host does not know."),),
        (
            Do(N_("Look for the right spelling:"), ("getent passwd | cut -d: -f1",)),
            Do(N_("Or create the user:"), ("# adduser NAME",)),
            Do(N_("Users of a directory (LDAP, Active Directory) must be known on the host: look at sssd.")),
        ),
        (Look("id alise", "", "id: 'alise': no such user"),),
        ("adduser(8)", "sssd(8)"),
    ),
}

_CHECKS = {
    "access.user": Asked("access.user"),
    "access.kvm-group": Asked("access.kvm-group"),
    "access.libvirt-group": Asked("access.libvirt-group"),
    "access.session": Asked("access.session"),
    "access.libvirt-uri": Asked("access.default-uri"),
}

ROOM = Room(_LAYER, _TOPICS, _CAUSES, _CHECKS)
