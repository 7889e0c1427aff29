"""A real libvirtd in mount and network namespaces of its own: what virsh prints is what the parsers expect.

/dev/null stands in the place of /dev/kvm there, because libvirt spends most of a minute on a KVM that only emulates.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("unshare", "libvirtd", "virtlogd", "virsh", "ip")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it makes namespaces and starts libvirtd"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}"),
]

SOURCE = Path(__file__).resolve().parents[3] / "src"

# The daemons, their state and their configuration live in the namespace only, and are gone with it.
IN_NAMESPACE = """
set -eu
mount --make-rprivate /
mount --bind /dev/null /dev/kvm 2>/dev/null || true
mount -t tmpfs none /run
mkdir "$WORK/etc" "$WORK/lib" "$WORK/cache" "$WORK/images"
cp -a /etc/libvirt/. "$WORK/etc"
rm -rf "$WORK/etc/storage"
mount --bind "$WORK/etc" /etc/libvirt
mount --bind "$WORK/lib" /var/lib/libvirt
mount --bind "$WORK/cache" /var/cache/libvirt
ip link set lo up
virtlogd & logger=$!
libvirtd & daemon=$!
trap 'kill $daemon $logger; wait' EXIT
n=0
until virsh -q -c qemu:///system uri >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 60 ]; sleep 0.5; done
"$PYTHON" -c "$ASK"
virsh -q -c qemu:///system pool-define-as default dir --target "$WORK/images" >/dev/null
virsh -q -c qemu:///system pool-start default >/dev/null
virsh -q -c qemu:///system pool-autostart default >/dev/null
virsh -q -c qemu:///system net-autostart default >/dev/null
"$PYTHON" -c "$ASK"
setpriv --reuid 65534 --regid 65534 --clear-groups "$PYTHON" -c "$ASK"
"""

ASK = """
import json
from kvmready import distro
from kvmready.facts import libvirt, network, storage, virsh
from kvmready.facts.names import Want
from kvmready.host.local import LocalHost

host, want = LocalHost(), Want()
names = distro.generic(host.caller().arch)
answered = virsh.ask(host, names, want)
known = {
    "virsh": answered()._replace(answers={}),
    "libvirt": libvirt.ask(host, names, want, answered)(),
    "network": network.ask(host, names, want, answered)(),
    "storage": storage.ask(host, names, want, answered)(),
}
print(json.dumps({name: {k: repr(v) for k, v in fact._asdict().items()} for name, fact in known.items()}))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What is known as root on a new libvirt, as root with everything in place, and as a user of no group."""
    work = tmp_path_factory.mktemp("libvirt")
    package = work / "package"  # a place that every user may read, whatever the rights of the tree
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    top = Path(tempfile.gettempdir())
    for folder in (work, *(parent for parent in work.parents if top in parent.parents)):
        folder.chmod(0o755)
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C",
        "WORK": str(work),
        "PYTHON": shutil.which("python3", path="/usr/bin") or sys.executable,  # every user may run it
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ASK": ASK,
    }
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", IN_NAMESPACE],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(found) == 3, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return found


def test_a_new_libvirt(answers: list[dict[str, Any]]) -> None:
    """virsh goes on after the commands about the pool failed: the capabilities, asked last, are there."""
    new = answers[0]
    assert new["virsh"]["state"] == "'connected'"
    assert new["storage"]["pool"].startswith("Absent(")
    assert "active=False, autostart=False" in new["network"]["default"]
    assert "192.168.122.0/24" in new["network"]["default"]
    assert new["libvirt"]["domain_types"] == "Known(('qemu',))"
    assert new["libvirt"]["versions"].startswith("Known(Versions(client='")


def test_everything_in_place(answers: list[dict[str, Any]]) -> None:
    assert "Known(Pool(active=True, autostart=True, persistent=True, kind='dir'" in answers[1]["storage"]["pool"]
    assert answers[1]["storage"]["path"].endswith("/images'")
    assert "autostart=True" in answers[1]["network"]["default"]


def test_a_user_of_no_group_is_refused(answers: list[dict[str, Any]]) -> None:
    assert answers[2]["virsh"]["state"] == "'denied'"
    assert answers[2]["network"]["default"].startswith("Unknown(")
    assert answers[2]["storage"]["pool"].startswith("Unknown(")
