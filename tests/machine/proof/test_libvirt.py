"""Level libvirt with a real libvirtd: as root, as its users, against what can be wrong, and interrupted anywhere."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine.proof.conftest import Stack, eventually, marked

PASSED = ["qemu.guest", "libvirt.connect", "libvirt.volume", "libvirt.domain", "libvirt.witness", "libvirt.remove"]
IMAGES = "/var/lib/libvirt/images"
needs_python = pytest.mark.skipif(
    not os.access("/usr/bin/python3", os.X_OK), reason="needs a Python that every user may run"
)


@pytest.fixture(autouse=True)
def nothing_left(stack: Stack) -> Iterator[None]:
    yield
    assert eventually(stack.leftovers, 10) == []


@pytest.mark.parametrize(("user", "caller"), [pytest.param("", "alice", marks=needs_python), ("", ""), ("alice", "")])
def test_the_guest_runs(stack: Stack, user: str, caller: str) -> None:
    """Run by root without a user, by root for alice, and by alice herself without root."""
    proved = stack.prove("libvirt", "tcg", user, caller)
    assert (proved.document["ok"], proved.document["level"]) == (True, "libvirt"), proved
    assert proved.document["user"] == (user or caller or "root")
    assert proved.document["witness"].endswith(" TCGTCGTCGTCG")
    assert "NOT KVM" in proved.document["summary"]
    assert [name for name, step in proved.steps.items() if step["status"] == "pass"] == PASSED
    if caller:
        assert stack.records() == ["kvmready-proof-u54321.log"]  # one for all of her proofs
        assert "only root may remove it" in proved.steps["libvirt.remove"]["evidence"]
    else:
        assert stack.records() == []  # root also removes the records of earlier proofs by users
    for line in proved.steps["libvirt.volume"]["evidence"].splitlines():
        assert shlex.split(line)[:4] == ["/usr/bin/virsh", "-q", "-c", "qemu:///system"]


@needs_python
def test_two_proofs_of_a_user_at_once(stack: Stack) -> None:
    both = [
        subprocess.Popen(stack.drive("libvirt", "tcg", "", "alice"), stdout=subprocess.PIPE, text=True)
        for _number in range(2)
    ]
    documents = [json.loads(process.communicate(timeout=300)[0]) for process in both]
    for document in documents:
        assert document["ok"], json.dumps(document["steps"], indent=1)
    assert stack.prove("libvirt", "tcg").document["ok"]
    assert stack.records() == []


@needs_python
def test_a_user_outside_of_the_group_is_told_so(stack: Stack) -> None:
    for user, caller in (("bob", ""), ("", "bob")):
        proved = stack.prove("libvirt", "tcg", user, caller)
        assert proved.failed == ("libvirt.connect", "access.not-in-libvirt-group")
        assert (proved.document["ok"], proved.document["level"]) == (False, "qemu")


@needs_python
def test_a_session_older_than_the_membership_is_told_apart(stack: Stack) -> None:
    alone = ("setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", "--")
    done = stack.run((*alone, "/usr/bin/python3", stack.drive("libvirt", "tcg", "")[-4], "libvirt", "tcg", ""))
    assert '"cause": "access.session-stale"' in done.stdout, done.stderr


def test_kvm_that_libvirt_does_not_offer(stack: Stack) -> None:
    proved = stack.prove("libvirt", "kvm", "alice")
    assert proved.failed == ("probe.run", "kernel.device-missing")
    assert proved.document["level"] == "none"
    assert stack.prove("libvirt-alone", "kvm", "alice").failed == ("libvirt.domain", "libvirt.no-kvm-capability")


def test_a_pool_that_is_inactive_or_missing(stack: Stack) -> None:
    stack.virsh("pool-destroy", "default")
    try:
        assert stack.prove("libvirt", "tcg", "alice").failed == ("libvirt.volume", "storage.pool-inactive")
        stack.virsh("pool-undefine", "default")
        proved = stack.prove("libvirt", "tcg", "alice")
        assert proved.failed == ("libvirt.volume", "storage.pool-missing")
        assert "libvirt.remove" not in proved.steps
    finally:
        stack.run(("virsh", "-q", "-c", "qemu:///system", "pool-define-as", "default", "dir", "--target", IMAGES))
        stack.virsh("pool-start", "default")


def test_images_that_qemus_user_cannot_reach(stack: Stack) -> None:
    stack.run(("chmod", "700", IMAGES))
    try:
        assert stack.prove("libvirt", "tcg", "alice").failed == ("libvirt.domain", "storage.path-unreachable")
    finally:
        stack.run(("chmod", "711", IMAGES))


@pytest.mark.parametrize("caller", ["", pytest.param("alice", marks=needs_python)])
def test_a_guest_that_does_not_end_in_time_is_ended(stack: Stack, caller: str) -> None:
    proved = stack.prove("libvirt-impatient", "tcg", "", caller)
    assert proved.failed == ("libvirt.domain", "")
    assert "did not end" in proved.steps["libvirt.domain"]["evidence"]
    assert proved.steps["libvirt.remove"]["status"] == "pass"
    assert stack.leftovers() == []


def test_a_full_pool(stack: Stack) -> None:
    stack.run(("mount", "-t", "tmpfs", "-o", "size=64k,mode=711", "small", IMAGES))
    try:
        proved = stack.prove("libvirt", "tcg", "alice")
        assert proved.failed == ("libvirt.volume", "storage.no-space"), proved
    finally:
        stack.run(("umount", IMAGES))
        stack.virsh("pool-refresh", "default")


def test_what_killed_proofs_left_is_swept(stack: Stack) -> None:
    """A domain and volumes of a process that is gone; those of one that lives stay."""
    gone, alive = "kvmready-proof-4999-0123456789abcdef", "kvmready-proof-1-0123456789abcdef"
    for name in (gone, alive):
        stack.virsh("vol-create-as", "default", name, "1M")
    text = f"<domain type='qemu'><name>{gone}</name><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>"
    stack.run(("sh", "-c", f'echo "{text}" > /run/left.xml'))
    stack.virsh("create", "/run/left.xml")
    try:
        assert gone in stack.virsh("list", "--name")
        proved = stack.prove("libvirt", "tcg", "alice")
        assert proved.document["ok"], proved
        assert gone in proved.steps["libvirt.connect"]["evidence"]
        assert gone in proved.steps["libvirt.volume"]["evidence"]
        assert gone not in stack.virsh("list", "--all", "--name") + stack.virsh("vol-list", "default")
        assert alive in stack.virsh("vol-list", "default")
    finally:
        stack.virsh("vol-delete", alive, "default")


MOMENTS = {
    "folder": "kvmready.host.guard",
    "upload": "vol-upload",
    "create": "create --autodestroy",
    "guest": "guest=kvmready",
}
"""The text in a process's arguments that tells that the proof has come so far."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_proof_leaves_nothing(stack: Stack, moment: str, number: signal.Signals) -> None:
    outer = subprocess.Popen(
        stack.drive("libvirt", "tcg", "alice"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert outer.stdout is not None
    try:
        end = time.monotonic() + 60
        while not marked(MOMENTS[moment]) and outer.poll() is None and time.monotonic() < end:
            pass
        assert outer.poll() is None, f"the proof ended before it could be interrupted: {outer.stdout.read()}"
        inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        os.kill(inner, number)
        assert outer.wait(60) != 0
    finally:
        outer.kill()
        outer.wait()
        outer.stdout.close()
    assert eventually(lambda: stack.leftovers() + marked("kvmready.host.guard")) == []
    assert stack.records() == []


def test_a_daemon_that_hangs_or_is_gone(stack: Stack) -> None:
    """Last: the daemon is not started again."""
    daemon = stack.daemon()
    os.kill(daemon, signal.SIGSTOP)
    try:
        assert stack.prove("libvirt-alone", "tcg", "alice").failed == ("libvirt.connect", "libvirt.hangs")
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert stack.leftovers() == []
    os.kill(daemon, signal.SIGTERM)
    assert eventually(lambda: stack.run(("pidof", "libvirtd")).stdout) == ""
    try:
        assert stack.prove("libvirt-alone", "tcg", "alice").failed == ("libvirt.connect", "libvirt.unreachable")
    finally:
        stack.run(("libvirtd", "-d"))
