"""JUnit XML: what a pipeline reads, against the schema that pipelines validate with.

``junit-10.xsd`` is the schema of Jenkins' xUnit plugin, under the MIT licence, as pytest's source distribution has it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import jsonschema
import pytest
import xmlschema
from hypothesis import given, settings, strategies as st

from kvmready.report import as_json, junit
from tests.unit import test_recorded_hosts as recorded
from tests.unit.report import hostile, samples

SCHEMA = xmlschema.XMLSchema10(str(Path(__file__).with_name("junit-10.xsd")))
HOSTILE = {name: hostile.report(text) for name, text in hostile.TEXTS.items()}


def read(record: dict[str, Any], strict: bool = False) -> Element:
    """The document as its readers see it, after the schema."""
    text = junit.render(record, strict)
    SCHEMA.validate(text.encode("utf-8"))
    return ElementTree.fromstring(text.encode("utf-8"))


def cases(root: Element) -> dict[str, Element]:
    found = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert len(found) == len(list(root.iter("testcase")))
    return found


def red(root: Element) -> bool:
    return any(case.find(kind) is not None for case in root.iter("testcase") for kind in ("failure", "error"))


def keeps_ants_schema(root: Element) -> None:
    """What JUnit.xsd of windyroad (the schema of Ant's report) asks beyond the one of Jenkins."""
    assert root.tag == "testsuites" and not root.attrib
    for number, suite in enumerate(root):
        order = "".join(
            {"properties": "p", "testcase": "c", "system-out": "o", "system-err": "e"}[s.tag] for s in suite
        )
        assert re.fullmatch("pc*oe", order)
        assert set(suite.attrib) == {
            *("id", "package", "name", "hostname", "timestamp", "tests", "failures", "errors", "skipped", "time")
        }
        assert suite.attrib["id"] == str(number) and suite.attrib["hostname"].strip()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        own = list(suite.iter("testcase"))
        for key, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[key]) == sum(1 for case in own if case.find(kind) is not None)
        assert int(suite.attrib["tests"]) == len(own)
        for case in own:
            assert set(case.attrib) == {"name", "classname", "time"} and float(case.attrib["time"]) >= 0
            assert len(case) <= 1
            for result in case:
                assert set(result.attrib) == ({"message"} if result.tag == "skipped" else {"type", "message"})


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_recorded_host_is_red_where_its_verdict_is(name: str) -> None:
    record = recorded.record(name)
    root = read(record)
    keeps_ants_schema(root)
    assert red(root) == (record["verdict"] == "not-ready")
    assert red(read(record, strict=True)) == (record["verdict"] != "ready")
    assert set(cases(root)) == {finding["check"] for finding in record["findings"]}


def test_each_status_is_what_a_pipeline_wants() -> None:
    found = cases(read(samples.broken()))
    failure = found["kernel.modules"].find("failure")
    assert failure is not None and failure.text is not None
    assert failure.attrib == {"type": "kernel.module-not-loaded", "message": "The module kvm_amd is not loaded."}
    assert failure.text.splitlines() == [
        "The module kvm_amd is not loaded.",
        "/sys/module/kvm_amd: no such directory",
        "Load it now, and at every boot.",
        "  modprobe kvm_amd",
    ]
    blocked = found["kernel.kvm-device"].find("skipped")
    assert blocked is not None and blocked.attrib["message"] == "waits for kernel.modules"
    unknown = found["network.default-network"].find("skipped")
    assert unknown is not None and "virsh net-info default" in str(unknown.text)
    assert found["kernel.iommu"].find("skipped") is not None
    assert not len(found["hardware.cpu-virtualization"]) and not len(found["access.session"])
    strict = cases(read(samples.broken(), strict=True))
    assert strict["access.session"].find("failure") is not None
    assert strict["network.default-network"].find("error") is not None


def test_a_warning_is_told_beside_its_suite() -> None:
    suites = {suite.attrib["name"]: suite for suite in read(samples.broken())}
    assert "alice must log in again" in str(suites["kvmready.access"].findtext("system-out"))
    assert set(suites) == {
        f"kvmready.{layer}" for layer in ("hardware", "kernel", "qemu", "libvirt", "network", "storage", "access")
    }
    properties = {p.attrib["name"]: p.attrib["value"] for p in suites["kvmready.access"].iter("property")}
    assert (properties["verdict"], properties["profile"], properties["host"]) == ("not-ready", "server", "box")


@pytest.mark.parametrize("check", ["kernel.kvm-runs", "libvirt.connect"])
def test_an_unknown_that_the_verdict_rests_on_is_an_error(check: str) -> None:
    remedy = {"kind": "manual", "text": "Ask as root.", "commands": []}
    unknown = samples.finding(check, "unknown", "It could not be asked.", remedy=remedy)
    assert cases(read(samples.report(unknown, verdict="not-ready")))[check].find("error") is not None


def test_what_is_blocked_from_outside_of_the_document_is_an_error() -> None:
    """``check --only``: the failure that it waits for is not there to be red."""
    blocked = samples.finding("libvirt.connect", "blocked", "No answer.", blocked_by=["qemu.emulator"])
    assert red(read(samples.report(blocked, only="libvirt.connect", verdict="not-ready")))


def test_a_proof_is_a_suite_of_its_own() -> None:
    root = read(samples.proven())
    assert not red(root)
    (suite,) = (suite for suite in root if suite.attrib["name"] == "kvmready.proof")
    assert [(case.attrib["name"], case.attrib["time"]) for case in suite.iter("testcase")] == [
        ("probe", "0.006"),
        ("qemu", "1.200"),
        ("libvirt", "148.000"),
    ]
    assert suite.attrib["time"] == "149.206"
    assert "KVMREADY 1f2e3d4c KVMKVMKVM" in str(suite.findtext("system-out"))
    accel = [p.attrib["value"] for p in suite.iter("property") if p.attrib["name"] == "proof.accel"]
    assert accel == ["kvm"]


@pytest.mark.parametrize(
    ("status", "cause", "kind", "type_"),
    [
        ("fail", "qemu.not-installed", "failure", "qemu.not-installed"),
        ("fail", None, "failure", "proof.failed"),
        ("unknown", None, "error", "unknown"),
        ("skip", None, "failure", "proof.failed"),
    ],
)
def test_a_failed_proof_is_red(status: str, cause: str | None, kind: str, type_: str) -> None:
    record = samples.proven()
    evidence = [{"source": "qemu", "text": "no such file"}]
    step = {"id": "qemu.guest", "status": status, "seconds": 0.5, "evidence": evidence, "cause": cause}
    record["proof"].update(ok=False, level="probe", witness=None, steps=[step])
    (found,) = (case.find(kind) for case in read(record).iter("testcase") if case.find(kind) is not None)
    assert found is not None and found.attrib["type"] == type_


def test_an_unknown_step_does_not_spoil_a_proof() -> None:
    record = samples.proven()
    record["proof"]["steps"][0]["status"] = "unknown"
    assert not red(read(record))


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_stay_words(record: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(as_json.schema()).validate(record)
    root = ElementTree.fromstring(junit.render(record).encode("utf-8"))
    SCHEMA.validate(junit.render(record).encode("utf-8"))
    keeps_ants_schema(root)
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "properties", "property", "testcase"),
        *("failure", "error", "skipped", "system-out", "system-err"),
    }
    every = "".join(root.itertext()) + "".join(v for element in root.iter() for v in element.attrib.values())
    assert all(character.isprintable() or character == "\n" for character in every)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_no_text_breaks_the_document(text: str) -> None:
    keeps_ants_schema(ElementTree.fromstring(junit.render(hostile.after_a_run(text)).encode("utf-8")))
