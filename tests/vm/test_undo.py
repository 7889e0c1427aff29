"""Plans carried out and taken back on a real Debian 12 at native speed, where things stand in the way.

The host is not empty: a person has a group, files and a network where libvirt's own would go. Apt is killed in the
middle, guests are defined, a later package needs a library. The whole host is compared before and after. The tests
build on each other, in the order of this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm import snapshot
from tests.vm.lab import needs, nspawn, recipe
from tests.vm.lab.nspawn import Container
from tests.vm.lab.remote import Result

ROOT = Path(__file__).resolve().parents[2]
CODE = "/opt/kvmready"
OURS = (r"/opt/kvmready(/.*)?",)
VIRSH = ["virsh", "-c", "qemu:///system"]

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]

DRIVER = """
import json, sys
sys.path.insert(0, "/opt/kvmready/src")
from kvmready import pipeline
from kvmready.apply import runner, undo
from kvmready.errors import KvmreadyError
from kvmready.facts.names import Want
from kvmready.host.local import LocalHost

def say(event):
    print(event.kind, event.step, event.text, file=sys.stderr, flush=True)

host, want = LocalHost(), Want("server", ("alice",), "tcg")
try:
    if sys.argv[1] == "up":
        plan = pipeline.look(host, want, "2026-01-01T00:00:00Z", planning=True).plan
        run = runner.apply(host, plan, plan.id, notify=say)
        again = pipeline.look(host, want, "2026-01-01T00:00:00Z", planning=True)
        steps = [[outcome.step, outcome.status] for outcome in run.outcomes]
        answer = {"steps": steps, "resumed": run.resumed, "verdict": again.verdict, "left": len(again.plan.steps)}
    else:
        undone = undo.undo(host, notify=say, force="--force" in sys.argv)
        answer = {"steps": list(undone.steps), "stays": list(undone.stays)}
except KvmreadyError as error:
    answer = {"error": str(error)}
print(json.dumps(answer))
"""

POWER_CUT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-B", "/opt/kvmready/driver.py", "up"], stderr=subprocess.PIPE, text=True)
for line in child.stderr:
    if sys.argv[1] in line:
        break
child.kill()
for name in ("apt-get", "dpkg"):
    subprocess.run(["pkill", "-KILL", "-x", name])
print(child.wait(), line)
time.sleep(1)
print(subprocess.run(["dpkg", "--audit"], capture_output=True, text=True).stdout)
"""

IN_THE_WAY = """set -eu
groupadd -g 1500 libvirt
usermod -aG libvirt bob
mkdir -p /etc/libvirt /var/lib/libvirt/images
chmod 700 /var/lib/libvirt/images
echo '# by hand' > /etc/libvirt/qemu.conf
chmod 640 /etc/libvirt/qemu.conf
echo mine > /etc/libvirt/mine.conf
echo disk > /var/lib/libvirt/images/mine.img
ip link add br9 type bridge
ip addr add 192.168.122.5/24 dev br9
ip link set br9 up
"""

OUT_OF_THE_WAY = """set -eu
rm -r /etc/libvirt /var/lib/libvirt
groupdel libvirt
ip link del br9
"""

GUEST = "<domain type='qemu'><name>my guest</name><memory>1000</memory><os><type>hvm</type></os></domain>"

LATER = """set -eu
mkdir -p /tmp/later/DEBIAN
cat > /tmp/later/DEBIAN/control <<END
Package: later
Version: 1
Architecture: all
Maintainer: x <x@example.org>
Depends: qemu-utils
Description: x
END
dpkg-deb --build /tmp/later /tmp/later.deb
dpkg -i /tmp/later.deb
rm -r /tmp/later /tmp/later.deb
"""

UNITS_OFF = """set -eu
systemctl disable --now libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
systemctl mask --now virtlogd.socket virtlogd.service
systemctl disable --now virtlockd.socket
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Container]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with nspawn.start("undo", kvm="null") as container:
        container.copy(ROOT / "src", f"{CODE}/src")
        container.write(f"{CODE}/driver.py", DRIVER)
        container.run(["apt-get", "update"]).check()
        yield container


def shell(host: Container, script: str) -> Result:
    return host.run(["sh", "-c", script], timeout=300).check()


def kvmready(host: Container, *words: str) -> dict[str, Any]:
    done = host.run(["python3", "-B", f"{CODE}/driver.py", *words], timeout=900)
    assert done.status == 0, done
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def look(host: Container) -> dict[str, Any]:
    return snapshot.parse(host.run(["python3", "-I", "-"], input=snapshot.program(), timeout=300).check().stdout)


def test_killed_with_apt_in_the_middle_carried_on_and_taken_back_around_what_was_there(host: Container) -> None:
    shell(host, IN_THE_WAY)
    before = look(host)
    cut = host.run(["python3", "-B", "-c", POWER_CUT, "Setting up libvirt-daemon-config"], timeout=600).check()
    assert cut.stdout.startswith("-9"), cut
    assert "not yet configured" in cut.stdout, cut
    resumed = kvmready(host, "up")
    assert (resumed["resumed"], resumed["left"]) == (True, 0), resumed
    assert resumed["steps"][0] == ["packages.repair", "done"]
    assert "192.168.123.1" in host.run([*VIRSH, "net-dumpxml", "default"]).check().stdout
    assert host.read("/etc/libvirt/qemu.conf") == "# by hand\n"
    undone = kvmready(host, "undo")
    assert undone["stays"] == []
    assert snapshot.differences(before, look(host), OURS) == []
    shell(host, OUT_OF_THE_WAY)


def test_guests_and_what_later_packages_need_are_kept(host: Container) -> None:
    before = look(host)
    done = kvmready(host, "up")
    assert (done["resumed"], done["left"]) == (False, 0), done
    changed = look(host)
    assert kvmready(host, "up")["steps"] == []
    assert snapshot.differences(changed, look(host), OURS) == []
    host.write("/tmp/guest.xml", GUEST)
    host.run([*VIRSH, "define", "/tmp/guest.xml"]).check()
    host.write("/var/lib/libvirt/images/guest.qcow2", "disk")
    shell(host, LATER)
    with_guest = look(host)
    assert "my guest" in kvmready(host, "undo")["error"]
    assert snapshot.differences(with_guest, look(host), OURS) == []
    stays = kvmready(host, "undo", "--force")["stays"]
    assert any("qemu-utils" in sentence and "libvirt-daemon" not in sentence for sentence in stays), stays
    assert any("/etc/libvirt/qemu/my guest.xml" in sentence for sentence in stays), stays
    assert any("/var/lib/libvirt/images/guest.qcow2" in sentence for sentence in stays), stays
    assert host.read("/var/lib/libvirt/images/guest.qcow2") == "disk"
    host.run(["apt-get", "check"]).check()
    assert "ii" in host.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "later"]).check().stdout
    shell(host, "rm -r /etc/libvirt /var/lib/libvirt; apt-get purge --yes --autoremove later")
    assert snapshot.differences(before, look(host), OURS) == []


def test_units_that_were_off_and_masked_are_so_again(host: Container) -> None:
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--no-install-recommends"]
    host.run([*install, *recipe.STACK_PACKAGES], timeout=600).check()
    shell(host, UNITS_OFF)
    before = look(host)
    done = kvmready(host, "up")
    assert done["left"] == 0, done
    assert "packages" not in [name for name, _status in done["steps"]]
    assert host.run(["systemctl", "is-active", "libvirtd.service"]).status == 0
    assert kvmready(host, "undo")["stays"] == []
    assert snapshot.differences(before, look(host), OURS) == []
