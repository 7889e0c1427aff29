"""The journey of a person with an error message on this very machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from kvmready.report import as_json

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.machine

DENIED = "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied\n"


def doctor(
    *words: str, text: str | None = None, source: Path = ROOT / "src", program: tuple[str, ...] = (sys.executable,)
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program, "-m", "kvmready", "doctor", *words],
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source), "LC_ALL": "C.UTF-8", "COLUMNS": "80"},
    )


def test_without_a_text_it_reads_the_logs_of_this_machine() -> None:
    answer = doctor("--format", "json")
    assert answer.returncode in (0, 1) and answer.stderr == ""
    record = json.loads(answer.stdout)
    jsonschema.Draft202012Validator(as_json.schema("diagnosis")).validate(record)
    assert {"journalctl --boot", "dmesg"} <= {source["name"] for source in record["sources"]}
    assert all(source["why"] for source in record["sources"] if source["status"] != "read")
    assert (answer.returncode == 0) == bool(record["matches"])


def test_a_message_in_a_pipe_is_held_against_this_machine() -> None:
    answer = doctor("-", text=DENIED)
    assert answer.returncode == 0 and answer.stderr == ""
    assert "access.not-in-libvirt-group" in answer.stdout and "this host" in answer.stdout


def test_it_speaks_chinese() -> None:
    answer = doctor("--lang", "zh", "--text-only", "-", text="错误：无法连接到 hypervisor\n")
    assert answer.returncode == 0
    assert "可能的原因" in answer.stdout and "libvirt.unreachable" in answer.stdout


@pytest.fixture
def readable() -> Iterator[Path]:
    """The product where everybody may read it; the checkout may lie in somebody's home."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.copytree(ROOT / "src", folder / "src")
    yield folder / "src"
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_plain_user_is_told_what_could_not_be_read(readable: Path) -> None:
    become = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "/usr/bin/python3")
    answer = doctor("--format", "json", source=readable, program=become)
    record = json.loads(answer.stdout)
    assert answer.returncode in (0, 1)
    statuses = {source["name"]: source["status"] for source in record["sources"]}
    assert statuses["journalctl --boot"] in ("partial", "unknown", "read")
    assert statuses["dmesg"] in ("denied", "read")


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "kvmready", "doctor", "--text-only", DENIED]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=60)


@pytest.mark.parametrize("word", ["/no/such/file", "/", "/dev/null", ""])
def test_bad_input_is_one_clear_line(word: str) -> None:
    answer = doctor(word)
    assert (answer.returncode, answer.stdout) == (2, "")
    first, *rest = answer.stderr.splitlines()
    assert first.startswith("kvmready: ") and len(rest) <= 2 and all(line.startswith("  ") for line in rest)
