"""A scrubbed recording holds nothing of whose machine it was, and is judged as the whole one."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from kvmready import pipeline
from kvmready.facts.names import Want
from kvmready.host.replay import ReplayHost
from kvmready.host.scrub import Scrubber, scrub
from tests import hosts

USER, HOST = "zaphod", "heartofgold"
SECRETS = (
    USER,
    HOST,
    "203.0.113.77",
    "10.20.30.40",
    "2a01:4f8:1:2::77",
    "9c:b6:d0:12:34:56",
    "4c4c4544-0042-3510-8051-b7c04f4e3332",
    "0123456789abcdef0123456789abcdef",
    "SN12345XYZ",
    (f"/home/{USER}/vms").encode().hex().upper(),
)
TEXT = (
    f"/home/{USER}/vms/a.qcow2 {USER}@{HOST}: 203.0.113.77/24 via 10.20.30.40 2a01:4f8:1:2::77 9c:b6:d0:12:34:56 "
    "9C-B6-D0-12-34-56 4c4c4544-0042-3510-8051-b7c04f4e3332 id 0123456789abcdef0123456789abcdef "
    f"Serial Number: SN12345XYZ name={(f'/home/{USER}/vms').encode().hex().upper()} [{HOST}] {USER}.xml"
)


def planted() -> dict[str, Any]:
    argv = ["virsh", f"/home/{USER}/x", f"qemu+ssh://{HOST}/system"]
    return {
        "schema": "kvmready.recording/1",
        "asked_for": {"users": [USER], "profile": "server"},
        "answers": [
            {"ask": {"ask": "caller"}, "answer": {"uid": 0, "user": "root", "sudo_user": USER, "hostname": HOST}},
            {"ask": {"ask": "read", "path": f"/home/{USER}/.profile"}, "answer": {"path": "x", "text": TEXT}},
            {"ask": {"ask": "grep", "path": "/x", "needles": [USER]}, "answer": {"path": "/x", "text": TEXT}},
            {"ask": {"ask": "listdir", "path": "/home"}, "answer": {"path": "/home", "names": [USER, f"{HOST}.xml"]}},
            {"ask": {"ask": "readlink", "path": "/y"}, "answer": {"path": "/y", "text": TEXT}},
            {
                "ask": {"ask": "run", "argv": argv, "user": USER},
                "answer": {"argv": argv, "stdout": TEXT, "stderr": TEXT},
            },
            {"ask": {"ask": "group", "name": "kvm"}, "answer": {"name": "kvm", "gid": 1, "members": [USER]}},
            {
                "ask": {"ask": "account", "name": USER},
                "answer": {"name": USER, "uid": 1001, "home": f"/home/{USER}", "groups": [[USER, 1001]]},
            },
            {"ask": {"ask": "sessions", "uid": 1001}, "answer": [{"pid": 1, "command": USER, "groups": [1]}]},
        ],
    }


def test_nothing_leaks_from_any_kind_of_answer() -> None:
    text = json.dumps(scrub(planted()))
    found = [secret for secret in SECRETS if secret.lower() in text.lower()]
    assert not found
    assert "9C-B6-D0" not in text


def test_the_same_name_is_the_same_stand_in_everywhere() -> None:
    answers = scrub(planted())["answers"]
    account = answers[7]["answer"]
    assert answers[0]["answer"]["sudo_user"] == account["name"] == answers[6]["answer"]["members"][0]
    assert account["home"] == f"/home/{account['name']}"
    assert answers[1]["ask"]["path"] == f"/home/{account['name']}/.profile"


def test_what_is_everywhere_the_same_stays() -> None:
    text = "127.0.0.1 192.168.122.1/24 ::1 255.255.255.0 0.0.0.0 00:00:00:00:00:00 QEMU 7.2.22 /var/lib/libvirt root"
    assert Scrubber(planted()).text(text) == text


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(1, 24))
def test_networks_overlap_as_before(one: int, other: int, bits: int) -> None:
    scrubber = Scrubber(planted())
    shift = 32 - bits
    assert (one >> shift == other >> shift) == (scrubber.ipv4(one) >> shift == scrubber.ipv4(other) >> shift)


NAMES = st.text(string.ascii_lowercase + string.digits, min_size=5, max_size=12)


@settings(deadline=None, max_examples=200)
@given(NAMES.map("z".__add__), st.text(" /:.,;'\"<>()[]=@-\n\t", min_size=1, max_size=3), st.text(max_size=30))
def test_a_name_leaks_from_no_text(name: str, mark: str, around: str) -> None:
    document = planted()
    document["asked_for"]["users"] = [name]
    text = f"{around.replace(name, '')}{mark}{name}{mark}"
    document["answers"][1]["answer"]["text"] = text
    assert name not in scrub(document)["answers"][1]["answer"]["text"]


def judged(recording: dict[str, Any]) -> tuple[str, list[str], list[tuple[str, str]]]:
    asked_for = recording["asked_for"]
    want = Want(**{**asked_for, "users": tuple(asked_for["users"])})
    view = pipeline.look(ReplayHost(recording, "scrubbed"), want, hosts.TAKEN_AT)
    return view.verdict, [cause.cause for cause in view.causes], [(f.check, f.status) for f in view.findings]


@pytest.mark.parametrize("name", hosts.names())
def test_a_scrubbed_host_is_judged_the_same(name: str) -> None:
    recording = hosts.load(name).recording
    clean = scrub(recording)
    assert judged(clean) == judged(recording)
    assert '"alice"' not in json.dumps(clean)


@pytest.mark.parametrize("hostname", ["vm", "devices", "misc"])
def test_a_host_with_a_name_of_the_system_is_judged_the_same(hostname: str) -> None:
    host = hosts.load("debian-12-ready")
    document = json.loads(json.dumps(host.recording))
    for entry in document["answers"]:
        if entry["ask"].get("ask") == "caller":
            entry["answer"]["hostname"] = hostname
    scrubbed = scrub(document)
    want = host.want._replace(users=tuple(scrubbed["asked_for"]["users"]))
    seen = pipeline.look(ReplayHost(scrubbed, "x"), want, hosts.TAKEN_AT)
    assert seen.verdict == host.expect["verdict"]
