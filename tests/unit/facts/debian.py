"""A Debian 12 host with everything in place, as a recording that a test changes where it wants another host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvmready.distro import find
from kvmready.facts import virsh
from kvmready.facts.names import Names
from kvmready.facts.os import OsRelease
from kvmready.facts.packages import LOCKS, UNFINISHED
from kvmready.facts.services import PROPERTIES
from kvmready.host.door import (
    Account,
    Caller,
    Command,
    Group,
    Listing,
    Reading,
    Result,
    Session,
    Space,
    Status,
)
from kvmready.host.recording import command_question, key, question, to_json
from kvmready.host.replay import ReplayHost

RELEASE = OsRelease("debian", "12", "Debian GNU/Linux 12 (bookworm)", (), "bookworm")


def debian_names() -> Names:
    table = find(RELEASE, "x86_64")
    assert table is not None
    return table.names


NAMES = debian_names()

NET_INFO = """\
Name:           default
UUID:           2a4499f0-c024-40b2-ad62-c29379c669c5
Active:         yes
Persistent:     yes
Autostart:      yes
Bridge:         virbr0
"""

NET_XML = """\
<network>
  <name>default</name>
  <uuid>2a4499f0-c024-40b2-ad62-c29379c669c5</uuid>
  <forward mode='nat'>
    <nat>
      <port start='1024' end='65535'/>
    </nat>
  </forward>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='52:54:00:02:4a:58'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.2' end='192.168.122.254'/>
    </dhcp>
  </ip>
</network>
"""

POOL_INFO = """\
Name:           default
UUID:           5af60f62-86a2-4ad6-9cdb-a47557f65d8e
State:          running
Persistent:     yes
Autostart:      yes
Capacity:       251.97 GiB
Allocation:     25.08 GiB
Available:      226.89 GiB
"""

POOL_XML = """\
<pool type='dir'>
  <name>default</name>
  <uuid>5af60f62-86a2-4ad6-9cdb-a47557f65d8e</uuid>
  <capacity unit='bytes'>270553174016</capacity>
  <source>
  </source>
  <target>
    <path>/var/lib/libvirt/images</path>
    <permissions>
      <mode>0711</mode>
    </permissions>
  </target>
</pool>
"""

VERSION = """\
Compiled against library: libvirt 9.0.0
Using library: libvirt 9.0.0
Using API: QEMU 9.0.0
Running hypervisor: QEMU 7.2.22
"""

CAPABILITIES = """\
<capabilities>

  <host>
    <cpu>
      <arch>x86_64</arch>
    </cpu>
  </host>

  <guest>
    <os_type>hvm</os_type>
    <arch name='i686'>
      <wordsize>32</wordsize>
      <emulator>/usr/bin/qemu-system-i386</emulator>
      <domain type='qemu'/>
    </arch>
  </guest>

  <guest>
    <os_type>hvm</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <emulator>/usr/bin/qemu-system-x86_64</emulator>
      <domain type='qemu'/>
      <domain type='kvm'/>
    </arch>
  </guest>

</capabilities>
"""

NO_POOL = """\
error: failed to get pool 'default'
error: Storage pool not found: no storage pool with matching name 'default'
"""

NO_NETWORK = """\
error: failed to get network 'default'
error: Network not found: no network with matching name 'default'
"""

ANSWERS = {
    "uri": "qemu:///system\n",
    "net-info": NET_INFO,
    "net-dumpxml": NET_XML,
    "pool-info": POOL_INFO,
    "pool-dumpxml": POOL_XML,
    "version": VERSION,
    "capabilities": CAPABILITIES,
}

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
virbr0\t007AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""

KVM, LIBVIRT, ALICE, QEMU = 107, 106, 1000, 64055


def said(argv: Sequence[str], out: dict[str, str], err: dict[str, str] | None = None, last: str = "") -> Result:
    """What virsh prints; it was ended at its time limit in the middle of the question ``last`` when one is given."""
    stdout = stderr = ""
    for name, _ in (*virsh.QUESTIONS, ("end", "")):
        stdout += f"{virsh.MARK}{name}@@"
        stderr += f"error: {virsh.MARK}{name}@@\n"
        if name == last:
            return Result(tuple(argv), None, stdout, stderr, "timeout")
        stdout += out.get(name, "")
        stderr += (err or {}).get(name, "")
    return Result(tuple(argv), 0, stdout, stderr)


def unit(
    name: str, load: str = "loaded", active: str = "active", sub: str = "running", state: str = "enabled"
) -> dict[str, str]:
    return dict(zip(PROPERTIES, (name, load, active, sub, state, "success")))


UNITS = {
    "libvirtd.service": unit("libvirtd.service"),
    "libvirtd.socket": unit("libvirtd.socket"),
    "libvirtd-ro.socket": unit("libvirtd-ro.socket", sub="listening"),
    "virtlogd.service": unit("virtlogd.service", active="inactive", sub="dead", state="indirect"),
    "virtlogd.socket": unit("virtlogd.socket", sub="listening"),
    "virtlockd.service": unit("virtlockd.service", active="inactive", sub="dead", state="indirect"),
    "virtlockd.socket": unit("virtlockd.socket", sub="listening"),
}

SYSTEMCTL = ("systemctl", "show", "--no-pager", "--property=" + ",".join(PROPERTIES), "--", *UNITS)


def shown(units: dict[str, dict[str, str]]) -> Result:
    """What ``systemctl show`` prints."""
    blocks = ("".join(f"{name}={value}\n" for name, value in block.items()) for block in units.values())
    return Result(SYSTEMCTL, 0, "\n".join(blocks))


class Recorded:
    """The answers of a host, to be changed before it is asked."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[str, Any]] = {}
        self.caller(Caller(0, (0,), "root", "alice", "fresh", "6.1.0-18-amd64", "x86_64"))
        programs = (*NAMES.emulators, *NAMES.image_tools, *NAMES.virsh, *NAMES.virt_install, *NAMES.daemons)
        for path in (*programs, *NAMES.dnsmasq):
            self.stat(Status(path, "file", 0o755, size=1000))
        self.stat(Status(NAMES.sockets[0], "socket", 0o777))
        self.stat(Status("/run/systemd/system", "directory", 0o755))
        self.stat(Status("/usr/lib/python3/dist-packages/libvirt.py", "file", 0o644, size=378460))
        half = "libvirtmod.cpython-311-x86_64-linux-gnu.so"
        self.listdir(Listing("/usr/lib/python3/dist-packages", ("apt", "libvirt.py", half)))
        self.readlink(Reading("/usr/bin/python3", "python3.11"))
        self.run(
            Result((NAMES.emulators[0], "-accel", "help"), 0, "Accelerators supported in QEMU binary:\ntcg\nkvm\n")
        )
        self.virsh(ANSWERS)
        self.run(shown(UNITS))
        self.read(Reading("/proc/net/route", ROUTES))
        self.read(Reading(NAMES.default_network[0], NET_XML))
        self.space(Space(NAMES.pool_path, 40 << 30, 100 << 30))
        self.group(Group("kvm", KVM))
        self.group(Group("libvirt", LIBVIRT, ("alice",)))
        groups = (("alice", ALICE), ("kvm", KVM), ("libvirt", LIBVIRT))
        self.account(Account("alice", ALICE, ALICE, "/home/alice", groups))
        self.account(Account("libvirt-qemu", QEMU, KVM, "/var/lib/libvirt", (("kvm", KVM), ("libvirt-qemu", QEMU))))
        for path in ("/", "/var", "/var/lib", "/var/lib/libvirt", "/var/lib/libvirt/images"):
            self.folder(path, 0o711 if path.endswith("images") else 0o755)
        for path in ("/run", "/var/tmp", "/var/log"):
            self.space(Space(path, 1 << 30, 2 << 30))
        self.listdir(Listing("/etc/libvirt/qemu", ("networks",)))
        self.listdir(Listing("/var/log/libvirt/qemu"))
        self.read(Reading("/sys/module/apparmor/parameters/enabled", "Y\n"))
        self.read(Reading("/sys/fs/selinux/enforce", error="ENOENT"))
        needles = ["libvirt", "virt-aa-helper"]
        profiles = "/sys/kernel/security/apparmor/profiles"
        self.keep(question("grep", path=profiles, needles=needles), Reading(profiles, "libvirtd (enforce)\n"))
        status = "/var/lib/dpkg/status"
        self.keep(question("grep", path=status, needles=list(UNFINISHED)), Reading(status))
        self.listdir(Listing("/var/lib/dpkg/updates"))
        for path in LOCKS:
            self.keep(question("locked", path=path), Reading(path))
        self.read(Reading("/etc/apt/sources.list", "deb http://deb.debian.org/debian bookworm main\n"))
        self.listdir(Listing("/etc/apt/sources.list.d"))
        self.sessions(ALICE, Session(4711, "bash", (ALICE, KVM, LIBVIRT)))

    def keep(self, asked: dict[str, Any], answer: Any) -> None:
        self._answers[key(asked)] = {"ask": asked, "answer": to_json(answer)}

    def caller(self, answer: Caller) -> None:
        self.keep(question("caller"), answer)

    def stat(self, answer: Status) -> None:
        self.keep(question("stat", path=answer.path), answer)

    def absent(self, *paths: str) -> None:
        for path in paths:
            self.stat(Status(path, error="ENOENT"))

    def folder(self, path: str, mode: int, uid: int = 0, gid: int = 0, acl: str = "") -> None:
        """A directory on the way to another, with its ACL in hexadecimal where it has one."""
        self.stat(Status(path, "directory", mode, uid, gid))
        if path != "/":
            self.readlink(Reading(path, error="EINVAL"))
        self.keep(
            question("attribute", path=path, name="system.posix_acl_access"),
            Reading(path, acl) if acl else Reading(path, error="ENODATA"),
        )

    def listdir(self, answer: Listing) -> None:
        self.keep(question("listdir", path=answer.path), answer)

    def read(self, answer: Reading) -> None:
        self.keep(question("read", path=answer.path), answer)

    def readlink(self, answer: Reading) -> None:
        self.keep(question("readlink", path=answer.path), answer)

    def space(self, answer: Space) -> None:
        self.keep(question("space", path=answer.path), answer)

    def group(self, answer: Group) -> None:
        self.keep(question("group", name=answer.name), answer)

    def account(self, answer: Account) -> None:
        self.keep(question("account", name=answer.name), answer)

    def sessions(self, uid: int, *answer: Session) -> None:
        self.keep(question("sessions", uid=uid), answer)

    def run(self, answer: Result) -> None:
        self.keep(command_question(Command(answer.argv)), answer)

    def virsh(self, out: dict[str, str], err: dict[str, str] | None = None, last: str = "") -> None:
        self.run(said(virsh.command(NAMES.virsh[0]), out, err, last))

    def host(self) -> ReplayHost:
        return ReplayHost({"answers": list(self._answers.values())}, "the test's own host")
