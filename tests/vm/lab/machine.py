"""A virtual machine in which KVM works: QEMU under TCG with emulated AMD-V, on a throw-away overlay of a base."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import bases, images, running
from .cache import LabError, command
from .remote import Host

#: Quicker under TCG than "max", whose vector instructions the C library then uses; an AMD by its vendor string.
_CPU = "qemu64,+npt,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+lahf_lm,+fsgsbase,+rdrand"

#: With a timer that ticks by itself: one that is armed anew by each of its interrupts is gone for good when QEMU's
#: emulated AMD-V loses an interrupt.
_OPTIONS = "console=ttyS0 quiet loglevel=4 nohz=off highres=off"


class Machine(Host):
    """A running VM. Leave its ``with`` block, or call :meth:`stop`, and nothing of it remains."""

    process: subprocess.Popen[bytes] | None = None

    def __init__(
        self,
        name: str,
        directory: Path,
        port: int,
        base: images.Base,
        *,
        svm: bool,
        memory: int,
        cpus: int,
        kernel_options: Sequence[str],
        dies_with_parent: bool,
        cards: int,
    ) -> None:
        super().__init__(name, "vm", directory, "127.0.0.1", port, base.key)
        self.base = base
        self.svm = svm
        self.memory = memory
        self.cpus = cpus
        self.kernel_options = tuple(kernel_options)
        self.dies_with_parent = dies_with_parent
        self.cards = cards

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def power_on(self) -> None:
        """Start QEMU on this machine's disk; returns when the process lives, long before the system is up.

        A machine that dies with its parent dies with the *thread* that started it: start machines in the main thread.
        """
        guard = ["setpriv", "--pdeathsig", "KILL"] if self.dies_with_parent else []
        argv = [
            *guard,
            "qemu-system-x86_64",
            "-name",
            self.name,
            "-machine",
            "pc",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            f"{_CPU},{'+' if self.svm else '-'}svm",
            "-smp",
            str(self.cpus),
            "-m",
            str(self.memory),
            "-display",
            "none",
            "-no-user-config",
            "-nodefaults",
            "-serial",
            f"file:{self.directory}/console.log",
            "-kernel",
            str(self.base.kernel),
            "-initrd",
            str(self.base.initrd),
            "-append",
            " ".join((_OPTIONS, f"lab.hostname={self.name}", *self.kernel_options)),
            "-drive",
            f"file={_escape(self.directory / 'disk.qcow2')},format=qcow2,if=virtio,cache=unsafe",
            "-drive",
            f"file={_escape(self.base.repo_disk)},format=raw,if=virtio,readonly=on",
            "-netdev",
            f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22",
            "-device",
            "virtio-net-pci,netdev=net,romfile=",
            *self._more_cards(),
            "-pidfile",
            str(self.directory / "pid"),
        ]
        with running.lock(self.directory) as lock, open(self.directory / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock], start_new_session=True
            )

    def _more_cards(self) -> list[str]:
        """Cards beyond the first, each on a network of its own: 10.0.3.0/24 and so on, with a gateway at .2.

        Of another make than the first, so that the system's one file for networkd leaves them alone.
        """
        options = []
        for number in range(1, self.cards):
            options += ["-netdev", f"user,id=net{number},restrict=on,net=10.0.{number + 2}.0/24"]
            options += ["-device", f"vmxnet3,netdev=net{number},romfile=,mac=52:54:00:12:35:{number:02x}"]
        return options

    def wait_until_up(self, timeout: float = 600) -> None:
        """Wait until ssh answers and systemd reports a system with no failed unit."""
        self.wait_for_ssh(timeout)
        self.share_root_connection()
        self.wait_for_system(timeout)

    def power_cut(self) -> None:
        """End QEMU at once, as a power failure does; :meth:`power_on` starts it again from the same disk."""
        running.kill(self.directory, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(timeout=30)

    def stalled(self) -> bool:
        """Whether its kernel complains that a CPU gets no timer interrupt.

        QEMU's emulated AMD-V with several CPUs loses one now and then while a guest's guest runs, and the CPU with it.
        """
        log = self.directory / "console.log"
        return log.exists() and b"rcu_preempt kthread timer wakeup didn't happen" in log.read_bytes()

    def reboot(self, timeout: float = 600) -> None:
        """Reboot the system and wait until it is up again."""
        before = self.boot_id()
        self.go_down("reboot")
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            self.wait_for_ssh(timeout)
            try:
                if self.boot_id() != before:
                    self.wait_until_up(timeout)
                    return
            except LabError:
                self.assert_alive()
            time.sleep(0.5)
        raise LabError(f"{self.name} did not come back in {timeout:.0f} s{self.last_words()}")

    def shut_down(self, timeout: float = 120) -> None:
        """Shut the system down in order and wait for QEMU's end; the disk stays."""
        self.go_down("poweroff")
        if not running.wait_for_end(self.directory, timeout):
            raise LabError(f"{self.name} did not shut down in {timeout:.0f} s{self.last_words()}")
        if self.process is not None:
            self.process.wait(timeout=30)

    def stop(self) -> None:
        """End the machine and remove its files."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=30)
        running.end(self.directory)


def launch(
    name: str = "vm",
    base: str = "fresh",
    *,
    svm: bool = True,
    memory: int = 2048,
    cpus: int = 1,
    kernel_options: Sequence[str] = (),
    dies_with_parent: bool = True,
    cards: int = 1,
) -> Machine:
    """Start a VM and return at once; ``memory`` is in MiB, ``base`` is ``fresh`` or ``ready`` (the stack installed),
    ``cards`` are its network interfaces, the first of which carries ssh; ``kernel_options`` go to the end of the
    kernel's command line (``apparmor=0``, ``module_blacklist=kvm_amd``).
    With two ``cpus`` and QEMU 7.2 both spin for ever in the kernel within a minute of guests; one CPU ran thousands.

    Follow it with ``wait_until_up()``. Raises LabError when QEMU does not start.
    """
    origin = bases.by_name(base)
    directory = running.claim(name)
    overlay = directory / "disk.qcow2"
    command(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(origin.disk), "-F", origin.disk_format, str(overlay)],
        timeout=60,
    )
    for attempt in range(3):
        machine = Machine(
            directory.name,
            directory,
            _free_port(),
            origin.base,
            svm=svm,
            memory=memory,
            cpus=cpus,
            kernel_options=kernel_options,
            dies_with_parent=dies_with_parent,
            cards=cards,
        )
        machine.power_on()
        if _opened(machine):
            machine.save(origin.entries)
            return machine
        words = (directory / "qemu.log").read_text(errors="replace")
        # Between the look for a free port and QEMU's bind another program may have taken it.
        if "host forwarding" not in words or attempt == 2:
            machine.stop()
            raise LabError(f"QEMU did not start: {words}")
    raise AssertionError("unreachable")


def start(
    name: str = "vm",
    base: str = "fresh",
    *,
    svm: bool = True,
    memory: int = 2048,
    cpus: int = 1,
    kernel_options: Sequence[str] = (),
    dies_with_parent: bool = True,
    cards: int = 1,
) -> Machine:
    """:func:`launch` and wait until the system is up."""
    machine = launch(
        name,
        base,
        svm=svm,
        memory=memory,
        cpus=cpus,
        kernel_options=kernel_options,
        dies_with_parent=dies_with_parent,
        cards=cards,
    )
    try:
        machine.wait_until_up()
    except BaseException:
        machine.stop()
        raise
    return machine


def _opened(machine: Machine) -> bool:
    """Wait until QEMU listens on its port; false when it ended instead."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        if machine.process is not None and machine.process.poll() is not None:
            return False
        try:
            socket.create_connection((machine.address, machine.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    raise LabError(f"{machine.name}: QEMU does not listen{machine.last_words()}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _escape(path: Path) -> str:
    """A path as part of an option of QEMU, where a comma is doubled."""
    return os.fspath(path).replace(",", ",,")
