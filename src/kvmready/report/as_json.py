"""The record for machines: JSON, and the JSON Schema that it keeps."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.typed import Any


def render(record: Mapping[str, Any]) -> str:
    """The record as one JSON document, newline at the end, in ASCII so that no locale can spoil it."""
    import json

    return json.dumps(record, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def schema(name: str = "schema") -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report; ``diagnosis`` that of a diagnosis."""
    import json
    import pkgutil

    data = pkgutil.get_data("kvmready.report", f"{name}.json")
    if data is None:
        raise FileNotFoundError(f"kvmready/report/{name}.json")
    document: dict[str, Any] = json.loads(data)
    return document
