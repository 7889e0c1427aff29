"""Level qemu on this machine: real guests, real refusals, and nothing left after any of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kvmready import distro, proof
from kvmready.errors import UsageError
from kvmready.facts import probe
from kvmready.facts.names import Names, Want
from kvmready.facts.probe import Probe
from kvmready.host.local import LocalHost
from kvmready.proof import qemu
from kvmready.proof.place import Place, Steps
from kvmready.proof.record import Proof
from tests.machine.proof.conftest import DRIVE, eventually, marked

HOST = LocalHost()
NAMES = distro.generic(HOST.caller().arch)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it becomes another user")
pytestmark = [
    pytest.mark.skipif(proof.highest(HOST, NAMES) == "probe", reason="needs QEMU on an x86 host"),
]


def probed(user: str = "") -> Probe:
    return probe.ask(HOST, NAMES, Want("server", (user,) if user else ()))()


def prove(level: str, accel: str, user: str = "", names: Names = NAMES) -> Proof:
    said: list[str] = []
    proved = proof.prove(HOST, names, level, accel, user, probed(user), said.append)
    assert leftovers(f"kvmready-proof-{os.getpid()}-") == []
    return proved


def leftovers(mark: str) -> list[str]:
    return [name for name in os.listdir("/tmp") if name.startswith(mark)] + marked(mark)


def outcome(proved: Proof) -> tuple[str, str]:
    return next(((step.id, step.cause) for step in proved.steps if step.status == "fail"), ("", ""))


def test_a_guest_runs_under_emulation_and_the_report_says_loudly_which() -> None:
    proved = prove("qemu", "tcg")
    assert (proved.ok, proved.level, proved.accel) == (True, "qemu", "tcg")
    assert proved.witness.endswith(" TCGTCGTCGTCG")
    assert [(step.id, step.status) for step in proved.steps] == [("probe.run", "skip"), ("qemu.guest", "pass")]
    assert "NOT KVM" in proved.summary


def test_a_guest_runs_under_kvm() -> None:
    """On a host whose KVM emulates its guests' kernel code this takes seconds, and holds all the same."""
    if not probed().ran:
        pytest.skip("KVM runs no guests here")
    proved = prove("qemu", "kvm")
    assert (proved.ok, proved.level) == (True, "qemu"), proved
    assert proved.witness.endswith(" KVMKVMKVM")
    assert "accel=kvm " in proved.steps[-1].evidence[0].source


def test_the_probe_alone() -> None:
    seen = probed()
    proved = proof.prove(HOST, NAMES, "probe", "kvm", "", seen, lambda line: None)
    assert proved.ok is seen.ran
    assert (proved.level, proved.witness) == ("probe" if seen.ran else "none", "")


def test_the_probe_has_no_emulated_form() -> None:
    proved = prove("probe", "tcg")
    assert (proved.ok, proved.level, proved.steps[0].status) == (False, "none", "skip")


@needs_root
def test_as_another_user_the_whole_guest_is_the_users() -> None:
    proved = prove("qemu", "tcg", "nobody")
    assert (proved.ok, proved.user) == (True, "nobody")


@needs_root
def test_a_user_without_the_right_to_kvm_is_told_why() -> None:
    node, nobody = HOST.stat("/dev/kvm"), HOST.account("nobody")
    if node.error or node.mode & 0o006 == 0o006 or node.gid in [gid for _name, gid in nobody.groups]:
        pytest.skip("needs a /dev/kvm that nobody may not open")
    expected = "access.not-in-kvm-group"
    if node.gid != HOST.group(NAMES.kvm_group).gid or node.mode & 0o060 != 0o060:
        expected = "kernel.device-permissions"
    assert outcome(prove("qemu", "kvm", "nobody")) == ("probe.run", expected)
    place = Place(HOST, NAMES, HOST.caller(), nobody, "kvm", lambda line: None)
    place.guard()
    steps = Steps()
    try:
        place.make()
        assert qemu.level(place, steps) == ""
    finally:
        place.close(clean=True)
    assert (steps.taken[0].status, steps.taken[0].cause) == ("fail", expected)
    assert "Permission denied" in steps.taken[0].evidence_text
    assert leftovers(place.mark) == []


def test_without_an_emulator_it_is_a_failed_step() -> None:
    absent = NAMES._replace(emulators=("/nonexistent/qemu-system-x86_64",))
    assert outcome(prove("qemu", "tcg", names=absent)) == ("qemu.guest", "qemu.not-installed")
    assert proof.highest(HOST, absent) == "probe"
    assert proof.highest(HOST, NAMES._replace(virsh=("/nonexistent/virsh",))) == "qemu"


def test_an_emulator_that_breaks_or_writes_no_witness_is_a_failed_step(tmp_path: Path) -> None:
    silent = prove("qemu", "tcg", names=NAMES._replace(emulators=("/bin/true",)))
    assert outcome(silent) == ("qemu.guest", "")
    assert "wrote nothing" in silent.steps[-1].evidence_text
    broken = tmp_path / "qemu-system-x86_64"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    assert outcome(prove("qemu", "tcg", names=NAMES._replace(emulators=(str(broken),))))[0] == "qemu.guest"


def test_a_user_or_a_level_that_does_not_exist() -> None:
    for level, user in (("qemu", "no such user; rm"), ("linux+", "")):
        with pytest.raises(UsageError):
            proof.prove(HOST, NAMES, level, "tcg", user, probed(), lambda line: None)


@needs_root
@pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="needs a Python that every user may run")
def test_only_root_proves_for_others() -> None:
    nobody = HOST.account("nobody")
    become = ("setpriv", "--reuid", str(nobody.uid), "--regid", str(nobody.gid), "--clear-groups", "--")
    argv = (*become, "/usr/bin/python3", DRIVE, "qemu", "tcg", "root")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "PrivilegeError: Only root" in done.stderr


def test_folders_of_killed_proofs_are_swept_and_those_of_living_ones_stay() -> None:
    ended = subprocess.Popen(("true",))
    ended.wait()
    dead = Path(f"/tmp/kvmready-proof-{ended.pid}-0123456789abcdef")
    alive = subprocess.Popen(("sleep", "600"))
    living = Path(f"/tmp/kvmready-proof-{alive.pid}-0123456789abcdef")
    other = Path("/tmp/kvmready-proof-notes")
    for folder in (dead, living, other):
        folder.mkdir()
        (folder / "disk.img").touch()
    try:
        prove("qemu", "tcg")
        assert [folder.exists() for folder in (dead, living, other)] == [False, True, True]
    finally:
        alive.kill()
        alive.wait()
        for folder in (dead, living, other):
            if folder.exists():
                HOST.remove_tree(str(folder))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["guarded", "running"])
def test_an_interrupted_proof_leaves_nothing(moment: str, number: signal.Signals) -> None:
    process = subprocess.Popen(
        (sys.executable, DRIVE, "qemu", "kvm" if probed().ran else "tcg", ""),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    mark = f"kvmready-proof-{process.pid}-"
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            seen = marked(mark) if moment == "running" else leftovers(mark)
            if seen or process.poll() is not None:
                break
        assert process.poll() is None, "the proof ended before it could be interrupted"
        process.send_signal(number)
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
    assert eventually(lambda: leftovers(mark)) == []
