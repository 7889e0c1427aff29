"""The files of a timer, and what is refused before one is written."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import example, given, strategies as st

from kvmready import timers
from kvmready.errors import WorkError
from kvmready.host.local import LocalHost

TIMER = timers.Timer(
    "kvmready-check",
    "A report",
    "kvmready timer remove",
    (("/bin/a", "x y", '100%"$HOME\n'), ("/bin/b",)),
    ("Nice=10",),
)


def test_the_service_runs_each_command_with_its_words_as_they_are() -> None:
    text = timers.service_text(TIMER)
    assert text.startswith("# Written by kvmready; taken away by: kvmready timer remove\n")
    assert 'ExecStart="/bin/a" "x y" "100%%\\"$$HOME\\x0a"\nExecStart="/bin/b"\nNice=10\n' in text


@example("$")
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_an_argument_of_a_unit_is_read_back(word: str) -> None:
    line = timers.quoted(word)
    assert "\n" not in line and line[0] == line[-1] == '"'
    inner = line[1:-1].replace("%%", "%").replace("$$", "$")
    if "\\x" not in inner and word.isprintable():
        assert shlex.split(f'"{inner}"') == [word]


def test_the_timer_makes_up_for_what_was_missed() -> None:
    assert "OnCalendar=daily\nPersistent=true\n" in timers.timer_text(TIMER, "daily")


def test_a_file_of_somebody_else_is_not_ours(tmp_path: object) -> None:
    host = LocalHost()
    timers.refuse_foreign(host, f"{tmp_path}/none")
    host.write(f"{tmp_path}/ours", timers.service_text(TIMER).encode(), 0o644)
    timers.refuse_foreign(host, f"{tmp_path}/ours")
    host.write(f"{tmp_path}/theirs", b"[Unit]\n", 0o644)
    with pytest.raises(WorkError, match="was not written by kvmready"):
        timers.refuse_foreign(host, f"{tmp_path}/theirs")


def test_what_others_can_change_is_no_program_for_root(tmp_path: object) -> None:
    host = LocalHost()
    timers.refuse_changeable(host, ("/usr/bin/env", "-I", "--output=/tmp/x"))
    with pytest.raises(WorkError, match="may not run what others can change"):
        timers.refuse_changeable(host, ("/usr/bin/env", f"{tmp_path}/program"))
