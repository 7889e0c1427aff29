"""What apt and dpkg say, read as they print it in the C locale."""

from __future__ import annotations

import pytest

from kvmready.facts import packages
from kvmready.host.door import Listing, Reading, Result
from kvmready.host.recording import question
from kvmready.plan import apt, manager
from tests.unit.facts.debian import Recorded

SIMULATED = """\
NOTE: This is only a simulation!
      apt-get needs root privileges for real execution.
Reading package lists...
The following NEW packages will be installed:
  qemu-utils
Inst libglib2.0-0 (2.74.6-2+deb12u9 Debian:12.11/stable, Debian-Security:12/stable-security [amd64])
Inst libc6 [2.36-9+deb12u9] (2.36-9+deb12u10 Debian:12.11/stable [amd64]) []
Inst gir1.2-osinfo (1.10 Debian:12/stable [all])
Inst zlib1g:i386 (1:1.2 Debian:12/stable [i386])
Inst qemu-utils (1:7.2+dfsg-7+deb12u18+b3 localhost [amd64])
Remv exim4 [4.96-15]
Purg postfix [3.7]
Conf libc6 (2.36-9+deb12u10 Debian:12.11/stable [amd64])
"""


def test_a_simulation() -> None:
    assert apt.parse_simulation(SIMULATED, "amd64") == manager.Simulation(
        ("libglib2.0-0:amd64", "gir1.2-osinfo:all", "zlib1g:i386", "qemu-utils:amd64"),
        ("libc6:amd64",),
        ("exim4:amd64", "postfix:amd64"),
    )
    assert apt.parse_simulation("E: Unable to locate package x\n", "amd64") == manager.Simulation((), (), ())


REFUSED = """\
The following packages will be REMOVED:
  blocker exim4*
  postfix
The following NEW packages will be installed:
  qemu-utils
E: Packages need to be removed but remove is disabled.
"""


def test_what_apt_refuses_to_remove() -> None:
    assert apt.parse_refusal(REFUSED) == ("blocker", "exim4", "postfix")
    assert apt.parse_refusal(SIMULATED) == ()


def test_the_package_list() -> None:
    text = "libc6:amd64\t2.36-9\tinstalled\nexim4:all\t4.96\tconfig-files\n"
    text += "never:amd64\t\tnot-installed\nhalf:amd64\t1\tunpacked\n"
    assert apt.parse_packages(text) == {
        "libc6:amd64": ("2.36-9", "installed"),
        "exim4:all": ("4.96", "config-files"),
        "half:amd64": ("1", "unpacked"),
    }


def test_the_marks() -> None:
    text = (
        "Package: libx\nArchitecture: amd64\nAuto-Installed: 1\n\n"
        "Package: tool\nArchitecture: amd64\nAuto-Installed: 0\n\n"
        "Package: liby\nArchitecture: i386\nAuto-Installed: 1\n"
    )
    assert apt.parse_marks(text) == {"libx:amd64", "liby:i386"}
    assert apt.parse_marks("") == set()


def test_candidates() -> None:
    text = (
        "qemu-utils:\n  Installed: (none)\n  Candidate: 1:7.2\n  Version table:\n     1:7.2 500\n"
        "qemu-kvm:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
    )
    assert apt.parse_policy(text) == {"qemu-utils"}


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", ""),
        ("Reading package lists...\n", ""),
        ("Get:1 file:/repo ./ a 1 [1 kB]\nGet:27 file:/repo ./ b 1 [1 kB]\n", "Fetching packages (27)"),
        ("Get:1 x y z\nUnpacking libx:amd64 (1.0) ...\n", "Unpacking libx (1 of 4)"),
        ("Unpacking libx (1) ...\nUnpacking liby (1) ...\nSetting up libx (1) ...\n", "Setting up libx (3 of 4)"),
        ("Setting up a\n" * 9, "Setting up a (4 of 4)"),
        ("Removing libx (1) ...\nPurging configuration files for libx (1) ...\n", "Clearing up after libx (2 of 4)"),
    ],
)
def test_progress(log: str, expected: str) -> None:
    assert apt.progress(log, 4) == expected


def test_the_commands_keep_what_people_changed_and_remove_nothing() -> None:
    argv = apt.install(["a", "b"])
    assert argv[-3:] == ("--", "a", "b")
    assert {"--yes", "--no-install-recommends", "--no-remove", "Dpkg::Options::=--force-confold"} <= set(argv)
    assert "--no-auto-remove" in apt.remove(["a"])
    assert apt.remove(["a"], keep_configuration=True)[apt.remove(["a"]).index("purge")] == "remove"


def test_what_dpkg_has_as_installed() -> None:
    host = Recorded()
    host.run(Result(apt.QUERY, 0, "a:amd64\t1\tinstalled\nb:all\t1\tunpacked\nd:amd64\t1\tinstalled\n"))
    assert manager.present(host.host(), apt, ["a", "b", "c"]) == {"a"}
    assert manager.present(host.host(), apt, []) == frozenset()


LOCKS = """\
1: POSIX  ADVISORY  WRITE 4711 fe:00:393221 0 EOF
2: FLOCK  ADVISORY  WRITE 99 fe:00:1 0 EOF
2: -> POSIX  ADVISORY  WRITE 100 fe:00:393221 0 EOF
3: OFDLCK ADVISORY  WRITE -1 fe:00:2 0 EOF
"""


def test_who_holds_the_lock() -> None:
    host = Recorded()
    host.read(Reading("/proc/locks", LOCKS))
    host.listdir(Listing("/proc/4711/fd", ("0", "4")))
    host.readlink(Reading("/proc/4711/fd/0", "/dev/null"))
    host.readlink(Reading("/proc/4711/fd/4", "/var/lib/dpkg/lock-frontend"))
    host.read(Reading("/proc/4711/cmdline", "/usr/bin/python3\0/usr/bin/unattended-upgrade\0"))
    assert apt.holder(host.host()) == (4711, "/usr/bin/python3 /usr/bin/unattended-upgrade")


def test_nobody_holds_the_lock() -> None:
    host = Recorded()
    host.read(Reading("/proc/locks", LOCKS))
    host.listdir(Listing("/proc/4711/fd", ("0",)))
    host.readlink(Reading("/proc/4711/fd/0", "/var/lib/other/lock"))
    assert apt.holder(host.host()) is None
    gone = Recorded()
    gone.read(Reading("/proc/locks", LOCKS))
    gone.listdir(Listing("/proc/4711/fd", error="ENOENT"))
    assert apt.holder(gone.host()) is None


@pytest.mark.parametrize(
    ("updates", "status", "expected"),
    [
        ((), "", ""),
        (("tmp.i",), "", ""),
        (("0001",), "", "dpkg was interrupted."),
        (
            (),
            "Status: install ok half-configured\nStatus: install ok unpacked\n",
            "2 packages are only half installed.",
        ),
        ((), "Description: what is half-installed\n", ""),
    ],
)
def test_what_dpkg_left_unfinished(updates: tuple[str, ...], status: str, expected: str) -> None:
    host = Recorded()
    host.listdir(Listing(packages.UPDATES, updates))
    asked = question("grep", path=packages.STATUS, needles=list(packages.UNFINISHED))
    host.keep(asked, Reading(packages.STATUS, status))
    assert packages.unfinished(host.host()) == expected


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("E: Unable to locate package qemu-systm\n", "sources.list"),
        ("E: Package 'x' has no installation candidate\n", "sources.list"),
        ("W: Failed to fetch http://deb  Could not resolve 'deb'\n", "network"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.\n", "apt-get clean"),
        ("dpkg: error: x: No space left on device\n", "apt-get clean"),
        ("E: dpkg was interrupted, you must manually run it\n", "dpkg --configure -a"),
        ("E: something new\n", "/run/apt.log"),
    ],
)
def test_a_failed_package_run_names_the_next_move(output: str, word: str) -> None:
    error = manager.failed(apt, Result(("apt-get", "install"), 100, output), "/run/apt.log")
    assert word in error.next_move
    assert error.why
    assert "apt-get install" in error.what
