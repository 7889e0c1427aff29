"""The guard: does nothing when disarmed, and everything when the one that asked for it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from kvmready.host import guard as cleaner
from kvmready.host.local import LocalHost
from tests.machine.proof.conftest import eventually

SOURCE = str(Path(__file__).resolve().parents[3] / "src")
BEGIN = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from kvmready.host.local import LocalHost
folder = sys.argv[2]
guard = LocalHost().guard(os.environ["MARK"], [("touch", folder + "/ran")], [folder + "/tree", folder + "/file"])
os.mkdir(folder + "/tree")
for name in ("/tree/inner", "/file", "/other"):
    open(folder + name, "w").close()
print("begun", flush=True)
time.sleep(600)
"""


@pytest.fixture
def mark() -> str:
    return f"kvmready-proof-{os.getpid()}-{os.urandom(8).hex()}"


STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)


def sleeper(mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)", mark))


def deaf(mark: str) -> subprocess.Popen[bytes]:
    """One that a polite request does not end."""
    process = subprocess.Popen((sys.executable, "-c", STUBBORN, mark), stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == b"deaf\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_cleans_up_after_a_process_that_a_signal_ended(tmp_path: Path, mark: str, number: signal.Signals) -> None:
    ours, stubborn, others = sleeper(mark), deaf(mark), sleeper(mark[:-1])
    process = subprocess.Popen(
        (sys.executable, "-c", BEGIN, SOURCE, str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "MARK": mark},
    )
    try:
        assert process.stdout is not None
        with process.stdout as said:
            assert said.readline() == "begun\n"
        process.send_signal(number)
        process.wait(10)
        assert ours.wait(20) == -signal.SIGTERM
        assert stubborn.wait(20) == -signal.SIGKILL
        assert not eventually(lambda: [name for name in ("tree", "file") if (tmp_path / name).exists()], 20)
        assert not eventually(lambda: not (tmp_path / "ran").exists(), 20)
        assert (tmp_path / "other").exists()
        assert others.poll() is None
    finally:
        for left in (ours, stubborn, others, process):
            left.kill()
            left.wait()


def test_disarmed_it_does_nothing(tmp_path: Path, mark: str) -> None:
    ours = sleeper(mark)
    try:
        kept = tmp_path / "file"
        kept.touch()
        guard = LocalHost().guard(mark, [("touch", str(tmp_path / "ran"))], [str(kept)])
        guard.disarm()
        guard.disarm()
        guard.strike()
        assert kept.exists()
        assert not (tmp_path / "ran").exists()
        assert ours.poll() is None
    finally:
        ours.kill()
        ours.wait()


def test_striking_waits_until_all_is_clean_and_survives_a_failing_command(tmp_path: Path, mark: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (tree / "link").symlink_to(elsewhere)
    commands = [("/nonexistent/program",), ("false",), ("touch", str(tmp_path / "ran"))]
    guard = LocalHost().guard(mark, commands, [str(tree), str(tmp_path / "never")])
    guard.strike()
    assert not tree.exists()
    assert (tmp_path / "ran").exists()
    assert (elsewhere / "kept").exists()


def test_what_has_to_go_well_first_is_waited_for_and_then_the_record_goes(tmp_path: Path, mark: str) -> None:
    record, ran, ready = tmp_path / "record", tmp_path / "ran", tmp_path / "ready"
    record.touch()
    guard = LocalHost().guard(mark, [("touch", str(ran))], [], first=("cat", str(ready)), record=str(record))
    threading.Timer(2, ready.touch).start()
    guard.strike()
    assert (ran.exists(), record.exists()) == (True, False)


def test_the_record_stays_where_the_first_never_went_well(
    tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner, "PATIENCE", 0.1)
    monkeypatch.setattr(cleaner, "AGAIN", 0.05)
    record, ran, gone = tmp_path / "record", tmp_path / "ran", tmp_path / "gone"
    record.touch()
    gone.touch()
    work: dict[str, Any] = {"mark": mark, "commands": [["touch", str(ran)]], "identity": None, "environment": {}}
    cleaner.clean({**work, "paths": [str(gone)], "first": ["/bin/false"], "record": str(record)})
    assert (ran.exists(), record.exists(), gone.exists()) == (False, True, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it becomes another user")
def test_its_commands_run_as_the_user(tmp_path: Path, mark: str) -> None:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    guard = LocalHost().guard(mark, [("touch", str(tmp_path / "ran"))], [], "nobody")
    guard.strike()
    assert (tmp_path / "ran").stat().st_uid == LocalHost().account("nobody").uid
