"""The alert rules by promtool, the dashboard by Grafana's own library, and both by the metrics that a report has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from kvmready import timers
from kvmready.cli import parser

pytestmark = pytest.mark.machine

SHIPPED = Path(timers.__file__).parent
RULES, BOARD = SHIPPED / "alerts.yml", SHIPPED / "dashboard.json"
FRESH = Path(__file__).resolve().parents[2] / "hosts" / "recordings" / "debian-12-fresh.json"


def promtool(*words: object) -> str:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    argv = ["promtool", *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expressions() -> Iterator[str]:
    for panel in json.loads(BOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$host", ".*")


def test_promtool_takes_the_rules() -> None:
    assert "SUCCESS: 5 rules found" in promtool("check", "rules", RULES)


TESTED = """
rule_files: [{rules}]
evaluation_interval: 1h
tests:
  - interval: 1h
    input_series:
      - {{series: 'kvmready_ready{{instance="good"}}', values: '1x80'}}
      - {{series: 'kvmready_ready{{instance="bad"}}', values: '1 0x80'}}
      - {{series: 'kvmready_cause{{instance="bad",cause="kernel.module-not-loaded",layer="kernel"}}', values: '_ 1x80'}}
      - {{series: 'kvmready_acceleration_state{{instance="slow",state="degraded"}}', values: '1x80'}}
      - {{series: 'kvmready_acceleration_state{{instance="good",state="degraded"}}', values: '0x80'}}
      - {{series: 'kvmready_report_timestamp_seconds{{instance="good"}}', values: '0+3600x80'}}
      - {{series: 'kvmready_report_timestamp_seconds{{instance="old"}}', values: '0x80'}}
      - {{series: 'kvmready_proof_ok{{instance="bad",level="libvirt",accel="kvm"}}', values: '0x80'}}
    alert_rule_test:
      - {{eval_time: 0h, alertname: KvmHostNotReady, exp_alerts: []}}
      - eval_time: 50h
        alertname: KvmHostNotReady
        exp_alerts: [{{exp_labels: {{severity: critical, instance: bad}}, exp_annotations: {bad}}}]
"""


def test_an_alert_is_about_the_host_that_is_not_ready(tmp_path: Path) -> None:
    text = RULES.read_text(encoding="utf-8")
    description = re.search(r'alert: KvmHostNotReady.*?description: (".*?[^\\]")\n', text, re.DOTALL)
    assert description is not None
    said = json.loads(description.group(1)).replace("{{ $labels.instance }}", "bad")
    annotations = {"summary": "bad runs no guests", "description": said}
    file = tmp_path / "test.yml"
    file.write_text(TESTED.format(rules=RULES, bad=json.dumps(annotations)), encoding="utf-8")
    promtool("test", "rules", file)


def test_promtool_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", file)


def test_the_dashboard_is_loaded_by_grafanas_own_library() -> None:
    document = json.loads(BOARD.read_text(encoding="utf-8"))
    board = Dashboard.from_json(document)
    assert board.uid == "kvmready"
    assert board.panels is not None
    placed: list[Any] = [panel.grid_pos for panel in board.panels]
    assert len({(where.x, where.y) for where in placed}) == len(document["panels"])
    assert all(where.x + where.w <= 24 for where in placed)


def test_every_metric_that_is_asked_for_is_one_that_a_report_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kvmready.prom"
    assert parser.run(["check", "--from", str(FRESH), "--format", "prometheus", "--output", str(file)]) == 1
    assert capsys.readouterr().out == ""
    assert file.stat().st_mode & 0o777 == 0o644
    families = text_string_to_metric_families(file.read_text(encoding="utf-8"))
    told = {family.name for family in families} | {"kvmready_proof_ok"}  # the timer's check proves nothing
    asked = set(re.findall(r"kvmready_\w+", " ".join(expressions()) + RULES.read_text(encoding="utf-8")))
    assert asked <= told
