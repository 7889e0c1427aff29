"""The document for machines and its schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from kvmready.report import as_json
from tests.unit.report import samples

VALIDATOR = jsonschema.Draft202012Validator(as_json.schema())


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(as_json.schema())


def test_what_is_rendered_is_read_back() -> None:
    record = samples.broken()
    record["host"]["hostname"] = "名字\u202e\ud800\x1b"
    document = as_json.render(record)
    assert document.isascii() and document.endswith("}\n")
    assert json.loads(document) == record


def test_not_a_number_is_not_json() -> None:
    record = samples.proven()
    record["acceleration"]["native_ratio"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        as_json.render(record)


def _without(record: dict[str, Any], key: str) -> dict[str, Any]:
    del record[key]
    return record


@pytest.mark.parametrize(
    "breach",
    [
        {"schema": "kvmready.report/2"},
        {"surprise": 1},
        {"verdict": "maybe"},
        {"taken_at": "yesterday"},
        {"users": "alice"},
        {"layers": []},
        {"acceleration": {"state": "fast", "native_ratio": None, "exit_us": None, "why": ""}},
        {"findings": [samples.finding("kernel.modules", "fail", "no cause", ("a", "b"))]},
        {"findings": [samples.finding("kernel.modules", "pass", "with a cause", cause="kernel.module-not-loaded")]},
        {"findings": [samples.finding("kernel.modules", "blocked", "by nothing")]},
        {"findings": [samples.finding("kernel.modules", "unknown", "without a way out")]},
        {"findings": [samples.finding("Kernel.Modules", "pass", "not an id")]},
        {
            "findings": [
                samples.finding("kernel.modules", "fail", "no evidence", cause="kernel.x", remedy=samples.LOGIN)
            ]
        },
        {"proof": {"level": "libvirt"}},
        {"plan": {**samples.PLAN, "id": "short"}},
    ],
)
def test_the_schema_refuses(breach: dict[str, Any]) -> None:
    VALIDATOR.validate(samples.broken())
    assert list(VALIDATOR.iter_errors({**samples.broken(), **breach}))


@pytest.mark.parametrize("key", sorted(samples.broken()))
def test_every_key_is_required(key: str) -> None:
    assert list(VALIDATOR.iter_errors(_without(samples.broken(), key)))
