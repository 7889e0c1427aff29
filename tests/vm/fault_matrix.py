"""The fault matrix: what each file of ``faults/`` says, how a host is broken by it, and the table that comes of it.

A fault is a TOML file; its name is the fault's:

``summary``   what is wrong, one line
``cause``     the one cause that ``check`` must name; a list where two faults stand side by side, in their order
``mended``    ``automatic`` (by ``up``), ``manual`` (by a person), or ``both`` (a person first, then ``up``)
``break``     shell lines, run as root, that break a ready host
``mend``      shell lines of a person who follows the remedy (manual faults)
``lane``      ``native`` (a host of its own at native speed, which accepts emulation; the default) or ``vm``
``restore``   shell lines that make the host ready again where it is shared with other faults (lane ``vm``)
``verdict``   ``not-ready`` (the default) or ``ready-with-warnings``
``word``      must stand in the evidence
``caller``    who runs ``check`` (default: root)
``options``   further words for every command
``undone``    the causes after ``undo`` where they are others, such as of a service that had failed and is off then
``kernel_options``  words of the kernel's command line: the virtual machine is booted with them to break it, and
              without them to mend it (lane ``vm``)
``after_undo``  why ``undo`` does not bring the fault back, where it does not
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import tomllib

from tests.vm import product
from tests.vm.lab.machine import Machine
from tests.vm.product import Host

FOLDER = Path(__file__).parent / "faults"
ROWS = FOLDER / "rows.json"
PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

_KEYS = {
    "summary", "cause", "mended", "break", "mend", "lane", "restore", "verdict", "word", "caller", "options",
    "after_undo", "undone", "kernel_options",
}  # fmt: skip
_PEERS = (("virt-host-validate", "qemu"), ("kvm-ok",))


class Fault(NamedTuple):
    """One file of ``faults/``."""

    name: str
    summary: str
    causes: tuple[str, ...]
    mended: str
    breaks: str
    mend: str
    lane: str
    restore: str
    verdict: str
    word: str
    caller: str
    options: tuple[str, ...]
    after_undo: str
    undone: tuple[str, ...] = ()
    kernel_options: tuple[str, ...] = ()


class Healthy(NamedTuple):
    """What the ready host says before it is broken: what a fault adds is told from it."""

    verdict: str
    causes: tuple[str, ...]
    peers: tuple[tuple[str, ...], ...]


def parse(name: str, text: str) -> Fault:
    """The fault of a file. Raises ValueError for an unknown key or a value that does not fit."""
    found = tomllib.loads(text)
    unknown = set(found) - _KEYS
    if unknown:
        raise ValueError(f"{name}: unknown keys {sorted(unknown)}")
    causes = found["cause"] if isinstance(found["cause"], list) else [found["cause"]]
    fault = Fault(
        name,
        found["summary"],
        tuple(causes),
        found["mended"],
        found["break"],
        found.get("mend", ""),
        found.get("lane", "native"),
        found.get("restore", ""),
        found.get("verdict", "not-ready"),
        found.get("word", ""),
        found.get("caller", "root"),
        tuple(found.get("options", ())),
        found.get("after_undo", ""),
        tuple(found.get("undone", ())),
        tuple(found.get("kernel_options", ())),
    )
    if fault.mended not in ("automatic", "manual", "both") or fault.lane not in ("native", "vm"):
        raise ValueError(f"{name}: mended is automatic, manual or both, lane is native or vm")
    if (fault.mended != "automatic") != bool(fault.mend or fault.kernel_options):
        raise ValueError(f"{name}: what a person does is told where a person mends, and only there")
    if fault.kernel_options and fault.lane != "vm":
        raise ValueError(f"{name}: only a virtual machine has a kernel command line of its own")
    if fault.lane == "vm" and fault.mended == "automatic" and not (fault.restore or fault.kernel_options):
        raise ValueError(f"{name}: the virtual machine is shared, so the fault says how to restore it")
    return fault


def load(lane: str = "") -> tuple[Fault, ...]:
    """All faults, or those of a lane, by name."""
    every = tuple(parse(path.stem, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml")))
    return tuple(fault for fault in every if lane in ("", fault.lane))


class Trial:
    """One host under test: asked, broken, mended. ``words`` go to every command of kvmready."""

    def __init__(self, host: Host, fault: Fault | None = None) -> None:
        self.host = host
        accept = () if isinstance(host, Machine) else ("--accel", "tcg")
        self.words = ("--user", "alice", *accept, *(fault.options if fault else ()), "--format", "json")
        self.caller = fault.caller if fault else "root"
        self.restore = fault.restore if fault else ""

    def check(self, caller: str = "") -> dict[str, Any]:
        return product.report(product.kvmready(self.host, "check", *self.words, user=caller or self.caller))

    def up(self) -> dict[str, Any]:
        done = product.kvmready(self.host, "up", "--yes", *self.words)
        assert done.status == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return product.report(done)

    def undo(self) -> None:
        product.kvmready(self.host, "undo", "--yes", "--force").check()

    def shell(self, script: str) -> None:
        self.host.run(["bash", "-ec", script], timeout=300).check()

    def healthy(self) -> Healthy:
        found = self.check("root")
        return Healthy(found["verdict"], tuple(product.causes(found)), self.peers())

    def peers(self) -> tuple[tuple[str, ...], ...]:
        """What each peer says, line by line; its own failure to run is what it says, too."""
        said = []
        for argv in _PEERS:
            done = self.host.run(list(argv), timeout=120)
            lines = (done.stdout + done.stderr).splitlines()
            said.append((*(" ".join(line.split()) for line in lines if line.strip()), f"exit {done.status}"))
        return tuple(said)


def try_fault(host: Host, fault: Fault, healthy: Healthy) -> dict[str, Any]:
    """Break the ready host, look, mend, look, take back, look; gives the row of the table. Fails by assertion."""
    trial = Trial(host, fault)
    if fault.kernel_options:
        boot(host, fault.kernel_options)
    trial.shell(fault.breaks)
    row = {
        "fault": fault.name,
        "summary": fault.summary,
        "causes": list(fault.causes),
        "mended": fault.mended,
        "lane": fault.lane,
        "peers": [changed(before, now) for before, now in zip(healthy.peers, trial.peers())],
    }
    kinds = _named(trial.check(), fault, healthy)
    if fault.kernel_options:
        boot(host, ())
    elif fault.mended != "automatic":
        trial.shell(fault.mend)
    if fault.mended == "manual":
        _ready(trial.check("root"), healthy)
        return _restored(trial, row, healthy)
    _ready(trial.up(), healthy)
    _ready(trial.check("root"), healthy)
    trial.undo()
    if fault.after_undo:
        _ready(trial.check("root"), healthy)
    else:
        undone = trial.check()
        wanted = list(fault.undone) or [cause for cause in fault.causes if kinds[cause] == "automatic"]
        assert added(undone, healthy) == wanted, _told(undone)
    return _restored(trial, row, healthy)


def boot(host: Host, words: tuple[str, ...]) -> None:
    """Shuts the virtual machine down and starts it with these words on its kernel's command line."""
    assert isinstance(host, Machine)
    host.shut_down()
    host.kernel_options = words
    host.power_on()
    host.wait_until_up()


def _restored(trial: Trial, row: dict[str, Any], healthy: Healthy) -> dict[str, Any]:
    if trial.restore:
        trial.shell(trial.restore)
        _ready(trial.check("root"), healthy)
    return row


def added(document: dict[str, Any], healthy: Healthy) -> list[str]:
    """The causes that the ready host did not have."""
    return [cause for cause in product.causes(document) if cause not in healthy.causes]


def _named(document: dict[str, Any], fault: Fault, healthy: Healthy) -> dict[str, str]:
    """Asserts that these causes are named, in their order, and no other; gives who mends each."""
    assert added(document, healthy) == list(fault.causes), _told(document)
    assert document["verdict"] == fault.verdict, _told(document)
    kinds = {
        cause["cause"]: cause["remedy"]["kind"] for cause in document["root_causes"] if cause["cause"] in fault.causes
    }
    wanted = {"automatic", "manual"} if fault.mended == "both" else {fault.mended}
    assert set(kinds.values()) == wanted, _told(document)
    assert fault.word in json.dumps(document["findings"], ensure_ascii=False), _told(document)
    return kinds


def _ready(document: dict[str, Any], healthy: Healthy) -> None:
    assert added(document, healthy) == [], _told(document)
    assert document["verdict"] == healthy.verdict, _told(document)


def _told(document: dict[str, Any]) -> str:
    """The findings that need attention, a line each, for the reader of a failed test."""
    lines = [f"verdict: {document['verdict']}", f"causes: {product.causes(document)}"]
    for found in document["findings"]:
        if found["status"] in ("fail", "warn", "unknown"):
            seen = "; ".join(f"{one['source']}: {one['text']}" for one in found["evidence"])
            lines.append(f"{found['status']} {found['check']} [{found['cause']}] {found['summary']} | {seen}"[:600])
    if document["proof"] is not None and not document["proof"]["ok"]:
        lines.append(json.dumps(document["proof"])[:2000])
    return "\n".join(lines)


def changed(before: tuple[str, ...], now: tuple[str, ...]) -> list[str]:
    """The lines that a peer did not say on the ready host: what it saw of the fault. Process numbers are left out."""
    plain = {re.sub(r"\d+", "N", line) for line in before}
    return [
        line for line in now if re.sub(r"\d+", "N", line) not in plain or (line[:5] == "exit " and line not in before)
    ]


def page(rows: list[dict[str, Any]]) -> str:
    """The table for people, in Markdown."""
    lines = [
        "# The fault matrix",
        "",
        "Each row is a real Debian 12 host that was ready and was then broken in one way. `kvmready check` named",
        "exactly this cause and no other; where `up` mends it, the host was ready again and a guest ran on it, and",
        "`undo` brought the fault back as it was; where a person mends it, the remedy was followed by hand. The peers'",
        "columns hold what `virt-host-validate qemu` and `kvm-ok` said that they had not said on the ready host:",
        "*nothing* means that they did not see the fault. Hosts of the lane *native* run at native speed on a shared",
        "kernel, with emulation accepted; those of the lane *vm* have a kernel of their own, in which KVM works.",
        "",
        "Written by `./test -n 0 tests/vm/test_faults.py --write-faults`; one file a fault in `tests/vm/faults/`.",
        "",
        "| fault | cause named | mended | virt-host-validate | kvm-ok | lane |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        seen = ["<br>".join(_cell(line) for line in said) or "*nothing*" for said in row["peers"]]
        causes = "<br>".join(f"`{cause}`" for cause in row["causes"])
        lines.append(
            f"| {_cell(row['summary'])} | {causes} | {row['mended']} | {seen[0]} | {seen[1]} | {row['lane']} |"
        )
    automatic, both = (sum(row["mended"] == mended for row in rows) for mended in ("automatic", "both"))
    blind = sum(not any(row["peers"]) for row in rows)
    lines += [
        "",
        f"{len(rows)} faults; {automatic} mended by `up`, {len(rows) - automatic - both} by hand, {both} by a person "
        f"and `up`. "
        f"In {blind} of them neither peer saw anything.",
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
