"""The words of QEMU and libvirt, as they were printed, and the causes behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kvmready import checks, distro
from kvmready.host.door import Account, Caller, Group, Reading, Status
from kvmready.host.recording import SCHEMA
from kvmready.host.replay import ReplayHost
from kvmready.proof import causes

NAMES = distro.generic("x86_64")
CONNECT = "error: failed to connect to the hypervisor\nerror: "
CREATE = "error: Failed to create domain from /tmp/d.xml\nerror: "


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Could not access KVM kernel module: Permission denied\nfailed to initialize kvm: Permission denied", "?kvm"),
        ("Could not access KVM kernel module: No such file or directory", "kernel.device-missing"),
        ("Could not access KVM kernel module: No such device", "kernel.module-not-loaded"),
        ("Could not access KVM kernel module: Operation not permitted", "kernel.device-denied-by-container"),
        ("ioctl(KVM_CREATE_VM) failed: 16 Device or resource busy", "kernel.other-hypervisor"),
        ("qemu-system-x86_64: failed to initialize kvm: Device or resource busy", "kernel.other-hypervisor"),
        ("qemu-system-x86_64: -machine accel=kvm: invalid accelerator kvm", "qemu.no-kvm-accel"),
        ("qemu: could not load PC BIOS 'bios-256k.bin'", "qemu.broken"),
        ("qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory", "qemu.guest-memory"),
        ("error: failed to set MSR 0x10a to 0x0", "kernel.run-fails"),
        ("KVM: entry failed, hardware error 0x80000021", "kernel.run-fails"),
        ("qemu-system-x86_64: -drive: a sentence that nobody knows", ""),
    ],
)
def test_qemu(text: str, cause: str) -> None:
    assert causes.recognise(text, causes.QEMU) == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (CONNECT + "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied", "?libvirt"),
        (
            CONNECT + "authentication unavailable: no polkit agent available to authenticate action "
            "'org.libvirt.unix.manage'",
            "?libvirt",
        ),
        (
            CONNECT + "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory",
            "libvirt.unreachable",
        ),
        (
            CONNECT + "Failed to connect socket to '/run/libvirt/virtstoraged-sock': No such file or directory",
            "libvirt.partial-modular",
        ),
        ("error: a sentence that nobody knows", ""),
    ],
)
def test_connecting(text: str, cause: str) -> None:
    for table in (causes.CONNECT, causes.VOLUME, causes.DOMAIN):
        assert causes.recognise(text, table) == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "error: failed to get pool 'default'\nerror: Storage pool not found: no storage pool with matching name",
            "storage.pool-missing",
        ),
        (
            "error: Requested operation is not valid: storage pool 'default' is not active",
            "storage.pool-inactive",
        ),
        ("error: cannot write data to file 'disk': No space left on device", "storage.no-space"),
    ],
)
def test_the_pool(text: str, cause: str) -> None:
    assert causes.recognise(text, causes.VOLUME) == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "unsupported configuration: Emulator '/usr/bin/qemu-system-x86_64' does not support virt type 'kvm'",
            "libvirt.no-kvm-capability",
        ),
        (
            "invalid argument: could not find capabilities for domaintype=kvm ",
            "libvirt.no-kvm-capability",
        ),
        (
            "internal error: process exited while connecting to monitor: qemu-system-x86_64: -blockdev {}: "
            "Could not open '/closed/b.img': Permission denied",
            "?image",
        ),
        ("Cannot access storage file '/home/a/b.img' (as uid:64055, gid:107): Permission denied", "?image"),
        ("internal error: cannot load AppArmor profile 'libvirt-0815'", "storage.apparmor-denied"),
        ("internal error: cannot generate AppArmor profile", "storage.apparmor-denied"),
        (
            "internal error: process exited: Could not access KVM kernel module: Permission denied",
            "?kvm",
        ),
        (
            "Failed to connect socket to '/run/libvirt/virtlogd-sock': Connection refused",
            "services.not-running",
        ),
        ("unable to set user and group to '65534:992': Invalid argument", "libvirt.config-invalid"),
        ("Path '/x' is not accessible: No such file or directory", ""),
    ],
)
def test_the_domain(text: str, cause: str) -> None:
    assert causes.recognise(CREATE + text, causes.DOMAIN) == cause


ALICE = Account("alice", 1000, 1000, "/home/alice", (("alice", 1000), ("kvm", 106), ("libvirt", 107)))
BOB = Account("bob", 1001, 1001, "/home/bob", (("bob", 1001),))
ROOT = Caller(0, (0,), "root", "alice", "box", "6.1.0", "x86_64")
HERSELF = Caller(1000, (1000, 106, 107), "alice", "", "box", "6.1.0", "x86_64")
BEFORE = HERSELF._replace(groups=(1000,))
NODE = Status("/dev/kvm", "character", 0o660, 0, 106, 0, (10, 232))


def recorded(*answers: tuple[dict[str, Any], Any]) -> ReplayHost:
    return ReplayHost(
        {"schema": SCHEMA, "asked_for": {}, "answers": [{"ask": q, "answer": a._asdict()} for q, a in answers]}
    )


def rights(node: Status = NODE) -> ReplayHost:
    return recorded(
        ({"ask": "stat", "path": "/dev/kvm"}, node),
        ({"ask": "group", "name": "kvm"}, Group("kvm", 106, ("alice",))),
        ({"ask": "group", "name": "libvirt"}, Group("libvirt", 107, ("alice",))),
    )


@pytest.mark.parametrize(
    ("caller", "account", "kvm", "libvirt"),
    [
        (ROOT, BOB, "access.not-in-kvm-group", "access.not-in-libvirt-group"),
        (ROOT, ALICE, "kernel.device-permissions", "libvirt.polkit-denied"),
        (HERSELF, ALICE, "kernel.device-permissions", "libvirt.polkit-denied"),
        (BEFORE, ALICE, "access.session-stale", "access.session-stale"),
    ],
)
def test_a_refusal_is_explained_by_groups(caller: Caller, account: Account, kvm: str, libvirt: str) -> None:
    assert causes.settled(causes.NO_KVM_RIGHTS, rights(), NAMES, caller, account) == kvm
    assert causes.settled(causes.NO_LIBVIRT_RIGHTS, rights(), NAMES, caller, account) == libvirt


def test_a_node_that_no_group_opens_is_not_the_users_fault() -> None:
    for node in (NODE._replace(gid=0), NODE._replace(mode=0o600)):
        cause = causes.settled(causes.NO_KVM_RIGHTS, rights(node), NAMES, ROOT, BOB)
        assert cause == "kernel.device-permissions"


@pytest.mark.parametrize(
    ("closed", "apparmor", "selinux", "cause"),
    [
        (True, "Y\n", "1", "storage.path-unreachable"),
        (False, "Y\n", "", "storage.apparmor-denied"),
        (False, "N\n", "1", "storage.selinux-denied"),
        (False, "", "", "storage.path-unreachable"),
    ],
)
def test_a_refused_image_is_explained_by_the_folders_first(
    closed: bool, apparmor: str, selinux: str, cause: str
) -> None:
    modules = ("/sys/module/apparmor/parameters/enabled", apparmor), ("/sys/fs/selinux/enforce", selinux)
    folders = ("/srv/images", 0o755), ("/srv", 0o750 if closed else 0o755), ("/", 0o755)
    host = recorded(
        *(({"ask": "stat", "path": path}, Status(path, "directory", mode)) for path, mode in folders),
        *(({"ask": "read", "path": path}, Reading(path, text, "" if text else "ENOENT")) for path, text in modules),
    )
    paths = ("/srv/images/disk",)
    assert causes.settled(causes.NO_IMAGE_RIGHTS, host, NAMES, ROOT, ALICE, paths) == cause


ONLY_A_PROOF_SEES = {
    "libvirt.config-invalid",
    "libvirt.partial-modular",
    "qemu.guest-memory",
    "storage.apparmor-denied",
    "storage.path-unreachable",
    "storage.selinux-denied",
}


def test_the_causes_are_those_of_the_checks_and_a_few_that_only_a_guest_meets() -> None:
    source = "".join(file.read_text("utf-8") for file in Path(checks.__file__).parent.glob("*.py"))
    named = {cause for _needles, cause in causes.QEMU + causes.CONNECT + causes.VOLUME + causes.DOMAIN}
    named = {cause for cause in named | set(causes.ERRNO.values()) if not cause.startswith("?")}
    assert {cause for cause in named if f'"{cause}"' not in source} <= ONLY_A_PROOF_SEES
