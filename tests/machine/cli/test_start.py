"""What a start costs, without a clock: what is read in, which processes are started, and in which order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src"
RECORDINGS = ROOT / "tests" / "hosts" / "recordings"

SLOW = {
    "argparse", "ast", "contextlib", "dataclasses", "gettext", "hashlib", "importlib", "inspect", "locale", "logging",
    "random", "rich", "selectors", "shutil", "signal", "subprocess", "tempfile", "threading", "typing",
}  # fmt: skip
"""Modules of which each takes a twentieth of a bare Python or more to read in, and which a check has no use for."""

# The program of an installed command, and at its end what it read in and started. Some Pythons read modules in before
# the first line of a program: those are none of its own.
PROGRAM = """
import sys

before = set(sys.modules)
started = []


def watch(event, arguments):
    if event in ("os.posix_spawn", "subprocess.Popen", "os.fork"):
        words = [] if event == "os.fork" else [str(word) for word in arguments[1]]
        started.append([event, words, sorted(set(sys.modules) - before)])


sys.addaudithook(watch)
sys.path.insert(0, sys.argv[1])
sys.argv[:] = ["kvmready", *sys.argv[2:]]
try:
    from kvmready.__main__ import main

    main()
finally:
    import json

    print(json.dumps([sorted(set(sys.modules) - before), started]), file=sys.stderr)
"""

Started = list[tuple[str, list[str], list[str]]]


def watched(*words: str, environment: dict[str, str] | None = None) -> tuple[set[str], Started]:
    """What a command line read in, and the processes it started: how, with what words, and what was read in by then."""
    argv = (sys.executable, "-I", "-c", PROGRAM, str(SOURCE), *words)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=120)
    modules, started = json.loads(done.stderr.decode().splitlines()[-1])
    return set(modules), [tuple(one) for one in started]


def test_nothing_is_drawn_and_nothing_translated_at_a_start() -> None:
    modules, _started = watched("history", "--state-dir", "/nonexistent", environment={"LANG": "de_DE.UTF-8"})
    assert not modules & {"rich", "gettext", "argparse"}


@pytest.mark.parametrize("name", ["debian-12-fresh", "debian-12-ready"])
def test_a_check_reads_in_no_more_than_it_needs(name: str) -> None:
    words = ("check", "--from", str(RECORDINGS / f"{name}.json"), "--format", "json")
    modules, started = watched(*words)
    assert not modules & SLOW and started == []
    rooms = {module.split(".")[1] for module in modules if module.startswith("kvmready.")}
    assert not rooms & {"apply", "guest", "knowledge", "proof"}
    assert ("kvmready.plan.builders" in modules) is (name == "debian-12-fresh")  # only where something is to be mended
    assert not modules & {"kvmready.plan.dnf", "kvmready.plan.zypper"}  # the managers of other hosts


def test_a_document_in_chinese_draws_nothing() -> None:
    words = ("check", "--lang", "zh", "--from", str(RECORDINGS / "kvm-pvm.json"), "--format", "json")
    assert not watched(*words)[0] & {"rich", "argparse", "subprocess"}


def test_a_check_of_this_machine_reads_in_no_more() -> None:
    modules, _started = watched("check", "--format", "json")
    assert not modules & SLOW


def test_without_a_configuration_file_nothing_that_reads_one_is_read_in(tmp_path: Path) -> None:
    readers = {"tomllib", "tomli", "kvmready.cli.config", "kvmready.host.configuration", "kvmready.cli.origin"}
    recording = str(RECORDINGS / "debian-12-ready.json")
    words = ("check", "--from", recording, "--format", "json")
    assert not watched(*words)[0] & readers
    if not Path("/etc/kvmready/host.toml").exists():
        assert not watched("check", "--format", "json")[0] & readers
    file = tmp_path / "host.toml"
    file.write_text("nested = false\n")
    modules, _started = watched(*words, "--config", str(file))
    assert modules & {"tomllib", "tomli"} and not modules & {"rich", "argparse", "difflib"}


def test_a_check_starts_each_program_once_and_the_probe_first() -> None:
    _modules, started = watched("check", "--format", "json")
    assert {event for event, _words, _modules in started} == {"os.posix_spawn"}
    programs = [os.path.basename(words[0]) for _event, words, _modules in started]
    assert programs[0] == os.path.basename(sys.executable) and any("guest.probe" in word for word in started[0][1])
    assert len(set(programs)) == len(programs)


def test_the_host_answers_while_the_checks_are_read_in() -> None:
    _modules, started = watched("check", "--format", "json")
    by_then = set(started[0][2])
    assert "kvmready.facts.probe" in by_then
    assert not by_then & {
        "kvmready.checks.kernel",
        "kvmready.facts.storage",
        "kvmready.plan",
        "kvmready.report",
        "json",
    }


def test_a_guest_of_a_proof_runs_while_the_host_is_asked() -> None:
    _modules, started = watched("prove", "--level", "qemu", "--accel", "tcg", "--format", "json")
    words = [" ".join(one[1]) for one in started]
    guest = next((place for place, line in enumerate(words) if "accel=tcg" in line), None)
    if guest is None:
        pytest.skip("there is no emulator on this machine")
    assert guest < next(place for place, line in enumerate(words) if "guest.probe" in line)
    assert not set(started[guest][2]) & {"rich", "kvmready.checks.kernel", "kvmready.facts.storage"}
