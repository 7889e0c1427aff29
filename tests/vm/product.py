"""kvmready on a host of the lab: its tree copied there, its commands run, its reports read."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema

from tests.vm import snapshot
from tests.vm.lab.cache import LabError
from tests.vm.lab.machine import Machine
from tests.vm.lab.nspawn import Container
from tests.vm.lab.remote import Result

Host = Machine | Container

_KILLER = r"""
import glob, json, os, signal, subprocess, sys, time
kind, delay = sys.argv[1], float(sys.argv[2])
began = {path: os.path.getsize(path) for path in glob.glob("/var/lib/kvmready/runs/*/journal.jsonl")}
child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)

def seen():
    for path in glob.glob("/var/lib/kvmready/runs/*/journal.jsonl"):
        with open(path) as file:
            file.seek(began.get(path, 0))
            for line in file.read().split("\n")[:-1]:
                record = json.loads(line)
                if record["event"] == "intent" and record["step"]["kind"] == kind:
                    return True
    return False

while child.poll() is None and not seen():
    time.sleep(0.02)
time.sleep(delay)
alive = child.poll() is None
child.send_signal(signal.SIGKILL)
print(json.dumps({"killed": alive, "status": child.wait()}))
"""
"""Runs a command and kills it ``delay`` seconds after the journal shows that a step of this kind began."""

ROOT = Path(__file__).resolve().parents[2]
CODE = "/opt/kvmready"
OURS = (r"/opt/kvmready(/.*)?",)
"""What a snapshot leaves out: the program itself."""

SCHEMA = json.loads((ROOT / "src/kvmready/report/schema.json").read_text(encoding="utf-8"))


def place(host: Host) -> None:
    """Puts the tree under test on the host, as a clone would be."""
    host.copy(ROOT, CODE)


def kvmready(
    host: Host, *words: str, user: str = "root", timeout: float = 1800, program: Sequence[str] = (f"{CODE}/kvmready",)
) -> Result:
    """Run a command of kvmready; ``program`` is how it is called where it was not placed by :func:`place`.

    A virtual machine whose emulated CPU stalled has its power cut, as a person would do, and the command is given
    again: kvmready carries on where it was.
    """
    argv = [*program, *words]
    try:
        return host.run(argv, user=user, timeout=timeout)
    except LabError as error:
        if not isinstance(host, Machine) or not host.stalled():
            raise
        warnings.warn(f"{host.name} stalled and was restarted: {error}", stacklevel=2)
    host.power_cut()
    host.power_on()
    host.wait_until_up()
    return host.run(argv, user=user, timeout=timeout)


def report(result: Result) -> dict[str, Any]:
    """The JSON document that the command printed, valid by its schema."""
    assert result.stdout, result  # its stderr says what went wrong
    document: dict[str, Any] = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    return document


def look(host: Host) -> dict[str, Any]:
    return snapshot.parse(host.run(["python3", "-I", "-"], input=snapshot.program(), timeout=300).check().stdout)


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["status"] for finding in document["findings"]}


def causes(document: dict[str, Any]) -> list[str]:
    return [cause["cause"] for cause in document["root_causes"]]


def kill_at(host: Host, kind: str, delay: float, *words: str) -> None:
    """Run a command of kvmready and kill it (SIGKILL) ``delay`` seconds after a step of this kind began."""
    argv = ["python3", "-c", _KILLER, kind, str(delay), f"{CODE}/kvmready", *words]
    killed = host.run(argv, timeout=1800).check()
    assert json.loads(killed.stdout)["killed"], killed
