"""Every layer, check and cause is explained: whole, in both languages, and so that it fits a terminal."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from kvmready import i18n
from kvmready.checks import ALL
from kvmready.checks.finding import LAYERS, Check
from kvmready.cli import parser
from kvmready.errors import UsageError
from kvmready.knowledge import explain
from kvmready.knowledge.catalogue import CATALOGUE
from kvmready.knowledge.explain.topic import Asked, Look
from kvmready.report import text_explain
from tests.unit.report.test_canvas import Stream

NAMES = tuple(dict.fromkeys([*LAYERS, *(check.id for check in ALL), *CATALOGUE]))
ROOMS = explain.rooms()

KEYS = {
    "schema", "id", "kind", "layer", "title", "remedy", "what", "why", "wrong", "look", "mend", "table", "more",
    "checks", "causes",
}  # fmt: skip

HARMFUL = (
    "chmod 666", "chmod 0666 /dev/kvm", "chmod 777", "setenforce", "security_driver", "aa-disable", "aa-teardown",
    "disable --now apparmor", "rm -rf", "lock-frontend", "selinux=0", "apparmor=0",
)  # fmt: skip


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=i18n.LANGUAGES)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    i18n.use(request.param)
    yield request.param
    i18n.use("en")


def drawn(name: str) -> str:
    stream = Stream("utf-8")
    if name == "--list":
        text_explain.ids(explain.ids(), stream)
    elif name:
        text_explain.explanation(explain.about(name), stream)
    else:
        text_explain.stack(explain.stack(), stream)
    return stream.seen()


def looks() -> Iterator[Look]:
    for room in ROOMS.values():
        yield from room.layer.look
        for topic in room.topics.values():
            yield from topic.look
        for wrong in room.causes.values():
            yield from wrong.look


def commands(record: dict[str, Any]) -> Iterator[dict[str, str]]:
    yield from record["look"]
    for mend in record["mend"]:
        for step in mend["do"]:
            yield from step["commands"]


def test_every_check_and_every_cause_is_explained() -> None:
    missing = explain.unexplained()
    assert not missing, f"\n{len(missing)} without an explanation:\n" + "\n".join(missing)


def test_an_explanation_belongs_to_something() -> None:
    for layer, room in ROOMS.items():
        assert set(room.causes) == {name for name, cause in CATALOGUE.items() if cause.layer == layer}
        used = {wrong.topic for wrong in room.causes.values()} | {asked.topic for asked in room.checks.values()}
        assert used == set(room.topics)
        for check, asked in room.checks.items():
            assert check.split(".")[0] == layer
            assert set(asked.causes) <= set(CATALOGUE), check


def test_what_is_explained_is_a_check() -> None:
    known = {check.id for check in ALL}
    strange = [check for room in ROOMS.values() for check in room.checks if check not in known]
    assert not strange, f"\n{len(strange)} explanations of checks that do not exist:\n" + "\n".join(strange)


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_is_whole(name: str) -> None:
    record = explain.about(name)
    assert set(record) == KEYS
    assert json.loads(json.dumps(record)) == record
    assert record["id"] == name and record["layer"] in LAYERS and record["title"]
    for part in ("what", "why", "look", "more"):
        assert record[part], f"{name} says nothing under {part}"
    assert (record["kind"] == "cause") == bool(record["wrong"]) == (record["remedy"] is not None)
    if record["kind"] == "cause":
        assert [mend["cause"] for mend in record["mend"]] == [name] and record["mend"][0]["do"]
    for look in record["look"]:
        assert set(look) == {"command", "as", "aside", "good", "bad", "note"}
    for sentence in (*record["what"], *record["why"], *record["wrong"]):
        assert sentence[-1] in ".:", sentence


@pytest.mark.parametrize("name", CATALOGUE)
def test_what_up_does_comes_first(name: str) -> None:
    first = explain.about(name)["mend"][0]["do"][0]["text"]
    if CATALOGUE[name].kind != "either":
        assert (CATALOGUE[name].kind == "auto") == first.startswith("It "), first


def test_a_check_without_words_of_its_own_gets_those_of_its_layer() -> None:
    check = ALL[0]._replace(id="storage.something")
    record = explain._check(check, ROOMS)
    assert (record["id"], record["kind"], record["layer"]) == ("storage.something", "check", "storage")
    assert record["what"] == list(ROOMS["storage"].layer.what)


@pytest.mark.parametrize("name", NAMES)
def test_advice_does_no_harm(name: str) -> None:
    for command in commands(explain.about(name)):
        assert not [word for word in HARMFUL if word in command["command"]]
        assert command["command"].strip() == command["command"] != ""


def test_samples_are_what_a_terminal_shows() -> None:
    for look in looks():
        assert look.good != look.bad or not look.good, look
        for line in (look.good + "\n" + look.bad).splitlines():
            assert cell_len(line) <= 72 and line.isprintable(), line


@pytest.mark.parametrize("name", NAMES)
def test_further_reading_is_a_man_page_or_an_address(name: str) -> None:
    for one in explain.about(name)["more"]:
        assert re.fullmatch(r"[\w.-]+\([1-8]\)|https://[\w./~-]+", one), one


@pytest.mark.parametrize("name", ["", "--list", *NAMES])
def test_no_line_is_too_long(name: str, language: str) -> None:
    text = drawn(name)
    long = [line for line in text.splitlines() if cell_len(line) > 80]
    assert text.strip() and not long, "\n".join(long)


@pytest.mark.parametrize("columns", ["40", "132"])
def test_prose_fits_other_terminals(columns: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name in ("", "--list"):
        assert not [line for line in drawn(name).splitlines() if cell_len(line) > int(columns)]


def test_the_stack_stands_on_the_hardware_and_names_every_layer() -> None:
    lines = drawn("").splitlines()
    places = [next(n for n, line in enumerate(lines) if line[5:].startswith(layer)) for layer in LAYERS]
    assert places == sorted(places, reverse=True)
    assert "kvmready explain --list" in drawn("")


def test_an_explanation_is_drawn_with_all_its_parts() -> None:
    seen = " ".join(drawn("kernel.module-blacklisted").split())
    for words in (
        "kernel.module-blacklisted cause · layer kernel",
        "What is wrong A file under /etc/modprobe.d",
        "What it is A module is a part of the kernel",
        "Look by hand $ modprobe --showconfig | grep -E '^(blacklist|install) kvm' ✗ blacklist kvm_amd",
        "How to mend it kvmready up mends it where it can",
        "# modprobe kvm_amd (or kvm_intel)",
        "Found by kernel.blacklist",
        "Related causes kernel.module-not-loaded",
        "Read more man 8 lsmod",
    ):
        assert words in seen


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_a_check_shows_the_way_out_of_each_of_its_causes(check: Check) -> None:
    record = explain.about(check.id)
    if record["kind"] == "check":
        assert record["causes"] == [mend["cause"] for mend in record["mend"]]
        assert all(mend["do"] for mend in record["mend"])
        for cause in record["causes"]:
            assert check.id in explain.about(cause)["checks"]


def test_a_narrow_check_shows_only_what_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = {"hardware.machine": Asked("hardware.machine", "Title", ("hardware.xen-dom0", "qemu.guest-memory"))}
    room = ROOMS["hardware"]._replace(checks=narrow)
    monkeypatch.setattr(explain, "rooms", lambda: {**ROOMS, "hardware": room})
    record = explain.about("hardware.machine")
    assert (record["title"], record["causes"]) == ("Title", ["hardware.xen-dom0", "qemu.guest-memory"])
    assert record["look"][0]["command"] == "cat /proc/xen/capabilities"
    assert record["look"][-1]["command"] == "systemd-detect-virt"


def test_rows_of_a_table_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ROOMS["hardware"].causes["hardware.nested-off"]
    changed = {"hardware.nested-off": known._replace(table=lambda: [("Acme", "Turn the knob.")])}
    room = ROOMS["hardware"]._replace(causes={**ROOMS["hardware"].causes, **changed})
    monkeypatch.setattr(explain, "rooms", lambda: {**ROOMS, "hardware": room})
    assert explain.about("hardware.nested-off")["table"] == [{"name": "Acme", "text": "Turn the knob."}]
    assert "Acme Turn the knob." in " ".join(drawn("hardware.nested-off").split())


def test_a_long_command_can_be_pasted() -> None:
    command = "# grep -vnE '^ *(#|$)' /etc/libvirt/libvirtd.conf /etc/libvirt/qemu.conf \"a b\""[2:]
    for width in (20, 40, 60, 200):
        assert shlex.split("\n".join(text_explain._broken(command, width)).replace("\\\n", "")) == shlex.split(command)


def test_names_list(language: str) -> None:
    record = explain.ids()
    assert set(record) == {"schema", "layers", "checks", "causes"} and record["schema"] == "kvmready.ids/1"
    assert [one["id"] for one in record["layers"]] == list(LAYERS)
    assert [(one["id"], one["layer"]) for one in record["checks"]] == [(check.id, check.layer) for check in ALL]
    assert [(one["id"], one["kind"]) for one in record["causes"]] == [(c.id, c.kind) for c in CATALOGUE.values()]
    assert {tuple(one) for one in record["causes"]} == {("id", "layer", "kind", "title")}
    assert all(one["title"] for key in ("checks", "causes") for one in record[key])


def test_a_title_tells_checks_apart_where_their_topics_differ() -> None:
    """A check whose title is its layer's purpose has no explanation of its own."""
    purposes = {room.layer.purpose for room in ROOMS.values()}
    assert not [one["id"] for one in explain.ids()["checks"] if one["title"] in purposes]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kernel.kvm", ["kernel.kvm-device", "kernel.kvm-runs"]),
        ("firmware-disabled", ["hardware.firmware-disabled"]),
        ("libvirt.mixed-deamons", ["libvirt.mixed-daemons"]),
        ("subnet-clsh", ["network.subnet-clash"]),
        ("kernal", ["kernel"]),
        ("Kernel", ["kernel"]),
        ("packages", ["packages.no-candidate", "packages.manager-busy", "packages.broken-state", "packages.offline"]),
    ],
)
def test_a_name_that_is_nearly_right(name: str, meant: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        explain.about(name)
    named = caught.value.next_move[len("Did you mean ") : -1].split(", ")
    assert set(meant) <= set(named) and (named[0] == meant[0] or name == "packages")


@pytest.mark.parametrize("name", ["zzzz", "", " ", "\x1b[31m", "../..", "a" * 10_000])
def test_a_name_that_is_nothing(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain.about(name)
    assert caught.value.exit_status == 2 and "kvmready explain --list" in caught.value.next_move


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert parser.run(arguments) == 0
    return stream.getvalue()


def test_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run(["explain", "--format", "json"], monkeypatch))["schema"] == "kvmready.stack/1"
    assert json.loads(run(["explain", "--list", "--format", "json"], monkeypatch)) == explain.ids()
    assert json.loads(run(["explain", "qemu.img", "--format", "json"], monkeypatch)) == explain.about("qemu.img")
    assert "qemu-img, which makes" in run(["explain", "qemu.img"], monkeypatch)
    with pytest.raises(UsageError):
        parser.run(["explain", "--list", "kernel"])
