"""The benchmarks: ``python3 -m bench``. Each figure stands beside a peer measured in the same run, as a ratio.

    python3 -m bench host DIR     on this machine, for the checkout in DIR (its .venv must exist)
    python3 -m bench lab          in fresh hosts of the test lab (tests/vm/lab): fresh, after up, and up itself;
                                  --keep DIR keeps what up printed there
    python3 -m bench linux        in a ready host of the lab: prove --level linux against plain QEMU, the same kernel

    python3 -m bench fleet        many hosts: against Ansible's own commands, and recorded ones; see bench/fleet.py;
                                  --only check|up|recorded, --hosts, --ready, --recorded, --rounds

    --lead                        what is timed runs before all else on the machine, which may then be busy (root)

The table is Markdown. Medians of whole commands; ``bench/timing.py`` does the timing, also inside the hosts. CPU is
that of a command with all its children: on a busy machine it says more than the time that passed.

A check counts where it was answered: status pass, warn or fail. What was skipped, blocked or could not be asked does
not. A line of virt-host-validate counts where it ends in PASS, WARN or FAIL.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CODE = "/opt/kvmready"
DAEMONS = ("systemd", "dbus-daemon", "libvirtd", "virtlogd")
"""What answers a check's questions, or virt-host-validate's."""
LEAD = False
"""Whether what is timed, but for ``up``, runs before everything else on the machine: ``--lead``."""

PACKAGES = (
    "qemu-system-x86", "qemu-utils", "libvirt-daemon-system", "libvirt-clients", "virtinst", "dnsmasq-base",
    "python3-libvirt", "ovmf", "swtpm-tools",
)  # fmt: skip

PROBE = """
import sys, time
sys.path.insert(0, sys.argv[1] + "/src")
from kvmready.guest.probe import probe
times = []
for _ in range(9):
    started = time.perf_counter()
    answer = probe()
    times.append(time.perf_counter() - started)
assert answer["ok"], answer
print(sorted(times)[4])
"""

Run = Callable[[Sequence[str], str], str]
"""Runs argv with standard input on the host that is measured; returns its standard output."""


class Table:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str, str]] = []

    def add(self, what: str, value: str, peer: str, ratio: str, target: str) -> None:
        self.rows.append((what, value, peer, ratio, target))
        print(f"| {what} | {value} | {peer} | {ratio} | {target} |", flush=True)

    @staticmethod
    def head() -> None:
        print("| what | kvmready | peer | ratio | target |\n|---|---|---|---|---|", flush=True)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def took(seen: dict[str, Any]) -> str:
    return f"{ms(seen['median'])}, CPU {ms(seen['cpu'])}"


def check(run: Run, code: str, state: str, limit: int, table: Table) -> None:
    """``check`` against bare Python and, where it is there, virt-host-validate."""
    commands = {
        "check": [f"{code}/kvmready", "check", "--format", "json"],
        "python": [f"{code}/.venv/bin/python", "-I", "-c", "pass"],
    }
    if "yes" in run(["sh", "-c", "command -v virt-host-validate >/dev/null && echo yes || echo no"], ""):
        commands["validate"] = ["virt-host-validate", "-q", "qemu"]
    seen = timed(run, commands, 15)
    ours, bare = seen["check"], seen["python"]
    table.add(
        f"`check --format json`, {state}", took(ours), f"{took(bare)} bare Python",
        f"{ours['median'] / bare['median']:.1f}", f"≤ {limit}",
    )  # fmt: skip
    if "validate" in seen:
        document = json.loads(run(commands["check"], ""))
        count = len([f for f in document["findings"] if f["status"] in ("pass", "warn", "fail")])
        lines = len(re.findall(r": (?:PASS|WARN|FAIL)\b", run(["virt-host-validate", "qemu"], "")))
        own, peer = ours["median"] / count, seen["validate"]["median"] / max(lines, 1)
        table.add(
            f"the same per answered check ({count}; its lines: {lines})", f"{own * 1000:.1f} ms",
            f"{peer * 1000:.1f} ms `virt-host-validate` ({ms(seen['validate']['median'])})", f"{own / peer:.2f}", "< 1",
        )  # fmt: skip
    table.add(
        f"its peak memory, {state}", f"{ours['mib']:.0f} MiB", f"{bare['mib']:.0f} MiB bare Python", "–", "≤ 40 MiB"
    )


def timed(run: Run, commands: dict[str, list[str]], runs: int = 9) -> dict[str, Any]:
    order = json.dumps({"runs": runs, "commands": commands, **({"first": DAEMONS} if LEAD else {})})
    said = run(["python3", "-c", (HERE / "timing.py").read_text(encoding="utf-8")], order)
    result: dict[str, Any] = json.loads(said)
    return result


def probe(run: Run, code: str, where: str, table: Table) -> None:
    lead = ["chrt", "-r", "10"] if LEAD else []
    seconds = float(run([*lead, f"{code}/.venv/bin/python", "-I", "-c", PROBE, code], ""))
    table.add(f"functional probe in process, {where}", f"{seconds * 1000:.1f} ms", "–", "–", "≤ 5 ms")


def prove(run: Run, code: str, accel: str, where: str, table: Table) -> None:
    """``prove --level qemu`` against bare QEMU: the proof's own command line, with a boot sector made beforehand."""
    folder = run(["mktemp", "-d"], "").strip()
    write = (
        "import json, sys; sys.path.insert(0, sys.argv[1] + '/src')\n"
        "from kvmready.guest.bootsector import image\n"
        "from kvmready.proof.qemu import command_line\n"
        "open(sys.argv[2], 'wb').write(image('0123456789abcdef', 7))\n"
        "print(json.dumps(command_line('qemu-system-x86_64', sys.argv[3], sys.argv[2])))"
    )
    bare = json.loads(run([f"{code}/.venv/bin/python", "-I", "-c", write, code, f"{folder}/disk", accel], ""))
    commands = {"prove": [f"{code}/kvmready", "prove", "--level", "qemu", "--accel", accel], "qemu": bare}
    seen = timed(run, commands, 5)
    run(["rm", "-r", folder], "")
    table.add(
        f"`prove --level qemu --accel {accel}`, {where}", took(seen["prove"]), f"{took(seen['qemu'])} bare QEMU",
        f"{seen['prove']['median'] / seen['qemu']['median']:.2f}", "≤ 1.2",
    )  # fmt: skip


def here(code: str) -> None:
    def run(argv: Sequence[str], text: str) -> str:
        return subprocess.run(argv, input=text, stdout=subprocess.PIPE, text=True, timeout=900, check=False).stdout

    table = Table()
    table.head()
    check(run, code, "this machine", 10, table)
    probe(run, code, "this machine", table)
    for accel in ("tcg", "kvm"):
        prove(run, code, accel, "this machine", table)


def lab(keep: Path | None) -> None:
    """Two fresh hosts at native speed, KVM out of reach: one gets the packages by apt-get alone, one by ``up``."""
    sys.path.insert(0, str(HERE.parent))
    from tests.vm.lab import nspawn

    table = Table()
    with nspawn.start("bench", kvm="absent") as host:
        host.copy(HERE.parent, CODE)

        def run(argv: Sequence[str], text: str) -> str:
            done = host.run(argv, input=text, timeout=1800)
            if not done.stdout:
                sys.stderr.write(done.stderr)
            return done.stdout

        run([f"{CODE}/kvmready", "--version"], "")
        table.head()
        check(run, CODE, "no libvirt", 6, table)
        argv = [f"{CODE}/kvmready", "up", "--yes", "--user", "alice", "--accel", "tcg", "--format", "json"]
        started = time.perf_counter()
        worked = host.run(argv, timeout=1800)
        up = time.perf_counter() - started
        if keep is not None:
            (keep / "up.json").write_text(worked.stdout, encoding="utf-8")
            (keep / "up.progress").write_text(worked.stderr, encoding="utf-8")
        document = json.loads(worked.stdout)
        proof = sum(step["seconds"] or 0 for step in document["proof"]["steps"])
        check(run, CODE, "ready host", 10, table)
        again, repeated = clocked(run, argv)
        prove(run, CODE, "tcg", "ready host", table)
    with nspawn.start("bench-apt", kvm="absent") as host:
        apt = ["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c",
               'apt-get update && apt-get install --yes --no-install-recommends "$@"', "sh", *PACKAGES]  # fmt: skip
        alone, _said = clocked(lambda argv, text: host.run(argv, input=text, timeout=1800).stdout, apt)
    table.add("`up` on a fresh host, without its proof", ms(up - proof), f"{ms(alone)} apt-get alone",
              f"{(up - proof) / alone:.2f}", "≤ 1.05")  # fmt: skip
    table.add("the proof at its end", ms(proof), "–", "–", "–")
    idle = again - sum(step["seconds"] or 0 for step in json.loads(repeated)["proof"]["steps"])
    table.add("`up` with nothing to do, without its proof", ms(idle), "–", "–", "≤ 1.5 s")


LINUX = """set -eu
kernel=$(ls /boot/vmlinuz-*-cloud-amd64 | head -n 1)
release=$(uname -r)
ln -sf "$kernel" "/boot/vmlinuz-$release"
ln -sfn "${kernel#/boot/vmlinuz-}" "/lib/modules/$release"
mkdir -p /etc/qemu
echo 'allow virbr0' > /etc/qemu/bridge.conf
"""
"""A host at native speed runs the machine's own kernel, which it has no files of: it is given its base's."""


def linux(rounds: int = 5) -> None:
    """The steps of level linux against plain QEMU that boots the same kernel on the same network, in turn."""
    sys.path.insert(0, str(HERE.parent))
    from statistics import median

    from tests.vm.lab import nspawn

    table = Table()
    with nspawn.start("bench-linux", "ready", kvm="absent") as host:
        host.copy(HERE.parent, CODE)
        host.run([f"{CODE}/kvmready", "--version"], timeout=600).check()
        host.run(["sh", "-c", LINUX]).check()
        prove = [
            f"{CODE}/kvmready",
            "prove",
            "--level",
            "linux",
            "--accel",
            "tcg",
            "--user",
            "alice",
            "--format",
            "json",
        ]
        bare = [f"{CODE}/.venv/bin/python", f"{CODE}/bench/bare_linux.py", CODE, "tcg"]
        ours: list[float] = []
        plain: list[float] = []
        for _number in range(rounds):
            steps = json.loads(host.run(prove, timeout=600).check().stdout)["proof"]["steps"]
            ours.append(sum(step["seconds"] for step in steps if step["id"].startswith("linux.")))
            plain.append(float(host.run(bare, timeout=600).check().stdout.split()[0]))
    table.head()
    table.add(
        "the Linux proof (tcg), with its volumes, figures and removal", ms(median(ours)),
        f"{ms(median(plain))} bare QEMU", f"{median(ours) / median(plain):.2f}", "≤ 1.3",
    )  # fmt: skip


def fleet(parsed: argparse.Namespace) -> None:
    sys.path.insert(0, str(HERE.parent))
    sys.path.insert(0, str(HERE.parent / "src"))
    from bench import fleet as many

    table = Table()
    table.head()
    if parsed.only in (None, "check"):
        many.check(table, parsed.hosts, parsed.rounds, LEAD)
    if parsed.only in (None, "up"):
        many.up(table, parsed.ready, parsed.rounds, LEAD)
    if parsed.only in (None, "recorded"):
        many.recorded(table, parsed.recorded)


def clocked(run: Run, argv: Sequence[str]) -> tuple[float, str]:
    started = time.perf_counter()
    said = run(argv, "")
    return time.perf_counter() - started, said


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    where = parser.add_subparsers(dest="where", required=True)
    where.add_parser("host").add_argument("code", type=Path)
    where.add_parser("lab").add_argument("--keep", type=Path)
    where.add_parser("linux")
    many = where.add_parser("fleet")
    many.add_argument("--only", choices=("check", "up", "recorded"))
    for name, default in (("--hosts", 50), ("--ready", 4), ("--recorded", 10_000), ("--rounds", 3)):
        many.add_argument(name, type=int, default=default)
    for one in where.choices.values():
        one.add_argument("--lead", action="store_true")
    parsed = parser.parse_args()
    global LEAD
    LEAD = parsed.lead
    if parsed.where == "linux":
        linux()
    elif parsed.where == "fleet":
        fleet(parsed)
    elif parsed.where == "lab":
        lab(parsed.keep)
    else:
        here(str(parsed.code.resolve()))


if __name__ == "__main__":
    main()
