"""The daemon's files, polkit's rule, and what is asked only where the daemon does not answer."""

from __future__ import annotations

import pytest

from kvmready.facts import libvirtd, services, virsh
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.names import Want
from kvmready.facts.virconf import Problem
from kvmready.host.door import Caller, Command, Listing, Reading, Result, Status
from kvmready.host.recording import command_question
from tests.unit.facts.debian import ALICE, ANSWERS, CAPABILITIES, NAMES, Recorded, said

AS_ALICE = Caller(ALICE, (ALICE,), "alice", "", "fresh", "6.1.0-18-amd64", "x86_64")
CACHE = "/var/cache/libvirt/qemu/capabilities"
NO_KVM = {**ANSWERS, "capabilities": CAPABILITIES.replace("<domain type='kvm'/>", "<secmodel type='kvm'/>")}


def ask(recorded: Recorded, profile: str = "server") -> libvirtd.Libvirtd:
    host, want = recorded.host(), Want(profile)
    return libvirtd.ask(host, NAMES, want, virsh.ask(host, NAMES, want))()


def test_a_healthy_host_is_asked_for_nothing_more() -> None:
    found = ask(Recorded())
    assert isinstance(found.configs, Known)
    assert [one.path.rpartition("/")[2] for one in found.configs.value] == [
        "libvirtd.conf",
        "qemu.conf",
        "virtlogd.conf",
        "virtlockd.conf",
    ]
    assert libvirtd.setting(found.configs.value, "group", "qemu.conf") == ("/etc/libvirt/qemu.conf", "kvm")
    assert libvirtd.setting(found.configs.value, "group", "libvirtd.conf") is None
    assert found.rule == Known("/usr/share/polkit-1/rules.d/60-libvirt.rules")
    assert (found.polkitd, found.open_socket) == (Known("/usr/lib/polkit-1/polkitd"), Known(True))
    assert {type(fact) for fact in (found.cache, found.words, found.waiting)} == {Unknown}


def test_files_that_are_broken_closed_and_gone() -> None:
    recorded = Recorded()
    recorded.read(Reading("/etc/libvirt/libvirtd.conf", "a = 1\nb\n"))
    recorded.read(Reading("/etc/libvirt/qemu.conf", error="EACCES"))
    recorded.read(Reading("/etc/libvirt/virtlogd.conf", error="ENOENT"))
    recorded.read(Reading("/etc/libvirt/virtlockd.conf", error="ENOENT"))
    found = ask(recorded).configs
    assert isinstance(found, Known)
    broken, closed = found.value
    assert (broken.problem, broken.values) == (Problem(2, "b", "expecting an assignment"), {"a": 1})
    assert (closed.refused, closed.values) == ("EACCES", {})
    for name in ("libvirtd.conf", "qemu.conf"):
        recorded.read(Reading(f"/etc/libvirt/{name}", error="ENOENT"))
    assert isinstance(ask(recorded).configs, Absent)


def test_the_modular_daemons_have_files_of_their_own() -> None:
    recorded = Recorded()
    recorded.stat(Status("/usr/sbin/virtqemud", "file", 0o755, size=1))
    for name in libvirtd.MODULAR_FILES:
        recorded.read(Reading(f"/etc/libvirt/{name}", "x = 1\n"))
    found = ask(recorded).configs
    assert isinstance(found, Known)
    assert len(found.value) == 8


def test_a_rule_under_another_name_is_found_by_what_is_in_it() -> None:
    recorded = Recorded()
    recorded.listdir(Listing("/usr/share/polkit-1/rules.d", ("50-default.rules", "README")))
    recorded.listdir(Listing("/etc/polkit-1/rules.d", ("10-local.rules",)))
    recorded.grep(Reading("/usr/share/polkit-1/rules.d/50-default.rules"), (libvirtd.ACTIONS,))
    recorded.grep(Reading("/etc/polkit-1/rules.d/10-local.rules", libvirtd.ACTION), (libvirtd.ACTIONS,))
    recorded.grep(Reading("/etc/polkit-1/rules.d/10-local.rules"), libvirtd.REFUSALS)
    assert ask(recorded).rule == Known("/etc/polkit-1/rules.d/10-local.rules")
    recorded.grep(Reading("/etc/polkit-1/rules.d/10-local.rules"), (libvirtd.ACTIONS,))
    assert isinstance(ask(recorded).rule, Absent)
    recorded.listdir(Listing("/etc/polkit-1/rules.d", error="EACCES"))
    assert isinstance(ask(recorded).rule, Denied)


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("error: authentication failed: access denied by policy\n", ("alice",)),
        ("error: Failed to connect socket to '/run/libvirt/libvirt-sock': Connection refused\n", ()),
    ],
)
def test_who_is_refused_by_a_rule_of_the_administrators(words: str, refused: tuple[str, ...]) -> None:
    recorded = Recorded()
    rule, shipped = "/etc/polkit-1/rules.d/10-local.rules", "/etc/polkit-1/rules.d/50-default.rules"
    recorded.listdir(Listing("/etc/polkit-1/rules.d", (rule.rpartition("/")[2], shipped.rpartition("/")[2], "README")))
    recorded.grep(Reading(rule, 'action.id == "org.libvirt.unix.manage"'), (libvirtd.ACTIONS,))
    recorded.grep(Reading(rule, "return polkit.Result.NO;"), libvirtd.REFUSALS)
    knock = Command((NAMES.virsh[0], "-q", "-c", virsh.URI, "uri"), user="alice")
    recorded.keep(command_question(knock), Result(knock.argv, 1, "", words))
    host, want = recorded.host(), Want("server", ("root", "alice"))
    found = libvirtd.ask(host, NAMES, want, virsh.ask(host, NAMES, want))()
    assert found.deniers == (rule,)
    assert tuple(one.user for one in found.refused) == refused


def test_polkit_is_known_by_its_service_where_its_program_lies_elsewhere() -> None:
    recorded = Recorded()
    recorded.absent(*libvirtd.POLKITD)
    recorded.stat(Status(libvirtd.POLKIT_SERVICE, "file", 0o644, size=1))
    assert ask(recorded).polkitd == Known(libvirtd.POLKIT_SERVICE)
    recorded.absent(libvirtd.POLKIT_SERVICE)
    assert isinstance(ask(recorded).polkitd, Absent)


def test_a_plain_user_is_not_sent_to_look_at_roots_folders() -> None:
    recorded = Recorded()
    recorded.caller(AS_ALICE)
    recorded.virsh(NO_KVM)
    found = ask(recorded)
    assert (type(found.rule), type(found.polkitd), type(found.cache)) == (Unknown, Unknown, Unknown)


def test_the_memory_of_the_emulators_is_read_where_kvm_is_missing() -> None:
    recorded = Recorded()
    recorded.virsh(NO_KVM)
    recorded.listdir(Listing(CACHE, ("a.xml", "b.xml", "c.tmp")))
    recorded.grep(Reading(f"{CACHE}/a.xml", "    <flag name='kvm'/>\n"), (libvirtd.CACHED_KVM,))
    recorded.grep(Reading(f"{CACHE}/b.xml"), (libvirtd.CACHED_KVM,))
    assert ask(recorded).cache == Known((f"{CACHE}/b.xml",))
    recorded.listdir(Listing(CACHE, error="ENOENT"))
    assert isinstance(ask(recorded).cache, Absent)


@pytest.mark.parametrize(
    ("status", "problem", "expected"),
    [(0, "", Known(("bad line",))), (1, "", Unknown("no journal")), (None, "absent", Absent)],
)
def test_the_journal_of_a_daemon_that_does_not_answer(status: int | None, problem: str, expected: object) -> None:
    recorded = Recorded()
    argv = virsh.command(NAMES.virsh[0])
    recorded.run(Result(argv, 1, "", "error: Cannot recv data: Connection reset by peer\n"))
    journal = ("journalctl", "--no-pager", "--quiet", "-o", "cat", "-b", "-n", "40", "-u", "libvirtd.service")
    recorded.run(Result(journal, status, "hostname: x\nbad line\n", "no journal\n", problem))
    found = ask(recorded).words
    assert found == expected or (isinstance(expected, type) and isinstance(found, expected))


def test_what_a_daemon_waits_for_that_hangs() -> None:
    recorded = Recorded()
    recorded.run(said(virsh.command(NAMES.virsh[0]), {}, last="uri"))
    recorded.read(Reading("/run/libvirtd.pid", "812\n"))
    recorded.read(Reading("/proc/812/status", "Name:\tlibvirtd\nState:\tD (disk sleep)\n"))
    recorded.read(Reading("/proc/812/wchan", "rpc_wait_bit_killable"))
    assert ask(recorded).waiting == Known("pid 812: D (disk sleep) rpc_wait_bit_killable")
    recorded.read(Reading("/run/libvirtd.pid", error="ENOENT"))
    recorded.read(Reading("/run/virtqemud.pid", "none\n"))
    assert isinstance(ask(recorded).waiting, Absent)


def test_the_minimal_profile_asks_nothing() -> None:
    *facts, deniers, refused = ask(Recorded(), "minimal")
    assert ({type(fact) for fact in facts}, deniers, refused) == ({Unknown}, (), ())


def test_last_words_are_the_trouble_alone() -> None:
    text = "libvirt version: 9.0.0\nhostname: lv\nread /etc/hosts - 5 names\none\ntwo\none\n\nthree\n"
    assert services.last_words(text, libvirtd.DAEMONS) == ("two", "one", "three")
    assert services.last_words("\n".join("abcdefgh"), libvirtd.DAEMONS) == tuple("defgh")


def test_what_was_said_before_the_last_start_counts_no_more() -> None:
    text = "configuration file syntax error: a\nStarting libvirtd.service - Virtualization daemon...\nno memory\n"
    assert services.last_words(text, libvirtd.DAEMONS) == ("no memory",)
    ended = "Starting libvirtd.service - x\nbad user\nlibvirtd.service: Deactivated successfully.\n"
    again = "Stopped libvirtd.service - x\nStarting libvirtd.service - x\nlibvirt version: 9.0.0\n"
    assert services.last_words(text + ended + again, libvirtd.DAEMONS)[0] == "bad user"
