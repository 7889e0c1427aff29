"""Packages without content, built in the formats of rpm and pacman, and an installation root to put them into.

A root is an overlay over this machine's own, in a mount namespace that is gone with its process: what runs in there is
the product as it is, with the machine's real package programs, and sees an empty package database.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

TREE = Path(__file__).resolve().parents[3]

BASE = "stub-base"
"""Installed before anything else: what the other packages stand on, and what ``stub-rival`` conflicts with."""


class Stub(NamedTuple):
    """A package: what it needs, what it cannot stand, its files, and those of them that are configuration."""

    name: str
    needs: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    slow: bool = False  # its script runs for some seconds, before its files are there


STUBS = (
    Stub(BASE, files=("/usr/share/stub-base/data",)),
    Stub("stub-library", files=("/usr/share/stub-library/data",)),
    Stub("stub-extra", files=("/usr/share/stub-extra/data",)),
    Stub("stub-emulator", needs=("stub-library",), files=("/usr/bin/stub-emulator",), recommends=("stub-extra",)),
    Stub(
        "stub-daemon",
        needs=("stub-library",),
        files=("/usr/sbin/stub-daemon", "/etc/stub/daemon.conf"),
        configuration=("/etc/stub/daemon.conf",),
    ),
    Stub("stub-later", needs=("stub-library",), files=("/usr/share/stub-later/data",)),
    Stub("stub-slow", files=("/usr/share/stub-slow/data",), slow=True),
    Stub("stub-rival", conflicts=(BASE,), files=("/usr/share/stub-rival/data",)),
)

VERSION, RELEASE = "1.0", "1"

SLOW = "sleep 3"


def content(path: str) -> str:
    return f"{path} of a stub\n"


def rpm_repository(folder: Path, stubs: Sequence[Stub] = STUBS) -> Path:
    """Build the stubs with rpmbuild, and the metadata with createrepo_c; returns the repository."""
    repository = folder / "rpm"
    repository.mkdir()
    spec = folder / "stubs.spec"
    spec.write_text(_spec(stubs))
    define = {
        "_topdir": folder / "build",
        "_rpmdir": repository,
        "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    }
    words = [word for name, value in define.items() for word in ("--define", f"{name} {value}")]
    subprocess.run(["rpmbuild", "-bb", "--quiet", *words, str(spec)], check=True, capture_output=True)
    subprocess.run(["createrepo_c", "--quiet", str(repository)], check=True, capture_output=True)
    return repository


def _spec(stubs: Sequence[Stub]) -> str:
    lines = ["Name: stubs", f"Version: {VERSION}", f"Release: {RELEASE}", "Summary: stubs", "License: none"]
    lines += ["BuildArch: noarch", "%description", "stubs"]
    for stub in stubs:
        lines += [f"%package -n {stub.name}", f"Summary: {stub.name}"]
        lines += ["Provides: /bin/sh"] if stub.name == BASE else []
        lines += [f"Requires: {name}" for name in stub.needs] + [f"Conflicts: {name}" for name in stub.conflicts]
        lines += [f"Recommends: {name}" for name in stub.recommends]
        lines += [f"%description -n {stub.name}", "a stub"]
        lines += [f"%pre -n {stub.name}", SLOW] if stub.slow else []
    lines += ["%install"]
    for path in (path for stub in stubs for path in stub.files):
        lines += [
            f"mkdir -p %{{buildroot}}{path.rpartition('/')[0]}",
            f"echo '{content(path)[:-1]}' > %{{buildroot}}{path}",
        ]
    for stub in stubs:
        lines += [f"%files -n {stub.name}"]
        own = [path for path in stub.files if "/stub-" in path.rpartition("/")[0] or path.startswith("/etc/")]
        lines += [f"%dir {path.rpartition('/')[0]}" for path in own]
        lines += [f"%config(noreplace) {path}" if path in stub.configuration else path for path in stub.files]
    return "\n".join(lines) + "\n"


def pacman_repository(folder: Path, stubs: Sequence[Stub] = STUBS) -> Path:
    """Packages and their database, as repo-add(8) writes them, in the form of alpm-repo-db(7)."""
    repository = folder / "pacman"
    repository.mkdir()
    with tarfile.open(repository / "stubs.db", "w:gz") as database:
        for stub in stubs:
            path = repository / f"{stub.name}-{VERSION}-{RELEASE}-any.pkg.tar.gz"
            with tarfile.open(path, "w:gz") as package:
                _add(package, ".PKGINFO", _pkginfo(stub))
                if stub.slow:
                    _add(package, ".INSTALL", f"pre_install() {{\n{SLOW}\n}}\n")
                for place in dict.fromkeys(file.rpartition("/")[0] for file in stub.files):
                    entry = tarfile.TarInfo(place.lstrip("/"))
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    package.addfile(entry)
                for file in stub.files:
                    _add(package, file.lstrip("/"), content(file))
            _add(database, f"{stub.name}-{VERSION}-{RELEASE}/desc", _desc(stub, path))
    return repository


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text), 0o644
    archive.addfile(entry, io.BytesIO(text.encode("ascii")))


def _pkginfo(stub: Stub) -> str:
    fields = [("pkgname", stub.name), ("pkgver", f"{VERSION}-{RELEASE}"), ("pkgdesc", "a stub"), ("arch", "any")]
    fields += [("builddate", "1700000000"), ("packager", "nobody"), ("size", "1")]
    fields += [("depend", name) for name in stub.needs] + [("conflict", name) for name in stub.conflicts]
    fields += [("backup", path.lstrip("/")) for path in stub.configuration]
    return "".join(f"{name} = {value}\n" for name, value in fields)


def _desc(stub: Stub, path: Path) -> str:
    data = path.read_bytes()
    fields = {
        "FILENAME": (path.name,),
        "NAME": (stub.name,),
        "VERSION": (f"{VERSION}-{RELEASE}",),
        "CSIZE": (str(len(data)),),
        "SHA256SUM": (hashlib.sha256(data).hexdigest(),),
        "ARCH": ("any",),
        "DEPENDS": stub.needs,
        "CONFLICTS": stub.conflicts,
    }
    return "".join(f"%{name}%\n" + "\n".join(values) + "\n\n" for name, values in fields.items() if values)


ENTER = """\
set -eu
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$1/upper,workdir=$1/work" "$1/root"
for folder in /proc /dev /sys; do mount --rbind "$folder" "$1/root$folder"; done
for folder in "$2" "$3" "$4"; do
    [ -d "$1/root$folder" ] || mkdir -p "$1/root$folder"
    mount --rbind "$folder" "$1/root$folder"
done
shift 4
exec chroot "$PWD_OF_ROOT" "$@"
"""


def run_in_root(work: Path, setup: str, program: str, arguments: Sequence[Any] = (), lower: str = "/") -> Any:
    """Run a shell script that prepares the root, then Python ``program``, whose last line of output is JSON.

    ``work`` is shared with the root under the same name. ``lower`` is what the root is made of: this machine, or a tree
    with a Python of its own. Fails with all that was said when either of them fails.
    """
    python = sys.executable if lower == "/" else "/usr/bin/python3"
    place = work / "place"
    place.mkdir(exist_ok=True)
    script = work / "program.py"
    script.write_text(program)
    (work / "setup.sh").write_text("set -eu\n" + setup)
    inner = f'sh "{work}/setup.sh" >"{work}/setup.log" 2>&1 || {{ cat "{work}/setup.log" >&2; exit 9; }}\nexec "$@"'
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C",
        "HOME": "/root",
        "PYTHONPATH": f"{TREE / 'src'}:{TREE}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PWD_OF_ROOT": str(place / "root"),
        "LOWER": lower,
    }
    words = ["unshare", "--mount", "--net", "sh", "-c", ENTER, "sh", str(place), str(work), str(TREE), sys.prefix]
    words += ["sh", "-c", inner, "sh", python, str(script), *(json.dumps(word) for word in arguments)]
    done = subprocess.run(
        words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, cwd="/"
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


TREE_OF_DNF5 = ("dnf5", "rpm", "python3", "findutils")


def tree_with_dnf5(cache: Path) -> Path:
    """A tree of Debian's development suite, the only one with dnf5; built once, in a minute, and kept in ``cache``.

    Raises RuntimeError with the last words of mmdebstrap where that suite cannot be had.
    """
    tree = cache / "dnf5-tree"
    if not (tree / "usr/bin/dnf5").exists():
        cache.mkdir(parents=True, exist_ok=True)
        work = cache / f"dnf5-tree.{os.getpid()}"
        options = ["--aptopt=Acquire::Check-Valid-Until false", "--aptopt=Acquire::Check-Date false"]
        argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", *options]
        argv += [f"--include={','.join(TREE_OF_DNF5)}", "sid", str(work)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
        if done.returncode:
            shutil.rmtree(work, ignore_errors=True)
            raise RuntimeError(" ".join(done.stderr.split()[-30:]))
        work.rename(tree)
    return tree


def missing(*programs: str) -> list[str]:
    """Those of the programs that are not installed, and what else a root needs."""
    found = [name for name in (*programs, "unshare", "chroot", "mount") if not _there(name)]
    return [*found, *([] if os.geteuid() == 0 else ["root"])]


def _there(name: str) -> bool:
    return any(Path(folder, name).exists() for folder in ("/usr/bin", "/usr/sbin", "/bin", "/sbin"))
