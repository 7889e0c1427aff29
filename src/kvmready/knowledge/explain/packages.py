"""Explanations of what the package manager can have against a plan; it belongs to no check of its own layer."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Do, Look, Topic, Wrong

TOPICS = {
    "packages": Topic(
        N_("The package manager and its repositories"),
        (
            N_("QEMU, libvirt and the rest come as packages, from repositories that the distribution runs."),
            N_("The package manager (apt, dnf, zypper, pacman, apk) fetches and installs them."),
        ),
        (N_("What is not installed cannot run: where packages fail, every layer from qemu upwards fails."),),
        (
            Look(
                "apt-cache policy qemu-system-x86",
                "qemu-system-x86:\n  Installed: (none)\n  Candidate: 1:7.2+dfsg-7+deb12u18",
                "qemu-system-x86:\n  Installed: (none)\n  Candidate: (none)",
                N_("On Fedora and RHEL: dnf info qemu-kvm"),
            ),
        ),
        ("apt-get(8)", "sources.list(5)", "dnf(8)"),
    ),
}

CAUSES = {
    "packages.no-candidate": Wrong(
        "packages",
        (
            N_("The package manager works, but none of its repositories has the package."),
            N_("Mostly a repository is switched off, or the package lists are old or empty."),
        ),
        (
            Do(N_("Fetch the lists again. Debian and Ubuntu:"), ("# apt-get update",)),
            Do(
                N_("On Debian the line in /etc/apt/sources.list must name main, on Ubuntu also universe:"),
                ("# add-apt-repository universe    # Ubuntu",),
            ),
            Do(
                N_("On RHEL the machine must be registered; some packages are in CRB or EPEL:"),
                ("# subscription-manager repos --list-enabled", "# dnf config-manager --set-enabled crb"),
            ),
            Do(N_("An installation medium as the only source has few packages: add the network's repository.")),
        ),
        (Look("# apt-get install qemu-system-x86", "", "E: Unable to locate package qemu-system-x86"),),
    ),
    "packages.manager-busy": Wrong(
        "packages",
        (
            N_("Only one program at a time may install packages, and another one is at it."),
            N_("Often it is the automatic update that runs after every boot."),
        ),
        (
            Do(N_("Wait. kvmready waits by itself for some minutes, and says for whom.")),
            Do(N_("See who it is:"), ("ps -C apt,apt-get,dpkg,unattended-upgr,dnf,packagekitd",)),
            Do(N_("Never delete the lock file: two package runs at once damage the system.")),
        ),
        (
            Look(
                "# apt-get install qemu-system-x86",
                "",
                "E: Could not get lock /var/lib/dpkg/lock-frontend.\nIt is held by process 1234 (unattended-upgr)",
            ),
        ),
    ),
    "packages.broken-state": Wrong(
        "packages",
        (N_("An earlier installation was interrupted; the package manager refuses new work until that is finished."),),
        (
            Do(N_("Finish it, on Debian and Ubuntu:"), ("# dpkg --configure -a", "# apt-get --fix-broken install")),
            Do(N_("Fedora and RHEL:"), ("# dnf check", "# rpm --rebuilddb")),
            Do(N_("When a package's own script fails each time, its last words say what it wants; mend that first.")),
        ),
        (
            Look(
                "dpkg --audit",
                "",
                "The following packages are only half configured, probably due to\n"
                "problems configuring them the first time.",
                N_("Good: no output."),
            ),
        ),
        ("dpkg(1)",),
    ),
    "packages.offline": Wrong(
        "packages",
        (N_("No repository answered: no network, no name service, or a proxy that nobody told apt about."),),
        (
            Do(N_("Look for the way out and for name service:"), ("ip route", "getent hosts deb.debian.org")),
            Do(
                N_("Behind a proxy, tell apt in /etc/apt/apt.conf.d/80proxy:"),
                ('| Acquire::http::Proxy "http://proxy.example:3128";',),
            ),
            Do(N_("Tell dnf in /etc/dnf/dnf.conf:"), ("| proxy=http://proxy.example:3128",)),
            Do(N_("A host without a network can use a mirror in its own network or an installation medium.")),
        ),
        (
            Look(
                "# apt-get update",
                "",
                "Err:1 http://deb.debian.org/debian bookworm InRelease\n  Temporary failure resolving 'deb.debian.org'",
            ),
        ),
        ("apt.conf(5)",),
    ),
    "packages.untrusted": Wrong(
        "packages",
        (
            N_("Packages are signed by the distribution; this host does not trust the signature that it was shown."),
            N_("Mostly the keys on this host are older than the repository, or its clock is wrong."),
            N_("It can also mean that somebody changed the packages on their way. Never switch the check off."),
        ),
        (
            Do(N_("Look at the clock:"), ("timedatectl",)),
            Do(N_("Bring the keys up to date. Debian and Ubuntu:"), ("# apt-get install debian-archive-keyring",)),
            Do(N_("Arch:"), ("# pacman -Sy archlinux-keyring && pacman -Su",)),
            Do(
                N_("Fedora and RHEL: the key's file is named by gpgkey= in /etc/yum.repos.d:"), ("rpm -qa gpg-pubkey*",)
            ),
            Do(N_("openSUSE; it shows the new key and asks:"), ("# zypper refresh",)),
            Do(N_("Alpine:"), ("# apk add alpine-keys",)),
        ),
        (
            Look(
                "# apt-get update",
                "",
                "W: GPG error: The following signatures couldn't be verified: NO_PUBKEY …",
            ),
        ),
        ("apt-secure(8)", "pacman-key(8)", "rpmkeys(8)"),
    ),
    "packages.no-table": Wrong(
        "packages",
        (
            N_("kvmready installs by names that it has in a table for each distribution; this one has no table."),
            N_("Nor does its os-release name a distribution in ID_LIKE that has one."),
        ),
        (
            Do(
                N_(
                    "Install by hand: QEMU for this architecture, qemu-img, libvirt's daemon and clients, virt-install."
                ),
            ),
            Do(N_("Then check again; everything but installing works on any Linux:"), ("kvmready check",)),
        ),
        (Look("cat /etc/os-release", "ID=debian", "ID=gentoo"),),
        ("os-release(5)",),
    ),
}
