"""Facts of a healthy Debian 12 host for the tables of the upper layers' tests: root asks, for alice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvmready.checks.finding import Judgement
from kvmready.facts import (
    Facts,
    access,
    confinement,
    firewall,
    libvirt,
    libvirtd,
    network,
    packages,
    qemu,
    services,
    storage,
    tools,
    virsh,
)
from kvmready.facts.known import Known
from kvmready.facts.names import Want
from kvmready.facts.probe import Probe
from kvmready.facts.services import Unit
from kvmready.host.door import Caller
from tests.unit.checks import lower
from tests.unit.facts.debian import ALICE, KVM, LIBVIRT, NAMES, Recorded

WANT = Want(users=("alice",))
TCG = WANT._replace(accel="tcg")
AS_ALICE = Caller(ALICE, (ALICE, KVM, LIBVIRT), "alice", "", "fresh", "6.1.0-18-amd64", "x86_64")
AS_OLD_ALICE = AS_ALICE._replace(groups=(ALICE,))

PROBED = lower.probe(lower.RAN, lower.RAN._replace(user="alice"))
NOT_PROBED: Probe = lower.probe(lower.RAN)


def healthy(recorded: Recorded | None = None, want: Want = WANT, **changes: Any) -> Facts:
    """The facts that a host's recorded answers give in the upper layers, but for ``changes`` of whole subjects."""
    host = (recorded or Recorded()).host()
    answered = virsh.ask(host, NAMES, want)
    pools = storage.ask(host, NAMES, want, answered)
    kernel = lower.KERNEL._replace(kvm=lower.node("/dev/kvm", 232, 0o660, KVM))
    asked: dict[str, Any] = {
        "want": want,
        "names": NAMES,
        "caller": host.caller(),
        "kernel": kernel,
        "probe": PROBED,
        "qemu": qemu.ask(host, NAMES, want)(),
        "libvirt": libvirt.ask(host, NAMES, want, answered)(),
        "services": services.ask(host, NAMES, want)(),
        "network": network.ask(host, NAMES, want, answered)(),
        "storage": pools(),
        "access": access.ask(host, NAMES, want, pools)(),
        "confinement": confinement.ask(host, NAMES, want, pools)(),
        "packages": packages.ask(host, NAMES, want)(),
        "tools": tools.ask(host, NAMES, want)(),
        "libvirtd": libvirtd.ask(host, NAMES, want, answered)(),
        "firewall": firewall.ask(host, NAMES, want, answered)(),
    }
    return lower.facts(**{**asked, **changes})


def changed(facts: Facts, subject: str, **fields: Any) -> Facts:
    """The same facts with other fields in one subject."""
    return facts._replace(**{subject: getattr(facts, subject)._replace(**fields)})


def with_units(facts: Facts, **states: Mapping[str, str]) -> Facts:
    """Other states of units, whose names are written with an underscore for the dot: ``libvirtd_socket``."""
    assert isinstance(facts.services.units, Known)
    units = dict(facts.services.units.value)
    for name, fields in states.items():
        unit: Unit = units[name.replace("_", ".")]
        units[unit.name] = unit._replace(**fields)  # type: ignore[arg-type]
    return changed(facts, "services", units=Known(units))


def said(judgement: Judgement) -> tuple[str, str, str]:
    """Status, cause and kind of remedy, after the laws that every judgement keeps."""
    assert judgement.summary
    assert "{" not in judgement.summary
    if judgement.status in ("pass", "skip"):
        assert judgement.cause == "" and judgement.remedy is None
        return judgement.status, "", ""
    assert judgement.remedy is not None and judgement.remedy.text
    assert (judgement.status == "unknown") == (judgement.cause == "")
    if judgement.status != "unknown":
        assert judgement.evidence
    if judgement.remedy.kind == "automatic":
        assert judgement.remedy.commands == ()
    return judgement.status, judgement.cause, judgement.remedy.kind
