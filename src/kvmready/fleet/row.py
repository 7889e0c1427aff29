"""A host in a fleet: what came back of it, in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.typed import Any, NamedTuple

READY = ("ready", "ready-with-warnings", "undone", "nothing-to-do")
OUTCOMES = (
    *READY,
    "not-ready",
    "unreachable",
    "timed-out",
    "gave-up-waiting",
    "no-python",
    "no-space",
    "privilege",
    "failed",
    "not-begun",
)
"""How a host can end. ``timed-out``: it hung, and Ansible ended the task. ``gave-up-waiting``: its work goes on."""

UNASKED = tuple(name for name in OUTCOMES if name not in (*READY, "not-ready"))
"""Outcomes of hosts of which no report came."""


class Row(NamedTuple):
    """``layers`` has the status of each layer by its id, ``causes`` the root causes with their summaries, both empty
    where no report came. ``plan`` is the id of the plan, ``seconds`` how long the task took. ``failed``: the task did;
    in check mode, no plan makes this host ready. ``steps`` are those that an undo takes back.
    """

    host: str
    outcome: str
    message: str = ""
    seconds: float = 0.0
    changed: bool = False
    layers: Mapping[str, str] = {}
    causes: Mapping[str, str] = {}
    plan: str = ""
    os: str = ""
    version: str = ""
    failed: bool = False
    steps: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        return self.outcome in READY


def of_event(event: Mapping[str, Any]) -> tuple[Row, dict[str, Any] | None] | None:
    """The row and the report that an event of Ansible tells of; None for one that ends no host."""
    kind, data = event.get("event"), event.get("event_data") or {}
    if kind not in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable", "runner_on_skipped"):
        return None
    result = data.get("res") or {}
    host, seconds = str(data.get("host")), float(data.get("duration") or 0.0)
    message = _plain(str(result.get("msg") or ""))
    report = result.get("report")
    if isinstance(report, dict):
        outcome = str(result.get("outcome"))
        row = of_report(host, outcome, message, seconds, bool(result.get("changed")), report)
        return row._replace(failed=kind == "runner_on_failed"), report
    if kind == "runner_on_unreachable":
        outcome = "unreachable"
    elif kind == "runner_on_failed":
        outcome = "timed-out" if "timedout" in result else str(result.get("outcome") or "failed")
        if outcome not in OUTCOMES:
            outcome = "failed"
    else:
        outcome = str(result.get("outcome") or "nothing-to-do")
    failed = kind in ("runner_on_failed", "runner_on_unreachable")
    steps = tuple(map(str, result.get("steps") or ()))
    return Row(host, outcome, _short(message), seconds, bool(result.get("changed")), failed=failed, steps=steps), None


def of_report(host: str, outcome: str, message: str, seconds: float, changed: bool, report: Mapping[str, Any]) -> Row:
    """The row of a host that sent its report."""
    return Row(
        host,
        outcome if outcome in OUTCOMES else "failed",
        _short(message),
        round(seconds, 3),
        changed,
        {layer["id"]: layer["status"] for layer in report["layers"]},
        {cause["cause"]: cause["summary"] for cause in report["root_causes"]},
        (report["plan"] or {}).get("id", ""),
        report["host"]["os"]["name"],
        report["version"],
    )


def from_json(raw: Mapping[str, Any]) -> Row:
    """Raises TypeError for what is no row."""
    return Row(**{name: raw[name] for name in Row._fields if name in raw})


def _plain(message: str) -> str:
    """What happened, without Ansible's words before it that say only that something did."""
    for words in ("Task failed: ", "Action failed: ", "Failed to connect to the host via ssh: "):
        message = message[len(words) :] if message.startswith(words) else message
    return message


def _short(message: str, most: int = 400) -> str:
    line = " ".join(message.split())
    return line if len(line) <= most else line[: most - 1] + "…"
