"""The probe against this machine's real /dev/kvm, and against devices that really refuse."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kvmready
from kvmready.guest import code, probe, uapi
from kvmready.guest.machine import Machine

pytestmark = pytest.mark.machine

SOURCE = Path(probe.__file__)
PACKAGE = Path(kvmready.__file__).parent
needs_kvm = pytest.mark.skipif(not os.access(uapi.DEVICE, os.R_OK | os.W_OK), reason="needs an open /dev/kvm")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


def run(*arguments: str, script: Path = SOURCE, prefix: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the program prints, with nothing on stderr."""
    argv = [*prefix, sys.executable, "-I", "-S", str(script), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["schema"] == "kvmready.probe/1"
    assert document["arch"] == os.uname().machine or prefix
    return document


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that every user may enter, unlike tmp_path."""
    path = Path(tempfile.mkdtemp(prefix="kvmready-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def node(path: Path, minor: int, mode: int) -> str:
    """A device node of the misc major with that minor."""
    try:
        os.mknod(path, 0o020000 | mode, os.makedev(10, minor))
        path.chmod(mode)
    except PermissionError:
        pytest.skip("mknod is not allowed here")
    return str(path)


def copy_of_the_room(directory: Path) -> Path:
    """The few files that the program needs, at another place; returns the program."""
    room = directory / "kvmready" / "guest"
    room.mkdir(parents=True)
    shutil.copy(PACKAGE / "__init__.py", room.parent)
    for source in SOURCE.parent.glob("*.py"):
        shutil.copy(source, room)
    for path in (room.parent, room):
        path.chmod(0o755)
    return room / "probe.py"


@needs_kvm
def test_guests_run_and_compute() -> None:
    (answer,) = run()["answers"]
    assert (answer["user"], answer["uid"]) == (None, os.geteuid())
    assert (answer["ok"], answer["failed_at"], answer["errno"]) == (True, None, None)
    assert answer["api_version"] == 12
    real, long = answer["real_mode"], answer["long_mode"]
    assert real["ok"] and real["sum"] == (real["a"] + real["b"]) % 2**16
    first, second = int(long["a"], 16), int(long["b"], 16)
    assert long["ok"] and int(long["result"], 16) == (first * second + first) % 2**64
    assert 0 < answer["exit_us"]["p50"] <= answer["exit_us"]["p99"]
    assert answer["exit_us"]["n"] >= 32
    loop = answer["loop"]
    assert answer["native_ratio"] > 0
    assert answer["native_ratio"] == pytest.approx(loop["native_ns_per_turn"] / loop["guest_ns_per_turn"], rel=0.01)


@needs_kvm
def test_numbers_are_chosen_at_run_time() -> None:
    chosen = set()
    for _ in range(3):
        answer = probe.probe()
        assert answer["ok"] is True
        chosen.add((answer["real_mode"]["a"], answer["real_mode"]["b"], answer["long_mode"]["a"]))
    assert len(chosen) == 3


@needs_kvm
def test_degraded_kernel_is_seen_as_degraded_and_not_as_no_kvm() -> None:
    if not Path("/sys/module/kvm_pvm").exists():
        pytest.skip("needs a host whose kernel emulates guests: kvm_pvm is not loaded")
    answer = probe.ask()
    assert answer["ok"] is True
    assert 0 < answer["native_ratio"] < 0.05
    assert answer["loop"]["emulated"] is True, "by the kernel's own count"


@needs_kvm
def test_the_kernel_counts_what_it_emulates() -> None:
    machine = Machine(uapi.DEVICE)
    try:
        for build in (machine.open, machine.create_vm, machine.create_memory, machine.create_vcpu):
            build()
        before = machine.emulated_instructions()
        if before is None:
            pytest.skip("this kernel has no statistics of vCPUs (Linux 5.14 has)")
        machine.load_long_mode(code.EXIT_LOOP)
        machine.start(rcx=3)
        machine.time_outputs(3)
        machine.run_to_halt()
        after = machine.emulated_instructions()
        assert after is not None
        assert (after - before >= 3 * 2) == Path("/sys/module/kvm_pvm").exists()
    finally:
        machine.close()


@needs_kvm
def test_stages_are_told_in_order() -> None:
    stages: list[str] = []
    assert probe.probe(timed=False, stage=stages.append)["long_mode"] is None
    assert stages == ["open", "api", "create-vm", "memory", "create-vcpu", "real-mode"]


@needs_kvm
def test_nothing_stays_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    probe.probe()
    probe.ask()
    probe.probe("/dev/null")
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_missing_device_is_enoent(tmp_path: Path) -> None:
    (answer,) = run("--device", str(tmp_path / "kvm"))["answers"]
    assert (answer["ok"], answer["failed_at"], answer["errno"]) == (False, "open", "ENOENT")
    assert answer["api_version"] is None


def test_another_device_is_enotty() -> None:
    (answer,) = run("--device", "/dev/null")["answers"]
    assert (answer["ok"], answer["failed_at"], answer["errno"]) == (False, "api", "ENOTTY")


def test_directory_is_eisdir(tmp_path: Path) -> None:
    (answer,) = run("--device", str(tmp_path))["answers"]
    assert (answer["failed_at"], answer["errno"]) == ("open", "EISDIR")


@needs_root
def test_node_without_driver_is_enodev(shared: Path) -> None:
    (answer,) = run("--device", node(shared / "kvm", 253, 0o600))["answers"]
    assert (answer["ok"], answer["failed_at"]) == (False, "open")
    assert answer["errno"] in ("ENODEV", "ENXIO")


@needs_root
@needs_kvm
def test_closed_node_is_eacces_for_the_user_alone(shared: Path) -> None:
    mine, theirs = run("--device", node(shared / "kvm", 232, 0o000), "--user", "nobody")["answers"]
    assert mine["ok"] is True
    assert (theirs["user"], theirs["uid"]) == ("nobody", pwd.getpwnam("nobody").pw_uid)
    assert (theirs["ok"], theirs["failed_at"], theirs["errno"]) == (False, "open", "EACCES")


@needs_root
@needs_kvm
def test_user_runs_a_guest_with_the_groups_of_a_new_login(shared: Path) -> None:
    entry = pwd.getpwnam("nobody")
    _, theirs = run("--device", node(shared / "kvm", 232, 0o666), "--user", "nobody")["answers"]
    assert (theirs["ok"], theirs["failed_at"]) == (True, None)
    assert theirs["real_mode"]["ok"] is True
    assert theirs["gids"] == sorted({entry.pw_gid, *os.getgrouplist("nobody", entry.pw_gid)})


@needs_root
@needs_kvm
def test_program_that_the_user_cannot_read_still_asks_as_the_user(tmp_path: Path, shared: Path) -> None:
    script = copy_of_the_room(tmp_path)
    tmp_path.chmod(0o700)
    _, theirs = run("--device", node(shared / "kvm", 232, 0o666), "--user", "nobody", script=script)["answers"]
    assert theirs["ok"] is True


@needs_root
def test_device_denied_by_a_cgroup_is_eperm(shared: Path) -> None:
    devices = Path("/sys/fs/cgroup/devices")
    if not (devices / "devices.deny").exists():
        pytest.skip("needs the cgroup v1 devices controller, writable")
    group = devices / f"kvmready-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "devices.deny").write_text("c 10:232 rwm")
        enter = f"import os, sys; open({str(group / 'tasks')!r}, 'w').write('0'); os.execv(sys.argv[1], sys.argv[1:])"
        (answer,) = run(prefix=(sys.executable, "-c", enter))["answers"]
    finally:
        group.rmdir()
    assert (answer["ok"], answer["failed_at"], answer["errno"]) == (False, "open", "EPERM")


@pytest.mark.parametrize("name", ["no-such-user", "a b; $(reboot)\n'\"", "", "x" * 300])
def test_unknown_user_is_an_answer(name: str) -> None:
    theirs = run("--device", "/dev/null", "--user", name)["answers"][1]
    assert (theirs["user"], theirs["uid"], theirs["ok"]) == (name, None, None)
    assert (theirs["failed_at"], theirs["detail"]) == ("privilege", "no such user")


@needs_root
def test_user_without_root_is_an_answer(shared: Path) -> None:
    script = copy_of_the_room(shared)
    code = "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
    interpreter = "/usr/bin/python3"
    if not os.access(interpreter, os.X_OK):
        pytest.skip("needs a Python that every user may run, /usr/bin/python3")
    argv = [sys.executable, "-c", code, interpreter, "-I", "-S", str(script), "--device", "/dev/null", "--user", "root"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    mine, theirs = json.loads(done.stdout)["answers"]
    assert mine["uid"] == 65534
    assert (theirs["user"], theirs["uid"], theirs["ok"]) == ("root", 0, None)
    assert (theirs["failed_at"], theirs["errno"]) == ("privilege", "EPERM")


def test_other_architecture_is_unknown_and_not_no() -> None:
    if shutil.which("setarch") is None or os.uname().machine != "x86_64":
        pytest.skip("needs setarch on x86-64, to be told another architecture by the kernel")
    document = run(prefix=("setarch", "i686"))
    assert document["arch"] == "i686"
    (answer,) = document["answers"]
    assert (answer["ok"], answer["failed_at"]) == (None, "unsupported-arch")


def test_runs_from_a_zip_file(tmp_path: Path) -> None:
    copy_of_the_room(tmp_path)
    archive = tmp_path / "one.pyz"
    with zipfile.ZipFile(archive, "w") as target:
        for path in (tmp_path / "kvmready").rglob("*.py"):
            target.write(path, path.relative_to(tmp_path))
    code = "import sys; sys.path.insert(0, sys.argv[1]); from kvmready.guest.probe import main; main(sys.argv[2:])"
    argv = [sys.executable, "-I", "-S", "-c", code, str(archive), "--device", "/dev/null"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["answers"][0]["errno"] == "ENOTTY"
