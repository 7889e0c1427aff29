"""The manual page, the completions and the packages, as their own programs read and install them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kvmready import __version__
from kvmready.cli import options
from kvmready.fleet import archive
from tests.machine.cli.test_formats import TIMES
from tools import manual, packages

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[3]
HOME = os.environ.get("HOME", "/")
FRESH = ROOT / "tests" / "hosts" / "recordings" / "debian-12-fresh.json"


def run(argv: Sequence[object], **environment: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in argv]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    clean = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **environment}
    return subprocess.run(words, capture_output=True, text=True, timeout=200, check=False, env=clean)


def done(argv: Sequence[object], **environment: str) -> str:
    ended = run(argv, **environment)
    assert ended.returncode == 0, ended
    return ended.stdout


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    assert manual.main([str(folder)]) == 0
    return folder


@pytest.mark.parametrize("language", manual.PAGES)
def test_the_manual_page_tells_of_every_verb_and_every_option(share: Path, language: str) -> None:
    drawn = done(("mandoc", "-T", "utf8", "-O", "width=78", share / manual.PAGES[language]))
    plain = re.sub(".\b", "", drawn)  # bold is a letter struck twice
    verbs = {verb: own for verb, (_line, own) in options.VERBS.items()}
    for verb in options.WITH_ACTIONS:
        verbs.update({f"{verb} {action}": own for action, (_line, own) in options.actions(verb).items()})
    for verb, own in verbs.items():
        assert f"kvmready {verb}" in plain
        for option in own():
            for name in option.names:
                assert option.kind in ("word", "words") or name in plain, (verb, name)


def test_the_manual_page_has_no_fault_of_roff(share: Path) -> None:
    said = run(("mandoc", "-T", "lint", "-W", "error", share / manual.PAGES["en"]))
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize(("shell", "only_read"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_a_shell_reads_its_completions(share: Path, shell: str, only_read: str) -> None:
    said = run((shell, only_read, share / manual.COMPLETIONS[shell]))
    assert (said.returncode, said.stderr) == (0, "")


BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shtab_kvmready
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "offered"),
    [(("kvmready", "che"), "check"), (("kvmready", "up", "--dry"), "--dry-run"), (("kvmready", "hist"), "history")],
)
def test_bash_completes(share: Path, words: tuple[str, ...], offered: str) -> None:
    said = done(("bash", "-c", BASH, "bash", share / manual.COMPLETIONS["bash"], *words))
    assert said.split() == [offered]


def test_fish_completes(share: Path, tmp_path: Path) -> None:
    file = share / manual.COMPLETIONS["fish"]
    said = done(("fish", "-c", f"source {file}; complete -C 'kvmready check --profile des'"), HOME=str(tmp_path))
    assert said.split("\t")[0] == "desktop"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    for tool in ("dpkg-buildpackage", "dh_python3", "rpmbuild"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("packages")
    assert packages.main(["--output", str(folder)]) == 0
    return {kind: next(folder.glob(f"*.{kind}")) for kind in packages.KINDS}


INSTALLED = """
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --bind /proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
cp "$2" "$3" "$1/root/tmp/"
cat >"$1/root/tmp/try"
exec chroot "$1/root" /bin/sh -eu /tmp/try "/tmp/${2##*/}" "/tmp/${3##*/}"
"""
"""This machine once more, above which a package is installed, in a mount namespace that ends with the test."""

TRIED = """
touch /tmp/begun
{install} >&2
cd /
kvmready --version
kvmready check --from "$2" --format json || test $? = 1
test -n "$(find /usr/share/kvmready -name __init__.*.pyc)"
{remove} >&2
find /usr /etc /var/lib -newer /tmp/begun -not -type d -path '*kvmready*' | sed 's/^/left: /'
test ! -e /usr/share/kvmready || find /usr/share/kvmready | sed 's/^/left: /'
"""

INSTALLERS = {
    "deb": ('dpkg --install "$1"', "dpkg --purge kvmready"),
    "rpm": ('rpm --install --nodeps "$1"', "rpm --erase kvmready"),
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to install a package")
    yield tmp_path


@pytest.mark.parametrize("kind", packages.KINDS)
def test_a_package_is_installed_works_and_leaves_nothing(built: dict[str, Path], kind: str, place: Path) -> None:
    install, remove = INSTALLERS[kind]
    argv = ("unshare", "--mount", "sh", "-c", INSTALLED, "sh", str(place), str(built[kind]), str(FRESH))
    ended = subprocess.run(
        argv,
        input=TRIED.format(install=install, remove=remove),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert ended.returncode == 0, ended
    first, _, document = ended.stdout.partition("\n")
    assert first == f"kvmready {__version__}"
    assert "left: " not in document
    assert json.loads(document)["schema"] == "kvmready.report/1"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel, which is built from the source distribution, and that."""
    folder = tmp_path_factory.mktemp("distributions")
    tree = folder / "tree"
    listed = done(("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"), HOME=HOME)
    for name in listed.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    done((sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, tree), HOME=HOME)
    return {"wheel": next(folder.glob("*.whl")), "sdist": next(folder.glob("*.tar.gz"))}


def test_the_wheel_has_every_file_that_is_read_at_run_time(distributions: dict[str, Path]) -> None:
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        held = set(wheel.namelist())
    source = ROOT / "src"
    wanted = {str(path.relative_to(source)) for path in source.rglob("*") if path.suffix in (*archive.KEPT, ".s")}
    assert wanted - held == set()


def test_the_wheel_is_installed_and_works(distributions: dict[str, Path], tmp_path: Path) -> None:
    done((sys.executable, "-m", "venv", tmp_path / "venv"), HOME=HOME)
    python = tmp_path / "venv" / "bin" / "python"
    quiet = ("-I", "-m", "pip", "install", "-q", "--disable-pip-version-check")
    done((python, *quiet, distributions["wheel"]), HOME=HOME)
    command = tmp_path / "venv" / "bin" / "kvmready"
    assert done((command, "--version")) == f"kvmready {__version__}\n"
    for words in (("check", "--lang", "zh"), ("plan",), ("check", "--format", "html")):
        installed = run((command, *words, "--from", FRESH))
        from_the_tree = run((sys.executable, "-m", "kvmready", *words, "--from", FRESH), PYTHONPATH=str(ROOT / "src"))
        assert TIMES.sub("", installed.stdout) == TIMES.sub("", from_the_tree.stdout)
        assert installed.returncode == from_the_tree.returncode


def test_the_same_source_gives_the_same_deb(built: dict[str, Path], tmp_path: Path) -> None:
    assert packages.main(["deb", "--output", str(tmp_path)]) == 0
    assert next(tmp_path.glob("*.deb")).read_bytes() == built["deb"].read_bytes()


def test_a_version_that_is_not_that_of_the_changelog_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manual, "VERSION", "99")
    with pytest.raises(packages.NotBuilt, match="changelog is about"):
        packages.version()


def test_unknown_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        packages.main(["msi"])
    assert "there is no kind msi" in capsys.readouterr().err
