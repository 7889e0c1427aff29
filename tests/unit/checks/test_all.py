"""The list of all checks: its ids, its needs, and the laws of every judgement on any combination of answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from kvmready import checks
from kvmready.checks import access, confinement, engine, libvirt, network, packages, qemu, services, storage, tools
from kvmready.checks.finding import LAYERS, STATUSES, Check
from kvmready.errors import UsageError
from kvmready.facts import Facts
from kvmready.facts.known import Absent, Denied, Unknown
from tests.unit.checks.upper import TCG, WANT, healthy, said

MORE = (*packages.CHECKS, *confinement.CHECKS, *tools.CHECKS)
UPPER = (*qemu.CHECKS, *libvirt.CHECKS, *services.CHECKS, *network.CHECKS, *storage.CHECKS, *access.CHECKS, *MORE)
IDS = tuple(check.id for check in checks.ALL)

WANTED = [
    "hardware.cpu-virtualization",
    "hardware.machine",
    "hardware.xen",
    "hardware.confidential",
    "hardware.nested-host",
    "hardware.firmware",
    "hardware.arm-el2",
    "hardware.second-level-translation",
    "hardware.guest-escape",
    "kernel.module-tree",
    "kernel.blacklist",
    "kernel.kvm-permissions",
    "kernel.extension-free",
    "kernel.qemu-user",
    "kernel.hugepages",
    "qemu.rom",
    "qemu.memory",
    "qemu.firmware",
    "qemu.tpm",
    "kernel.modules",
    "kernel.modules-persist",
    "kernel.kvm-device",
    "kernel.kvm-runs",
    "kernel.acceleration",
    "kernel.vhost-net",
    "kernel.tun",
    "kernel.cgroups",
    "kernel.iommu",
    "kernel.nested",
    "qemu.emulator",
    "qemu.kvm-accel",
    "qemu.img",
    "libvirt.daemon",
    "libvirt.clients",
    "libvirt.virt-install",
    "libvirt.python",
    "libvirt.connect",
    "libvirt.kvm-capability",
    "libvirt.config",
    "libvirt.daemon-set",
    "libvirt.answers",
    "libvirt.polkit",
    "libvirt.capabilities-cache",
    "libvirt.exposed",
    "libvirt.graphics",
    "services.manager",
    "services.virtqemud",
    "services.virtnetworkd",
    "services.virtstoraged",
    "services.modular-drivers",
    "services.libvirt-guests",
    "network.firewall",
    "network.subnet",
    "network.stale-bridge",
    "network.dnsmasq-conflict",
    "network.autostart",
    "network.forwarding",
    "network.firewall-rules",
    "network.docker-forward",
    "network.bridge-helper",
    "services.libvirtd",
    "services.virtlogd",
    "services.virtlockd",
    "network.default-network",
    "network.dnsmasq",
    "storage.default-pool",
    "storage.space",
    "storage.pool-autostart",
    "storage.inodes",
    "storage.tmp-space",
    "storage.pool-path",
    "storage.images-home",
    "storage.apparmor",
    "storage.selinux",
    "qemu.distribution",
    "qemu.packages",
    "qemu.package-lock",
    "qemu.package-source",
    "access.user",
    "access.libvirt-uri",
    "tools.virt-manager",
    "tools.virt-viewer",
    "tools.display",
    "tools.cockpit",
    "tools.cockpit-socket",
    "access.kvm-group",
    "access.libvirt-group",
    "access.session",
]


def test_every_promised_check_is_there_once() -> None:
    assert set(WANTED) <= set(IDS)
    assert len(set(IDS)) == len(IDS)


def test_they_are_in_layer_order() -> None:
    layers = [LAYERS.index(check.layer) for check in checks.ALL]
    assert layers == sorted(layers)


def test_needs_exist_and_never_lead_back() -> None:
    needs = {check.id: check.needs for check in checks.ALL}

    def walk(check: str, path: tuple[str, ...]) -> None:
        assert check in needs, f"{path} needs {check}, which is no check"
        assert check not in path, f"{' → '.join(path)} → {check}"
        for need in needs[check]:
            walk(need, (*path, check))

    for check in needs:
        walk(check, ())


def test_a_profile_that_has_a_check_has_what_it_needs_or_judges_without() -> None:
    minimal = {check.id for check in checks.ALL if "minimal" in check.profiles}
    assert {check.layer for check in checks.ALL if check.id in minimal} == {"hardware", "kernel", "qemu", "access"}
    for check in checks.ALL:
        if check.id in minimal:
            assert set(check.needs) <= minimal, check.id


def test_find() -> None:
    assert {"qemu.packages", "qemu.emulator", "qemu.img"} <= {check.id for check in checks.find("qemu")}
    assert {check.layer for check in checks.find("qemu")} == {"qemu"}
    assert [check.id for check in checks.find("storage.space")] == ["storage.space"]


@pytest.mark.parametrize("text", ["", "qemu.", "tools.nothing", "libvirt.conect", "QEMU", "qemu emulator", "\n"])
def test_find_refuses_other_names(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        checks.find(text)
    assert refused.value.next_move


def test_find_guesses_what_was_meant() -> None:
    with pytest.raises(UsageError, match=re.escape("libvirt.connect")):
        checks.find("libvirt.conect")


def test_a_healthy_host_is_ready() -> None:
    findings = engine.judge([check for check in checks.ALL if WANT.profile in check.profiles], healthy())
    assert [(f.check, f.summary) for f in findings if f.status not in ("pass", "skip")] == []
    assert engine.verdict(findings) == "ready"


def _without(facts: Facts, path: tuple[str, str], answer: Any) -> Facts:
    subject, field = path
    return facts._replace(**{subject: getattr(facts, subject)._replace(**{field: answer})})


OTHERS = ("confinement", "packages", "tools")

UNANSWERABLE = tuple(
    (subject, field)
    for subject in (
        "qemu",
        "libvirt",
        "libvirtd",
        "services",
        "network",
        "firewall",
        "storage",
        "access",
        "kernel",
        "probe",
        "memory",
        *OTHERS,
    )
    for field, annotation in type(getattr(healthy(), subject)).__annotations__.items()
    if re.match(r"(ForwardRef\(')?Fact\[", str(annotation)) and (subject, field) != ("probe", "account")
)

ANSWERS = st.sampled_from([None, Absent("why"), Denied("why: EACCES"), Unknown("why: timeout")])
CONNECTIONS = st.sampled_from(["connected", "no-client", "no-socket", "denied", "timeout", "failed"])


def test_the_table_of_facts_is_not_empty() -> None:
    assert len(UNANSWERABLE) > 20


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANSWERS, min_size=len(UNANSWERABLE), max_size=len(UNANSWERABLE)), CONNECTIONS, st.booleans())
def test_any_combination_of_answers_is_judged(answers: list[Any], connection: str, emulated: bool) -> None:
    facts = BASE._replace(want=TCG if emulated else WANT)
    facts = facts._replace(libvirt=facts.libvirt._replace(connection=connection))
    for path, answer in zip(UNANSWERABLE, answers):
        if answer is not None:
            facts = _without(facts, path, answer)
    for check in UPPER:
        assert said(check.judge(facts))[0] in STATUSES
    for finding in engine.judge(checks.ALL, facts):
        assert (finding.status == "blocked") == bool(finding.blocked_by)
        assert finding.check not in finding.blocked_by


BASE = healthy()


FROM_TABLES = ("qemu.distribution",)
"""Judged by the table of the distribution alone, which needs no answer."""


@pytest.mark.parametrize("check", UPPER, ids=lambda check: check.id)
@pytest.mark.parametrize("kind", [Absent, Denied, Unknown], ids=lambda kind: kind.__name__)
def test_what_could_not_be_asked_is_never_a_no(check: Check, kind: type) -> None:
    """With nothing known at all, only "absent" may be a failure: denied and unknown are not."""
    facts = BASE._replace(libvirt=BASE.libvirt._replace(connection="no-client"))
    for path in UNANSWERABLE:
        facts = _without(facts, path, kind("why"))
    facts = facts._replace(storage=facts.storage._replace(work=(("/run", kind("why")),)))
    status = check.judge(facts).status
    if kind is not Absent and check.layer != "access" and check.id not in FROM_TABLES:
        assert status in ("unknown", "skip"), check.id


def test_causes_are_those_of_the_catalogue() -> None:
    """Every cause that these layers name in their source has the form layer.name, of a layer that exists."""
    folder = Path(checks.__file__).parent
    named = set()
    for file in folder.glob("*.py"):
        named |= set(re.findall(r"\"((?:" + "|".join(LAYERS) + r")\.[a-z0-9-]+)\"", file.read_text("utf-8")))
    assert named - set(IDS), "no cause is named anywhere"
    assert all(name.split(".", 1)[0] in LAYERS for name in named)
