"""What has to be known before a plan is approved stands above its steps, in every format that shows a plan."""

from __future__ import annotations

import io
from typing import Any

import jsonschema
import pytest

from kvmready.report import as_json, html, markdown, text
from tests.unit.report import samples

NOTE = "kvmready has no table for Mint <21> and takes it for Ubuntu 22.04."


def noted() -> dict[str, Any]:
    return {**samples.broken(), "plan": {**samples.PLAN, "notes": [NOTE]}}


def test_people_read_it_before_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stream = io.StringIO()
    text.plan(noted(), stream)
    words = " ".join(stream.getvalue().split())
    assert words.index(NOTE) < words.index("Load kvm_amd")


def test_the_page_and_the_issue_have_it() -> None:
    page = html.render(noted())
    assert "Mint &lt;21&gt;" in page and "Mint <21>" not in page
    assert "takes it for Ubuntu 22.04" in markdown.render(noted())


def test_the_schema_knows_it_and_does_without_it() -> None:
    validator = jsonschema.Draft202012Validator(as_json.schema())
    assert not list(validator.iter_errors(noted()))
    assert not list(validator.iter_errors({**samples.broken(), "plan": samples.PLAN}))
    assert list(validator.iter_errors({**samples.broken(), "plan": {**samples.PLAN, "notes": [""]}}))
