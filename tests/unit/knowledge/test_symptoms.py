"""Every symptom is seen where it is printed, nothing is seen where nothing is wrong, and every cause is covered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvmready.knowledge import diagnosis, match
from kvmready.knowledge.catalogue import CATALOGUE
from kvmready.knowledge.reading import Reading, words
from kvmready.knowledge.symptoms import ALL, SILENT, Symptom
from tests.unit.knowledge.messages import MESSAGES
from tests.unit.knowledge.quiet import LINES, PROSE

README = Path(__file__).resolve().parents[3] / "README.md"
QUIET = [line for line in LINES.splitlines() if line.strip()] + list(PROSE)

LEAST = 2.0
"""What a pattern must weigh: two words of a trade, or one name and what is said of it."""


def causes(text: str) -> list[str]:
    return [one["cause"] for one in diagnosis.of([Reading("text", text)], None)["matches"]]


def label(value: object) -> str:
    return str(value)[:60]


@pytest.mark.parametrize(("cause", "message"), MESSAGES, ids=label)
def test_a_message_names_its_cause_first(cause: str, message: str) -> None:
    assert causes(message)[:1] == [cause]


def test_every_symptom_has_a_message() -> None:
    seen = {one.symptom.says for _cause, message in MESSAGES for one in match.sightings(Reading("text", message), ALL)}
    assert [symptom for symptom in ALL if symptom.says not in seen] == []


def test_every_cause_is_covered_or_silent() -> None:
    covered = {name for symptom in ALL for name in (symptom.cause, *symptom.also)}
    assert covered <= set(CATALOGUE)
    assert set(SILENT) == set(CATALOGUE) - covered
    assert all(why for why in SILENT.values())


def test_a_symptom_stands_in_the_file_of_its_layer() -> None:
    from kvmready.knowledge import symptoms

    for layer in ("hardware", "kernel", "qemu", "libvirt", "services", "network", "storage", "access", "tools"):
        assert {one.cause.split(".")[0] for one in getattr(symptoms, layer).SYMPTOMS} == {layer}


@pytest.mark.parametrize("symptom", ALL, ids=lambda one: f"{one.cause}-{one.says[0][:30]}")
def test_a_symptom_is_well_formed(symptom: Symptom) -> None:
    assert symptom.source and symptom.says and 0 < symptom.share <= 1
    assert symptom.cause not in symptom.also
    assert all(0 < share <= 1 for share in symptom.also.values())
    for says in symptom.says:
        assert says == says.lower() and says.count("{") == says.count("}")
        for pattern in match.patterns(says):
            assert pattern.pieces and all(piece.strip() for piece in pattern.pieces), says
            assert pattern.weight >= LEAST, (pattern.weight, says, pattern.pieces)


def test_no_pattern_is_written_twice() -> None:
    every = [says for symptom in ALL for says in symptom.says]
    assert sorted(set(every)) == sorted(every)


def test_there_are_enough_quiet_lines() -> None:
    assert len(QUIET) >= 80 and len(set(QUIET)) == len(QUIET)


@pytest.mark.parametrize("text", QUIET, ids=label)
def test_nothing_is_seen_where_nothing_is_wrong(text: str) -> None:
    assert causes(text) == []


def test_a_quiet_log_and_our_own_readme_are_quiet() -> None:
    assert causes(LINES) == []
    prose = re.sub(r"(?ms)^```.*?^```", "", README.read_text("utf-8"))
    assert "libvirt" in prose and causes(prose) == []


def test_no_sentence_of_ours_names_a_cause_by_chance() -> None:
    """Explanations teach the words of the trade; they are no errors."""
    from kvmready.knowledge import explain

    for layer in explain.rooms():
        record = explain.about(layer)
        assert causes(" ".join((*record["what"], *record["why"]))) == []


@pytest.mark.parametrize(
    "message",
    [
        "error: failed to connect to the hypervisor error: Failed to connect socket to "
        "'/var/run/libvirt/libvirt-sock': Permission denied",
        "Could not access KVM kernel module: Permission denied",
        "错误：将插槽连接到 '/var/run/libvirt/libvirt-sock' 失败: 权限不够",
    ],
)
def test_dress_does_not_matter(message: str) -> None:
    plain = causes(message)
    assert plain
    for dressed in (
        message.upper(),
        message.replace("'", '"'),
        message.replace("'", "’").replace(": ", "："),
        re.sub(r"(.{30}\S*) ", r"\1\r\n", message),
        re.sub(r"(.{30}\S*) ", r"\1\n      ", message),
        "\x1b[1;31m" + message.replace(" ", "\x1b[0m \x1b[31m") + "\x1b[0m",
        message.replace(" ", " \0"),
        f"2025-03-04T05:06:07.890123+0100 box virsh[4711]: {message}",
        f"Mar  4 05:06:07 box virt-manager[99]: {message}",
        "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalpha() else c for c in message),
    ):
        assert causes(dressed) == plain, dressed


@pytest.mark.parametrize("columns", [40, 52, 80])
def test_a_terminal_that_cuts_words_does_not_matter(columns: int) -> None:
    message = (
        "error: failed to connect to the hypervisor: Failed to connect socket to "
        "'/var/run/libvirt/libvirt-sock': No such file or directory"
    )
    lines = [message[start : start + columns] for start in range(0, len(message), columns)]
    reading = Reading("text", "first\n" + "\n".join(lines) + "\n")
    (first, *_others) = diagnosis.of([reading], None)["matches"]
    assert first["cause"] == "libvirt.unreachable"
    quote = first["because"][0]
    words_there = "".join(lines[quote["line"] - 2 :])[quote["column"] - 1 :]
    assert words_there.startswith(quote["text"][:10])


def test_lines_that_end_at_the_same_column_by_chance_stay_apart() -> None:
    text = "could not access kvm kernel module: file\npermission denied by the rules of the hos\nt"
    assert causes(text) == causes(text.replace("hos\nt", "host"))


def test_words_of_two_records_are_not_one_message() -> None:
    apart = "10:00:01 qemu: could not open '/srv/a.qcow2'\n10:00:02 cat: /etc/shadow: Permission denied"
    assert causes(apart) == []
    assert causes(apart.replace("\n10:00:02 cat: /etc/shadow", "")) != []


def test_words_are_what_the_docstring_says() -> None:
    assert words("ioctl(KVM_CREATE_VM) failed: 16 “/dev/kvm”") == "ioctl kvm create vm failed 16 dev kvm"
    assert words("无法打开/dev/kvm：ＥＲＲ") == "无 法 打 开 dev kvm err"
