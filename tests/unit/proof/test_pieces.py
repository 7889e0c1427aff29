"""What a proof is made of: its command line, its domain, its names, and how dead ones are told."""

from __future__ import annotations

import uuid
from xml.etree import ElementTree

import pytest

from kvmready.checks.finding import Evidence
from kvmready.host.door import Status
from kvmready.proof.libvirt import domain_xml, uuid_of
from kvmready.proof.place import dead
from kvmready.proof.qemu import command_line
from kvmready.proof.record import ProofStep
from tests.unit.proof.test_causes import recorded

MARK = "kvmready-proof-4711-0123456789abcdef"


@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_qemu_is_given_one_accelerator_and_no_other(accel: str) -> None:
    argv = command_line("/usr/bin/qemu-system-x86_64", accel, "/tmp/disk.img")
    assert [word for word in argv if "accel" in word] == [f"pc,accel={accel}"]
    assert "-no-reboot" in argv
    assert "-nodefaults" in argv


@pytest.mark.parametrize(("accel", "kind"), [("kvm", "kvm"), ("tcg", "qemu")])
def test_the_domain_is_whole_xml_whatever_the_path(accel: str, kind: str) -> None:
    path = """/srv/a 'b' "c" <d> & e"""
    root = ElementTree.fromstring(domain_xml(MARK, uuid_of(MARK), accel, "x86_64", path))
    assert root.get("type") == kind
    assert root.findtext("name") == MARK
    source = root.find("devices/disk/source")
    assert source is not None
    assert source.get("file") == path
    assert [root.findtext(f"on_{event}") for event in ("poweroff", "reboot", "crash")] == ["destroy"] * 3
    assert root.find("devices/interface") is None
    assert root.find("devices/graphics") is None


def test_the_uuid_is_valid_and_the_names_own() -> None:
    made = uuid.UUID(uuid_of(MARK))
    assert str(made) == uuid_of(MARK)
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    others = (MARK[:-1] + "0", "kvmready-proof-u1000", "kvmready-proof-u1001", "kvmready-proof-u100")
    assert len({uuid_of(name) for name in (MARK, *others)}) == 5


@pytest.mark.parametrize(
    ("name", "processes", "expected"),
    [
        (MARK, {"/proc/1": "", "/proc/4711": "ENOENT"}, True),
        (MARK, {"/proc/1": "", "/proc/4711": ""}, False),
        (MARK, {"/proc/1": "ENOENT", "/proc/4711": "ENOENT"}, False),
        (MARK, {"/proc/1": "", "/proc/4711": "EACCES"}, False),
        ("kvmready-proof-notes", {}, False),
        ("kvmready-proof-", {}, False),
        ("web-4711-0123456789abcdef", {}, False),
    ],
)
def test_a_proof_is_dead_only_when_its_process_is_seen_to_be_gone(
    name: str, processes: dict[str, str], expected: bool
) -> None:
    host = recorded(*(({"ask": "stat", "path": path}, Status(path, error=e)) for path, e in processes.items()))
    assert dead(host, name) is expected


def test_the_evidence_of_a_step_reads_as_lines() -> None:
    step = ProofStep("qemu.guest", "pass", 0.1, (Evidence("a b", "c"), Evidence("d", "e")))
    assert step.evidence_text == "a b: c\nd: e"
