"""The linters are ordinary tests: what a tool says is the message of the failure."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
SCRIPTS = ("kvmready", "test", ".ci/run")
pytestmark = pytest.mark.spawns("the linters are programs")

PYTHON_FOLDERS = ("src", "tests", "bench", "tools")
COLLECTIONS = "ansible_collections"


def ask(*argv: str) -> None:
    """Run a command in the tree; anything but success fails with what it said."""
    answer = subprocess.run(
        argv, cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500
    )
    said = answer.stdout.decode("utf-8", "replace")
    if answer.returncode:
        pytest.fail(f"{' '.join(argv)} ended with {answer.returncode}:\n{said}", pytrace=False)


def tool(name: str, *arguments: str) -> None:
    """Run a tool of the test requirements, as the interpreter that runs the tests has it."""
    if importlib.util.find_spec(name) is None:
        pytest.fail(f"{name} is not installed. Install it with: {sys.executable} -m pip install {name}", pytrace=False)
    enter = ("-c", "import vermin; vermin.main()") if name == "vermin" else ("-m", name)  # vermin has no __main__
    ask(sys.executable, *enter, *arguments)


def folders() -> list[str]:
    return [name for name in PYTHON_FOLDERS if any((TREE / name).rglob("*.py"))]


def test_ruff_check() -> None:
    tool("ruff", "check", "--output-format=concise", *folders(), COLLECTIONS)


def test_ruff_format() -> None:
    tool("ruff", "format", "--check", "--diff", *folders(), COLLECTIONS)


def test_types() -> None:
    tool("mypy", "--strict", *folders())


def test_runs_on_the_oldest_python() -> None:
    """Annotations are not evaluated (every file imports them from the future), so that they may be newer."""
    tool("vermin", "-t=3.9-", "--no-eval-annotations", "--violations", "--no-tips", "src")


@pytest.mark.parametrize("script", SCRIPTS)
def test_shell_scripts(script: str) -> None:
    path = TREE / script
    assert path.is_file(), f"{script} is part of the tree"
    first = path.read_text("utf-8").splitlines()[0]
    assert first.startswith("#!") and first.split("/")[-1].split(" ")[-1] in ("sh", "bash"), first
    if shutil.which("shellcheck") is None:
        pytest.fail("shellcheck is not installed. Install it with: apt-get install shellcheck", pytrace=False)
    ask("shellcheck", "--severity=style", script)
