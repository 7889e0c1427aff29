"""Two hundred guests, fifty of which run, through ``vm list`` and ``watch``: one of a hostile name, one that hangs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

import pytest

from tests.machine.vm.conftest import SOURCE, Host
from tests.machine.vm.test_guests import emulator, restart
from tests.machine.watch.test_watch import Live, once

DEFINED, RUNNING = 200, 50
HOSTILE = "-x; $(reboot) 'q' 名é"
HANGS = "hangs"
LEAN = "<memballoon model='none'/><controller type='usb' model='none'/>"


def xml(name: str) -> str:
    return (
        f"<domain type='qemu'><name>{escape(name)}</name><memory unit='MiB'>2</memory><os><type arch='x86_64' "
        f"machine='pc'>hvm</type></os><devices><video><model type='none'/></video>{LEAN}</devices></domain>"
    )


@pytest.fixture(scope="module")
def many(prepared: Host) -> Iterator[list[str]]:
    """The names of those that run. They boot nothing: paused at once, fifty of them take no CPU."""
    names = [HOSTILE, HANGS, *(f"guest{number:03d}" for number in range(2, DEFINED))]
    for number, name in enumerate(names):
        prepared.root(f"/tmp/{number}.xml").write_text(xml(name))
    virsh = prepared.stack.virsh
    virsh("; ".join(f"define /tmp/{number}.xml" for number in range(DEFINED)))
    for number in range(DEFINED):
        prepared.root(f"/tmp/{number}.xml").unlink()
    for name in names[:RUNNING]:
        virsh("start", f"--domain={name}", *(() if name == HANGS else ("--paused",)))
    yield names[:RUNNING]
    for uuid in virsh("list", "--uuid").split():
        virsh("destroy", uuid)
    virsh("; ".join(f"undefine {uuid}" for uuid in virsh("list", "--all", "--uuid").split()))


@pytest.fixture
def hung(prepared: Host, many: list[str]) -> Iterator[None]:
    process = emulator(prepared, HANGS)
    os.kill(process, signal.SIGSTOP)
    yield
    os.kill(process, signal.SIGCONT)


def watched(host: Host, status: int = 0) -> dict[str, Any]:
    done = once(host.stack, "--format", "json")
    assert done.returncode == status, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_all_are_listed(prepared: Host, many: list[str], hung: None) -> None:
    listed = prepared.json("vm", "list")["guests"]
    states = {guest["name"]: guest["state"] for guest in listed}
    assert len(listed) == len(states) == DEFINED
    assert {name for name, state in states.items() if state == "shutoff"} == states.keys() - set(many)
    assert states[HOSTILE] == "paused" and states[HANGS] == "running"
    shown = prepared.ok("vm", "list").splitlines()
    assert len(shown) == DEFINED + 1
    assert any(line.startswith(f"  {HOSTILE} ") and "paused" in line for line in shown)
    assert prepared.json("vm", "info", "--", HOSTILE)["name"] == HOSTILE


def test_watch_looks_at_all_that_run(prepared: Host, many: list[str], hung: None) -> None:
    document = watched(prepared)
    answers = {guest["name"]: guest["answers"] for guest in document["guests"]}
    assert answers == {name: name != HANGS for name in many}
    assert ("guest-no-answer", f"{HANGS} does not answer") in [(one["id"], one["text"]) for one in document["warnings"]]
    text = once(prepared.stack, "--sort", "name").stdout
    assert sum(line.startswith("  guest") for line in text.splitlines()) == RUNNING - 2
    assert any(line.startswith(f"  {HOSTILE} ") for line in text.splitlines())


def test_libvirtd_restarted_in_the_middle(prepared: Host, many: list[str]) -> None:
    """The live view says that it is away and carries on; a single look that was under way says so, or is whole."""
    live = Live(prepared.stack, "--interval", "0.5", "--sort", "name", size=(60, 100))
    live.until("guest049")
    words = (sys.executable, "-m", "kvmready", "watch", "--once", "--format", "json")
    single = subprocess.Popen(
        prepared.stack.argv(words), stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": SOURCE}
    )
    time.sleep(0.3)
    os.kill(prepared.stack.daemon(), signal.SIGKILL)
    live.until(r"libvirt cannot be reached\.(?s:.*)It is asked again\.")
    restart(prepared)
    live.until("guest049", 120)
    assert live.end() == 0
    out, _nothing = single.communicate(timeout=120)
    document = json.loads(out)
    if single.returncode == 0:
        assert len(document["guests"]) == RUNNING
    else:
        assert (single.returncode, document["guests"]) == (1, None)
        assert re.search("libvirt", document["trouble"])
    assert len(watched(prepared)["guests"]) == RUNNING
    assert len(prepared.json("vm", "list")["guests"]) == DEFINED
