"""A host at native speed: the base's tree booted by systemd-nspawn on the machine's own kernel.

Everything that it has of the machine (overlay, network namespace, veth pair) belongs to namespaces that end with its
process, so that a killed test leaves nothing mounted. It needs root, and it cannot load kernel modules.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import needs, running
from .cache import LabError, command
from .remote import Host

if TYPE_CHECKING:
    from . import bases

#: What /dev/kvm is in the host: the machine's own device, a node that is no KVM (/dev/null), or nothing.
KVM_CHOICES = ("device", "null", "absent")

#: Runs as process 1 of the host's outer namespaces, so that all ends with it, with the lock open, which nspawn closes:
#: enters the control groups, waits until there is a network card, mounts the root and a /run for nspawn's own use (it
#: refuses to clear one that is on a disk). 133 is how nspawn with --keep-unit asks to be started again for a reboot.
#: $1 directory, $2 trees (colon-separated), $3 control groups (likewise), then nspawn's command line.
_HOLDER = """set -eu
directory=$1 trees=$2 cgroups=$3
shift 3
IFS=:
for cgroup in $cgroups; do echo $$ > "$cgroup/cgroup.procs"; done
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
mount -t overlay overlay -o "lowerdir=$trees,upperdir=$directory/upper,workdir=$directory/work" "$directory/root"
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
status=133
while [ $status -eq 133 ]; do status=0; "$@" || status=$?; done
"""

#: Files laid into each host as its own.
HOST_FILES = ("etc/hostname", "etc/hosts", "etc/tmpfiles.d/lab.conf", "etc/systemd/network/70-lab.network")

#: At most so many hosts at once, each with a /30 network of its own.
_MOST_HOSTS = 250


class Container(Host):
    """A running nspawn host. Leave its ``with`` block, or call :meth:`stop`, and nothing of it remains."""

    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_until_up(self, timeout: float = 90) -> None:
        """Wait until ssh answers and systemd reports a system with no failed unit."""
        self.wait_for_ssh(timeout)
        self.share_root_connection()
        self.wait_for_system(timeout)

    def reboot(self, timeout: float = 90) -> None:
        """Restart the host's systemd; its processes, /run and /dev begin anew, the machine's kernel runs on."""
        before = self._booted_at()
        self.go_down("reboot")
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            self.wait_for_ssh(timeout)
            with contextlib.suppress(LabError):
                if self._booted_at() != before:
                    self.wait_until_up(timeout)
                    return
            time.sleep(0.2)
        raise LabError(f"{self.name} did not come back in {timeout:.0f} s{self.last_words()}")

    def _booted_at(self) -> str:
        """When the host's systemd started: the kernel's boot id is the machine's, and stays."""
        return self.run(["systemctl", "show", "--property=UserspaceTimestampMonotonic"]).check().stdout

    def shut_down(self, timeout: float = 60) -> None:
        """Shut the system down in order and wait for its end; what was written to its root stays in ``upper``."""
        self.go_down("poweroff")
        if not running.wait_for_end(self.directory, timeout):
            raise LabError(f"{self.name} did not shut down in {timeout:.0f} s{self.last_words()}")
        if self.process is not None:
            self.process.wait(timeout=30)

    def stop(self) -> None:
        """End the host and remove its files."""
        running.end(self.directory)
        if self.process is not None:
            self.process.wait(timeout=30)


def launch(
    name: str = "host", base: str | bases.Trees = "fresh", *, kvm: str = "null", dies_with_parent: bool = True
) -> Container:
    """Start an nspawn host and return at once; ``base`` is ``fresh``, ``ready`` or a test's own trees, ``kvm`` is one
    of :data:`KVM_CHOICES`.

    Follow it with ``wait_until_up()``. A host that dies with its parent dies with the *thread* that started it.
    Raises LabError when it does not start.
    """
    if kvm not in KVM_CHOICES:
        raise LabError(f"no such choice for /dev/kvm: {kvm} (there are {', '.join(KVM_CHOICES)})")
    reason = needs.why_not("nspawn")
    if reason:
        raise LabError(reason)
    # The ready trees are themselves made with a host of the fresh ones, hence not at the top of this file.
    from . import bases

    origin = bases.trees(base) if isinstance(base, str) else base
    directory = running.claim(name)
    try:
        return _launch(directory, origin, kvm, dies_with_parent)
    except BaseException:
        running.end(directory)
        raise


def start(
    name: str = "host", base: str | bases.Trees = "fresh", *, kvm: str = "null", dies_with_parent: bool = True
) -> Container:
    """:func:`launch` and wait until the system is up."""
    host = launch(name, base, kvm=kvm, dies_with_parent=dies_with_parent)
    try:
        host.wait_until_up()
    except BaseException:
        host.stop()
        raise
    return host


def _launch(directory: Path, origin: bases.Trees, kvm: str, dies_with_parent: bool) -> Container:
    name = directory.name
    for part in ("upper", "work", "root"):
        (directory / part).mkdir()
    cgroups = _cgroups(name)
    (directory / running.CGROUPS).write_text("".join(f"{cgroup}\n" for cgroup in cgroups))
    for cgroup in cgroups:
        cgroup.mkdir(exist_ok=True)
    guard = ["setpriv", "--pdeathsig", "KILL"] if dies_with_parent else []
    argv = [
        *guard,
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child=KILL",
        "--mount-proc",
        "--propagation",
        "private",
        "sh",
        "-c",
        _HOLDER,
        "sh",
        str(directory),
        ":".join(map(str, origin.layers)),
        ":".join(map(str, cgroups)),
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--directory",
        str(directory / "root"),
        "--machine",
        name,
        "--network-namespace-path=/proc/self/ns/net",
        "--register=no",
        "--keep-unit",
        "--capability=all",
        "--drop-capability=CAP_SYS_MODULE,CAP_SYS_TIME",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=read-only",
        f"--bind-ro={origin.base.repo}:/repo",
        *(["--bind-ro=/dev/null:/dev/kvm"] if kvm == "null" else []),
    ]
    environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
    # The root of an overlay shows the mode of its upper directory.
    (directory / "upper").chmod(0o755)
    with running.lock(directory) as lock, open(directory / "console.log", "wb") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,
            env=environment,
        )
    host = Container(name, "nspawn", directory, "", 22, origin.base.key)
    host.process = process
    (directory / "pid").write_text(str(process.pid))
    # Until its card is there the holder waits, so these files are in place before the host boots.
    _write(directory / "upper", name, kvm)
    host.address = _connect(directory / "upper", process.pid)
    host.save(origin.entries)
    return host


def _write(upper: Path, name: str, kvm: str) -> None:
    nodes = ["c! /dev/net/tun 0666 root root - 10:200", "c! /dev/vhost-net 0660 root kvm - 10:238"]
    if kvm == "device":
        nodes.append("c! /dev/kvm 0660 root kvm - 10:232")
    texts = (
        f"{name}\n",
        f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n",
        "\n".join(nodes) + "\n",
    )
    for path, text in zip(HOST_FILES, texts):
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_text(text)


def _connect(upper: Path, pid: int) -> str:
    """Give the host a card ``eth0`` on a network of its own with the machine; gives the host's address."""
    limit = time.monotonic() + 10
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        if time.monotonic() > limit:
            raise LabError("the host got no network namespace")
        time.sleep(0.01)
    for number in range(_MOST_HOSTS):
        outer, inner = (f"10.213.{number >> 6}.{(number & 63) * 4 + at}" for at in (1, 2))
        network = upper / HOST_FILES[3]
        network.parent.mkdir(parents=True, exist_ok=True)
        network.write_text(f"[Match]\nName=eth0\n\n[Network]\nAddress={inner}/30\nGateway={outer}\nIPv6AcceptRA=no\n")
        card = f"lab{number}"
        try:
            # The outer end's name is the claim on the network: the kernel gives it to one process only.
            command(["ip", "link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", str(pid)], timeout=30)
        except LabError as error:
            if "File exists" in str(error):
                continue
            raise
        command(["ip", "address", "add", f"{outer}/30", "dev", card], timeout=30)
        command(["ip", "link", "set", card, "up"], timeout=30)
        return inner
    raise LabError(f"{_MOST_HOSTS} nspawn hosts are running already")


def _cgroups(name: str) -> list[Path]:
    """A control group for this host alone in each hierarchy that systemd uses, below this process's own."""
    groups = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups[controllers] = path
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, tail = line.partition(" - ")
        mount, (kind, _, options) = Path(fields.split()[4]), tail.split()[:3]
        if kind == "cgroup2":
            found.append((mount, groups.get("", "/")))
        elif kind == "cgroup" and "name=systemd" in options.split(","):
            found.append((mount, groups.get("name=systemd", "/")))
    return [mount / path.lstrip("/") / f"lab-{name}" for mount, path in found]
