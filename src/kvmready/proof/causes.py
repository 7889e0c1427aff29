"""Which known cause a failure in the words of QEMU, virsh or errno is.

The words are those of the C locale: QEMU's accel/kvm/kvm-all.c and softmmu/vl.c, libvirt's src/qemu, src/storage,
src/rpc and tools/virsh. What is not recognised has no cause: a guess would send the reader the wrong way.
"""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmready.facts.names import Names
    from kvmready.host.door import Account, Caller, Door, Result

Table = tuple[tuple[tuple[str, ...], str], ...]
"""Rows of needles, all of which must be in the lower-cased text, and the cause; the first row that fits counts."""

NO_KVM_RIGHTS = "?kvm"
NO_LIBVIRT_RIGHTS = "?libvirt"
NO_IMAGE_RIGHTS = "?image"
"""Rows whose cause depends on more than the words: on groups, owners and modes."""

ERRNO = {
    "ENOENT": "kernel.device-missing",
    "EACCES": NO_KVM_RIGHTS,
    "EPERM": "kernel.device-denied-by-container",
    "ENODEV": "kernel.module-not-loaded",
    "ENXIO": "kernel.module-not-loaded",
    "EBUSY": "kernel.other-hypervisor",
}

QEMU: Table = (
    (("could not access kvm kernel module", "permission denied"), NO_KVM_RIGHTS),
    (("could not access kvm kernel module", "operation not permitted"), "kernel.device-denied-by-container"),
    (("could not access kvm kernel module", "no such file"), "kernel.device-missing"),
    (("could not access kvm kernel module", "no such device"), "kernel.module-not-loaded"),
    (("failed to initialize kvm", "device or resource busy"), "kernel.other-hypervisor"),
    (("ioctl(kvm_create_vm) failed", "busy"), "kernel.other-hypervisor"),
    (("invalid accelerator kvm",), "qemu.no-kvm-accel"),
    (("accelerator 'kvm'", "not"), "qemu.no-kvm-accel"),
    (("does not support", "accel", "kvm"), "qemu.no-kvm-accel"),
    (("cannot set up guest memory",), "qemu.guest-memory"),
    (("unable to map backing store",), "qemu.guest-memory"),
    (("no space left on device",), "storage.no-space"),
    (("could not load pc bios",), "qemu.broken"),
    (("could not find rom image",), "qemu.broken"),
    (("error while loading shared libraries",), "qemu.broken"),
    (("symbol lookup error",), "qemu.broken"),
    (("failed to set msr",), "kernel.run-fails"),
    (("kvm: entry failed",), "kernel.run-fails"),
    (("kvm internal error",), "kernel.run-fails"),
    (("kvm run failed",), "kernel.run-fails"),
    (("failed to initialize kvm",), "kernel.run-fails"),
)

CONNECT: Table = (
    (("failed to connect socket", "permission denied"), NO_LIBVIRT_RIGHTS),
    (("polkit",), NO_LIBVIRT_RIGHTS),
    (("authentication unavailable",), NO_LIBVIRT_RIGHTS),
    (("authentication failed",), NO_LIBVIRT_RIGHTS),
    (("access denied",), NO_LIBVIRT_RIGHTS),
    (("unable to get system bus connection",), NO_LIBVIRT_RIGHTS),
    (("virtnetworkd-sock",), "libvirt.partial-modular"),
    (("virtstoraged-sock",), "libvirt.partial-modular"),
    (("virtlogd-sock",), "services.not-running"),
    (("virtlockd-sock",), "services.not-running"),
    (("failed to connect socket",), "libvirt.unreachable"),
    (("unable to connect to server",), "libvirt.unreachable"),
    (("cannot recv data",), "libvirt.unreachable"),
    (("end of file while reading data",), "libvirt.unreachable"),
)

VOLUME: Table = (
    *CONNECT,
    (("storage pool", "is not active"), "storage.pool-inactive"),
    (("failed to get pool",), "storage.pool-missing"),
    (("storage pool not found",), "storage.pool-missing"),
    (("no space left on device",), "storage.no-space"),
    (("not enough free space",), "storage.no-space"),
)

DOMAIN: Table = (
    *CONNECT,
    (("network", "is not active"), "network.default-inactive"),
    (("network not found",), "network.default-undefined"),
    (("does not support virt type 'kvm'",), "libvirt.no-kvm-capability"),
    (("could not find capabilities for domaintype=kvm",), "libvirt.no-kvm-capability"),
    (("invalid domain type kvm",), "libvirt.no-kvm-capability"),
    (("unable to open /dev/net/tun",), "kernel.tun-missing"),
    (("cannot find suitable emulator",), "qemu.not-installed"),
    (("no emulator found for arch",), "qemu.not-installed"),
    (("could not find any guests for architecture",), "qemu.not-installed"),
    (("unable to set user and group",), "libvirt.config-invalid"),
    (("apparmor",), "storage.apparmor-denied"),
    (("virt-aa-helper",), "storage.apparmor-denied"),
    (("unable to set security context",), "storage.selinux-denied"),
    (("cannot access storage file", "permission denied"), NO_IMAGE_RIGHTS),
    (("could not open", "permission denied"), NO_IMAGE_RIGHTS),
    (("cgroup",), "kernel.cgroup-missing"),
    *QEMU,
)


WINDOW: Table = (
    (("cannot open display",), "tools.no-display"),
    *CONNECT,
    (("namespace", "not available"), "tools.broken"),
    (("no module named",), "tools.broken"),
    (("error while loading shared libraries",), "tools.broken"),
    (("traceback (most recent call last)",), "tools.broken"),
)
"""The words of GTK, PyGObject, Python and of what virt-manager and virt-viewer show of libvirt's."""


class Membership(NamedTuple):
    """Whether a user is in a group: in the user database, and in the session that runs guests now."""

    database: bool
    session: bool


def recognise(text: str, table: Table) -> str:
    """The cause of the first row that fits, "" when none does."""
    lowered = text.lower()
    return next((cause for needles, cause in table if all(n in lowered for n in needles)), "")


def membership(host: Door, caller: Caller, account: Account, group: str) -> Membership:
    """``account`` in ``group``; whoever is not the caller runs in a new login, which has what the database has."""
    database = account.uid == 0 or any(name == group for name, _gid in account.groups)
    if account.uid != caller.uid or account.uid == 0:
        return Membership(database, database)
    return Membership(database, host.group(group).gid in caller.groups)


def settled(cause: str, host: Door, names: Names, caller: Caller, account: Account, paths: Sequence[str] = ()) -> str:
    """``cause`` with the rows that depend on rights decided. ``paths``: the image's, for the folders above it."""
    if cause == NO_KVM_RIGHTS:
        node, group = host.stat("/dev/kvm"), host.group(names.kvm_group)
        if node.error or node.gid != group.gid or node.mode & 0o060 != 0o060:
            return "kernel.device-permissions"
        member = membership(host, caller, account, names.kvm_group)
        return _by_rights(member, "access.not-in-kvm-group", "kernel.device-permissions")
    if cause == NO_LIBVIRT_RIGHTS:
        member = membership(host, caller, account, names.libvirt_group)
        return _by_rights(member, "access.not-in-libvirt-group", "libvirt.polkit-denied")
    if cause == NO_IMAGE_RIGHTS:
        return _closed(host, paths)
    return cause


def _by_rights(member: Membership, outside: str, inside: str) -> str:
    if not member.database:
        return outside
    return inside if member.session else "access.session-stale"


def _closed(host: Door, paths: Sequence[str]) -> str:
    """Refused on the way to the image: by a folder that others may not enter, else by a security module."""
    for path in paths:
        folder = path
        while folder != "/" and "/" in folder:
            folder = folder.rpartition("/")[0] or "/"
            if not host.stat(folder).mode & 0o001:
                return "storage.path-unreachable"
    if host.read("/sys/module/apparmor/parameters/enabled").text.startswith("Y"):
        return "storage.apparmor-denied"
    if host.read("/sys/fs/selinux/enforce").text.startswith("1"):
        return "storage.selinux-denied"
    return "storage.path-unreachable"


def of_program(result: Result, missing: str, hangs: str) -> str:
    """The cause when a program is absent or does not end, "" when it did start and end."""
    return {"absent": missing, "timeout": hangs}.get(result.problem, "")
