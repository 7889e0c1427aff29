"""The fleet's figures: 50 loopback hosts against ``ansible -m ping``, ready hosts against a role, 10,000 recorded ones.

What is compared runs in turn, on the same hosts and with the same forks; each run makes its ssh connections anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import loopback, timing

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ROLE = HERE / "role.yml"
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
FORKS = 10
WANTED = ("--user", "alice", "--accel", "tcg")
KINDS = ("role", "up", "look")
TUNED = {"ANSIBLE_PIPELINING": "True", "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3"}
"""What makes ``ansible -m ping`` as fast as it can be: one command for each host, and no search for its Python."""


class Run(NamedTuple):
    wall: float
    cpu: float


class Controller:
    """Runs Ansible and kvmready for one inventory, with a home of their own; with ``lead`` before all else."""

    def __init__(self, folder: Path, inventory: Path, lead: bool) -> None:
        self.folder = folder
        self.inventory = inventory
        self._lead = ["chrt", "--rr", "10"] if lead else []
        self._runs = 0
        self._home = folder / "home"
        self._home.mkdir()

    def run(self, argv: Sequence[str], more: Mapping[str, str], status: int = 0) -> Run:
        """One run, over connections of its own. Raises RuntimeError where it ends otherwise than it should."""
        self._runs += 1
        sockets = self.folder / f"c{self._runs}"
        sockets.mkdir()
        settings = {**self.environment, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets), **more}
        command = [*self._lead, "env", *(f"{name}={value}" for name, value in settings.items()), *argv]
        wall, cpu, _memory, ended = timing.once(command)
        for socket in sockets.iterdir():
            close = ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "-"]
            subprocess.run(close, capture_output=True, timeout=60, check=False)
        if ended != status:
            raise RuntimeError(f"{' '.join(argv)} ended with {ended}, not {status}")
        return Run(wall, cpu)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self._home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "LC_ALL": "C.UTF-8",
        }

    def ping(self, more: Mapping[str, str]) -> Run:
        return self.run(["ansible", "-i", str(self.inventory), "all", "-m", "ping", "-f", str(FORKS)], more)

    def role(self, more: Mapping[str, str]) -> Run:
        return self.run(["ansible-playbook", "-i", str(self.inventory), "-f", str(FORKS), str(ROLE)], more)

    def fleet(self, words: Sequence[str], more: Mapping[str, str], status: int) -> tuple[Run, list[dict[str, Any]]]:
        """A fleet command and the rows of its record."""
        records = self.folder / f"records{self._runs}"
        options = ["-i", str(self.inventory), "--forks", str(FORKS), "--runs", str(records)]
        done = self.run([sys.executable, "-m", "kvmready", "fleet", *words, *options], more, status)
        (index,) = records.glob("*/index.json")
        rows: list[dict[str, Any]] = json.loads(index.read_text(encoding="utf-8"))["rows"]
        return done, rows


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A short path: those of the sockets of connections are limited."""
    with tempfile.TemporaryDirectory(prefix="kb-", dir="/tmp") as name:
        yield Path(name)


def say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def middle(runs: Sequence[Run]) -> Run:
    return Run(median(run.wall for run in runs), median(run.cpu for run in runs))


def shown(run: Run) -> str:
    return f"{run.wall:.1f} s, CPU {run.cpu:.1f} s"


def check(table: Any, hosts: int, rounds: int, lead: bool) -> None:
    """``fleet check`` of fresh hosts, with the program there already or not, against ``ansible -m ping``."""
    from tests.vm.lab import bases

    trees = bases.trees("fresh")
    seen: dict[str, list[Run]] = {"ping": [], "tuned": [], "cold": [], "warm": []}
    with _folder() as folder, loopback.start(trees.base.tree, trees.base.key, hosts) as fleet:
        if lead:
            fleet.lead()
        controller = Controller(folder, fleet.inventory, lead)
        forget = ["ansible", "-i", str(fleet.inventory), "all", "-m", "raw", "-f", str(FORKS)]
        for number in range(rounds + 1):
            controller.run([*forget, "-a", "rm -rf /var/cache/kvmready"], {})
            for name in seen:
                if name in ("cold", "warm"):
                    run, rows = controller.fleet(["check", *WANTED], {}, 1)
                    answered = [row for row in rows if row["layers"]]
                    if len(answered) != hosts:
                        raise RuntimeError(f"of {hosts} hosts {len(answered)} sent a report: {rows[0]}")
                else:
                    run = controller.ping(TUNED if name == "tuned" else {})
                if number:  # the first round warms the machine's caches
                    seen[name].append(run)
                say(f"{name}: {shown(run)}")
    found = {name: middle(runs) for name, runs in seen.items()}
    for name, what in (("cold", "first run: the program is brought"), ("warm", "later runs")):
        for peer, told, target in (
            ("ping", "`ansible -m ping`", "≤ 1.5"),
            ("tuned", "the same with pipelining, the Python named", "–"),
        ):
            table.add(
                f"`fleet check`, {hosts} sshd, {what}", shown(found[name]), f"{shown(found[peer])} {told}",
                f"{found[name].wall / found[peer].wall:.2f}", target,
            )  # fmt: skip


def up(table: Any, hosts: int, rounds: int, lead: bool) -> None:
    """``fleet up`` with nothing to do, its proofs included, against a role's task list with nothing to do."""
    from tests.vm import debs
    from tests.vm.lab import nspawn

    settings = {name: {"ANSIBLE_PIPELINING": name} for name in ("False", "True")}
    seen: dict[tuple[str, str], list[Run]] = {(what, name): [] for name in settings for what in KINDS}
    with contextlib.ExitStack() as stack, _folder() as folder:
        fleet = [stack.enter_context(nspawn.launch("bench-fleet", "ready", kvm="absent")) for _number in range(hosts)]
        for host in fleet:
            host.wait_until_up(300)
            debs.install(host, "ready", "python3-apt")  # for the module apt
            if lead and host.process is not None:
                loopback.rank(host.process.pid)
        key = [host.read("/etc/ssh/ssh_host_ed25519_key.pub") for host in fleet]
        known = folder / "known_hosts"
        known.write_text("".join(f"{host.address} {public}" for host, public in zip(fleet, key)), encoding="utf-8")
        lines = [f"{host.name} ansible_host={host.address}" for host in fleet]
        lines += ["", "[all:vars]", "ansible_user=root", f"ansible_ssh_private_key_file={fleet[0].key}"]
        lines += [f"ansible_ssh_common_args=-o UserKnownHostsFile={known} -o HostKeyAlgorithms=ssh-ed25519"]
        inventory = folder / "hosts.ini"
        inventory.write_text("\n".join(lines) + "\n", encoding="utf-8")
        controller = Controller(folder, inventory, lead)
        controller.role({})  # what is missing for either is done before
        controller.fleet(["up", "--yes", *WANTED], {}, 0)
        _unchanged(controller)
        for _round in range(rounds):
            for what, name in seen:
                if what == "role":
                    run = controller.role(settings[name])
                else:
                    how = "--yes" if what == "up" else "--dry-run"
                    run, rows = controller.fleet(["up", how, *WANTED], settings[name], 0)
                    if len(rows) != hosts or any(row["changed"] for row in rows):
                        raise RuntimeError(f"up found something to do: {rows}")
                seen[what, name].append(run)
                say(f"{what}, pipelining {name}: {shown(run)}")
    for name, told in (("False", "off, as Ansible has it"), ("True", "on")):
        role, ours, looked = (middle(seen[what, name]) for what in KINDS)
        table.add(
            f"`fleet up` with nothing to do, {hosts} ready hosts, with a guest on each, pipelining {told}", shown(ours),
            f"{shown(role)} a role's tasks", f"{role.wall / ours.wall:.1f} × faster", "≥ 5 ×",
        )  # fmt: skip
        table.add("the same without the guests, which a role does not run: `--dry-run`", shown(looked),
                  "the same role", f"{role.wall / looked.wall:.1f} × faster", "–")  # fmt: skip


def _unchanged(controller: Controller) -> None:
    """Raises RuntimeError where the role still changes a host."""
    said = subprocess.run(
        ["ansible-playbook", "-i", str(controller.inventory), str(ROLE)],
        env={**os.environ, **controller.environment}, capture_output=True, text=True, timeout=1200, check=True,
    ).stdout  # fmt: skip
    recap = said.partition("PLAY RECAP")[2]
    if not recap or any("changed=0" not in line for line in recap.splitlines()[1:] if " : " in line):
        raise RuntimeError(f"the role changed something:\n{recap}")
    say(recap.splitlines()[1])


def recorded(table: Any, hosts: int) -> None:
    """What a fleet of recorded hosts takes: memory while they report, and its page in a browser."""
    with _folder() as folder:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        runs, most, page = folder / "runs", folder / "most", folder / "fleet.html"

        def fleet(*words: str) -> tuple[float, float]:
            """MiB and seconds."""
            argv = [sys.executable, "-m", "bench.recorded", str(hosts), str(most), *words, "--runs", str(runs)]
            began = time.perf_counter()
            with page.open("wb") as out:
                done = subprocess.run(
                    argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                    timeout=1800, check=False,
                )  # fmt: skip
            if done.returncode != 1:  # not every recorded host is ready
                raise RuntimeError(done.stderr.decode("utf-8", "replace")[-2000:])
            return float(most.read_text()), time.perf_counter() - began

        count = f"{hosts:,} recorded hosts"
        for verb in (["check"], ["up", "--dry-run"]):
            memory, seconds = fleet(*verb, "-i", "recorded,")
            name = f"memory of `fleet {' '.join(verb)}`, {count}, without Ansible's own"
            table.add(name, f"{memory:.0f} MiB ({seconds:.0f} s)", "–", "–", "≤ 300 MiB")
        for format_ in ("json", "junit", "csv", "markdown", "text", "html"):
            memory, seconds = fleet("report", "--format", format_)
            say(f"report --format {format_}: {memory:.0f} MiB, {seconds:.1f} s")
        table.add(f"memory of `fleet report --format html`, {count}", f"{memory:.0f} MiB", "–", "–", "≤ 300 MiB")
        table.add(f"the page of {count}", f"{page.stat().st_size / 1e6:.2f} MB", "–", "–", "≤ 15 MiB")
        table.add("its opening in Chromium, until it is drawn", f"{_opened(page, hosts):.2f} s", "–", "–", "≤ 3 s")


def _opened(page: Path, hosts: int, times: int = 5) -> float:
    """Seconds, the median of several browsers, until the page has loaded and two frames of it were drawn."""
    from playwright.sync_api import sync_playwright

    drawn = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    seconds = []
    with sync_playwright() as tools:
        for _number in range(times):
            browser = tools.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            began = time.perf_counter()
            tab.goto(page.as_uri())
            tab.evaluate(drawn)
            seconds.append(time.perf_counter() - began)
            if f"{hosts:,}" not in tab.content() and str(hosts) not in tab.content():
                raise RuntimeError("the page says nothing of its hosts")
            browser.close()
    return median(seconds)
