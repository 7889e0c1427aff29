"""The images: a Debian tree, its disk, its kernel with a small first root, and the repository's disk."""

from __future__ import annotations

import io
import lzma
import shlex
import shutil
import stat
import tarfile
from pathlib import Path
from typing import NamedTuple

from . import cache, recipe, repo
from .cache import LabError, command


class Base(NamedTuple):
    """A built base. ``tree`` is the extracted root (for nspawn), the others are what QEMU needs; all are read-only."""

    path: Path

    @property
    def tree(self) -> Path:
        return self.path / "tree"

    @property
    def disk(self) -> Path:
        """Raw, sparse, ext4."""
        return self.path / "root.raw"

    @property
    def kernel(self) -> Path:
        return self.path / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.path / "initrd"

    @property
    def repo(self) -> Path:
        return self.path / "repo"

    @property
    def repo_disk(self) -> Path:
        return self.path / "repo.raw"

    @property
    def key(self) -> Path:
        """Private key for root and for every user of the hosts."""
        return self.path / "key"


def build(work: Path, suite: recipe.Suite) -> None:
    """Build a :class:`Base` in the empty directory ``work``. Raises LabError when a tool fails."""
    log = work / "build.log"
    command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(work / "key")], timeout=60)
    (work / "sources.list").write_text(repo.sources(suite.codename))
    (work / "repo" / "partial").mkdir(parents=True)
    _write_files(work / "files.tar")
    setup = work / "setup.sh"
    setup.write_text(recipe.SETUP_SCRIPT)
    public_key = (work / "key.pub").read_text().strip()
    command(
        [
            *cache.as_root(),
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
            f"--architectures={recipe.ARCHITECTURE}",
            f"--include={','.join(recipe.BASE_PACKAGES)}",
            f"--customize-hook={repo.download_hook(work / 'repo', suite)}",
            f"--customize-hook=tar-in {shlex.quote(str(work / 'files.tar'))} /",
            f'--customize-hook=chroot "$1" sh -s -- {shlex.quote(public_key)} < {shlex.quote(str(setup))}',
            suite.codename,
            str(work / "tree"),
            str(work / "sources.list"),
        ],
        timeout=1200,
        log=log,
    )
    tree = work / "tree"
    repo.finish(work / "repo", log, suite)
    version = _kernel_version(tree)
    shutil.copyfile(tree / "boot" / f"vmlinuz-{version}", work / "vmlinuz")
    (work / "initrd").write_bytes(_initrd(tree, version))
    disk((tree,), work / "root.raw", "10G", "labroot")
    disk((work / "repo",), work / "repo.raw", "1G", "labrepo")
    for name in ("files.tar", "setup.sh", "sources.list"):
        (work / name).unlink()


def _write_files(path: Path) -> None:
    """The recipe's files as a tar archive: owners and modes do not depend on who builds."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for item in recipe.TREE_FILES:
            member = tarfile.TarInfo(item.path)
            member.mode = item.mode
            data = item.text.encode()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


#: Lays the trees ($3, as in lowerdir=) over each other in a mount namespace of its own, and makes a disk of them.
_MERGED_DISK = """set -eu
label=$1 target=$2 trees=$3 size=$4
mount -t tmpfs tmpfs /mnt
mkdir /mnt/root
mount -t overlay overlay -o "ro,lowerdir=$trees" /mnt/root
exec /sbin/mke2fs -q -t ext4 -L "$label" -m 0 -E lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0 \
    -d /mnt/root "$target" "$size"
"""


def disk(trees: tuple[Path, ...], target: Path, size: str, label: str) -> None:
    """A sparse ext4 image of ``trees``, the uppermost first. Several need root: they are laid over each other."""
    if len(trees) > 1:
        layers = ":".join(map(str, trees))
        command(["unshare", "--mount", "sh", "-c", _MERGED_DISK, "sh", label, str(target), layers, size], timeout=300)
        return
    command(
        [
            *cache.as_root(),
            "/sbin/mke2fs",
            "-q",
            "-t",
            "ext4",
            "-L",
            label,
            "-m",
            "0",
            "-E",
            "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0",
            "-d",
            str(trees[0]),
            str(target),
            size,
        ],
        timeout=300,
    )


def _kernel_version(tree: Path) -> str:
    versions = [path.name for path in (tree / "lib" / "modules").iterdir()]
    if len(versions) != 1:
        raise LabError(f"the tree should have one kernel, it has {versions}")
    return versions[0]


def _initrd(tree: Path, version: str) -> bytes:
    """A first root with busybox and the few modules that reach the disk, as an uncompressed cpio archive."""
    modules: dict[str, None] = {}
    for name in recipe.INITRD_MODULES:
        shown = command(["/sbin/modprobe", "-d", str(tree), "-S", version, "--show-depends", name], timeout=30)
        for line in shown.splitlines():
            words = line.split()
            if words[:1] == ["insmod"]:
                modules[words[1]] = None
    members = [
        ("bin", None),
        ("modules", None),
        ("bin/busybox", (tree / "usr/bin/busybox").read_bytes()),
        ("init", recipe.INIT_SCRIPT.encode()),
    ]
    members += [(f"modules/{at:02d}.ko", _module(Path(path))) for at, path in enumerate(modules)]
    return b"".join(_cpio(name, data, at) for at, (name, data) in enumerate(members, 1)) + _cpio("TRAILER!!!", b"", 0)


def _module(path: Path) -> bytes:
    """A kernel module as the first root's insmod takes it; newer kernels come with compressed ones."""
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def _cpio(name: str, data: bytes | None, inode: int) -> bytes:
    """One member in the "newc" format of cpio(5); no data means a directory."""
    mode = stat.S_IFDIR | 0o755 if data is None else stat.S_IFREG | 0o755
    body = data or b""
    encoded = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return head + b"\0" * (-len(head) % 4) + body + b"\0" * (-len(body) % 4)
