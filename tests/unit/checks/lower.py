"""Literal facts of the two lowest layers, for the tables of their tests."""

from __future__ import annotations

from typing import Any

from kvmready.facts import Facts
from kvmready.facts.access import Access, Person
from kvmready.facts.confinement import Confinement
from kvmready.facts.firewall import Firewall
from kvmready.facts.kernel import NOT_ASKED, Blocked, Cgroup, Kernel
from kvmready.facts.known import Absent, Fact, Known, Unknown
from kvmready.facts.libvirt import Libvirt
from kvmready.facts.libvirtd import Libvirtd
from kvmready.facts.machine import Dmi, Machine
from kvmready.facts.memory import Memory
from kvmready.facts.names import Names, Want
from kvmready.facts.network import Network
from kvmready.facts.os import OsRelease
from kvmready.facts.packages import Packages
from kvmready.facts.probe import Answer, Probe
from kvmready.facts.qemu import Qemu
from kvmready.facts.services import Services
from kvmready.facts.storage import Storage
from kvmready.facts.tools import Tools
from kvmready.host.door import Account, Caller, Status

NAMES = Names((), (), (), (), (), (), (), (), "", (), (), "libvirt-qemu", "libvirt-qemu", "kvm", "libvirt")
KVM_GID = 105
RELEASE = "6.1.0-35-amd64"
NO = Absent("not there")

BARE_METAL = Machine(
    "x86_64", "bare-metal", None, None, Known(("lm", "npt", "svm")), Known("AuthenticAMD"), Known("AMD Ryzen"),
    Known(8), Dmi(Known("LENOVO"), Known("20UD"), Known("LENOVO")), False, True,
    Known((("itlb_multihit", "Not affected"), ("l1tf", "Not affected"), ("mds", "Not affected"))),
)  # fmt: skip
GUEST = BARE_METAL._replace(
    kind="vm", hypervisor="kvm", cpu_flags=Known(("hypervisor", "lm")), dmi=Dmi(Known("QEMU"), NO, Known("SeaBIOS"))
)
CONTAINER = BARE_METAL._replace(kind="container", container="docker")


def node(path: str, minor: int, mode: int = 0o660, gid: int = KVM_GID, kind: str = "character") -> Fact[Status]:
    return Known(Status(path, kind, mode, 0, gid, 0, (10, minor)))


ROOT_KVM = node("/dev/kvm", 232, 0o600, 0)

KERNEL = Kernel(
    release=RELEASE,
    vendor_module="kvm_amd",
    loaded=Known(("kvm", "kvm_amd")),
    registered=Known(("kvm", "tun", "vhost-net")),
    built_in=(),
    available=Unknown(NOT_ASKED),
    trees=Unknown(NOT_ASKED),
    blocked=(),
    kept=(("/etc/modules", "kvm_amd"),),
    words=Known(()),
    udev=True,
    kvm=node("/dev/kvm", 232),
    vhost_net=node("/dev/vhost-net", 238),
    tun=node("/dev/net/tun", 200, 0o666, 0),
    cgroup=Known(Cgroup(2, ("cpu", "cpuset", "io", "memory", "pids"))),
    iommu=Unknown(NOT_ASKED),
    nested=Unknown(NOT_ASKED),
    log=Unknown(NOT_ASKED),
    tree=Known(f"/lib/modules/{RELEASE}/modules.dep"),
    second_level=Known(True),
)
UNLOADED = KERNEL._replace(
    loaded=Known(()),
    registered=Known(()),
    available=Known(("kvm", "kvm_amd", "tun", "vhost_net")),
    kvm=Absent("/dev/kvm"),
    log=Known(()),
)

MIB = 1 << 20
MEMORY = Memory(Known(8192 * MIB), Known(4096 * MIB), Known(8192 * MIB), Known(0), Known(0), Known(2 * MIB), ())

RAN = Answer("", 0, True, "", "", "", "", (1.25, 2.5), 0.98, (0,))
BLACKLISTED = Blocked("kvm_amd", "/etc/modprobe.d/vbox.conf", "blacklist kvm_amd", "blacklist")

ROOT = Caller(0, (0,), "root", "", "h", RELEASE, "x86_64")
ALICE = Caller(1000, (1000,), "alice", "", "h", RELEASE, "x86_64")
ALICE_ACCOUNT = Account("alice", 1000, 1000, "/home/alice", (("alice", 1000),))
ALICE_IN_KVM = ALICE_ACCOUNT._replace(groups=(("alice", 1000), ("kvm", KVM_GID)))


def answer(ok: bool | None, failed_at: str = "", errno: str = "", exit_reason: str = "", user: str = "") -> Answer:
    detail = f"{failed_at}: no" if failed_at else ""
    return RAN._replace(
        user=user, ok=ok, failed_at=failed_at, errno=errno, exit_reason=exit_reason, detail=detail, native_ratio=None,
        exit_us=None,
    )  # fmt: skip


def probe(*answers: Answer, caller: str = "root", account: Fact[Account] | None = None) -> Probe:
    return Probe(Known(answers), caller, account or Unknown(NOT_ASKED))


def no_guest(failed_at: str = "open", errno: str = "ENOENT", exit_reason: str = "") -> Probe:
    return probe(answer(False, failed_at, errno, exit_reason))


def facts(**changes: Any) -> Facts:
    """A healthy bare-metal host with a server profile, but for ``changes`` of whole subjects."""
    subjects: dict[str, Any] = {
        "want": Want(),
        "names": NAMES,
        "caller": ROOT,
        "os": OsRelease("debian", "12", "Debian GNU/Linux 12 (bookworm)", (), "bookworm"),
        "machine": BARE_METAL,
        "kernel": KERNEL,
        "probe": probe(RAN),
        "qemu": Qemu(NO, NO, NO),
        "libvirt": Libvirt(NO, NO, NO, NO, (), "absent", "", NO, NO),
        "services": Services(NO, NO),
        "network": Network(NO, NO, NO, NO, (), NO, NO, NO, NO),
        "storage": Storage(NO, "/var/lib/libvirt/images", NO, NO, NO, NO, NO, ()),
        "access": Access((Person("alice", Known(ALICE_ACCOUNT), NO),), "kvm", Known(KVM_GID), "libvirt", NO),
        "memory": MEMORY,
        "libvirtd": Libvirtd(NO, NO, NO, NO, NO, NO, NO),
        "firewall": Firewall(NO, NO, NO, NO, NO, NO, NO),
        "confinement": Confinement(NO, NO, NO, NO),
        "packages": Packages(NO, (), NO, NO),
        "tools": Tools(NO, NO, NO, NO, NO, NO, NO),
        "autostart": NO,
        "bridging": None,
    }
    return Facts(**{**subjects, **changes})
