"""OpenRC itself, from Debian's package, in a root of its own: services are added, started and taken back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.machine.apply import stubs

PACKAGES = ("openrc", "librc1", "libeinfo1")
"""Not installed on the machine of the tests: OpenRC wants to be its init."""

SETUP = """
for folder in bin lib sbin usr etc; do cp -a "{unpacked}/$folder/." "/$folder/"; done
ldconfig
mkdir -p /run/openrc
cd /run/openrc
mkdir starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled tmp
echo default >/run/openrc/softlevel
mkdir -p /etc/runlevels/default /etc/runlevels/boot
: >/etc/insserv.conf
service() {{
    printf '#!/sbin/openrc-run\\n%s\\nstart() {{ %s; }}\\nstop() {{ :; }}\\n' "$2" "$3" >"/etc/init.d/$1"
    chmod 755 "/etc/init.d/$1"
}}
service virtlogd '' ':'
service libvirtd 'depend() {{ need virtlogd; }}' ':'
service broken '' 'eerror "no such device"; return 1'
"""

PROGRAM = """
import json
from kvmready.errors import WorkError
from kvmready.facts.names import Want
from kvmready.distro import find
from kvmready.facts import services
from kvmready.facts.os import OsRelease
from kvmready.host.local import LocalHost
from kvmready.plan import service
from kvmready.plan.step import Step

host = LocalHost()
names = find(OsRelease("alpine", "3.22.0", "", ()), "x86_64").names

def step(*wanted):
    return Step("s", "service", "services", "", service.commands(wanted), {"services": list(wanted)})

def seen():
    found = services.ask(host, names, Want())()
    units = found.units.value
    return {
        "manager": found.manager.value,
        "libvirtd": [units["libvirtd.service"].load, units["libvirtd.service"].active,
                     units["libvirtd.service"].file_state],
        "virtlogd": units["virtlogd.service"].active,
    }

said = []
both, broken = step("virtlogd", "libvirtd"), step("broken")
out = {"before": seen(), "done_before": service.done(host, both)}
former = json.loads(json.dumps(service.former(host, both)))
service.apply(host, both, said.append)
out |= {"after": seen(), "done_after": service.done(host, both), "said": said}
out["stays"] = list(service.undo(host, both, former, said.append))
out["end"] = seen()
alone = step("libvirtd")
former = json.loads(json.dumps(service.former(host, alone)))
service.apply(host, alone, said.append)
out["stays_along"] = list(service.undo(host, alone, former, said.append))
try:
    service.apply(host, broken, said.append)
    out["broken"] = []
except WorkError as error:
    out["broken"] = [error.what, error.why, error.next_move]
print(json.dumps(out))
"""

pytestmark = pytest.mark.machine


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    lacking = stubs.missing("dpkg-deb", "apt-get")
    if lacking:
        pytest.skip(f"needs {' '.join(lacking)}")
    work = tmp_path_factory.mktemp("openrc")
    work.chmod(0o755)
    fetched = subprocess.run(["apt-get", "download", *PACKAGES], cwd=work, capture_output=True, text=True, timeout=120)
    if fetched.returncode:
        pytest.skip(f"no repository offers {' '.join(PACKAGES)}: {fetched.stderr.strip()[-200:]}")
    unpacked = work / "unpacked"
    for package in work.glob("*.deb"):
        subprocess.run([shutil.which("dpkg-deb") or "dpkg-deb", "-x", str(package), str(unpacked)], check=True)
    found: dict[str, Any] = stubs.run_in_root(work, SETUP.format(unpacked=unpacked), PROGRAM)
    return found


def test_the_services_are_seen_added_and_started(told: dict[str, Any]) -> None:
    assert told["before"] == {
        "manager": "openrc",
        "libvirtd": ["loaded", "inactive", "disabled"],
        "virtlogd": "inactive",
    }
    assert not told["done_before"] and told["done_after"]
    assert told["after"]["libvirtd"] == ["loaded", "active", "enabled"] and told["after"]["virtlogd"] == "active"
    assert len(told["said"]) >= 2


def test_an_undo_puts_them_back(told: dict[str, Any]) -> None:
    assert told["end"] == told["before"] and told["stays"] == []


def test_what_was_started_along_is_told(told: dict[str, Any]) -> None:
    assert len(told["stays_along"]) == 1 and "virtlogd" in told["stays_along"][0]


def test_a_service_that_does_not_start_says_why(told: dict[str, Any]) -> None:
    what, why, move = told["broken"]
    assert "broken" in what and "no such device" in why and "rc-service broken status" in move


def test_the_repository_of_the_tests_is_left_alone(told: dict[str, Any]) -> None:
    """The root is an overlay: nothing of OpenRC is on this machine afterwards."""
    assert not Path("/run/openrc").exists()
