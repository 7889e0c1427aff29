"""What ``kvmready watch`` costs: ``python3 -m bench.watch [GUESTS]``; root, on a libvirtd of its own under TCG.

Starts as many tiny paused guests, has the live view drawn on a terminal of its own at the default interval, and prints
its CPU time, with that of its virsh, as a share of one core; beside it what libvirtd spent on the answers, and a bare
``virsh domstats`` as often.
"""

from __future__ import annotations

import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
SECONDS = 60.0
INTERVAL = 3.0
DOMAIN = """<domain type='qemu'><name>bench {number}</name><memory unit='MiB'>8</memory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file' device='disk'>
<driver name='qemu' type='raw'/><source file='/tmp/{number}.img'/><target dev='vda' bus='virtio'/></disk>
</devices></domain>"""


def start(folder: str) -> tuple[subprocess.Popen[str], int]:
    """The private libvirtd of the tests; returns its outermost process and the pid of its namespaces."""
    space = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")
    script = str(TREE / "tests/machine/proof/stack.sh")
    outer = subprocess.Popen(
        (*space, "sh", script, folder), stdout=subprocess.PIPE, text=True, cwd="/", start_new_session=True
    )
    assert outer.stdout is not None
    for line in outer.stdout:
        if line == "ready\n":
            break
    return outer, int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])


def inside(pid: int, *argv: str) -> tuple[str, ...]:
    return ("nsenter", "-t", str(pid), "--mount", "--net", "--pid", "--", *argv)


def cpu_of(name: str, pid: int) -> float:
    """CPU seconds of the daemon in those namespaces so far."""
    space = os.readlink(f"/proc/{pid}/ns/pid")
    for folder in Path("/proc").iterdir():
        try:
            named = folder.name.isdigit() and (folder / "comm").read_text() == f"{name}\n"
            if named and os.readlink(folder / "ns/pid") == space:
                words = (folder / "stat").read_text().rpartition(")")[2].split()
                return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue  # it ended meanwhile
    return 0.0


def spent() -> float:
    """CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watched(pid: int) -> tuple[float, float]:
    """CPU seconds of a live watch, and the seconds that it ran, its start left out."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", COLUMNS="100", LINES="60", PYTHONPATH=str(TREE / "src"))
        # Ctrl-C for kvmready alone: the nsenter around it has to wait for it, or its time is not counted.
        watch = ("env", "--default-signal=INT", sys.executable, "-m", "kvmready", "watch", "--interval", str(INTERVAL))
        argv = ("env", "--ignore-signal=INT", *inside(pid, *watch))
        os.execvp(argv[0], argv)
    end = time.monotonic() + SECONDS
    drawn = 0
    while time.monotonic() < end:
        drawn += len(os.read(terminal, 65536))
    os.write(terminal, b"\x03")
    while b"\033[?1049l" not in os.read(terminal, 65536):
        continue  # what was on its way before
    os.waitpid(child, 0)
    os.close(terminal)
    assert drawn > 10_000, "it drew nothing"
    return spent(), SECONDS


def bare(pid: int) -> float:
    """CPU seconds of one ``virsh domstats`` with the same questions."""
    from kvmready.domains.stats import COMMAND

    before = spent()
    for _ in range(10):
        argv = inside(pid, "virsh", "-q", "-c", "qemu:///system", *COMMAND.split(), "--list-active")
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return (spent() - before) / 10


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    sys.path.insert(0, str(TREE / "src"))
    folder = tempfile.mkdtemp()
    outer, pid = start(folder)
    try:
        root = Path(f"/proc/{pid}/root/tmp")
        for number in range(count):
            (root / f"{number}.xml").write_text(DOMAIN.format(number=number))
            with open(root / f"{number}.img", "wb") as file:
                file.truncate(1 << 20)
        script = "; ".join(f"create --paused /tmp/{number}.xml" for number in range(count))
        subprocess.run(
            inside(pid, "virsh", "-q", "-c", "qemu:///system", script), stdout=subprocess.DEVNULL, check=True
        )
        once = bare(pid)
        before, daemon = spent(), cpu_of("libvirtd", pid)
        total, seconds = watched(pid)
        share = (total - before) / seconds
        daemon = (cpu_of("libvirtd", pid) - daemon) / seconds
        print(f"| what, {count} guests, every {INTERVAL:g} s | share of one core |")
        print("|---|---|")
        print(f"| `watch`, live, with its start | {share:.2%} |")
        print(f"| a bare `virsh domstats` as often | {once / INTERVAL:.2%} |")
        print(f"| libvirtd meanwhile | {daemon:.2%} |")
    finally:
        os.killpg(outer.pid, signal.SIGKILL)
        outer.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
