"""The local host on this machine: real files, processes, time limits and identities."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from kvmready.host.door import PROBE, Command
from kvmready.host.local import LocalHost
from kvmready.host.recording import RecordingHost
from kvmready.host.replay import ReplayHost, parse

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it becomes another user")


@pytest.fixture
def host() -> LocalHost:
    return LocalHost()


def python(code: str, **more: object) -> Command:
    return Command((sys.executable, "-I", "-c", code), **more)  # type: ignore[arg-type]


def test_the_environment_is_clean(host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "test:///default")
    result = host.run(python("import os, json; print(json.dumps(dict(os.environ)))"))
    environment = json.loads(result.stdout)
    assert environment.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # Python's own coercion of the C locale, PEP 538
    assert set(environment) == {"PATH", "LC_ALL", "LANG", "TERM", "HOME", "USER", "LOGNAME"}
    assert environment["LC_ALL"] == "C"


def test_a_command_that_hangs_ends_at_its_limit_with_all_it_started(host: LocalHost, tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    code = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"open({str(pidfile)!r}, 'w').write(str(p.pid)); print('begun', flush=True); time.sleep(600)"
    )
    running = host.begin(python(code, timeout=3.0))
    result = running.wait()
    assert (result.problem, result.status, result.ok) == ("timeout", None, False)
    assert result.stdout == "begun\n"
    child = int(pidfile.read_text())
    for _attempt in range(50):
        if not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.1)
    raise AssertionError("the grandchild outlived its time limit")


def test_absent_denied_and_failing_commands_stay_apart(host: LocalHost, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    assert host.run(Command(("/no/such/program",))).problem == "absent"
    assert host.run(Command((str(plain),))).problem == "denied"
    failed = host.run(python("import sys; print('words', file=sys.stderr); sys.exit(7)"))
    assert (failed.status, failed.stderr, failed.problem, failed.ok) == (7, "words\n", "", False)
    assert host.run(python("import os; os.kill(os.getpid(), 9)")).status == -9


def test_names_are_data(host: LocalHost) -> None:
    hostile = "a b;$(touch /tmp/x)`id`'\"\n|&"
    result = host.run(Command((sys.executable, "-I", "-c", "import sys; sys.stdout.write(sys.argv[1])", hostile)))
    assert result.stdout == hostile
    assert host.account(hostile).error == "absent"
    assert host.account("a\0b").error == "absent"
    assert host.group(hostile).error == "absent"


def test_commands_that_were_begun_run_side_by_side(host: LocalHost, tmp_path: Path) -> None:
    """Each waits for a file that only the other makes, so neither can end unless both run."""
    one, two = tmp_path / "one", tmp_path / "two"
    code = (
        "import sys, time, pathlib as p; p.Path(sys.argv[1]).touch()\n"
        "while not p.Path(sys.argv[2]).exists(): time.sleep(.01)"
    )
    runs = [
        host.begin(Command((sys.executable, "-I", "-c", code, str(a), str(b)), timeout=20))
        for a, b in ((one, two), (two, one))
    ]
    assert [run.wait().status for run in runs] == [0, 0]


def test_the_log_survives_its_caller(host: LocalHost, tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = host.change(python("import sys; print('out'); print('err', file=sys.stderr)", log=str(log)))
    assert result.ok
    assert sorted(log.read_text().split()) == ["err", "out"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_command_that_hangs_up_on_its_input_or_is_fed_much(host: LocalHost) -> None:
    much = "x" * 3_000_000
    echo = python("import sys; text = sys.stdin.read(); sys.stdout.write(text); sys.stderr.write(text)", stdin=much)
    assert host.run(echo)[1:4] == (0, much, much)
    assert host.run(python("import os; os.close(0); print('deaf')", stdin=much)).stdout == "deaf\n"
    assert host.run(python("import sys; print(repr(sys.stdin.read()))")).stdout == "''\n"


def test_one_that_ended_in_time_has_an_answer_however_late_it_is_asked_for(host: LocalHost) -> None:
    running = host.begin(python("print('done')", timeout=0.7))
    time.sleep(1.5)
    assert running.wait() == running.poll() == host.run(python("print('done')", timeout=5.0))


def test_a_change_starts_at_the_root_and_signals_are_as_at_a_login(host: LocalHost) -> None:
    assert host.change(python("import os; print(os.getcwd())")).stdout == "/\n"
    python_ignores = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    for run in (host.run, host.change):
        ignored = int(run(Command(("awk", "/^SigIgn:/ {print $2}", "/proc/self/status"))).stdout, 16)
        assert ignored & python_ignores == 0


def test_a_child_gets_no_file_that_somebody_left_open(host: LocalHost, tmp_path: Path) -> None:
    with open(tmp_path / "left", "w") as left:
        os.set_inheritable(left.fileno(), True)
        for run in (host.run, host.change):
            seen = run(Command(("ls", "-l", "/proc/self/fd"))).stdout
            assert "/dev/null" in seen and str(tmp_path) not in seen


@pytest.mark.parametrize("missing", ["posix_spawn", ""])
def test_a_python_whose_c_library_lacks_sessions_for_posix_spawn(
    host: LocalHost, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def lacks(*arguments: object, **more: object) -> int:
        raise NotImplementedError("setsid is not supported on this system")

    if missing:
        monkeypatch.setattr(os, missing, lacks)
    said = host.run(python("import os; print(os.getsid(0) == os.getpid())"))
    assert (said.stdout, said.status) == ("True\n", 0)
    assert host.run(Command(("/no/such/program",))).problem == "absent"


@ROOT
def test_another_user_with_the_groups_of_a_new_login(host: LocalHost) -> None:
    account = host.account("daemon")
    said = host.run(Command(("sh", "-c", "id -u; id -g; id -G"), user="daemon")).stdout.splitlines()
    assert said[:2] == [str(account.uid), str(account.gid)]
    assert sorted(map(int, said[2].split())) == sorted(gid for _name, gid in account.groups)
    nobody = host.run(python("pass", user="no-such-user-here"))
    assert (nobody.problem, "no-such-user-here" in nobody.stderr) == ("denied", True)


def test_files_are_read_with_the_reason_when_not(host: LocalHost, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "big").write_bytes(b"x" * 100)
    (tmp_path / "bytes").write_bytes(b"a\xff\r\nkvm\0one\nnot\nkvm two")
    assert host.read(str(tmp_path / "none")).error == "ENOENT"
    assert host.read(str(tmp_path)).error == "EISDIR"
    assert host.read(str(tmp_path / "fifo")).text == ""
    assert host.read(str(tmp_path / "big"), 10) == (str(tmp_path / "big"), "x" * 10, "", True)
    assert host.grep(str(tmp_path / "bytes"), ["kvm"]).text == "kvm\0one\nkvm two"
    assert host.grep(str(tmp_path / "bytes"), ["none"]).text == ""
    assert host.stat(str(tmp_path / "fifo")).kind == "fifo"
    assert host.stat("/dev/null").device == (1, 3)
    assert host.listdir(str(tmp_path)).names == ("big", "bytes", "fifo")
    assert host.space(str(tmp_path)).total > 0
    assert host.space("/no/such/place").error == "ENOENT"


def test_a_write_is_whole_or_not_at_all(host: LocalHost, tmp_path: Path) -> None:
    target = tmp_path / "conf"
    host.write(str(target), b"one", 0o640)
    host.write(str(target), b"two", 0o600)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"two", 0o600)
    blocked = tmp_path / "folder"
    (blocked / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="irectory"):
        host.write(str(blocked), b"x", 0o600)
    assert sorted(os.listdir(tmp_path)) == ["conf", "folder"]


def test_one_lock_at_a_time(host: LocalHost, tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    assert host.lock(path) is None
    held = LocalHost().lock(path)
    assert held is not None
    assert held["pid"] == str(os.getpid())


def test_sessions_show_this_process(host: LocalHost) -> None:
    mine = [s for s in host.sessions(os.geteuid()) if s.pid == os.getpid()]
    everyone = host.sessions(os.geteuid())
    assert mine or len(everyone) == 256
    for session in mine:
        assert set(session.groups) == {*os.getgroups(), os.getegid()}


def test_what_was_recorded_here_is_replayed_anywhere(host: LocalHost) -> None:
    recorder = RecordingHost(host)
    asked = [recorder.caller(), recorder.read("/proc/version"), recorder.stat("/dev/null"), recorder.account("root")]
    probe = recorder.run(Command((PROBE,), timeout=20))
    document = parse(json.dumps(recorder.document("0", "now", {})), "here")
    again = ReplayHost(document)
    assert [again.caller(), again.read("/proc/version"), again.stat("/dev/null"), again.account("root")] == asked
    assert again.run(Command((PROBE,))) == probe
    assert probe.argv == (PROBE,)
    assert json.loads(probe.stdout)["schema"] == "kvmready.probe/1"
