"""A private libvirtd on this machine, and what its proofs may leave behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).resolve().parent
DRIVE = str(HERE / "drive.py")
NEEDED = ("unshare", "nsenter", "setpriv", "ip", "libvirtd", "virtlogd", "virsh", "qemu-system-x86_64")
PEOPLE = {"alice": 54321, "bob": 54322}


class Proved(NamedTuple):
    """The JSON of one proof, and the time that it took."""

    document: dict[str, Any]

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        return {step["id"]: step for step in self.document["steps"]}

    @property
    def failed(self) -> tuple[str, str]:
        """Step and cause of the failure; empty where nothing failed."""
        return next(((s["id"], s["cause"]) for s in self.document["steps"] if s["status"] == "fail"), ("", ""))


def marked(mark: str) -> list[str]:
    """The arguments of this machine's processes that carry ``mark``."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                arguments = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if mark in arguments:
                found.append(arguments.replace("\0", " "))
    return found


def eventually(state: Callable[[], Any], limit: float = 60.0) -> Any:
    """Wait until ``state`` is empty; returns what is left of it at the limit."""
    end = time.monotonic() + limit
    while (left := state()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


class Stack:
    """A host in namespaces of its own: libvirtd with a default pool, users alice (libvirt, kvm) and bob (neither)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def argv(self, argv: tuple[str, ...], user: str = "") -> tuple[str, ...]:
        become: tuple[str, ...] = ()
        if user:
            uid = str(PEOPLE[user])
            groups = self.run(("id", "-G", user)).stdout.split()
            become = ("setpriv", "--reuid", uid, "--regid", uid, "--groups", ",".join(groups), "--")
        return ("nsenter", "-t", str(self.pid), "--mount", "--net", "--pid", "--", *become, *argv)

    def run(self, argv: tuple[str, ...], user: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.argv(argv, user), capture_output=True, text=True, timeout=300, check=False)

    def virsh(self, *arguments: str) -> str:
        done = self.run(("virsh", "-q", "-c", "qemu:///system", *arguments))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def drive(self, level: str, accel: str, user: str, caller: str = "", *image: str) -> tuple[str, ...]:
        python = "/usr/bin/python3" if caller else sys.executable
        return self.argv((python, DRIVE, level, accel, user, *image), caller)

    def prove(self, level: str, accel: str, user: str = "", caller: str = "", *image: str) -> Proved:
        done = subprocess.run(
            self.drive(level, accel, user, caller, *image), capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        return Proved(json.loads(done.stdout))

    def leftovers(self) -> list[str]:
        """Whatever a proof made that is still there; the records of libvirt, which only root may remove, apart."""
        text = self.virsh("list", "--all", "--name") + self.virsh("vol-list", "default")
        text += self.run(("ls", "/tmp", "/etc/apparmor.d/libvirt")).stdout
        found = [line for line in text.splitlines() if "kvmready" in line]
        return found + marked("kvmready-proof-")

    def records(self) -> list[str]:
        """The records that libvirt keeps of domains that are gone."""
        return [name for name in self.run(("ls", "/var/log/libvirt/qemu")).stdout.split() if "kvmready" in name]

    def daemon(self) -> int:
        """Its process, as seen from here."""
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and folder.stat().st_uid == 0:
                    inside = os.readlink(folder / "ns/pid") == os.readlink(f"/proc/{self.pid}/ns/pid")
                    if inside and (folder / "comm").read_text() == "libvirtd\n":
                        return int(folder.name)
            except OSError:
                continue  # it ended meanwhile
        raise AssertionError("there is no libvirtd in the stack")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes namespaces and starts libvirtd")
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")
    folder = tmp_path_factory.mktemp("stack")
    space = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")
    outer = subprocess.Popen(
        (*space, "sh", str(HERE / "stack.sh"), str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        start_new_session=True,
    )
    try:
        assert outer.stdout is not None
        said = []
        for line in outer.stdout:
            said.append(line)
            if line == "ready\n":
                break
        else:
            pytest.fail("the stack did not start: " + "".join(said))
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        yield Stack(int(children[0]))
    finally:
        os.killpg(outer.pid, signal.SIGKILL)
        outer.wait()
        if outer.stdout is not None:
            outer.stdout.close()
