"""The Ansible collection: linted, built with the program in it, and documented as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.machine

ROOT = Path(__file__).resolve().parents[3]
COLLECTION = ROOT / "ansible_collections" / "kvmready" / "host"
MODULES = ("backup", "check", "prove", "undo", "up")
QUICK = (
    *("compile", "empty-init", "ignores", "line-endings", "no-assert", "no-get-exception", "no-illegal-filenames"),
    *("no-smart-quotes", "replace-urlopen", "shebang", "symlinks", "use-argspec-type-path", "use-compat-six"),
)
"""The sanity tests of ansible-test that need no environment of their own, for which it would go to the network."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(home: Path, *argv: str, cwd: Path = ROOT, status: int = 0) -> str:
    """Run a program of this environment; its output, when it ends as it shall."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode != status:
        pytest.fail(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def copied(home: Path) -> Path:
    """The collection where ansible-test wants it, without what other runs left in it."""
    there = home / "ansible_collections" / "kvmready" / "host"
    shutil.copytree(COLLECTION, there, ignore=shutil.ignore_patterns("files", "output", "__pycache__"))
    return there


def test_the_production_profile_of_ansible_lint(home: Path, copied: Path) -> None:
    argv = ("ansible-lint", "--nocolor", "--offline", "--profile", "production", "--project-dir", ".")
    run(home, *argv, cwd=copied)


def test_sanity(home: Path, copied: Path) -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    run(
        home,
        "ansible-test",
        "sanity",
        *(word for name in QUICK for word in ("--test", name)),
        "--python",
        python,
        cwd=copied,
    )


def test_what_is_built_holds_the_program(home: Path) -> None:
    run(home, sys.executable, "-m", "tools.collection", "--output", str(home / "dist"))
    (file,) = (home / "dist").glob("kvmready-host-*.tar.gz")
    with tarfile.open(file) as archive:
        names = set(archive.getnames())
        program = archive.extractfile("files/kvmready.pyz")
        assert program is not None and program.read(40).startswith(b"#!/usr/bin/env python3")
    assert {f"plugins/action/{name}.py" for name in MODULES} | {
        f"plugins/modules/{name}.py" for name in MODULES
    } <= names
    assert {"roles/host/tasks/main.yml", "playbooks/up.yml", "README.md"} <= names


@pytest.fixture(scope="module")
def documented(home: Path) -> dict[str, Any]:
    names = [f"kvmready.host.{name}" for name in MODULES]
    found: dict[str, Any] = json.loads(run(home, "ansible-doc", "--json", *names))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_every_option_is_documented_as_it_is(name: str, documented: dict[str, Any], home: Path) -> None:
    program = (
        "import importlib, json, ansible.plugins.loader as loader; loader.init_plugin_loader()\n"
        f"action = importlib.import_module('ansible_collections.kvmready.host.plugins.action.{name}').ActionModule\n"
        "print(json.dumps({**action.EVERY, **action.OPTIONS}))"
    )
    taken = json.loads(run(home, sys.executable, "-c", program))
    told = documented[f"kvmready.host.{name}"]["doc"]["options"]
    assert set(taken) == set(told)
    for option, spec in taken.items():
        for key in ("type", "choices", "default", "elements"):
            assert spec.get(key) == told[option].get(key), (option, key)


def test_the_example_playbook_and_the_role_are_understood(home: Path) -> None:
    run(home, "ansible-playbook", "-i", "localhost,", "--syntax-check", str(COLLECTION / "playbooks" / "up.yml"))


@pytest.mark.parametrize("name", MODULES)
def test_a_wrong_option_is_refused_before_the_host_is_asked(name: str, home: Path, tmp_path: Path) -> None:
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{f"kvmready.host.{name}": {"proflie": "server"}}]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    said = run(home, "ansible-playbook", "-i", "nowhere.invalid,", str(tmp_path / "play.yml"), status=2)
    assert "proflie" in said and "unreachable=0" in said
