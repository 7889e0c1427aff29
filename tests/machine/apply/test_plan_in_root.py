"""A plan for another distribution, from its own package manager: renamed packages are found under their other name.

The root has that distribution's os-release and none of the programs; its repository offers what the table names, but
for the first candidate of some roles, as if that had been renamed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kvmready import distro
from kvmready.distro.table import Table
from kvmready.facts.os import OsRelease
from tests.machine.apply import stubs
from tests.machine.apply.test_package_managers import NEEDED, lower, prepared

SYSTEMS = {
    "dnf": (
        OsRelease("rocky", "9.4", "Rocky Linux 9.4", ("rhel", "centos", "fedora")),
        ("qemu-kvm", "libvirt-daemon-kvm"),
    ),
    "dnf5": (OsRelease("fedora", "42", "Fedora Linux 42 (Server Edition)", ()), ("qemu-kvm-core", "swtpm-tools")),
    "zypper": (
        OsRelease("opensuse-leap", "15.6", "openSUSE Leap 15.6", ("suse", "opensuse")),
        ("qemu-img", "qemu-x86"),
    ),
    "pacman": (OsRelease("manjaro", "", "Manjaro Linux", ("arch",)), ("qemu-base",)),
}
"""Package manager to the system of the root, and what its repository does not have."""

PROGRAM = """
import json
from kvmready import pipeline
from kvmready.facts.names import Want
from kvmready.host.local import LocalHost

host = LocalHost()
view = pipeline.look(host, Want(), "2026-01-01T00:00:00Z", planning=True)
print(json.dumps({
    "title": view.facts.names.title,
    "guess": view.facts.names.guess,
    "notes": list(view.plan.notes),
    "steps": {step.id: [list(argv) for argv in step.commands] for step in view.plan.steps},
    "statuses": {finding.check: finding.status for finding in view.findings},
}))
"""


def _table(name: str) -> Table:
    table = distro.find(SYSTEMS[name][0], "x86_64")
    assert table is not None
    return table


def _offered(name: str) -> list[stubs.Stub]:
    table, gone = _table(name), SYSTEMS[name][1]
    names = {candidate for _role, candidates in table.packages for candidate in candidates} - set(gone)
    return [stubs.STUBS[0], *(stubs.Stub(one, files=(f"/usr/share/stub-{one}/data",)) for one in sorted(names))]


def _setup(name: str) -> str:
    release, table = SYSTEMS[name][0], _table(name)
    names = table.names
    programs = (
        "/usr/lib/python3/dist-packages/libvirt.py",
        *names.emulators,
        *names.image_tools,
        *names.virsh,
        *names.virt_install,
        *names.daemons,
        *names.dnsmasq,
    )
    lines = [f"ID={release.id}", f'VERSION_ID="{release.version_id}"', f'PRETTY_NAME="{release.name}"']
    lines += [f'ID_LIKE="{" ".join(release.id_like)}"']
    text = "\n".join(lines)
    return f"rm -rf /etc/os-release /var/lib/dpkg {' '.join(programs)}\ncat >/etc/os-release <<'END'\n{text}\nEND\n"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    name = str(request.param)
    lacking = stubs.missing(*NEEDED[name])
    if lacking:
        pytest.skip(f"needs {' '.join(lacking)}")
    work: Path = tmp_path_factory.mktemp(f"plan-{name}")
    build = stubs.pacman_repository if name == "pacman" else stubs.rpm_repository
    setup, _commands = prepared(name, build(work, _offered(name)))
    return name, stubs.run_in_root(work, setup + _setup(name), PROGRAM, lower=lower(name))


pytestmark = [
    pytest.mark.machine,
    pytest.mark.parametrize("told", sorted(SYSTEMS), indirect=True),
]


def test_the_system_is_known_or_guessed(told: tuple[str, dict[str, Any]]) -> None:
    name, found = told
    assert found["title"] == _table(name).title
    assert bool(found["guess"]) == (name == "pacman")
    assert len(found["notes"]) == 1 and ("guess" in found["notes"][0]) == (name == "pacman")
    assert found["statuses"]["qemu.distribution"] == "pass"
    assert found["statuses"]["qemu.package-source"] == "pass"


def test_the_plan_names_what_the_repository_has(told: tuple[str, dict[str, Any]]) -> None:
    name, found = told
    gone = set(SYSTEMS[name][1])
    assert "packages.lists" not in found["steps"]  # the repository has been asked already
    (argv,) = found["steps"]["packages"]
    offered = {stub.name for stub in _offered(name)}
    packages = set(argv) & {candidate for _role, names in _table(name).packages for candidate in names}
    assert packages and packages <= offered and not packages & gone
    for role in ("emulator", "image-tool", "daemon", "clients", "installer", "python-binding", "network"):
        assert packages & set(_table(name).candidates(role)), role
