"""The subnet and the path of a configuration file, in a real libvirtd: planned, carried out, seen, and taken back.

libvirtd runs in mount, network and process namespaces of its own; what it makes there is gone with them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("unshare", "libvirtd", "virtlogd", "virsh", "ip", "dnsmasq", "iptables")
MISSING = [name for name in PROGRAMS if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it makes namespaces and starts libvirtd"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}"),
]

SOURCE = Path(__file__).resolve().parents[3] / "src"

IN_NAMESPACE = """
set -eu
mount --make-rprivate /
mount --bind /dev/null /dev/kvm 2>/dev/null || true
mount -t tmpfs none /run
mkdir "$WORK/etc" "$WORK/lib" "$WORK/cache"
cp -a /etc/libvirt/. "$WORK/etc"
rm -rf "$WORK/etc/storage" "$WORK/etc/qemu/networks"
mount --bind "$WORK/etc" /etc/libvirt
mount --bind "$WORK/lib" /var/lib/libvirt
mount --bind "$WORK/cache" /var/cache/libvirt
ip link set lo up
virtlogd & logger=$!
libvirtd & daemon=$!
trap 'kill $daemon $logger; wait' EXIT
n=0
until virsh -q -c qemu:///system uri >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 60 ]; sleep 0.5; done
"$PYTHON" -c "$WORKS"
"""

WORKS = """
import json, os, sys
from kvmready import pipeline
from kvmready.cli import parser, session
from kvmready.host.local import LocalHost
from kvmready.plan.kinds import KINDS

host, work = LocalHost(), os.environ["WORK"]
want = session.want(parser.parse(["up", "--accel", "tcg", "--config", work + "/host.toml"]), host)
kinds = ("network", "pool")


def look():
    view = pipeline.look(host, want, "2026-01-01T00:00:00Z")
    findings = {f.check: [f.status, f.cause] for f in view.findings if f.layer in ("network", "storage")}
    return [step for step in view.plan.steps if step.kind in kinds], findings


def seen():
    # Of libvirt itself, without our code.
    import subprocess
    ask = lambda *words: subprocess.run(("virsh", "-q", "-c", "qemu:///system", *words), capture_output=True, text=True)
    return {"network": ask("net-dumpxml", "default").stdout, "networks": ask("net-list", "--all").stdout,
            "pool": ask("pool-dumpxml", "default").stdout, "pools": ask("pool-list", "--all").stdout,
            "addresses": subprocess.run(("ip", "-4", "-o", "address"), capture_output=True, text=True).stdout,
            "folders": sorted(os.listdir(work))}


steps, before = look()
formers = [KINDS[step.kind].former(host, step) for step in steps]
for step in steps:
    KINDS[step.kind].apply(host, step, print)
made = seen()
done = [KINDS[step.kind].done(host, step) for step in steps]
again, after = look()
for step, former in reversed(list(zip(steps, formers))):
    KINDS[step.kind].undo(host, step, former, print)
print(json.dumps({"steps": [step.id for step in steps], "before": before, "made": made, "done": done,
                  "again": [step.id for step in again], "after": after, "undone": seen()}))
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("wanted")
    return folder


@pytest.fixture(scope="module")
def told(work: Path) -> dict[str, Any]:
    (work / "host.toml").write_text(
        f'users = ["root"]\nnetwork.subnet = "10.77.5.0/24"\n[storage]\npath = "{work}/deep/er/guests"\n'
    )
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C",
        "WORK": str(work),
        "PYTHON": sys.executable,
        "PYTHONPATH": str(SOURCE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "WORKS": WORKS,
    }
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", IN_NAMESPACE],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(lines[0])
    return found


def test_libvirt_has_what_the_file_wants(told: dict[str, Any], work: Path) -> None:
    assert told["steps"] == ["network.default-network", "storage.default-pool"]
    made = told["made"]
    assert "<ip address='10.77.5.1' netmask='255.255.255.0'>" in made["network"]
    assert " 10.77.5.1/24 " in made["addresses"]
    assert f"<path>{work}/deep/er/guests</path>" in made["pool"]
    assert "active" in made["pools"] and "active" in made["networks"]


def test_it_is_found_as_it_shall_be(told: dict[str, Any]) -> None:
    assert told["before"]["network.default-network"] == ["fail", "network.default-undefined"]
    assert told["done"] == [True, True] and told["again"] == []
    for check in ("network.subnet", "network.default-network", "storage.default-pool", "storage.pool-autostart"):
        assert told["after"][check] == ["pass", ""], check


def test_it_is_taken_back(told: dict[str, Any]) -> None:
    undone = told["undone"]
    assert undone["network"] == undone["pool"] == undone["pools"] == undone["networks"] == ""
    assert "10.77.5.1" not in undone["addresses"]
    assert "deep" in told["made"]["folders"] and "deep" not in undone["folders"]
