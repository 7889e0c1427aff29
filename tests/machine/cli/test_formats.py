"""The formats from a real command line on this machine: the document on standard output, progress beside it."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from tests.machine.cli.test_bad_input import RECORDING, kvmready

pytestmark = pytest.mark.machine
TIMES = re.compile(r"20\d\d-\d\d-\d\dT[\d:]+|(?<=timestamp_seconds )\d+")
BEGINNINGS = {
    "json": "{",
    "junit": '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>',
    "prometheus": "# HELP kvmready_host_info ",
    "markdown": "## `",
    "html": '<!DOCTYPE html>\n<html lang="zh-Hans">',
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_dry_run_is_a_document(name: str) -> None:
    result = kvmready("up", "--dry-run", "--format", name, "--lang", "zh")
    assert result.returncode in (0, 1) and result.stderr == ""
    assert result.stdout.startswith(BEGINNINGS[name])


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_proof_is_in_the_document_and_its_progress_beside_it(name: str) -> None:
    result = kvmready("prove", "--level", "probe", "--format", name, "--lang", "zh")
    assert result.returncode in (0, 1), result
    assert result.stdout.startswith(BEGINNINGS[name])
    assert "probe.run" in result.stdout and "Traceback" not in result.stderr
    if name == "junit":
        (case,) = (
            c
            for c in ElementTree.fromstring(result.stdout.encode()).iter("testcase")
            if c.attrib["name"] == "probe.run"
        )
        assert bool(len(case)) == bool(result.returncode)
    if name == "json":
        assert json.loads(result.stdout)["proof"]["ok"] == (result.returncode == 0)
    if name == "prometheus":
        found = re.search(r'^kvmready_proof_ok\{level="probe",accel="kvm"\} ([01])$', result.stdout, re.M)
        assert found is not None and int(found[1]) == (result.returncode == 0)


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_document_is_utf_8_in_any_locale(name: str) -> None:
    words = ("check", "--from", str(RECORDING), "--format", name, "--lang", "zh")
    plain = kvmready(*words)
    latin = kvmready(*words, PYTHONIOENCODING="iso-8859-1", PYTHONUTF8="0")
    assert latin.stderr == ""
    assert TIMES.sub("", plain.stdout) == TIMES.sub("", latin.stdout)
