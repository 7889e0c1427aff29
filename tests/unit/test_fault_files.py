"""The files of the fault matrix, its rows and its page agree, so that nothing in the table is older than its fault."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kvmready.knowledge.catalogue import CATALOGUE
from tests.vm import fault_matrix
from tests.vm.fault_matrix import Fault

FAULTS = fault_matrix.load()
README = Path(__file__).resolve().parents[2] / "README.md"
WHO = {"automatic": ("auto", "either"), "manual": ("manual", "either"), "both": ("auto", "manual", "either")}


def rows() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(fault_matrix.ROWS.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_causes_are_the_catalogues_and_mended_by_whom_it_says(fault: Fault) -> None:
    assert fault.causes and {*fault.causes, *fault.undone} <= set(CATALOGUE)
    assert all(CATALOGUE[cause].kind in WHO[fault.mended] for cause in fault.causes)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_told_in_a_line(fault: Fault) -> None:
    assert fault.summary and not fault.summary.endswith(".") and "\n" not in fault.summary
    assert fault.breaks.strip()
    assert not (fault.after_undo and fault.undone), "undo either leaves the host mended, or it does not"


def test_no_two_faults_break_a_host_in_the_same_way() -> None:
    seen = [(fault.breaks.strip(), fault.kernel_options, fault.caller) for fault in FAULTS]
    assert len(set(seen)) == len(seen)


def test_several_faults_at_once_are_tried() -> None:
    assert sum(len(fault.causes) > 1 for fault in FAULTS) >= 3


def test_every_fault_has_its_row_and_every_row_its_fault() -> None:
    assert [row["fault"] for row in rows()] == [fault.name for fault in FAULTS]


def test_the_rows_say_what_the_files_say() -> None:
    by_name = {fault.name: fault for fault in FAULTS}
    for row in rows():
        fault = by_name[row["fault"]]
        said = (row["summary"], row["causes"], row["mended"], row["lane"])
        assert said == (fault.summary, list(fault.causes), fault.mended, fault.lane), row["fault"]


def test_the_page_is_written_from_the_rows() -> None:
    assert fault_matrix.PAGE.read_text(encoding="utf-8") == fault_matrix.page(rows())


def test_the_readme_tells_the_figures_of_the_page() -> None:
    last = fault_matrix.page(rows()).strip().splitlines()[-1]
    figures = re.findall(r"\d+", last)
    told = re.search(
        r"(\d+) faults\b.*?(\d+)\b.*?(\d+)\b.*?(\d+)\b.*?(\d+)\b.*?docs/faults\.md",
        README.read_text("utf-8"),
        re.DOTALL,
    )
    assert told is not None
    assert list(told.groups()) == figures


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('summary = "x"\ncause = "y"\nmended = "manual"\nbreak = "z"\n', "what a person does"),
        ('summary = "x"\ncause = "y"\nmended = "automatic"\nbreak = "z"\nmend = "w"\n', "what a person does"),
        ('summary = "x"\ncause = "y"\nmended = "never"\nbreak = "z"\n', "automatic, manual or both"),
        ('summary = "x"\ncause = "y"\nmended = "automatic"\nbreak = "z"\nlane = "vm"\n', "restore"),
        ('summary = "x"\ncause = "y"\nmended = "automatic"\nbreak = "z"\ntypo = 1\n', "unknown keys"),
    ],
)
def test_a_file_must_be_whole(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fault_matrix.parse("x", text)
