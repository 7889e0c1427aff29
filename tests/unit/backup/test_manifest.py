"""A manifest is read by the letter: whatever is odd in it is refused, and nothing else ever happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from kvmready.backup import manifest
from kvmready.errors import InputError

GOOD: dict[str, Any] = {
    "schema": manifest.SCHEMA,
    "id": "20261128T020304Z-0123abcd",
    "kind": "guest",
    "taken_at": "2026-11-28T02:03:04Z",
    "version": "0.1",
    "hostname": "host",
    "name": "web",
    "uuid": "9d6f97f9-1c38-417e-8280-31736c15f2b0",
    "level": "full",
    "method": "job",
    "base": "",
    "checkpoint": "",
    "quiesced": False,
    "autostart": True,
    "disks": [{"target": "vda", "file": "disk-vda.qcow2", "source": "/x", "format": "qcow2", "size": 5}],
    "items": [{"path": "disk-vda.qcow2", "size": 5, "sha256": "0" * 64}],
    "left_out": [],
}


def changed(**values: Any) -> str:
    return json.dumps({**GOOD, **values})


def item(path: Any, **more: Any) -> dict[str, Any]:
    return {"path": path, "size": 5, "sha256": "0" * 64, **more}


def test_what_is_written_is_read_back() -> None:
    found = manifest.parse(json.dumps(GOOD), "x")
    assert manifest.parse(manifest.to_json(found), "x") == found
    assert (found.group, found.size, found.autostart) == (GOOD["uuid"], 5, True)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/passwd",
        "a/b",
        "",
        ".",
        "..",
        ".hidden",
        "a\0b",
        "a\nb",
        "-",
        "a b",
        "x" * 200,
        5,
        None,
        "manifest.json",
    ],
)
def test_a_file_is_a_plain_name_in_the_folder_of_the_backup(path: Any) -> None:
    with pytest.raises(InputError):
        manifest.parse(changed(items=[*GOOD["items"], item(path)]), "x")
    with pytest.raises(InputError):
        manifest.parse(changed(disks=[{**GOOD["disks"][0], "file": path}]), "x")


@pytest.mark.parametrize(
    "values",
    [
        {"schema": "kvmready.backup/2"},
        {"id": "../../20261128T020304Z-0123abcd"},
        {"id": "20261128T020304Z-0123abcd\n"},
        {"kind": "cat"},
        {"uuid": "../x"},
        {"uuid": ""},
        {"kind": "host"},
        {"level": "incremental"},
        {"level": "incremental", "base": "20261128T020304Z-0123abcd"},
        {"level": "incremental", "base": "20261128T020305Z-0123abcd"},
        {"level": "incremental", "base": ".."},
        {"base": "20261128T020303Z-0123abcd"},
        {"taken_at": "yesterday"},
        {"items": [*GOOD["items"], *GOOD["items"]]},
        {"items": {}},
        {"items": [item("disk-vda.qcow2", size=-1)]},
        {"items": [item("disk-vda.qcow2", size=True)]},
        {"items": [item("disk-vda.qcow2", size=1 << 70)]},
        {"items": [item("disk-vda.qcow2", sha256="0" * 63 + "G")]},
        {"items": []},
        {"disks": GOOD["disks"] * 2},
        {"disks": [{**GOOD["disks"][0], "target": "../vda"}]},
        {"disks": [{**GOOD["disks"][0], "source": "/x\0"}]},
        {"disks": [{**GOOD["disks"][0], "format": "-o"}]},
    ],
)
def test_what_is_odd_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        manifest.parse(changed(**values), "x")


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("value", [None, 7, [7], {"a": 1}, "…"])
def test_no_value_of_another_type_does_harm(key: str, value: Any) -> None:
    try:
        manifest.parse(changed(**{key: value}), "x")
    except InputError:
        return
    assert key in ("version", "hostname", "name", "checkpoint")


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
@settings(max_examples=300)
def test_any_text_is_refused_or_read(text: str) -> None:
    with pytest.raises(InputError):
        manifest.parse(text, "x")
    with pytest.raises(InputError):
        manifest.parse("[" * 100000, "x")
