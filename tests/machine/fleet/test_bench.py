"""The fleet's benchmark: its playbook is one, and what needs no hosts works. What it measures no test asserts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import fleet, loopback

pytestmark = pytest.mark.machine

ROOT = Path(__file__).resolve().parents[3]


def run(home: Path, *argv: str, status: int = 0) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    more = {"HOME": str(home), "PATH": path, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **more, "NO_COLOR": "1"}, capture_output=True, text=True, timeout=300
    )
    if done.returncode != status:
        pytest.fail(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


def test_the_roles_tasks_are_a_playbook(tmp_path: Path) -> None:
    run(tmp_path, "ansible-playbook", "-i", "localhost,", "--syntax-check", str(fleet.ROLE))
    run(tmp_path, "ansible-lint", "--nocolor", "--offline", "--profile", "production", str(fleet.ROLE))


@pytest.mark.parametrize("script", [loopback.HOLDER, loopback.HOST])
def test_the_scripts_of_hosts_are_scripts(script: str, tmp_path: Path) -> None:
    run(tmp_path, "sh", "-n", "-c", script)


def test_a_recorded_fleet_reports_and_is_drawn(tmp_path: Path) -> None:
    most, runs = tmp_path / "most", str(tmp_path / "runs")
    command = (sys.executable, "-m", "bench.recorded", "12", str(most))
    run(tmp_path, *command, "check", "-i", "recorded,", "--runs", runs, status=1)
    page = run(tmp_path, *command, "report", "--format", "html", "--runs", runs, status=1)
    assert float(most.read_text()) > 1 and "node12" in page
