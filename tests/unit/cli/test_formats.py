"""Standard output holds nothing but the document, in each format that a verb has; the others are refused at once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import html5lib
import pytest
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from kvmready import i18n
from kvmready.cli import options, parser, usage
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, UsageError
from tests import hosts

RECORDING = str(hosts.FOLDER / "recordings/debian-12-fresh.json")

READERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "junit": lambda text: ElementTree.fromstring(text.encode("utf-8")),
    "prometheus": lambda text: list(text_string_to_metric_families(text)),
    "markdown": lambda text: MarkdownIt().parse(text),
    "html": lambda text: html5lib.HTMLParser(strict=True).parse(text),
}
MACHINES = tuple(name for name in parser.FORMATS if name != "text")


def test_every_format_has_a_reader() -> None:
    assert set(READERS) == set(MACHINES)
    actions = {f"{verb} {action}" for verb in options.WITH_ACTIONS for action in options.actions(verb)}
    assert set(parser.FORMATS_OF) <= {*parser.VERBS, *actions}


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("name", MACHINES)
def test_a_check_is_a_document(name: str, language: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    i18n.use(language)
    try:
        status = parser.run(["check", "--from", RECORDING, "--format", name])
    finally:
        i18n.use("en")
    out, err = capsysbinary.readouterr()
    text = out.decode("utf-8")
    assert status == EXIT_NOT_READY and err == b""
    assert READERS[name](text) and text.endswith("\n")
    assert "qemu.not-installed" in text


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_a_plan_is_shown_in_its_report(name: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    parser.run(["--format", name, "plan", "--from", RECORDING])
    text = capsysbinary.readouterr().out.decode("utf-8")
    assert READERS[name](text)
    assert "apt-get install" in text and "usermod --append --groups kvm -- alice" in text


@pytest.mark.parametrize(
    ("words", "formats"),
    [
        (("plan", "--from", "/no/such/file", "--format", "junit"), "text, json, markdown, html"),
        (("plan", "--from", "/no/such/file", "--format", "prometheus"), "text, json, markdown, html"),
        *(((verb, "--state-dir", "/no/such", "--format", "html"), "text, json") for verb in ("undo", "history")),
    ],
)
def test_a_format_that_a_verb_lacks_is_refused_before_anything_is_read(words: tuple[str, ...], formats: str) -> None:
    with pytest.raises(UsageError) as caught:
        parser.run(words)
    assert caught.value.what == f"kvmready {words[0]} has no format {words[-1]}."
    assert caught.value.next_move == f"Its formats are: {formats}"


def test_help_and_errors_list_the_formats() -> None:
    (verbs,) = (a for a in usage.build()._actions if isinstance(a, argparse._SubParsersAction))
    for verb in parser.VERBS:
        assert "{text,json,junit,prometheus,markdown,html}" in "".join(verbs.choices[verb].format_help().split())
    with pytest.raises(UsageError) as caught:
        parser.run(["check", "--format", "pdf"])
    assert all(f"'{name}'" in caught.value.what for name in parser.FORMATS)


def test_strict_makes_warnings_red(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    host = tmp_path / "host.json"
    host.write_text(json.dumps(hosts.recording("debian-12-loaded-but-blacklisted.json")), "utf-8")
    seen = []
    for words in ((), ("--strict",)):
        status = parser.run(["check", "--from", str(host), "--format", "junit", *words])
        document = ElementTree.fromstring(capsysbinary.readouterr().out)
        seen.append((status, len(list(document.iter("failure")))))
    assert seen == [(EXIT_READY, 0), (EXIT_NOT_READY, 2)]
