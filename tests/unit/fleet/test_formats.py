"""The documents of a fleet: each says what the record says, and nothing that a host says can break them."""

from __future__ import annotations

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest

from kvmready import i18n
from kvmready.cli import options
from kvmready.fleet import formats, text
from kvmready.fleet.records import Index
from kvmready.report.canvas import Canvas, cells
from tests.unit.fleet import samples

HOSTILE = "</script><script>alert(1)</script>\x1b[2J|=cmd()&\"'\u202e"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return samples.fleet(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Index:
    document = samples.report("debian-12-fresh")
    document["root_causes"][0]["summary"] = HOSTILE
    document["host"]["os"]["name"] = HOSTILE
    events = [samples.event(HOSTILE, document, msg=HOSTILE), samples.unreachable("=1+1", HOSTILE)]
    return samples.run(tmp_path_factory.mktemp("runs"), events)


def rendered(index: Index, name: str) -> str:
    return "".join(formats.render(index, name))


def test_the_formats_are_those_of_the_command_line() -> None:
    assert {*formats.FORMATS, "html", "text"} == set(options.OF_FLEETS)


def test_json(run: Index) -> None:
    document = json.loads(rendered(run, "json"))
    assert (document["ok"], len(document["rows"]), document["outcomes"]["not-ready"]) == (False, 8, 4)


def test_csv(run: Index) -> None:
    lines = list(csv.DictReader(io.StringIO(rendered(run, "csv"), newline="")))
    assert [line["host"] for line in lines] == [row.host for row in run.rows]
    assert lines[3]["qemu"] == "fail" and "qemu.not-installed" in lines[3]["causes"].split()


def test_csv_holds_no_formula(hostile: Index) -> None:
    for line in csv.reader(io.StringIO(rendered(hostile, "csv"), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line)


@pytest.mark.parametrize("name", ["run", "hostile"])
def test_junit_is_red_exactly_where_a_host_is(name: str, request: pytest.FixtureRequest) -> None:
    index: Index = request.getfixturevalue(name)
    suites = list(ElementTree.fromstring(rendered(index, "junit")))
    assert len(suites) == len(index.rows)
    for row, suite in zip(index.rows, suites):
        red = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
        assert (red == 0) == row.ok, row.host
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert len(suite.findall("testcase/failure")) == int(suite.attrib["failures"])


def test_markdown_keeps_its_table(hostile: Index) -> None:
    lines = [line for line in rendered(hostile, "markdown").splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert len(set(bars[-4:])) == 1
    assert not re.search(r"(?<!\\)<", rendered(hostile, "markdown")), "no tag begins"


def test_the_page_holds_its_data(run: Index) -> None:
    page = rendered(run, "html")
    data = json.loads(page.partition('type="application/json"')[2].partition(">")[2].partition("</script>")[0])
    assert [row[0] for row in data["rows"]] == [row.host for row in run.rows]
    assert data["rows"][3][2][2] == "2", "the layer qemu of a fresh host fails"
    assert "http://" not in page and "https://" not in page and "src=" not in page.replace("font-src", "")


def test_nothing_breaks_out_of_the_page(hostile: Index) -> None:
    page = rendered(hostile, "html")
    assert page.count("<script") == 2 == page.count("</script>")
    assert "\x1b" not in page and "\u202e" not in page


def test_ten_thousand_hosts_fit(run: Index) -> None:
    rows = tuple(row._replace(host=f"{row.host}-{number}") for number in range(1250) for row in run.rows)
    assert len(rows) == 10_000
    assert len(rendered(run._replace(rows=rows), "html").encode()) < 4 << 20


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("name", ["run", "hostile"])
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_text_keeps_to_the_width(
    name: str, columns: int, language: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    index: Index = request.getfixturevalue(name)
    monkeypatch.setenv("COLUMNS", str(columns))
    i18n.use(language)
    try:
        stream = io.StringIO()
        canvas = Canvas(stream)
        canvas.write(list(text.index(canvas, index, True)))
    finally:
        i18n.use("en")
    drawn = stream.getvalue()
    assert "\x1b" not in drawn
    wide = [line for line in drawn.splitlines() if cells(line) > max(columns, 60)]
    assert not wide


def test_large_fleets_are_counted(run: Index) -> None:
    rows = tuple(row._replace(host=f"{row.host}-{number}") for number in range(50) for row in run.rows)
    stream = io.StringIO()
    canvas = Canvas(stream)
    canvas.write(list(text.index(canvas, run._replace(rows=rows), False)))
    drawn = stream.getvalue()
    assert "400 hosts" in drawn and "node0-1 " not in drawn and drawn.count("\n") < 150


def test_merged_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmready.fleet import summary

    monkeypatch.setenv("COLUMNS", "80")
    plan = samples.report("debian-12-fresh")["plan"]
    stream = io.StringIO()
    canvas = Canvas(stream)
    hosts = [(f"node{number}", plan) for number in range(212)]
    canvas.write(list(text.plans(canvas, summary.folded([*hosts, ("done", {**plan, "steps": []})]))))
    drawn = stream.getvalue()
    assert f"212 hosts: these {len(plan['steps'])} steps" in drawn and "and 204 more" in drawn
    assert drawn.count("apt-get update") == 1 and "1 host: nothing to change" in drawn
