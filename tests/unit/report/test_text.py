"""The text for people: what must be in it, what must not, and that it fits."""

from __future__ import annotations

import io
import shlex
from typing import Any

import jsonschema
import pytest
from rich.cells import cell_len

from kvmready.report import as_json, text
from tests.unit.report import samples
from tests.unit.report.test_canvas import HOSTILE, Stream

SAMPLES = {
    "broken": samples.broken(),
    "proven": samples.proven(),
    "emulated": samples.proven("tcg"),
    "linux": samples.linux(),
}


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "LINES"):
        monkeypatch.delenv(name, raising=False)


def drawn(record: dict[str, Any], verbose: bool = False, encoding: str = "utf-8") -> str:
    stream = Stream(encoding)
    text.report(record, stream, verbose)
    return stream.seen()


def flat(words: str) -> str:
    return " ".join(words.split())


@pytest.mark.parametrize("record", SAMPLES.values(), ids=SAMPLES)
def test_the_samples_are_reports(record: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(as_json.schema()).validate(record)


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("columns", [40, 80, 132])
@pytest.mark.parametrize("record", SAMPLES.values(), ids=SAMPLES)
def test_no_line_is_too_long(
    record: dict[str, Any], columns: int, verbose: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert not [line for line in drawn(record, verbose).splitlines() if cell_len(line) > columns]


def test_the_layers_stand_on_the_hardware() -> None:
    lines = drawn(samples.broken()).splitlines()
    stack = lines[: next(number for number, line in enumerate(lines) if "━━━" in line)]
    places = [next(n for n, line in enumerate(stack) if line[5:].startswith(layer)) for layer in samples.LAYERS]
    assert places == sorted(places, reverse=True)
    assert "guest" in stack[min(places) - 2]


def test_the_verdict_comes_after_the_stack_and_the_next_move_is_last() -> None:
    seen = drawn(samples.broken())
    assert seen.index("hardware") < seen.index("NOT READY") < seen.index("kernel.module-not-loaded")
    assert seen.rstrip().endswith("kvmready up")
    assert "2 causes, kvmready can mend all · 1 warning · 1 unknown" in flat(seen)


def test_each_cause_has_evidence_remedy_commands_and_what_it_explains() -> None:
    seen = flat(drawn(samples.broken()))
    for words in (
        "1 ✗ The module kvm_amd is not loaded. kernel.module-not-loaded /sys/module/kvm_amd: no such directory "
        "→ kvmready up: Load it now, and at every boot. modprobe kvm_amd also explains kernel.kvm-device",
        "3 ! alice must log in again: the running session is older than the group libvirt. access.session-stale",
        "→ Log out and in again. Until then: sg libvirt",
        "? libvirt did not tell the state of the default network. network.default-network",
    ):
        assert words in seen


def test_a_long_command_can_be_pasted() -> None:
    lines = drawn(samples.broken()).splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith("apt-get"))
    pasted = "\n".join(lines[first : first + 4]).split("also explains")[0]
    assert shlex.split(pasted.replace("\\\n", " ")) == samples.INSTALL["commands"][0]


def test_passing_findings_are_shown_on_request_only() -> None:
    assert "storage.space" not in drawn(samples.broken())
    assert "storage.space" in drawn(samples.broken(), verbose=True)
    assert "flag svm" in drawn(samples.broken(), verbose=True)


def test_a_proof_shows_its_witness() -> None:
    seen = flat(drawn(samples.proven()))
    assert "▲ guest ran under KVM, level libvirt" in seen
    assert "the guest wrote: KVMREADY 1f2e3d4c KVMKVMKVM" in seen
    assert "6 ms" in seen and "1.2 s" in seen and "2 min 28 s" in seen
    assert "EMULATION" not in seen


def test_emulation_is_said_loudly() -> None:
    seen = drawn(samples.proven("tcg"))
    assert seen.count("EMULATION") == 2
    assert "ran      under KVM" not in seen


def test_a_failed_proof_is_no_crown() -> None:
    record = samples.proven()
    record["proof"]["ok"] = False
    record["proof"]["witness"] = None
    record["proof"]["steps"][2].update(status="fail", evidence=[{"source": "qemu", "text": "said:\nno"}])
    seen = flat(drawn(record))
    assert "✗ guest fail" in seen and "▲" not in seen
    assert "qemu: said: no" in seen


def test_no_escape_sequences_without_a_terminal() -> None:
    assert "\x1b" not in drawn(samples.broken(), verbose=True)


class Terminal(Stream):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "colours"), [("", True), ("1", False)])
def test_colour_on_a_terminal_unless_unwanted(no_color: str, colours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    stream = Terminal("utf-8")
    text.report(samples.broken(), stream)
    assert any(code in stream.seen() for code in ("\x1b[31m", "\x1b[1;31m", "\x1b[32m", "\x1b[33m")) == colours


def test_a_terminal_without_unicode_gets_ascii() -> None:
    seen = drawn(samples.broken(), encoding="ascii")
    assert "x  kernel" in seen and "+  hardware" in seen and "====" in seen


def test_data_cannot_draw() -> None:
    record = samples.broken()
    record["host"]["hostname"] = HOSTILE
    for finding in record["findings"]:
        finding["summary"] = HOSTILE
        finding["evidence"] = [{"source": HOSTILE, "text": HOSTILE}]
    for cause in record["root_causes"]:
        cause["summary"] = HOSTILE
        cause["remedy"] = {"kind": "manual", "text": HOSTILE, "commands": [[HOSTILE]]}
    seen = drawn(record, verbose=True)
    assert "\x1b" not in seen and "\u202e" not in seen and "\x00" not in seen
    assert "[bold]b[/bold]" in flat(seen)
    assert "\\x1b[31mred" in flat(seen)


def test_wide_characters_keep_the_columns() -> None:
    record = samples.broken()
    for finding in record["findings"]:
        finding["summary"] = "内核模块没有加载，因此客户机无法运行。" * 4
    assert not [line for line in drawn(record, verbose=True).splitlines() if cell_len(line) > 80]


def test_the_unused_layers_say_why() -> None:
    assert "not part of the profile server" in drawn(samples.broken())
    record = samples.broken()
    record["only"] = "kernel"
    assert "not asked" in drawn(record)


def test_the_plan_shows_every_command_and_what_stays() -> None:
    stream = io.StringIO()
    text.plan(samples.broken(), stream)
    seen = flat(stream.getvalue().replace("\\\n", " "))
    assert "Plan 3f2a9c41d0e7: 2 steps for the profile server, users: alice" in seen
    assert "1 Load kvm_amd, now and at every boot. modprobe kvm_amd" in seen
    assert "apt-get install --yes --no-install-recommends qemu-system-x86 qemu-utils libvirt-daemon-system" in seen
    assert "! The package lists stay refreshed: undo does not take that back." in seen


def test_an_empty_plan_says_so() -> None:
    record = samples.broken()
    record["plan"]["steps"] = []
    stream = io.StringIO()
    text.plan(record, stream)
    assert "Nothing to do" in stream.getvalue()


def test_a_linux_guest_is_told_with_its_start_and_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = flat(drawn(samples.linux()))
    assert "Linux guest debian-12 · 6.1.0-37-amd64 · kvm-clock · 192.168.122.71" in seen
    assert "Start firmware 0.8 s, kernel 1.2 s, user space 9.5 s" in seen
    assert "guest host ratio normal from ! CPU, a turn" in seen
    assert "? network, from it – 88 MB/s – 0.050" in seen
    monkeypatch.setenv("COLUMNS", "40")
    assert "normal from" not in flat(drawn(samples.linux()))
