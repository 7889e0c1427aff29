"""``kvmready doctor``: what it reads, what it refuses, and how it ends."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kvmready import i18n
from kvmready.cli import given, parser
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, InputError, UsageError
from kvmready.report import as_json
from tests import hosts

DENIED = "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied"
VALIDATOR = jsonschema.Draft202012Validator(as_json.schema("diagnosis"))


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    status = parser.run(["doctor", "--format", "json", *words])
    out, err = capsys.readouterr()
    record: dict[str, Any] = json.loads(out)
    VALIDATOR.validate(record)
    return status, record, err


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))


def recorded(tmp_path: Path, name: str) -> str:
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(hosts.load(name).recording), "utf-8")
    return str(path)


def test_words_a_file_and_a_pipe_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a b.log"
    file.write_text(DENIED, "utf-8")
    by_words = asked(capsys, "--text-only", *DENIED.split())
    by_one_word = asked(capsys, "--text-only", DENIED)
    by_file = asked(capsys, "--text-only", str(file))
    pipe(monkeypatch, DENIED.encode())
    by_pipe = asked(capsys, "--text-only", "-")
    names = [
        [one["cause"] for one in record["matches"]] for _s, record, _e in (by_words, by_one_word, by_file, by_pipe)
    ]
    assert names[0] and names.count(names[0]) == 4
    assert {one[0] for one in (by_words, by_one_word, by_file, by_pipe)} == {EXIT_READY}
    assert by_file[2] == f"The message is read from the file {file}.\n"
    assert by_words[2] == by_one_word[2] == by_pipe[2] == ""
    assert by_pipe[1]["sources"] == [{"name": "standard input", "status": "read", "lines": 1, "why": ""}]


def test_no_match_ends_with_1_and_offers_a_recording(capsys: pytest.CaptureFixture[str]) -> None:
    status, record, err = asked(capsys, "--text-only", "all is well")
    assert (status, record["matches"], err) == (EXIT_NOT_READY, [], "")
    assert record["next"]["command"] == ["kvmready", "check", "--record", "host.json", "--scrub"]
    assert record["host_asked"] is False


def test_a_recorded_host_speaks_for_and_against(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _status, record, _err = asked(capsys, "--from", recorded(tmp_path, "debian-12-alice-in-no-group"), DENIED)
    assert record["host_asked"] is True
    assert [one["speaks"] for one in record["matches"][0]["because"]] == ["for", "for", "for"]
    _status, record, _err = asked(capsys, "--from", recorded(tmp_path, "debian-12-ready-as-alice"), DENIED)
    assert [one["speaks"] for one in record["matches"][0]["because"]] == ["for", "against"]


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_ids_are_the_same_in_both_languages(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    i18n.use(language)
    try:
        _status, record, _err = asked(capsys, "--text-only", DENIED)
    finally:
        i18n.use("en")
    assert record["matches"][0]["cause"] == "access.not-in-libvirt-group"
    assert record["matches"][0]["title"].isascii() == (language == "en")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--text-only",), "--text-only needs a text: an argument, a file, or - for standard input."),
        (("--from", "host.json"), "A recorded host has no logs: give a text with --from."),
        (("--format", "html", "x"), "kvmready doctor has no format html."),
    ],
)
def test_a_wrong_use_is_refused(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parser.run(["doctor", *words])
    assert caught.value.what == says


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "There are no words in {file}."),
        (b" \n\t...\n", "There are no words in {file}."),
        (b"\x7fELF\x02\x01\x01\0\0\0 permission denied", "{file} is not text."),
        (b"\x1f\x8b\x08\0words", "{file} is not text."),
        (bytes(range(1, 32)) * 40, "{file} is not text."),
    ],
)
def test_a_file_that_is_no_message_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "error.log"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        given.read([str(file)])
    assert caught.value.what == says.format(file=file)


@pytest.mark.parametrize("word", ["", "   ", "'…'"])
def test_words_without_a_word_are_refused(word: str) -> None:
    with pytest.raises(InputError) as caught:
        given.read([word])
    assert caught.value.what == "There are no words in the text."


def test_an_empty_pipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"")
    with pytest.raises(InputError) as caught:
        given.read(["-"])
    assert caught.value.what == "There are no words in standard input."


@pytest.mark.parametrize("path", ["/no/such/file", "./nothing", "error.log", "../x.txt"])
def test_a_name_of_a_file_that_is_not_there_is_refused(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        given.read([path])
    assert (caught.value.what, caught.value.why) == (f"{path} cannot be read.", "No such file or directory")


def test_a_directory_a_device_and_a_closed_file_are_refused(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "it is a directory"), (Path("/dev/null"), "it is a device or a socket")):
        with pytest.raises(InputError) as caught:
            given.read([str(path)])
        assert (caught.value.what, caught.value.why) == (f"{path} cannot be read.", why)
    if os.geteuid():
        closed = tmp_path / "closed.log"
        closed.write_text("x", "utf-8")
        closed.chmod(0)
        with pytest.raises(InputError) as caught:
            given.read([str(closed)])
        assert caught.value.why == "Permission denied"


@pytest.mark.parametrize(
    "words", [["nosuchword"], ["two words"], ["/dev/kvm: denied"], ["a\0b"], ["x" * 5000], ["-", "-"]]
)
def test_what_is_no_file_is_the_message_itself(words: list[str]) -> None:
    if words == ["-", "-"]:
        with pytest.raises(InputError):
            given.read(words)
        return
    found = given.read(words)
    assert found is not None and found == given.Given("the text", words[0])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("权限不够".encode(), "权限不够"),
        ("权限不够".encode("gb18030"), "权限不够"),
        ("权限不够".encode("utf-16"), "权限不够"),
        (b"kvm \0 denied", "kvm \0 denied"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, text: str) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    found = given.read([str(file)])
    assert found is not None and found.text == text


def test_of_a_very_long_file_the_end_and_of_a_pipe_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(given, "LIMIT", 1 << 20)
    file = tmp_path / "long.log"
    file.write_bytes(b"head\n" + b"x\n" * (1 << 19) + DENIED.encode())
    status, record, err = asked(capsys, "--text-only", str(file))
    assert status == EXIT_READY and f"Only the last 1 MiB of {file} were read." in err
    assert record["sources"][0]["status"] == "partial"
    pipe(monkeypatch, DENIED.encode() + b"\n" + b"x\n" * (1 << 19))
    status, record, err = asked(capsys, "--text-only", "-")
    assert status == EXIT_READY and err == "Only the first 1 MiB of standard input were read.\n"


def test_a_sparse_gigabyte_is_read_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "huge.log"
    with file.open("wb") as stream:
        stream.truncate(1 << 30)
        stream.seek(0, os.SEEK_END)
        stream.write(DENIED.encode())
    found = given.read([str(file)])
    assert found is not None and len(found.text) == given.LIMIT and found.text.endswith(DENIED)
    assert found.note == f"Only the last 16 MiB of {file} were read."
