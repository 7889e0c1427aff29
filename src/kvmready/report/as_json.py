"""The record for machines: JSON, and the JSON Schema that it keeps."""

from __future__ import annotations

import os
from collections.abc import Mapping

from kvmready.typed import Any


def render(record: Mapping[str, Any]) -> str:
    """The record as one JSON document, newline at the end, in ASCII so that no locale can spoil it."""
    import json

    return json.dumps(record, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def schema(name: str = "schema") -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report; ``diagnosis`` that of a diagnosis."""
    import json

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.json")
    with open(path, encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document
