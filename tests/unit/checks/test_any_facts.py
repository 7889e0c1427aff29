"""Hardware and kernel checks judge any facts: a status, a sentence, evidence, and a way out."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from kvmready.checks import hardware, kernel
from kvmready.checks.finding import STATUSES
from kvmready.facts.kernel import Blocked, Cgroup, Iommu, Kernel
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.machine import Machine
from kvmready.facts.names import Want
from kvmready.facts.probe import Answer, Probe
from kvmready.host.door import Caller
from tests.unit.checks.lower import (
    ALICE,
    ALICE_IN_KVM,
    BARE_METAL,
    BLACKLISTED,
    KERNEL,
    RELEASE,
    ROOT,
    ROOT_KVM,
    facts,
    node,
)

DENIED = Denied("EACCES")
FORBIDDEN = Blocked("kvm_amd", "/proc/cmdline", "module_blacklist=kvm_amd", "kernel")

MISSING = st.sampled_from([Absent("a"), DENIED, Unknown("u")])


def _fact(*known: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([Known(value) for value in known]) | MISSING


ANSWERS = st.builds(
    Answer,
    user=st.sampled_from(["", "alice", "libvirt-qemu"]),
    uid=st.just(0),
    ok=st.sampled_from([True, False, None]),
    failed_at=st.sampled_from(["", "open", "api", "create-vm", "real-mode", "ratio", "privilege", "unsupported-arch"]),
    errno=st.sampled_from(["", "EACCES", "EPERM", "ENOENT", "ENODEV", "ENXIO", "EBUSY", "EINTR", "ENOMEM"]),
    exit_reason=st.sampled_from(["", "FAIL_ENTRY"]),
    detail=st.sampled_from(["", "no"]),
    exit_us=st.none() | st.just((1.0, 2.0)),
    native_ratio=st.none() | st.floats(0, 2),
)
KERNELS = st.builds(
    Kernel,
    release=st.just(RELEASE),
    vendor_module=st.sampled_from(["", "kvm", "kvm_amd"]),
    loaded=_fact((), ("kvm",), ("kvm", "kvm_amd"), ("kvm", "kvm_pvm"), ("vboxdrv",), ("vmmon",)),
    registered=_fact((), ("kvm",), ("tun", "vhost-net")),
    built_in=st.sampled_from([(), ("kvm",), ("kvm", "kvm_amd")]),
    available=_fact((), ("kvm", "kvm_amd", "tun", "vhost_net")),
    trees=_fact((), ("6.1.0-36-amd64",)),
    blocked=st.sampled_from([(), (BLACKLISTED,), (FORBIDDEN,)]),
    kept=st.sampled_from([(), (("/etc/modules", "kvm_amd"),)]),
    words=_fact((), ("clearcpuid=svm",)),
    udev=st.booleans(),
    kvm=st.sampled_from([node("", 232), ROOT_KVM, node("", 3)]) | MISSING,
    vhost_net=st.just(KERNEL.vhost_net) | MISSING,
    tun=st.just(KERNEL.tun) | MISSING,
    cgroup=_fact(Cgroup(1, ()), Cgroup(2, ("cpu",))),
    iommu=_fact(Iommu(0, ""), Iommu(0, "DMAR"), Iommu(3, "")),
    nested=_fact(True, False),
    log=_fact((), ("kvm: disabled by bios",), ("HYP mode not available",), ("SEV guest",)),
    tree=_fact("/lib/modules/x/modules.dep"),
    second_level=_fact(True, False),
    users=_fact(0, 1),
    kvm_rules=_fact((), (("/etc/udev/rules.d/x.rules", "rule"),)),
)
MACHINES = st.builds(
    Machine,
    arch=st.sampled_from(["x86_64", "aarch64", "s390x", "mips"]),
    kind=st.sampled_from(["bare-metal", "vm", "container", "wsl"]),
    hypervisor=st.sampled_from([None, "kvm", "hyperv", "unknown", "something new"]),
    container=st.sampled_from([None, "docker"]),
    cpu_flags=_fact((), ("svm",), ("hypervisor",), ("tdx_guest",)),
    cpu_vendor=_fact("AuthenticAMD", "?"),
    cpu_model=_fact("a CPU"),
    cpus=_fact(4),
    dmi=st.builds(type(BARE_METAL.dmi), _fact("LENOVO", "Amazon EC2", ""), _fact("x"), _fact("y"), _fact("z")),
    xen_dom0=st.booleans(),
    systemd=st.booleans(),
    weaknesses=_fact((), (("l1tf", "Mitigation: PTE Inversion; VMX: vulnerable"),), (("mds", "Not affected"),)),
)
CALLERS: st.SearchStrategy[Caller] = st.sampled_from([ROOT, ALICE])
WANTS = st.builds(
    Want,
    profile=st.sampled_from(["minimal", "server"]),
    users=st.sampled_from([(), ("alice",), ("bob", "root")]),
    accel=st.sampled_from(["kvm", "tcg"]),
    nested=st.booleans(),
    iommu=st.booleans(),
)


@given(MACHINES, KERNELS, st.lists(ANSWERS, min_size=1, max_size=3), st.booleans(), CALLERS, WANTS)
def test_any_facts_can_be_judged(
    host: Machine, known: Kernel, answers: list[Answer], answered: bool, caller: Caller, want: Want
) -> None:
    probed = Probe(Known(tuple(answers)) if answered else Unknown("timeout"), caller.user, Known(ALICE_IN_KVM))
    seen = facts(machine=host, kernel=known, probe=probed, caller=caller, want=want)
    for check in hardware.CHECKS + kernel.CHECKS:
        said = check.judge(seen)
        assert said.status in STATUSES
        assert said.summary
        assert "{" not in said.summary
        assert (said.remedy is not None) == (said.status in ("fail", "warn", "unknown"))
        assert bool(said.cause) == (said.status in ("fail", "warn"))
        if said.status not in ("skip", "unknown"):
            assert said.evidence, check.id
            assert all(line.source for line in said.evidence)
    if probed.ran:
        by_check = {check.id: check.judge(seen).status for check in hardware.CHECKS + kernel.CHECKS}
        assert by_check["hardware.cpu-virtualization"] == by_check["kernel.modules"] == "pass"
