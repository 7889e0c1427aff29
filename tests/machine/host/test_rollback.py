"""The program that takes a change back: it runs once, or not at all where it was called off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kvmready.host.local import ROLLBACK_PROGRAM, SOURCE

pytestmark = pytest.mark.machine


def rollback(job: Path) -> None:
    argv = [sys.executable, "-I", "-S", "-B", "-c", ROLLBACK_PROGRAM, SOURCE, str(job)]
    subprocess.run(argv, check=True, timeout=60, capture_output=True)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("made", "kept"):
        (tmp_path / name).write_text("x")
    work = {
        "first": [["sh", "-c", f"cat {tmp_path}/made > {tmp_path}/first"], ["false"], ["/no/such/program"]],
        "remove": [str(tmp_path / "made"), str(tmp_path / "never")],
        "then": [["sh", "-c", f"ls {tmp_path} > {tmp_path}/then; echo once >> {tmp_path}/count"]],
    }
    path = folder / "bridge.json"
    path.write_text(json.dumps(work))
    return path


def test_all_is_done_in_order_whatever_fails(job: Path, tmp_path: Path) -> None:
    rollback(job)
    assert (tmp_path / "first").read_text() == "x"
    assert "kept" in (tmp_path / "then").read_text() and "made" not in (tmp_path / "then").read_text()
    assert not job.parent.exists()
    rollback(job)
    assert (tmp_path / "count").read_text() == "once\n"


def test_one_that_was_called_off_does_nothing(job: Path, tmp_path: Path) -> None:
    job.unlink()
    rollback(job)
    assert (tmp_path / "made").exists() and not (tmp_path / "first").exists()
