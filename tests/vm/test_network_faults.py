"""Faults of libvirt's daemon and network at once, on a real Debian 12 at native speed: named, mended, taken back.

The host is ready but for KVM (emulation is accepted). After ``undo`` the whole host is compared with what it was when
it was broken. Single faults are in ``faults/``, tried by ``test_faults.py``. Each test here leaves the host ready.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm import snapshot
from tests.vm.lab import needs, nspawn
from tests.vm.lab.nspawn import Container

ROOT = Path(__file__).resolve().parents[2]
CODE = "/opt/kvmready"
OURS = (r"/opt/kvmready(/.*)?",)
pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

DRIVER = """
import json, sys
sys.path.insert(0, "/opt/kvmready/src")
from kvmready import pipeline
from kvmready.apply import runner, undo
from kvmready.facts.names import Want
from kvmready.host.local import LocalHost

host, want = LocalHost(), Want("server", ("alice",), "tcg")

def look():
    return pipeline.look(host, want, "2026-01-01T00:00:00Z", planning="up" in sys.argv)

def causes(view):  # the machine below decides about its kernel
    return [cause.cause for cause in view.causes if cause.layer != "kernel"]

if sys.argv[1] == "undo":
    undone = undo.undo(host, force=True)
    answer = {"steps": list(undone.steps), "stays": list(undone.stays)}
else:
    view = look()
    answer = {"causes": causes(view), "plan": [step.id for step in view.plan.steps]}
    if sys.argv[1] == "up":
        run = runner.apply(host, view.plan, view.plan.id)
        answer["done"] = [outcome.step for outcome in run.outcomes if outcome.status == "done"]
        again = look()
        answer["left"] = [causes(again), len(again.plan.steps)]
        answer["again"] = runner.apply(host, again.plan, again.plan.id).id
print(json.dumps(answer))
"""

FORWARD = """
import json, sys
sys.path.insert(0, "/opt/kvmready/src")
from kvmready.host.local import LocalHost
from kvmready.plan import forward
from kvmready.plan.step import Step

host = LocalHost()
text = forward.content("DOCKER-USER", "virbr0")
commands = (("systemctl", "daemon-reload"), ("systemctl", "enable", "--", forward.UNIT),
            ("systemctl", "restart", "--", forward.UNIT))
step = Step("x", "forward", "network", "", commands, {"chain": "DOCKER-USER", "bridge": "virbr0", "content": text})
before = forward.former(host, step)
seen = [forward.done(host, step)]
for _ in range(2):
    forward.apply(host, step, lambda text: None)
    seen.append(forward.done(host, step))
rules = host.run(__import__("kvmready.host.door", fromlist=["Command"]).Command(("iptables", "-S", "DOCKER-USER")))
seen.append(rules.stdout.count("ACCEPT"))
seen.append(list(forward.undo(host, step, before, lambda text: None)))
seen.append(forward.done(host, step))
print(json.dumps(seen))
"""

MODULAR = """
mkdir -p /run/libvirt
printf '#!/bin/sh\\nexec sleep infinity\\n' > /usr/sbin/virtqemud; chmod 755 /usr/sbin/virtqemud
cd /etc/systemd/system
for name in virtqemud virtnetworkd virtstoraged virtnodedevd virtnwfilterd virtsecretd virtproxyd; do
printf '[Socket]\\nListenStream=/run/test-%s-sock\\n[Install]\\nWantedBy=sockets.target\\n' $name > $name.socket
printf '[Service]\\nExecStart=/usr/sbin/virtqemud\\n' > $name.service
done
systemctl daemon-reload
systemctl enable --now virtqemud.socket virtnetworkd.socket virtstoraged.socket
"""
MODULAR_GONE = """
systemctl disable --now virtqemud.socket virtnetworkd.socket virtstoraged.socket
systemctl stop virtqemud.service virtnetworkd.service virtstoraged.service
rm -f /usr/sbin/virtqemud /etc/systemd/system/virt{qemu,network,storage,nodedev,nwfilter,secret,proxy}d.{socket,service}
systemctl daemon-reload
"""


BREAKS = (
    "mv /usr/share/polkit-1/rules.d/60-libvirt.rules /root/",
    MODULAR,
    "sysctl -qw net.ipv4.ip_forward=0",
    "mkdir -p /etc/qemu; echo 'allow br0' > /etc/qemu/bridge.conf",
)
CAUSES = ["libvirt.mixed-daemons", "libvirt.polkit-denied", "network.forwarding-off", "network.bridge-helper"]
STEPS = {"libvirt.mixed-daemons", "libvirt.polkit", "network.forwarding-off", "network.bridge-helper"}
RESTORE = (
    "mv /root/60-libvirt.rules /usr/share/polkit-1/rules.d/",
    MODULAR_GONE,
    "sysctl -qw net.ipv4.ip_forward=1",
    "rm -r /etc/qemu",
)


@pytest.fixture(scope="module")
def host() -> Iterator[Container]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with nspawn.start("network-faults", "ready", kvm="null") as container:
        container.copy(ROOT / "src", f"{CODE}/src")
        container.write(f"{CODE}/driver.py", DRIVER)
        container.write(f"{CODE}/forward.py", FORWARD)
        ready = kvmready(container, "check")
        assert (ready["causes"], ready["plan"]) == ([], []), ready
        yield container


def kvmready(host: Container, verb: str) -> dict[str, Any]:
    done = host.run(["python3", "-B", f"{CODE}/driver.py", verb], timeout=300).check()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def shell(host: Container, scripts: tuple[str, ...]) -> None:
    host.run(["bash", "-c", "\n".join(scripts)], timeout=120)


def look(host: Container) -> dict[str, Any]:
    return snapshot.parse(host.run(["python3", "-I", "-"], input=snapshot.program(), timeout=300).check().stdout)


def test_faults_that_have_nothing_to_do_with_each_other_are_named_mended_and_taken_back(host: Container) -> None:
    shell(host, BREAKS)
    try:
        before = look(host)
        found = kvmready(host, "up")
        assert found["causes"] == CAUSES, found
        assert set(found["done"]) >= STEPS, found
        assert found["left"] == [[], 0], found
        assert found["again"] == ""
        assert kvmready(host, "undo")["stays"] == []
        assert snapshot.differences(before, look(host), OURS) == []
    finally:
        shell(host, RESTORE)


def test_a_policy_of_docker_that_libvirts_own_rules_pass_is_no_fault(host: Container) -> None:
    """Debian 12's libvirt writes its rules with iptables, into the table whose policy Docker sets.

    The host is ready again after all faults; the rules of the step for other hosts are put in and taken out as well.
    """
    shell(host, ("iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER",))
    try:
        assert kvmready(host, "check")["causes"] == []
        before = look(host)
        done = host.run(["python3", "-B", f"{CODE}/forward.py"], timeout=120).check()
        assert json.loads(done.stdout) == [False, True, True, 2, [], False]
        assert snapshot.differences(before, look(host), OURS) == []
    finally:
        shell(host, ("iptables -P FORWARD ACCEPT; iptables -D FORWARD -j DOCKER-USER; iptables -X DOCKER-USER",))
