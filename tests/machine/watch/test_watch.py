"""``kvmready watch`` on a real libvirtd: one look, the live view, a guest that hangs, a daemon that goes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from tests.machine.proof.conftest import Stack

SOURCE = str(Path(__file__).resolve().parents[3] / "src")
NAMES = ("-c", "a; b", "it's 'x'", "名é")
ENVIRONMENT = {**os.environ, "PYTHONPATH": SOURCE, "TERM": "xterm", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def guests(stack: Stack) -> Iterator[tuple[str, ...]]:
    for number, name in enumerate(NAMES):
        Path(f"/proc/{stack.pid}/root/tmp/{number}.xml").write_text(
            f"<domain type='qemu'><name>{escape(name)}</name><memory unit='MiB'>16</memory><vcpu>4</vcpu>"
            "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
        )
        stack.virsh("create", f"/tmp/{number}.xml")
    yield NAMES
    for uuid in stack.virsh("list", "--uuid").split():
        stack.virsh("destroy", uuid)


def argv(stack: Stack, *words: str) -> tuple[str, ...]:
    return stack.argv((sys.executable, "-m", "kvmready", "watch", *words))


def direct(stack: Stack, *words: str) -> tuple[str, ...]:
    """The same, Ctrl-C for kvmready alone: the nsenter around it would die of it before it could tell the status."""
    inner = (sys.executable, "-m", "kvmready", "watch", *words)
    return ("env", "--ignore-signal=INT", *stack.argv(("env", "--default-signal=INT", *inner)))


def once(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv(stack, "--once", *words), capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT
    )


def seen(stack: Stack, status: int = 0) -> dict[str, Any]:
    done = once(stack, "--format", "json")
    assert done.returncode == status, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def emulator(stack: Stack, name: str) -> int:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"guest={name}".encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue  # it ended meanwhile
    raise AssertionError(f"{name} has no process")


def test_one_look(stack: Stack, guests: tuple[str, ...]) -> None:
    document = seen(stack)
    assert document["schema"] == "kvmready.watch/1"
    assert sorted(guest["name"] for guest in document["guests"]) == sorted(guests)
    for guest in document["guests"]:
        assert (guest["state"], guest["vcpus"], guest["memory"]) == ("running", 4, 16 << 20)
        assert 0 <= guest["cpu"] <= 8
        assert guest["steal"] >= 0
    assert 0 < document["host"]["cpu"] <= 1
    cpus = os.cpu_count() or 1
    assert document["host"]["cpus"] == cpus
    expected = ["vcpus-overcommitted"] if cpus < 16 else []
    assert [one["id"] for one in document["warnings"] if one["id"] == "vcpus-overcommitted"] == expected
    metrics = once(stack, "--format", "prometheus").stdout
    assert "kvmready_watch_guest_vcpus{guest=\"it's 'x'\"} 4\n" in metrics
    assert all(re.fullmatch(r"# .*|[a-z_0-9]+(\{.*\})? -?[0-9.e+-]+", line) for line in metrics.splitlines())
    text = once(stack, "--sort", "name").stdout
    order = [name for line in text.splitlines() for name in guests if line.startswith(f"  {name} ")]
    assert order == sorted(guests, key=str.casefold)
    assert "\033" not in text


def test_wrong_words(stack: Stack) -> None:
    for words in (("--interval", "0"), ("--interval", "x"), ("--sort", "luck"), ("--format", "json")):
        done = subprocess.run(argv(stack, *words), capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
        assert done.returncode == 2, words


def test_a_guest_that_hangs_does_not_hide_the_others(stack: Stack, guests: tuple[str, ...]) -> None:
    process = emulator(stack, "名é")
    os.kill(process, signal.SIGSTOP)
    try:
        document = seen(stack)
    finally:
        os.kill(process, signal.SIGCONT)
    assert {guest["name"] for guest in document["guests"] if not guest["answers"]} == {"名é"}
    assert {guest["name"] for guest in document["guests"] if guest["answers"]} == set(guests) - {"名é"}
    assert ("guest-no-answer", "名é does not answer") in [(one["id"], one["text"]) for one in document["warnings"]]


class Live:
    """A live view on a terminal of its own."""

    def __init__(self, stack: Stack, *words: str, size: tuple[int, int] = (30, 100), **more: str) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            command = direct(stack, *words)
            os.execvpe(command[0], command, {**ENVIRONMENT, **more})
        self.resize(*size)
        self.said = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, pattern: str, limit: float = 40.0) -> str:
        """Read on until the pattern appears; returns all that was read since the last call."""
        self.said = ""
        end = time.monotonic() + limit
        while not re.search(pattern, self.said):
            assert time.monotonic() < end, f"{pattern} did not appear: {self.said[-3000:]!r}"
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.said += os.read(self.terminal, 65536).decode("utf-8", "replace")
        return self.said

    def end(self) -> int:
        """Ctrl-C; returns the exit status. The screen is given back before."""
        os.write(self.terminal, b"\x03")
        self.until(r"\x1b\[\?25h\x1b\[\?1049l")
        _pid, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def test_live(stack: Stack, guests: tuple[str, ...]) -> None:
    live = Live(stack, "--interval", "30")
    first = live.until(r"Out/s(?s:.*)\x1b\[J(?s:.*)Out/s(?s:.*)\x1b\[J")
    assert first.startswith("\033[?1049h\033[?25l")
    assert all(name in first for name in guests)
    live.resize(12, 60)  # drawn at once, not at the next interval
    narrow = live.until(r"Net/s(?s:.*)and \d+ more", 15)
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", narrow).split("\r\n")[-12:]) <= 60
    assert live.end() == 0


def test_no_colour_and_no_terminal(stack: Stack, guests: tuple[str, ...]) -> None:
    live = Live(stack, "--interval", "1", NO_COLOR="1")
    assert re.search(r"\x1b\[\d*(;\d+)*m", live.until(r"Out/s(?s:.*)\x1b\[J")) is None
    assert live.end() == 0
    process = subprocess.Popen(
        direct(stack, "--interval", "0.5"), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _number in range(30)]
    os.killpg(process.pid, signal.SIGINT)
    process.stdout.read()
    assert process.wait(60) == 0
    process.stdout.close()
    assert sum("Name" in line for line in lines) >= 2
    assert "\033" not in "".join(lines)


def test_libvirtd_restarted_in_the_middle(stack: Stack) -> None:
    live = Live(stack, "--interval", "0.5")
    live.until("No guest runs")
    os.kill(stack.daemon(), signal.SIGKILL)
    live.until(r"libvirt cannot be reached\.(?s:.*)It is asked again\.")
    document = seen(stack, status=1)
    assert (document["guests"], "Failed to connect socket" in document["trouble"]) == (None, True)
    stack.run(("rm", "-f", "/run/libvirtd.pid"))
    assert stack.run(("libvirtd", "-d")).returncode == 0
    live.until("No guest runs")
    assert live.end() == 0
