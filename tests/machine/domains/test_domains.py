"""The domains room against a real libvirtd: hostile names, two hundred guests, a daemon that hangs or is away."""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from tests.machine.proof.conftest import Stack

DRIVE = str(Path(__file__).resolve().parent / "drive.py")
HOSTILE = ("-c", "--all", "a; destroy b", "it's", 'say "x"', "名前 é", "  two  ", "two", "$(reboot)", "@@m:1@@", "7")


def asked(stack: Stack, *words: str, user: str = "") -> dict[str, Any]:
    python = "/usr/bin/python3" if user else sys.executable
    done = stack.run((python, DRIVE, *words), user)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def define(stack: Stack, names: list[str]) -> dict[str, str]:
    """Define a tiny guest of each name with one virsh; returns their UUIDs."""
    made = {name: str(uuid.uuid4()) for name in names}
    commands = []
    for number, (name, identity) in enumerate(made.items()):
        (Path(f"/proc/{stack.pid}/root/tmp") / f"{number}.xml").write_text(
            f"<domain type='qemu'><name>{escape(name)}</name><uuid>{identity}</uuid><memory unit='MiB'>8</memory>"
            f"<title>{escape(name)}</title><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
        )
        commands.append(f"define /tmp/{number}.xml")
    stack.virsh("; ".join(commands))
    return made


@pytest.fixture
def hostile(stack: Stack) -> Iterator[dict[str, str]]:
    made = define(stack, list(HOSTILE))
    yield made
    for identity in made.values():
        stack.virsh("undefine", identity)


def test_hostile_names(stack: Stack, hostile: dict[str, str]) -> None:
    answer = asked(stack, "list")
    assert answer["processes"] == 1
    assert {(one["name"], one["uuid"]) for one in answer["said"]} == {
        (name.rstrip(" "), identity) for name, identity in hostile.items()
    }
    assert {(one["state"], one["autostart"], one["persistent"]) for one in answer["said"]} == {("shutoff", False, True)}
    assert asked(stack, "names")["said"] == sorted(HOSTILE)
    assert {one["name"] for one in asked(stack, "stats")["said"]} == set(HOSTILE)
    for name, identity in hostile.items():
        assert asked(stack, "find", name)["said"]["uuid"] == identity, name
        assert asked(stack, "find", identity)["said"]["uuid"] == identity
    assert asked(stack, "find", "two ")["said"]["error"] == "NoSuchDomain"


def test_two_hundred_guests(stack: Stack) -> None:
    made = define(stack, [f"guest {number};" for number in range(201)])
    try:
        answer = asked(stack, "names")
        assert answer["said"] == sorted(made)
        assert answer["processes"] == 3  # one for the list, two for the definitions
        assert len(asked(stack, "stats")["said"]) == 201
    finally:
        stack.virsh("; ".join(f"undefine {identity}" for identity in made.values()))


def test_a_user_who_may_not(stack: Stack) -> None:
    said = asked(stack, "list", user="bob")["said"]
    assert (said["error"], said["cause"]) == ("LibvirtError", "access.not-in-libvirt-group")


def test_no_such_domain(stack: Stack) -> None:
    said = asked(stack, "show", str(uuid.uuid4()))["said"]
    assert said["error"] == "LibvirtError"
    assert "failed to get domain" in said["text"]


def test_a_daemon_that_hangs(stack: Stack) -> None:
    os.kill(stack.daemon(), signal.SIGSTOP)
    try:
        said = asked(stack, "list")["said"]
    finally:
        os.kill(stack.daemon(), signal.SIGCONT)
    assert (said["error"], said["cause"]) == ("LibvirtError", "libvirt.hangs")


def test_a_daemon_that_is_away(stack: Stack) -> None:
    daemon = stack.daemon()
    os.kill(daemon, signal.SIGKILL)
    said = asked(stack, "list")["said"]
    stack.run(("rm", "-f", "/run/libvirtd.pid"))
    assert stack.run(("libvirtd", "-d")).returncode == 0
    assert (said["error"], said["cause"]) == ("LibvirtError", "libvirt.unreachable")
    said = asked(stack, "list")["said"]
    assert said == [], said
