"""The desktop's part of a proof with a real libvirtd, virt-manager, virt-viewer and X server.

What it sees, what is told when one of them fails, and that nothing is left.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmready.guest.bootsector import WHITE
from kvmready.host.door import Picture
from kvmready.proof import picture
from tests.machine.proof.conftest import Proved, Stack, eventually, marked

PROGRAMS = ("virt-manager", "virt-viewer", "Xvfb")
pytestmark = [
    pytest.mark.skipif(
        not all(shutil.which(name) for name in PROGRAMS), reason=f"needs {', '.join(PROGRAMS)}, as ./test installs them"
    ),
    pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="needs a Python that every user may run"),
]

STEPS = ["display", "guest", "virt-manager", "virt-viewer", "screenshot", "remove"]
FILE = "/run/kept/desktop.png"
COOKIES = "/run/alice/cookies"


@pytest.fixture(autouse=True)
def nothing_left(stack: Stack) -> Iterator[None]:
    stack.run(("sh", "-c", "mkdir -p -m 777 /run/kept; rm -f /run/kept/*"))
    yield
    assert eventually(lambda: leftovers(stack), 20) == []


def leftovers(stack: Stack) -> list[str]:
    """What is there of proofs, and of displays and programs that nobody else on this host opens."""
    display = stack.run(("sh", "-c", "ls -d /tmp/.X* /tmp/.X11-unix/* 2> /dev/null")).stdout.split()
    inside = stack.run(("ps", "-eo", "args")).stdout.splitlines()
    return stack.leftovers() + display + [line for line in inside if "Xvfb" in line or "virt-" in line.split(" ")[0]]


def prove(stack: Stack, user: str = "", caller: str = "", display: tuple[str, str] = ("", "")) -> Proved:
    words = stack.drive("desktop", "tcg", user, caller)
    before = words.index("--") + 1 if not caller else len(words) - 5
    shown = ("env", f"DISPLAY={display[0]}", f"XAUTHORITY={display[1]}")
    done = subprocess.run(
        (*words[:before], *shown, *words[before:], FILE), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return Proved(json.loads(done.stdout))


def kept(stack: Stack) -> Picture:
    coded = stack.run(("base64", FILE))
    found = picture.from_file(base64.b64decode(coded.stdout))
    assert found is not None, coded
    return found


def cells(proved: Proved) -> tuple[int, ...]:
    """What the guest had to draw, from the words of the proof."""
    said = re.search(r"the colours of ([0-9a-f]{16}) ([0-9a-f]{8})", proved.steps["desktop.guest"]["evidence"])
    assert said is not None
    return (WHITE, *(int(digit, 16) for digit in f"{said[1]}0{said[2]}"), WHITE)


@pytest.mark.parametrize(("user", "caller"), [("alice", ""), ("", "alice")])
def test_the_windows_show_the_guest(stack: Stack, user: str, caller: str) -> None:
    """Run by root for alice, and by alice herself."""
    proved = prove(stack, user, caller)
    assert proved.document["ok"], proved
    parts = {name: step["status"] for name, step in proved.steps.items() if name.startswith("desktop.")}
    assert parts == {f"desktop.{name}": "pass" for name in STEPS}
    assert re.search(r"lists QEMU/KVM, kvmready-proof-\S+ Running", proved.steps["desktop.virt-manager"]["evidence"]), (
        proved
    )
    assert proved.document["screenshot"] == FILE
    owner = "alice" if caller else "root"
    assert stack.run(("stat", "-c", "%U %a", FILE)).stdout == f"{owner} 600\n"
    assert picture.shows(kept(stack), cells(proved))
    if os.environ.get("KVMREADY_PICTURE"):  # for the documentation
        Path(os.environ["KVMREADY_PICTURE"]).write_bytes(picture.png(kept(stack)))


def test_the_display_of_the_user_is_taken_and_nobody_elses(stack: Stack) -> None:
    stack.run(("install", "-d", "-o", "54321", "-m", "700", "/run/alice"))
    cookie = base64.b64encode(b"\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x10" + b"7" * 16).decode()
    stack.run(("sh", "-c", f"echo {cookie} | base64 -d > {COOKIES}; chown 54321 {COOKIES}; chmod 600 {COOKIES}"))
    server = subprocess.Popen(
        stack.argv(("Xvfb", ":7", "-nolisten", "tcp", "-auth", COOKIES, "-screen", "0", "1400x800x24"), "alice"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert not eventually(lambda: stack.run(("test", "-S", "/tmp/.X11-unix/X7")).returncode, 20)
        own = prove(stack, "alice", "", (":7", COOKIES))
        assert own.document["ok"], own
        assert ":7, opened" in own.steps["desktop.display"]["evidence"]
        stack.run(("chown", "root", COOKIES))
        others = prove(stack, "alice", "", (":7", COOKIES))
        assert others.document["ok"], others
        assert ":7 is not a display of alice" in others.steps["desktop.display"]["evidence"]
        assert "in memory" in others.steps["desktop.display"]["evidence"]
    finally:
        stack.run(("pkill", "-TERM", "-x", "Xvfb"))
        server.wait(20)
        stack.run(("rm", "-rf", "/run/alice", "/tmp/.X11-unix"))


def test_without_a_display_there_is_a_cause(stack: Stack) -> None:
    stack.run(("mount", "--bind", "/bin/false", "/usr/bin/Xvfb"))
    try:
        proved = prove(stack, "", "alice", (":99", ""))
        assert proved.failed == ("desktop.display", "tools.no-display")
        assert ":99 cannot be opened" in proved.steps["desktop.display"]["evidence"]
        assert not proved.document["ok"] and proved.document["level"] == "libvirt"
        assert "desktop.guest" not in proved.steps
    finally:
        stack.run(("umount", "/usr/bin/Xvfb"))


def test_a_manager_that_does_not_open_says_its_last_words(stack: Stack) -> None:
    typelib = next(iter(Path("/usr/lib").glob("*/girepository-1.0/LibvirtGLib-1.0.typelib")), None)
    if typelib is None:
        pytest.skip("needs the typelib of libvirt-glib where Debian has it")
    stack.run(("mount", "--bind", "/dev/null", str(typelib)))
    try:
        proved = prove(stack, "alice")
        assert proved.failed == ("desktop.virt-manager", "tools.broken"), proved
        assert "LibvirtGLib" in proved.steps["desktop.virt-manager"]["evidence"]
        assert proved.steps["desktop.remove"]["status"] == "pass"
    finally:
        stack.run(("umount", str(typelib)))


def test_a_viewer_that_ends_is_told_apart_from_the_guest(stack: Stack) -> None:
    stack.run(("mount", "--bind", "/bin/false", "/usr/bin/virt-viewer"))
    try:
        proved = prove(stack, "alice")
        assert proved.failed == ("desktop.virt-viewer", "tools.broken"), proved
        assert "status 1" in proved.steps["desktop.virt-viewer"]["evidence"]
        assert proved.steps["desktop.screenshot"]["status"] == "pass"  # of what did open
        assert not picture.shows(kept(stack), cells(proved))
    finally:
        stack.run(("umount", "/usr/bin/virt-viewer"))


def test_a_picture_that_cannot_be_kept(stack: Stack) -> None:
    stack.run(("mount", "-t", "tmpfs", "-o", "size=4k", "small", "/run/kept"))
    try:
        assert prove(stack, "alice").failed == ("desktop.screenshot", "storage.no-space")
    finally:
        stack.run(("umount", "/run/kept"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["-displayfd", "--no-fork --connect", "--attach --connect"])
def test_an_interrupted_proof_leaves_nothing(stack: Stack, moment: str, number: signal.Signals) -> None:
    words = (*stack.drive("desktop", "tcg", "alice"), FILE)
    outer = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert outer.stdout is not None
    try:
        end = time.monotonic() + 60
        while not any(moment in seen for seen in marked("kvmready-proof-")) and time.monotonic() < end:
            assert outer.poll() is None, outer.stdout.read()
        inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        os.kill(inner, number)
        assert outer.wait(60) != 0
    finally:
        outer.kill()
        outer.wait()
        outer.stdout.close()
    assert eventually(lambda: leftovers(stack) + marked("kvmready.host.guard")) == []
