"""The package managers as protocols: what they are told to do, and their dialogues as they print them.

dnf, dnf5, zypper and pacman are also run for real in ``tests/machine/apply``. The dialogues of yum and apk are written
down from their documentation and from public logs: these programs are packaged for no Debian.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kvmready.facts.known import Known
from kvmready.host.door import Command, Listing, Reading, Result, Status
from kvmready.host.recording import command_question, question
from kvmready.plan import apk, apt, dnf, dnf5, group, leftovers, manager, managers, pacman, rpm, service, yum, zypper
from kvmready.plan.command import shown
from kvmready.plan.manager import Holder, Package, Simulation, State
from kvmready.plan.step import Step
from tests.unit.facts.debian import Recorded

ALL = sorted(managers.NAMES)
MODULES: tuple[manager.Manager, ...] = (apk, apt, dnf, dnf5, pacman, yum, zypper)
"""That each is a whole Manager is the type checker's to say."""
FORCING = ("--allowerasing", "--force-resolution", "--nogpgcheck", "--no-gpg-checks", "--allow-untrusted", "--nodeps",
           "--allow-unauthenticated", "--overwrite", "--replacefiles", "--skip-broken")  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_no_command_forces_anything(name: str) -> None:
    one = managers.by_name(name)
    commands = [one.install(["a"]), one.reinstall(["a"]), one.remove(["a"]), one.remove(["a"], True)]
    commands += [one.UPDATE, one.CLEAN, *one.REPAIR]
    assert name == one.NAME and all(commands)
    assert not [word for argv in commands for word in argv if word in FORCING]
    assert all(argv[-1] == "a" for argv in commands[:4])
    assert one.by_hand() and one.no_candidate()
    step = Step("packages", "packages", "qemu", "", (), {"packages": ["a"], **managers.named(one)})
    assert managers.of(step) is one


def test_a_step_of_an_older_journal_is_apts() -> None:
    assert managers.of(Step("packages", "packages", "qemu", "", (), {"packages": []})).NAME == "apt"


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (dnf.install(["a", "b"]), "dnf install --assumeyes --setopt=install_weak_deps=False -- a b"),
        (dnf.remove(["a.x86_64"]), "dnf remove --assumeyes --noautoremove -- a.x86_64"),
        (dnf5.remove(["a.x86_64"]), "dnf5 remove --assumeyes --no-autoremove a.x86_64"),
        (yum.remove(["a"]), "yum remove --assumeyes --setopt=clean_requirements_on_remove=0 a"),
        (zypper.install(["a"]), "zypper --non-interactive install --no-recommends -- a"),
        (zypper.remove(["a"]), "zypper --non-interactive remove --no-clean-deps -- a"),
        (pacman.install(["a"]), "pacman -S --needed --noconfirm -- a"),
        (pacman.remove(["a"]), "pacman -R --noconfirm -- a"),
        (apk.install(["a"]), "apk add a"),
        (dnf.mark(["a"], True), "dnf mark remove --assumeyes -- a"),
        (dnf5.mark(["a"], True), "dnf5 mark dependency --assumeyes a"),
        (pacman.mark(["a"], False), "pacman -D --asexplicit -- a"),
        (group.add("alice", "kvm", "busybox"), "addgroup alice kvm"),
        (group.take_out("alice", "kvm", "busybox"), "delgroup alice kvm"),
    ],
)
def test_the_exact_commands(argv: Sequence[str], command: str) -> None:
    assert shown(argv) == command


# rpm


def test_the_database_of_rpm() -> None:
    text = "bash.x86_64\t0:5.1-1\nkernel-core.x86_64\t0:1\nkernel-core.x86_64\t0:2\ngpg-pubkey.(none)\t0:a-b\n"
    assert rpm.parse_packages(text) == {
        "bash.x86_64": Package("0:5.1-1", "installed"),
        "kernel-core.x86_64": Package("0:2", "installed"),
    }
    assert rpm.parse_duplicates(text) == []
    assert rpm.parse_duplicates(text + "bash.x86_64\t0:5.2-1\n") == ["bash.x86_64"]
    assert [rpm.plain(name) for name in ("python3.11.x86_64", "bash", "a-b.noarch")] == ["python3.11", "bash", "a-b"]


def test_what_needs_a_package() -> None:
    text = "error: Failed dependencies:\n\tlibvirt-libs is needed by (installed) virt-viewer-11.0-3.el9.x86_64\n"
    assert rpm.parse_needed(text) == {"virt-viewer"}


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (Result(rpm.QUERY, 0, "a.noarch\t0:1\n"), ""),
        (Result(rpm.QUERY, 0, "a.noarch\t0:1\na.noarch\t0:2\n"), "a.noarch"),
        (Result(rpm.QUERY, 1, "", "error: cannot open Packages database in /var/lib/rpm\n"), "cannot open"),
        (Result(rpm.QUERY, problem="absent"), ""),
    ],
)
def test_a_database_in_a_broken_state(result: Result, word: str) -> None:
    host = Recorded()
    host.keep(command_question(Command(rpm.QUERY, timeout=120)), result)
    found = rpm.unfinished(host.host())
    assert word in found and bool(found) == bool(word)


# the table of dnf and yum

DNF_TABLE = """\
Dependencies resolved.
================================================================================
 Package                 Architecture     Version         Repository       Size
================================================================================
Installing:
 qemu-kvm                x86_64           17:9.0-10       appstream        65 k
     replacing  qemu-kvm-old.x86_64 15:6.2-1
Upgrading:
 libfoo                  x86_64           2-1             baseos           1 M
Installing dependencies:
 libvirt-daemon-driver-storage-iscsi-direct
                         x86_64           10.5-1          appstream        20 k
Removing dependent packages:
 old-thing               noarch           1-1             @appstream       5 k
Enabling module streams:
 virt                                     rhel

Transaction Summary
================================================================================
Install  2 Packages
"""


def test_the_table_of_dnf() -> None:
    assert dnf.parse_transaction(DNF_TABLE) == Simulation(
        ("qemu-kvm.x86_64", "libvirt-daemon-driver-storage-iscsi-direct.x86_64"),
        ("libfoo.x86_64",),
        ("qemu-kvm-old.x86_64", "old-thing.noarch"),
    )
    assert dnf.parse_transaction("Nothing to do.\n") == Simulation((), (), ())


DNF5_TABLE = """\
Updating and loading repositories:
Repositories loaded.
Package                    Arch   Version        Repository      Size
Upgrading:
 libfoo                    x86_64 2-1            updates      1.0 MiB
   replacing libfoo        x86_64 1-1            fedora       1.0 MiB
Installing:
 qemu-kvm-core             x86_64 2:9.2.4-1.fc42 updates      0.0   B
Installing dependencies:
 qemu-system-x86-core      x86_64 2:9.2.4-1.fc42 updates     40.2 MiB
   replacing qemu-x86-old  x86_64 1:1-1          fedora       1.0 MiB

Transaction Summary:
 Installing:         2 packages
 Upgrading:          1 package
 Replacing:          2 packages

Operation aborted by the user.
"""


def test_the_table_of_dnf5() -> None:
    assert dnf.parse_transaction(DNF5_TABLE) == Simulation(
        ("qemu-kvm-core.x86_64", "qemu-system-x86-core.x86_64"),
        ("libfoo.x86_64",),
        ("qemu-x86-old.x86_64",),
    )


YUM_TABLE = """\
Dependencies Resolved

================================================================================
 Package                       Arch    Version              Repository     Size
================================================================================
Installing:
 libvirt-daemon-kvm            x86_64  4.5.0-36.el7_9.5     updates       206 k
Installing for dependencies:
 libvirt-daemon-driver-storage-logical
                               x86_64  4.5.0-36.el7_9.5     updates       220 k
Updating for dependencies:
 libcurl                       x86_64  7.29.0-59.el7        base          223 k

Transaction Summary
================================================================================
Exiting on user command
"""


def test_the_table_of_yum() -> None:
    assert dnf.parse_transaction(YUM_TABLE) == Simulation(
        ("libvirt-daemon-kvm.x86_64", "libvirt-daemon-driver-storage-logical.x86_64"), ("libcurl.x86_64",), ()
    )
    assert dnf.rehearsed(Result(("yum",), 1, YUM_TABLE)).ok
    assert not dnf.rehearsed(Result(("yum",), 1, "Error: No package x available.\n")).ok


def test_the_list_of_yum() -> None:
    text = "Available Packages\nqemu-kvm.x86_64  10:1.5.3-175.el7 base\npython36-libvirt.x86_64\n     1-1 epel\n"
    assert yum.parse_list(text) == {"qemu-kvm", "python36-libvirt"}


# apk

INSTALLED = """\
C:Q1xx=
P:musl
V:1.2.5-r9
A:x86_64

C:Q1yy=
P:qemu-img
V:9.2.2-r0
A:x86_64
f:s
"""

SIMULATED = """\
(1/4) Installing libvirt-libs (11.2.0-r0)
(2/4) Upgrading musl (1.2.5-r9 -> 1.2.5-r10)
(3/4) Installing libvirt-daemon (11.2.0-r0)
(4/4) Purging old-thing (1.0-r0)
OK: 312 MiB in 96 packages
"""


def apk_host(**texts: str) -> Recorded:
    host = Recorded()
    host.keep(question("stat", path="/lib/apk/db/installed"), Status("/lib/apk/db/installed", "file"))
    host.keep(question("read", path="/lib/apk/db/installed"), Reading("/lib/apk/db/installed", INSTALLED))
    host.keep(question("read", path=apk.WORLD), Reading(apk.WORLD, "alpine-base\nqemu-img>9\n!bad\npy3@edge\n"))
    host.keep(
        question("grep", path="/lib/apk/db/installed", needles=["f:"]),
        Reading("/lib/apk/db/installed", texts.get("broken", "")),
    )
    return host


def test_the_database_of_apk() -> None:
    host = apk_host().host()
    assert apk.installed(host) == {
        "musl": Package("1.2.5-r9", "installed"),
        "qemu-img": Package("9.2.2-r0", "installed"),
    }
    assert apk.automatic(host) == {"musl"}
    assert apk.unfinished(host) == ""
    assert apk.unfinished(apk_host(broken="f:s\n").host())
    assert apk.parse_world("a b>=1 c~2 d@edge !e") == {"a", "b", "c", "d"}


def test_what_apk_would_do() -> None:
    assert apk.parse_simulation(SIMULATED) == Simulation(("libvirt-libs", "libvirt-daemon"), ("musl",), ("old-thing",))
    contents = "qemu-img-9.2.2-r0 contains:\nusr/bin/qemu-img\n\nmusl-1 contains:\nlib/libc.so\n"
    assert apk.parse_contents(contents) == {"/usr/bin/qemu-img", "/lib/libc.so"}
    host = Recorded()
    said = "World updated, but the following packages are not removed due to:\n  musl: alpine-base\n\nOK\n"
    argv = ("apk", "del", "--simulate", "musl", "qemu-img")
    host.keep(command_question(Command(argv)), Result(argv, 1, "(1/1) Purging qemu-img (9.2.2-r0)\n" + said))
    result, going = apk.would_go(host.host(), ["musl", "qemu-img"])
    assert result.ok and going == {"qemu-img"}


# zypper and pacman


def test_the_summary_of_zypper() -> None:
    def one(name: str, kind: str = "package") -> str:
        return (
            f'<solvable type="{kind}" name="{name}" edition="1-1" arch="x86_64"><description>x</description></solvable>'
        )

    text = (
        f"<install-summary><to-upgrade>{one('b')}</to-upgrade><to-install>{one('a')}{one('p', 'pattern')}</to-install>"
        f"<to-remove>{one('c')}</to-remove></install-summary>"
    )
    assert zypper.parse_simulation(text) == Simulation(("a.x86_64",), ("b.x86_64",), ("c.x86_64",))
    assert zypper.parse_search('<solvable status="not-installed" name="a" kind="package"/>') == {"a"}


def test_the_answers_of_pacman() -> None:
    assert pacman.parse_info("Repository      : extra\nName            : qemu-base\nVersion : 1\n") == {"qemu-base"}
    assert pacman.parse_backup("Backup Files    :\nUNMODIFIED\t/etc/a.conf\nMODIFIED\t/etc/b\n") == [
        "/etc/a.conf",
        "/etc/b",
    ]
    assert pacman.parse_backup("Backup Files    : /etc/x [unmodified]\n") == ["/etc/x"]


def test_a_pacman_that_was_killed_and_one_that_works() -> None:
    host = Recorded()
    host.keep(question("stat", path=pacman.LOCK), Status(pacman.LOCK, "file"))
    host.keep(question("listdir", path="/proc"), Listing("/proc", ("1", "7", "self")))
    for pid, link in (("1", "/dev/null"), ("7", "/tmp/x")):
        host.keep(question("listdir", path=f"/proc/{pid}/fd"), Listing(f"/proc/{pid}/fd", ("3",)))
        host.keep(question("readlink", path=f"/proc/{pid}/fd/3"), Reading(f"/proc/{pid}/fd/3", link))
    assert pacman.holder(host.host()) is None
    assert pacman.LOCK in pacman.unfinished(host.host())
    host.keep(question("readlink", path="/proc/7/fd/3"), Reading("/proc/7/fd/3", pacman.LOCK))
    host.keep(question("read", path="/proc/7/cmdline"), Reading("/proc/7/cmdline", "pacman\0-Syu\0"))
    assert pacman.holder(host.host()) == Holder(7, "pacman -Syu")
    assert pacman.unfinished(host.host()) == ""


# what they complain of

COMPLAINTS = [
    ("apt", "E: Unable to locate package x", "no-candidate"),
    ("apt", "W: GPG error: http://a b InRelease: ... NO_PUBKEY 1234\nE: The repository is not signed.", "untrusted"),
    ("apt", "E: Failed to fetch http://a  Temporary failure resolving 'a'", "offline"),
    ("dnf", "Error: Unable to find a match: x", "no-candidate"),
    ("dnf", 'Error: There are no enabled repositories in "/etc/yum.repos.d".', "no-candidate"),
    ("zypper", "Warning: No repositories defined. Operating only with the installed resolvables.", "no-candidate"),
    ("pacman", "error: no usable package repositories configured.", "no-candidate"),
    ("dnf", "Error: GPG check FAILED", "untrusted"),
    ("dnf", "Error: Failed to download metadata for repo 'a': Cannot prepare internal mirrorlist", "offline"),
    ("dnf5", "No match for argument: x", "no-candidate"),
    ("dnf5", "Curl error (6): Could not resolve host: mirrors.fedoraproject.org", "offline"),
    ("dnf5", "The package is not signed.", "untrusted"),
    ("yum", "No package x available.\nError: Nothing to do", "no-candidate"),
    ("yum", "Cannot retrieve metalink for repository: epel/x86_64", "offline"),
    ("yum", "Package a.rpm is not signed", "untrusted"),
    ("zypper", "No provider of 'x' found.", "no-candidate"),
    ("zypper", "Download (curl) error for 'http://a'", "offline"),
    ("zypper", "a.rpm (r): Signature verification failed [4-Signatures public key is not available]", "untrusted"),
    ("pacman", "error: target not found: x", "no-candidate"),
    ("pacman", "error: failed retrieving file 'core.db' from a : Could not resolve host: a", "offline"),
    ("pacman", 'error: a: signature from "b" is unknown trust', "untrusted"),
    ("pacman", "error: failed retrieving file 'a.pkg' from m : The requested URL returned error: 404", "no-candidate"),
    ("apk", "ERROR: unable to select packages:\n  x (no such package):", "no-candidate"),
    ("apk", "ERROR: http://a: temporary error (try again later)", "offline"),
    ("apk", "ERROR: http://a: UNTRUSTED signature", "untrusted"),
    ("apk", "ERROR: x: No space left on device", "no-space"),
]


@pytest.mark.parametrize(("name", "text", "trouble"), COMPLAINTS)
def test_a_complaint_has_a_name_and_a_next_move(name: str, text: str, trouble: str) -> None:
    one = managers.by_name(name)
    assert one.trouble(text) == trouble
    error = manager.failed(one, Result((name, "install"), 1, text), "/run/x.log")
    word = {
        "no-candidate": "",
        "untrusted": "packages.untrusted",
        "offline": "packages.offline",
        "no-space": shown(one.CLEAN),
    }
    assert word[trouble] in error.next_move and error.why
    assert manager.failed(one, Result((name,), 1, "something else"), "/run/x.log").next_move.endswith("/run/x.log.")


@pytest.mark.parametrize(
    ("name", "log", "word"),
    [
        ("dnf", "  Installing       : a-1-1.noarch   1/3\n", "a-1-1.noarch"),
        ("dnf", "  Erasing          : b-1-1.noarch   1/3\n", "Removing b"),
        ("dnf5", "[1/4] Installing c-0:1-1.x86_64    100% |  1 KiB/s\n", "c-0:1-1"),
        ("yum", "  Installing : d-1.x86_64    1/2\n", "d-1"),
        ("zypper", "(1/3) Installing: e-1.0-1.noarch [.....done]\n", "e-1.0"),
        ("pacman", "(1/3) installing f  [####] 100%\n", "Installing f"),
        ("pacman", "installing f...\n", "Installing f "),
        ("apk", "(2/3) Purging g (1.0-r0)\n", "Removing g"),
    ],
)
def test_progress_is_told_from_the_log(name: str, log: str, word: str) -> None:
    assert word in managers.by_name(name).progress(log, 6)
    assert managers.by_name(name).progress("", 6) == ""


def test_a_holder_by_its_number() -> None:
    host = Recorded()
    host.keep(question("read", path="/run/zypp.pid"), Reading("/run/zypp.pid", "44\n"))
    host.keep(question("read", path="/proc/44/cmdline"), Reading("/proc/44/cmdline", "/usr/bin/zypper\0up\0"))
    assert manager.file_holder(host.host(), ("/run/zypp.pid",), zypper.PROGRAMS) == Holder(44, "/usr/bin/zypper up")
    assert manager.file_holder(host.host(), ("/run/zypp.pid",), ("yum",)) is None  # the number belongs to another now


def test_repositories_that_could_not_be_asked_are_not_a_no() -> None:
    """A state without an answer about the packages sends the plan to fetch the lists, which says why."""
    host = Recorded()
    argv = (
        "zypper",
        "--non-interactive",
        "--quiet",
        "--xmlout",
        "search",
        "--match-exact",
        "--type",
        "package",
        "--",
        "a",
    )
    host.keep(command_question(Command(argv)), Result(argv, 104, '<message type="error">Problem</message>'))
    assert zypper.candidates(host.host(), ["a"]) is None
    host.keep(command_question(Command(argv)), Result(argv, 104, '<message type="info">none</message>'))
    assert zypper.candidates(host.host(), ["a"]) == set()
    assert State(False).unavailable == frozenset()


# Alpine's other tools


def test_stat_tells_what_find_tells() -> None:
    text = "41ed 755 0 0 /etc\n81a4 644 0 0 /etc/a b\na1ff 777 0 0 /etc/l\nnonsense\n"
    assert leftovers.parse_stat(text) == {"/etc": "d 755 0 0", "/etc/a b": "f 644 0 0", "/etc/l": "l 777 0 0"}


def test_the_commands_of_openrc() -> None:
    assert service.commands(["virtlogd", "libvirtd"]) == (
        ("rc-update", "add", "virtlogd", "default"),
        ("rc-update", "add", "libvirtd", "default"),
        ("rc-service", "virtlogd", "start"),
        ("rc-service", "libvirtd", "start"),
    )
    assert Known("openrc").value == "openrc"


def test_the_managers_are_found_by_their_names() -> None:
    assert [managers.by_name(name) for name in ALL] == list(MODULES)
    assert [one.NAME for one in MODULES] == ALL
    with pytest.raises(KeyError):
        managers.by_name("os")
