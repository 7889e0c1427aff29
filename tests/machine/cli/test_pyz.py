"""``kvmready.pyz``: the same bytes for the same source, and the same program wherever it lies and whoever runs it."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

import pytest

from tests.machine.cli import newer_python
from tests.machine.cli.test_formats import TIMES
from tests.machine.proof.conftest import eventually
from tests.machine.proof.test_guard import BEGIN

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = ROOT / "tests" / "hosts" / "recordings"
FRESH = str(RECORDINGS / "debian-12-fresh.json")
SYSTEM = Path("/usr/bin/python3")
"""A Python that everybody may run; the one that runs the tests may lie in somebody's home."""

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
NEWER = ("3.14",)
TOO_OLD = ("2.7", "3.6", "3.7", "3.8")
CLEAN = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

ANYWHERE = {
    "check": ("check", "--from", FRESH),
    "check in Chinese": ("check", "--from", FRESH, "--lang", "zh"),
    "json": ("check", "--from", FRESH, "--format", "json"),
    "html": ("check", "--from", str(RECORDINGS / "debian-12-ready.json"), "--format", "html"),
    "html in Chinese": ("plan", "--from", FRESH, "--format", "html", "--lang", "zh"),
    "junit": ("check", "--from", FRESH, "--format", "junit"),
    "prometheus": ("check", "--from", FRESH, "--format", "prometheus"),
    "markdown": ("check", "--from", FRESH, "--format", "markdown"),
    "explain": ("explain",),
    "explain a cause in Chinese": ("explain", "kernel.module-not-loaded", "--lang", "zh"),
    "doctor": ("doctor", "--text-only", "Could not access KVM kernel module: Permission denied"),
    "history": ("history", "--state-dir", "/nonexistent"),
    "help": ("--help",),
    "help in Chinese": ("up", "--help", "--lang", "zh"),
    "wrong usage in Chinese": ("frobnicate", "--lang", "zh"),
    "version": ("--version",),
}
"""Command lines whose answer depends on nothing but the program."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
Done = subprocess.CompletedProcess[str]


def run(argv: Sequence[object], cwd: Optional[Path] = None, **environment: str) -> Done:
    return subprocess.run(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={**CLEAN, **environment},
    )


def interpreter(version: str) -> Path:
    """A Python of that version, from pyenv, the PATH or Debian's next release. Skips where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    named = shutil.which(f"python{version}")
    for found in (*sorted(pyenv.glob(f"versions/{version}.*/bin/python")), *([Path(named)] if named else [])):
        done = run((found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"))
        if done.stdout.strip() == version:
            return found
    newer = newer_python.python(version) if version in NEWER else None
    if newer is not None:
        return newer
    pytest.skip(f"there is no Python {version} on this machine")


def built(tree: Path, output: Path, *, python: object = sys.executable, umask: int = 0o022, **environment: str) -> Done:
    argv = ("sh", "-c", f'umask {umask:o}; exec "$@"', "sh", python, "-B", "-m", "tools.pyz", "--output", output)
    return run(argv, tree, **environment)


@pytest.fixture(scope="module")
def archive() -> Iterator[Path]:
    """The one file, where everybody may read it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    done = built(ROOT, folder / "kvmready.pyz")
    assert done.returncode == 0, done
    yield folder / "kvmready.pyz"
    shutil.rmtree(folder)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The same source somewhere else: younger, closed to others, written in another order, and in use."""
    tree = tmp_path / "a tree"
    for name in ("tools", "src"):
        for path in sorted((ROOT / name).rglob("*"), reverse=True):
            if path.is_file() and "__pycache__" not in path.parts:
                target = tree / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
                target.chmod(0o600)
    shutil.copyfile(ROOT / "LICENSE", tree / "LICENSE")
    (tree / "src" / "kvmready" / "__pycache__").mkdir()
    (tree / "src" / "kvmready" / "__pycache__" / "errors.cpython-311.pyc").write_bytes(b"old")
    return tree


# The bytes


def test_the_same_source_gives_the_same_bytes(archive: Path, copy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pyz"
    done = built(copy, other, umask=0o077, TZ="Asia/Shanghai", SOURCE_DATE_EPOCH="1700000000", PYTHONHASHSEED="7")
    assert done.returncode == 0, done
    assert digest(other) == digest(archive) and done.stdout.split()[0] == digest(archive)
    assert other.stat().st_mode & 0o7777 == archive.stat().st_mode & 0o7777 == 0o755
    changed = copy / "src" / "kvmready" / "errors.py"
    changed.write_bytes(changed.read_bytes() + b"\n")
    assert built(copy, other).returncode == 0
    assert digest(other) != digest(archive)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_python_builds_the_same_bytes(archive: Path, tmp_path: Path, version: str) -> None:
    rich = Path(str(pytest.importorskip("rich").__file__)).parents[1]
    done = built(ROOT, tmp_path / "other.pyz", python=interpreter(version), PYTHONPATH=str(rich))
    assert done.returncode == 0, done
    assert digest(tmp_path / "other.pyz") == digest(archive)


def test_rich_is_the_one_that_is_known_or_none(archive: Path, tmp_path: Path) -> None:
    """A rich that somebody changed is not taken; without it the known one is downloaded, and that has a digest too."""
    rich = Path(str(pytest.importorskip("rich").__file__)).parent
    shutil.copytree(rich, tmp_path / "rich")
    for found in rich.parent.glob("rich-*.dist-info"):
        shutil.copytree(found, tmp_path / found.name)
    output = tmp_path / "kvmready.pyz"
    assert built(ROOT, output, PYTHONPATH=str(tmp_path), PIP_NO_INDEX="1").returncode == 0
    with (tmp_path / "rich" / "cells.py").open("a") as file:
        file.write("# changed\n")
    output.unlink()
    done = built(ROOT, output, PYTHONPATH=str(tmp_path), PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    assert done.returncode == 1 and "pip could not download it" in done.stderr
    assert not output.exists()
    done = built(ROOT, output, PYTHONPATH=str(tmp_path), HOME=str(Path.home()))
    if "pip could not download it" in done.stderr:
        pytest.skip("PyPI cannot be reached")
    assert done.returncode == 0 and digest(output) == digest(archive)


def test_nothing_stays_behind_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    done = built(ROOT, tmp_path / "taken")
    assert done.returncode == 1 and done.stderr.startswith("pyz: ") and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_it_holds_what_the_program_needs_and_names_nobody(archive: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        names = content.namelist()
        assert content.testzip() is None and names == sorted(names) and len(set(names)) == len(names)
        assert not [name for name in names if str(ROOT).encode() in content.read(name)]
    package = {
        f"kvmready/{path.relative_to(ROOT / 'src' / 'kvmready').as_posix()}"
        for path in (ROOT / "src" / "kvmready").rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".po", ".s", ".c")
    }
    assert package <= set(names)
    rest = set(names) - package - {"__main__.py", "kvmready/LICENSE"}
    assert {name.split("/")[0] for name in rest} == {"rich"} and "rich/LICENSE" in rest


# The program


@pytest.mark.parametrize("version", VERSIONS)
def test_it_says_what_the_source_says_on_every_python(archive: Path, version: str) -> None:
    """``-S``: nothing that is installed can be imported, so that whatever is missing would show."""
    python = interpreter(version)
    rich = Path(str(pytest.importorskip("rich").__file__)).parents[1]
    source = f"import sys; sys.path[:0] = {[str(ROOT / 'src'), str(rich)]!r}; " + (
        "from kvmready.__main__ import main; sys.exit(main())"
    )
    for name, words in ANYWHERE.items():
        ours = run((python, "-I", "-S", archive, *words))
        theirs = run((python, "-I", "-B", "-c", source, *words))
        assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr), (name, ours)
        assert TIMES.sub("", ours.stdout) == TIMES.sub("", theirs.stdout), name
        assert ours.stdout or ours.returncode == 2, name


@pytest.mark.parametrize("version", VERSIONS)
def test_every_module_of_it_can_be_read_in_on_every_python(archive: Path, version: str) -> None:
    """Also what only a verb that changes the host would import."""
    with zipfile.ZipFile(archive) as content:
        files = [Path(name).with_suffix("").parts for name in content.namelist() if name.endswith(".py")]
    names = [".".join(one[:-1] if one[-1] == "__init__" else one) for one in files if one[0] == "kvmready"]
    assert len(names) > 100
    program = "import sys; sys.path.insert(0, sys.argv[1])\nfor name in sys.argv[2:]: __import__(name)"
    done = run((interpreter(version), "-I", "-S", "-c", program, archive, *names))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.machine
@pytest.mark.parametrize("version", VERSIONS)
def test_it_asks_this_machine_and_its_kvm_on_every_python(archive: Path, version: str) -> None:
    python = interpreter(version)
    checked = json.loads(run((python, "-I", "-S", archive, "check", "--format", "json")).stdout)
    assert {layer["id"] for layer in checked["layers"]} >= {"hardware", "kernel", "qemu"}
    done = run((python, "-I", "-S", archive, "prove", "--level", "probe", "--format", "json"))
    (step,) = (one for one in json.loads(done.stdout)["proof"]["steps"] if one["id"] == "probe.run")
    said = " ".join(one["text"] for one in step["evidence"])
    assert (step["status"] == "pass") is (done.returncode == 0) and "Error" not in said
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        assert step["status"] == "pass", step


@pytest.mark.parametrize("version", TOO_OLD)
def test_an_older_python_is_told_so(archive: Path, version: str) -> None:
    done = run((interpreter(version), archive, "check"))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"kvmready: Python 3.9 or newer is needed; this is {version}.")
    assert len(done.stderr.splitlines()) == 1


def test_it_runs_by_itself_whatever_its_name_is(archive: Path, tmp_path: Path) -> None:
    """Renamed, read-only, with spaces in its path, behind a link, from another directory by a relative name."""
    place = tmp_path / "a b 名字"
    place.mkdir()
    renamed = place / "kvm ready"
    shutil.copy(archive, renamed)
    renamed.chmod(0o555)
    link = tmp_path / "link"
    link.symlink_to(renamed)
    expected = run((sys.executable, archive, "check", "--from", FRESH))
    assert expected.returncode == 1 and expected.stderr == ""
    for argv in ((renamed,), (link,), ("./link",), (sys.executable, f"{place.name}/kvm ready")):
        done = run((*argv, "check", "--from", FRESH), tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (1, expected.stdout, ""), argv
    probed = run((sys.executable, "a b 名字/kvm ready", "check", "--only", "kernel", "--format", "json"), tmp_path)
    assert "No such file" not in probed.stdout and json.loads(probed.stdout)["findings"]


def test_unpacked_it_is_the_same_program(archive: Path, tmp_path: Path) -> None:
    """Where it is started often; there Python keeps the compiled form of it."""
    folder = tmp_path / "un packed"
    assert run((sys.executable, "-m", "zipfile", "-e", archive, folder)).returncode == 0
    for words in (ANYWHERE["check in Chinese"], ANYWHERE["html"], ANYWHERE["help in Chinese"]):
        ours = run((sys.executable, "-I", "-S", folder, *words))
        packed = run((sys.executable, "-I", "-S", archive, *words))
        assert (ours.returncode, ours.stderr) == (packed.returncode, packed.stderr)
        assert ours.stdout and TIMES.sub("", ours.stdout) == TIMES.sub("", packed.stdout)
    assert list((folder / "kvmready").rglob("*.pyc"))


def test_it_leaves_nothing_behind(archive: Path, tmp_path: Path) -> None:
    shutil.copy(archive, tmp_path / "kvmready.pyz")
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert run((sys.executable, "kvmready.pyz", "check"), tmp_path, **environment).stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["kvmready.pyz"]


def test_what_lies_about_is_not_imported(archive: Path, tmp_path: Path) -> None:
    for name in ("rich", "kvmready"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('planted')\n")
    done = run((sys.executable, archive, "check", "--from", FRESH), tmp_path, PYTHONPATH=str(tmp_path))
    assert done.stderr == "" and "kvmready" in done.stdout


def test_progress_is_drawn_on_a_terminal(archive: Path) -> None:
    """The part of rich that moves, which no pipe shows; with nothing installed that it could import instead."""
    ours, theirs = pty.openpty()
    argv = (sys.executable, "-I", "-S", str(archive), "prove", "--level", "probe", "--lang", "zh")
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env={**CLEAN, "TERM": "xterm"}) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            said += part
    os.close(ours)
    assert process.returncode in (0, 1)
    assert b"\x1b[" in said and "probe.run" in said.decode() and b"Traceback" not in said and b"Error" not in said


@pytest.mark.machine
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_its_guard_cleans_up_after_it(archive: Path, tmp_path: Path, number: signal.Signals) -> None:
    mark = f"kvmready-proof-{os.getpid()}-{os.urandom(8).hex()}"
    argv = (sys.executable, "-I", "-S", "-c", BEGIN, str(archive), str(tmp_path))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**CLEAN, "MARK": mark}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
    assert not eventually(lambda: [name for name in ("tree", "file") if (tmp_path / name).exists()], 20)
    assert not eventually(lambda: not (tmp_path / "ran").exists(), 20)
    assert (tmp_path / "other").exists()


# Other users


@as_root
@pytest.mark.machine
def test_the_probe_asks_as_a_user_who_may_not_read_it(archive: Path, tmp_path: Path) -> None:
    """What the child imports, it imports before it becomes that user. The device is opened for him to get so far."""
    if not Path("/dev/kvm").exists() or not shutil.which("unshare"):
        pytest.skip("needs /dev/kvm and a mount namespace")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    shutil.copy(archive, closed / "kvmready.pyz")
    assert run(("setpriv", "--reuid", "nobody", "--clear-groups", "cat", closed / "kvmready.pyz")).returncode != 0
    node = 'mknod -m 666 "$0" c 10 232 && mount --bind "$0" /dev/kvm && exec "$@"'
    words = ("prove", "--level", "probe", "--user", "nobody", "--format", "json")
    inside = ("unshare", "--mount", "sh", "-c", node, tmp_path / "kvm", sys.executable)
    done = run((*inside, closed / "kvmready.pyz", *words))
    proof = json.loads(done.stdout)["proof"]
    assert (proof["user"], proof["ok"]) == ("nobody", True), proof


@as_root
@pytest.mark.skipif(not SYSTEM.exists(), reason="there is no Python that everybody may run")
def test_a_plain_user_checks_with_it(archive: Path) -> None:
    become = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")
    done = run((*become, SYSTEM, archive, "check", "--format", "json"), Path("/"), HOME="/nonexistent")
    record = json.loads(done.stdout)
    assert (done.stderr, record["users"]) == ("", ["nobody"])
    assert run((*become, archive, "explain"), Path("/"), PATH="/usr/bin:/bin").returncode == 0


@as_root
@pytest.mark.skipif(not SYSTEM.exists(), reason="there is no Python that everybody may run")
def test_sudo_starts_the_archive_again(archive: Path, tmp_path: Path) -> None:
    """``up`` as a plain user, with a program in sudo's place that says what it is told to run."""
    place = archive.parent / "in a place"
    place.mkdir()
    shutil.copy(archive, place / "k.pyz")
    sudo = archive.parent / "sudo"
    sudo.write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done\n')
    sudo.chmod(0o755)
    bind = 'mount -t tmpfs none /usr/local/sbin && cp -- "$0" /usr/local/sbin/sudo && exec "$@"'
    become = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")
    words = ("up", "--yes", "--user", "nobody", "--lang", "zh")
    argv = ("unshare", "--mount", "sh", "-c", bind, sudo, *become, SYSTEM, "k.pyz", *words)
    done = run(argv, place, HOME="/nonexistent", PATH="/usr/sbin:/usr/bin:/sbin:/bin")
    planned = json.loads(run((sys.executable, archive, "plan", "--user", "nobody", "--format", "json")).stdout)
    if not planned["plan"]["steps"]:
        pytest.skip("this machine needs nothing that root would have to do")
    told = done.stdout.splitlines()
    assert told[0] == "--" and told[-len(words) :] == list(words), done
    assert f"{place}/k.pyz" in told
    again = run((*told[1 : -len(words)], "--version"), tmp_path)
    assert (again.returncode, again.stdout[:9]) == (0, "kvmready "), again
