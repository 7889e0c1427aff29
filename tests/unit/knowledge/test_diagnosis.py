"""What a text and a host say together: for, against, and in which order; always in the shape of the schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from kvmready import pipeline
from kvmready.knowledge import diagnosis
from kvmready.knowledge.catalogue import CATALOGUE
from kvmready.knowledge.reading import Reading
from kvmready.report import as_json
from tests import hosts
from tests.unit.knowledge.messages import MESSAGES

VALIDATOR = jsonschema.Draft202012Validator(as_json.schema("diagnosis"))
DENIED = "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied"


def report(name: str) -> dict[str, Any]:
    host = hosts.load(name)
    return pipeline.report(pipeline.look(host.door, host.want, hosts.TAKEN_AT))


def diagnosed(text: str, host: str = "", alone: bool = False) -> dict[str, Any]:
    readings = [Reading("text", text)] if text else []
    record = diagnosis.of(readings, report(host) if host else None, host_alone=alone)
    VALIDATOR.validate(record)
    return record


def match(record: dict[str, Any], cause: str) -> dict[str, Any]:
    (found,) = [one for one in record["matches"] if one["cause"] == cause]
    return dict(found)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(as_json.schema("diagnosis"))


@pytest.mark.parametrize(("cause", "message"), MESSAGES, ids=lambda value: str(value)[:40])
def test_every_diagnosis_keeps_the_schema(cause: str, message: str) -> None:
    record = diagnosed(message)
    scores = [one["score"] for one in record["matches"]]
    assert scores == sorted(scores, reverse=True) and scores[-1] >= diagnosis.LEAST
    for one in record["matches"]:
        assert one["title"] and one["because"] and one["remedy"]["from"] == "explain" and one["remedy"]["steps"]
        assert (one["remedy"]["kind"] == "manual") == (CATALOGUE[one["cause"]].kind == "manual")


def test_a_quotation_says_where_it_stands_and_whose_words_it_is() -> None:
    (quote,) = match(diagnosed(f"first line\n  {DENIED}"), "access.not-in-libvirt-group")["because"]
    assert (quote["from"], quote["source"], quote["line"], quote["column"]) == ("text", "text", 2, 10)
    assert quote["text"] == DENIED[len("error: ") :]
    assert "virnetsocket.c" in quote["wording"] and 0 < quote["weight"] < 1


def test_a_host_that_names_the_cause_makes_it_surer() -> None:
    alone = match(diagnosed(DENIED), "access.not-in-libvirt-group")
    here = match(diagnosed(DENIED, "debian-12-alice-in-no-group"), "access.not-in-libvirt-group")
    assert here["score"] > alone["score"]
    said = {one["check"]: one for one in here["because"] if one["from"] == "host"}
    assert set(said) == {"libvirt.connect", "access.libvirt-group"}
    assert all(one["speaks"] == "for" and "alice" in one["text"] for one in said.values())
    assert here["remedy"]["from"] == "host" and here["remedy"]["kind"] == "automatic"
    assert ["usermod", "--append", "--groups", "libvirt", "--", "alice"] in here["remedy"]["commands"]


def test_a_host_that_passes_speaks_against() -> None:
    alone = match(diagnosed(DENIED), "access.not-in-libvirt-group")
    here = match(diagnosed(DENIED, "debian-12-ready-as-alice"), "access.not-in-libvirt-group")
    assert here["score"] < alone["score"]
    assert [one["speaks"] for one in here["because"] if one["from"] == "host"] == ["against"]
    assert here["remedy"]["from"] == "explain"


def test_the_host_decides_between_causes_of_the_same_words() -> None:
    words = "Could not access KVM kernel module: No such file or directory"
    assert diagnosed(words)["matches"][0]["cause"] == "kernel.module-not-loaded"
    assert diagnosed(words, "debian-12-no-svm")["matches"][0]["cause"] == "hardware.nested-off"
    assert diagnosed(words, "debian-12-device-gone")["matches"][0]["cause"] == "kernel.device-missing"
    assert diagnosed(words, "debian-12-modules-unloaded")["matches"][0]["cause"] == "kernel.module-not-loaded"


def test_what_cannot_be_told_is_not_against() -> None:
    record = diagnosed(
        "error: Network not found: no network with matching name 'default'", "debian-12-libvirtd-stopped"
    )
    speaks = {one["speaks"] for one in match(record, "network.default-undefined")["because"] if one["from"] == "host"}
    assert speaks == {"unknown"}


def test_without_words_the_host_alone_is_told_only_when_asked_for() -> None:
    assert diagnosed("nothing of interest", "debian-12-network-inactive")["matches"] == []
    found = diagnosed("", "debian-12-network-inactive", alone=True)["matches"]
    assert [one["cause"] for one in found] == ["network.default-inactive"]
    assert found[0]["score"] == diagnosis.HOST_ALONE["fail"]


def test_a_healthy_host_without_words_has_no_cause() -> None:
    record = diagnosed("", "debian-12-ready-as-alice", alone=True)
    assert record["matches"] == []
    assert record["next"]["command"] == ["kvmready", "check", "--record", "host.json", "--scrub"]


def test_different_sayings_add_up_and_the_same_saying_does_not() -> None:
    once = match(diagnosed("KVM: entry failed, hardware error 0x7"), "kernel.run-fails")["score"]
    again = match(diagnosed("KVM: entry failed, hardware error 0x7\n" * 9), "kernel.run-fails")["score"]
    assert once == again
    first = "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory"
    both = f"error: failed to connect to the hypervisor\n{first}"
    assert (
        match(diagnosed(both), "libvirt.unreachable")["score"] > match(diagnosed(first), "libvirt.unreachable")["score"]
    )


ONLY_PROVED = {
    "kernel.image-unreadable",
    "libvirt.guest-hangs",
    "network.guest-unreachable",
    "storage.backup-busy",
    "storage.backup-damaged",
    "storage.backup-folder",
    "storage.disk-unreadable",
    "storage.overlay-left",
    "storage.restore-in-the-way",
    "storage.image-download",
    "storage.image-checksum",
    "storage.image-invalid",
}
"""Causes that show when a guest is made, backed up or restored, and at no other time: no check asks for them."""


def test_every_cause_has_checks_that_may_name_it() -> None:
    assert {cause for cause in CATALOGUE if not diagnosis.checks_of(cause)} == ONLY_PROVED


def logs_of(name: str) -> str:
    """What the commands of a recorded host wrote to standard error, its kernel log and its journal."""
    texts = []
    for entry in hosts.load(name).recording["answers"]:
        asked, answer = entry["ask"], entry["answer"]
        if asked["ask"] == "run":
            texts.append(answer.get("stderr", ""))
            if asked["argv"][0] in ("dmesg", "journalctl"):
                texts.append(answer.get("stdout", ""))
    return "\n\n".join(texts)


def test_the_logs_of_recorded_hosts_that_are_ready_are_quiet() -> None:
    """But for a refusal by AppArmor that a rule has mended since: the log still holds it."""
    loud = {
        name: [one["cause"] for one in diagnosed(logs_of(name))["matches"]]
        for name in hosts.names()
        if not hosts.load(name).expect.get("root_causes") and diagnosed(logs_of(name))["matches"]
    }
    assert loud.pop("debian-12-apparmor-mended") == ["storage.apparmor-denied"]
    assert loud.pop("debian-12-libvirt-guests-failed", ["services.failed"])[0] in (
        "services.failed",
        "libvirt.unreachable",
    )
    assert loud == {}


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("amd-firmware-disabled", "hardware.firmware-disabled"),
        ("arm64-not-el2", "hardware.arm-not-el2"),
        ("debian-12-apparmor-denied", "storage.apparmor-denied"),
        ("debian-12-libvirtd-crashes", "services.failed"),
        ("debian-12-network-undefined", "network.default-undefined"),
        ("debian-12-pool-undefined", "storage.pool-missing"),
        ("debian-12-qemu-conf-invalid", "libvirt.config-invalid"),
        ("debian-12-qemu-conf-unknown-user", "libvirt.config-invalid"),
        ("fedora-42-nft-flushed", "network.firewall-reloaded"),
        ("intel-firmware-disabled", "hardware.firmware-disabled"),
        ("module-blacklisted-on-command-line", "kernel.module-blacklisted"),
        ("qemu-does-not-start", "qemu.broken"),
        ("rhel-9-drivers-off", "libvirt.partial-modular"),
        ("sev-guest", "hardware.confidential-guest"),
    ],
)
def test_what_real_programs_wrote_on_a_broken_host_names_what_is_broken(name: str, cause: str) -> None:
    assert cause in hosts.load(name).expect["root_causes"]
    assert diagnosed(logs_of(name))["matches"][0]["cause"] == cause
    assert diagnosed(logs_of(name), name)["matches"][0]["cause"] == cause
