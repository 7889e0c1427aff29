"""A full backup against ``qemu-img convert`` alone with the same compression: ``python3 -m bench.backup [--mib N]``.

The peers neither hash nor fsync. ``qemu-img convert`` is called as a person would, and with the very options that the
backup gives it; of a running guest it reads what is no one moment, a bare backup job does.

Needs root. It runs under a private libvirtd (the one of the tests), with the disk and the backups in ``--folder``.
The data is like a disk's: a third random, a third text, a third empty.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
DOMAIN = """<domain type='qemu'><name>bench</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file' device='disk'>
<driver name='qemu' type='qcow2'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk></devices></domain>"""

JOB = """<domainbackup mode='push'><disks><disk name='vda' backup='yes' type='file'><driver type='qcow2'/>
<target file='{target}'/></disk></disks></domainbackup>"""
PUSH = """rm -f "$2" && virsh -q backup-begin bench "$1" > /dev/null || exit 1
while virsh -q domjobinfo bench | grep -q Backup; do sleep 0.1; done
virsh -q domjobinfo bench --completed --anystats --keep-completed | grep -q Completed"""

HAND = 'qemu-img convert "$@" && sha256sum "$0" && sync "$0" "$(dirname "$0")"'


def fill(path: Path, mib: int) -> None:
    chance = random.Random(1)
    words = [chance.randbytes(chance.randint(2, 9)).hex().encode() for _word in range(4000)]
    with path.open("wb") as file:
        for number in range(mib):
            if number % 3 == 0:
                file.write(chance.randbytes(1 << 20))
            elif number % 3 == 1:
                file.write(b" ".join(chance.choices(words, k=120000))[: 1 << 20].ljust(1 << 20, b"."))
            else:
                file.seek(1 << 20, 1)
        file.truncate(mib << 20)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.backup", description=__doc__)
    parser.add_argument("--mib", type=int, default=3072)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    parsed = parser.parse_args()
    os.nice(-20)  # before everything else on the machine, with all that it starts: the figures of a quiet one
    with tempfile.TemporaryDirectory(prefix="kvmready-bench-", dir=parsed.folder) as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "stack").mkdir()
        space = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")
        script = str(TREE / "tests/machine/proof/stack.sh")
        outer = subprocess.Popen((*space, "sh", script, str(folder / "stack")), stdout=subprocess.PIPE, text=True)
        try:
            assert outer.stdout is not None
            assert any(line == "ready\n" for line in outer.stdout)
            child = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text(encoding="utf-8").split()[0]
            measure(folder, ("nsenter", "-t", child, "--mount", "--net", "--pid", "--"), parsed.mib, parsed.runs)
        finally:
            outer.kill()
            outer.wait()


def measure(folder: Path, inside: tuple[str, ...], mib: int, runs: int) -> None:
    disk, target = folder / "disk.qcow2", folder / "backups"
    # The state of the machine's own kvmready stays as it is: the private host has a /var/lib of its own.
    own = 'mount --rbind /var/lib "$1/lib" && mount -t tmpfs lib /var/lib && mkdir /var/lib/libvirt /var/lib/dpkg && '
    own += 'mount --rbind "$1/lib/libvirt" /var/lib/libvirt'
    (folder / "lib").mkdir()
    subprocess.run((*inside, "sh", "-c", own, "sh", str(folder)), check=True)
    fill(folder / "disk.raw", mib)
    subprocess.run(("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(folder / "disk.raw"), str(disk)), check=True)
    (folder / "disk.raw").unlink()
    (folder / "bench.xml").write_text(DOMAIN.format(disk=disk), encoding="utf-8")
    subprocess.run((*inside, "virsh", "-q", "define", str(folder / "bench.xml")), check=True)
    (folder / "job.xml").write_text(JOB.format(target=folder / "job.qcow2"), encoding="utf-8")
    plain = ("-f", "qcow2", "-O", "qcow2", "-c", "-o", "compression_type=zstd", str(disk), f"{target}/x")
    program = ("env", f"PYTHONPATH={TREE / 'src'}", sys.executable, "-m", "kvmready")
    clean = 'rm -rf "$1" && mkdir -m 700 "$1" && shift && exec "$@"'
    fresh = (*inside, "sh", "-c", clean, "sh", str(target))
    ours = [*fresh, *program, "backup", "create", "bench", "--to", str(target)]
    for state in ("shut off", "running"):
        running = ("-U",) if state == "running" else ()
        peers = {
            "`qemu-img convert -c`": [*fresh, "qemu-img", "convert", *running, *plain],
            "`qemu-img convert -c -W`, as we call it": [*fresh, "qemu-img", "convert", "-W", *running, *plain],
            "the same, `sha256sum` and `sync`": [*fresh, "sh", "-c", HAND, f"{target}/x", "-W", *running, *plain],
        }
        if running:
            subprocess.run((*inside, "virsh", "-q", "start", "bench"), check=True)
            begin = (str(folder / "job.xml"), str(folder / "job.qcow2"))
            peers["a bare libvirt backup job, not compressed"] = [*inside, "sh", "-c", PUSH, "sh", *begin]
        order = json.dumps({"runs": runs, "commands": {"backup": ours, **peers}})
        done = subprocess.run((sys.executable, str(HERE / "timing.py")), input=order, stdout=subprocess.PIPE, text=True)
        seen = json.loads(done.stdout)
        assert all(one["statuses"] == [0] for one in seen.values()), seen
        own = seen.pop("backup")
        for name, peer in seen.items():
            print(
                f"| `backup create`, {mib} MiB, guest {state} | {own['median']:.1f} s, CPU {own['cpu']:.1f} s "
                f"| {peer['median']:.1f} s, CPU {peer['cpu']:.1f} s {name} "
                f"| {own['median'] / peer['median']:.2f} | ≤ 1.15 |",
                flush=True,
            )


if __name__ == "__main__":
    main()
