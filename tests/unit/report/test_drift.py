"""What differs between a host and its configuration file: found in the record, drawn, and told by the exit status."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from kvmready import pipeline
from kvmready.checks.engine import ADVISORY
from kvmready.cli import parser
from kvmready.errors import InputError, UsageError
from kvmready.report import drift, text
from tests import hosts

RECORDINGS = hosts.FOLDER / "recordings"


def record(name: str) -> dict[str, Any]:
    host = hosts.load(name)
    return pipeline.report(pipeline.look(host.door, host.want, hosts.TAKEN_AT))


def test_a_host_that_is_as_it_shall_be() -> None:
    found = drift.of(record("debian-12-ready"))
    assert not found and found == ((), (), ())


def test_what_the_plan_mends_is_told_by_its_steps_alone() -> None:
    report = record("debian-12-fresh")
    found = drift.of(report)
    assert found.steps == tuple(report["plan"]["steps"]) and found.causes == () and found


def test_what_only_a_person_mends() -> None:
    found = drift.of(record("debian-12-configured-otherwise"))
    assert [cause["cause"] for cause in found.causes] == ["network.other-subnet", "storage.pool-elsewhere"]
    assert found.steps == () and found


def test_a_layer_with_what_it_stands_on() -> None:
    report = record("debian-12-configured-otherwise")
    assert [cause["cause"] for cause in drift.of(report, "network").causes] == ["network.other-subnet"]
    assert not drift.of(report, "services")


def test_what_nobody_could_see_is_not_taken_for_the_absence_of_drift() -> None:
    report = record("debian-12-ready")
    for finding in report["findings"]:
        if finding["check"] in ("kernel.kvm-runs", ADVISORY[0]):
            finding["status"] = "unknown"
    found = drift.of(report)
    assert [finding["check"] for finding in found.unknown] == ["kernel.kvm-runs"] and found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("debian-12-ready", ["This host is as /etc/x.toml wants it."]),
        ("debian-12-fresh", ["This host is not as /etc/x.toml wants it.", "Plan ", "apt-get install"]),
        (
            "debian-12-configured-otherwise",
            ["is not as", "What kvmready does not mend:", "network.other-subnet", "net-undefine", "pool-undefine"],
        ),
    ],
)
def test_it_is_drawn(name: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    report, stream = record(name), io.StringIO()
    text.drift(report, drift.of(report), "/etc/x.toml", stream)
    said = " ".join(stream.getvalue().split())
    assert [word for word in words if word not in said] == []


def test_what_could_not_be_seen_is_drawn() -> None:
    report, stream = record("debian-12-ready"), io.StringIO()
    report["findings"][0].update(status="unknown", remedy={"kind": "manual", "text": "Ask as root.", "commands": []})
    text.drift(report, drift.of(report), "a\nb.toml", stream)
    assert "It could not be seen whether this host is as" in stream.getvalue() and "Ask as root." in stream.getvalue()
    assert "a\nb" not in stream.getvalue()


def run(*words: str) -> int:
    return parser.run(["plan", *words])


OTHERWISE = 'network.subnet = "192.168.150.0/24"\nstorage.path = "/srv/guests"\n'


@pytest.mark.parametrize(
    ("name", "configuration", "status", "steps"),
    [
        ("debian-12-ready", "", 0, False),
        (
            "debian-12-ready",
            'network.subnet = "192.168.122.0/24"\nstorage.path = "/var/lib/libvirt/images"\n',
            0,
            False,
        ),
        ("debian-12-ready", OTHERWISE, 1, False),
        ("debian-12-ready", "iommu = true", 1, False),
        ("debian-12-fresh", "", 1, True),
        ("debian-12-no-svm", "", 1, False),
    ],
)
def test_the_exit_status(
    name: str, configuration: str, status: int, steps: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, recording = tmp_path / "host.toml", tmp_path / "host.json"
    file.write_text(configuration)
    # The one question of what is asked for beyond these hosts has the answer of the host where it was asked.
    source = "debian-12-iommu" if "iommu" in configuration else name
    recording.write_text(
        json.dumps({**hosts.load(source).recording, "asked_for": hosts.load(name).recording["asked_for"]})
    )
    words = ("--from", str(recording), "--config", str(file))
    assert run("--drift", *words) == status
    assert str(file) in "".join(capfd.readouterr().out.split())
    assert run("--drift", "--format", "json", *words) == status
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "kvmready.report/1" and bool(document["plan"]["steps"]) is steps
    run("--format", "json", *words)
    again = json.loads(capfd.readouterr().out)
    assert {**again, "taken_at": ""} == {**document, "taken_at": ""}, (
        "the document of the plan as it is without --drift"
    )


def test_without_a_file_there_is_nothing_to_differ_from(tmp_path: Path) -> None:
    ready = ("--drift", "--from", str(RECORDINGS / "debian-12-ready.json"))
    for more in ((), ("--no-config",)):
        with pytest.raises(UsageError, match="no configuration file") as caught:
            run(*ready, *more)
        assert caught.value.exit_status == 2 and "--config" in caught.value.next_move
    with pytest.raises(InputError) as refused:
        run(*ready, "--config", str(tmp_path / "gone.toml"))
    assert refused.value.exit_status == 2
