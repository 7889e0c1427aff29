"""Bad input from a real command line: one clear line on standard error, the right exit status, nothing changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECORDING = ROOT / "tests/hosts/recordings/kvm-pvm.json"
HOSTILE = ["a b", "it's", 'say "hi"', "two\nlines", "$(touch /tmp/x)", "`id`", "semi;colon", "-rf", "名字", "a\u202eb"]


def kvmready(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kvmready", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "LC_ALL": "C.UTF-8", **environment},
    )


def refused(status: int, *words: str) -> str:
    """The refusal's text, after looking at its form."""
    result = kvmready(*words)
    assert result.returncode == status, result
    assert result.stdout == ""
    first, *rest = result.stderr.splitlines()
    assert first.startswith("kvmready: ")
    assert all(line.startswith("  ") for line in rest)
    assert len(rest) <= 2
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("check", "--user", "no-such-user"), ["no-such-user", "adduser"]),
        (("up", "--dry-run", "--user", "no-such-user"), ["no-such-user"]),
        (("check", "--profile", "gigantic"), ["gigantic", "minimal", "server"]),
        (("check", "--only", "kernel.nothing"), ["kernel.nothing"]),
        (("check", "--only", "cellar"), ["cellar"]),
        (("plan", "--only", "cellar"), ["cellar", "hardware"]),
        (("prove", "--level", "universe"), ["universe", "probe", "libvirt"]),
        (("check", "--format", "pdf"), ["pdf", "json"]),
        (("--format", "pdf", "check"), ["pdf", "json"]),
        (("check", "--lang", "xx"), ["xx", "zh"]),
        (("dance",), ["dance", "check"]),
        ((), ["VERB"]),
        (("check", "--wat"), ["--wat"]),
        (("check", "extra"), ["extra"]),
    ],
)
def test_a_wrong_word_is_named_with_the_right_ones(words: Sequence[str], names: Sequence[str]) -> None:
    text = refused(2, *words)
    for name in names:
        assert name in text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_user_name_is_data(name: str) -> None:
    text = refused(2, "check", f"--user={name}")
    assert all(character.isprintable() for character in text.replace("\n", ""))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not whole JSON"),
        (b"not json", "not whole JSON"),
        (b"\xff\xfe\x00", "not text"),
        (b'{"schema": "kvmready.report/1"}', "kvmready.report/1"),
        (b'{"schema": "kvmready.recording/1", "answers": [], "asked_for": {}}', "for which users"),
    ],
)
def test_a_bad_recording_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(content)
    assert says in refused(2, "check", "--from", str(path))
    assert path.read_bytes() == content


def test_a_recording_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(RECORDING.read_bytes()[:-200])
    assert "not whole JSON" in refused(2, "check", "--from", str(path))


def test_a_missing_recording_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(2, "check", "--from", str(tmp_path / "none"))
    assert "directory" in refused(2, "check", "--from", str(tmp_path))


def test_a_recording_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "no" / "such" / "host.json"
    assert str(path) in refused(1, "check", "--record", str(path))
    assert list(tmp_path.iterdir()) == []


def test_another_user_than_recorded_is_an_unrecorded_question() -> None:
    text = refused(2, "check", "--from", str(RECORDING), "--user", "somebody-else")
    assert "does not hold an answer" in text
    assert "somebody-else" in text


def test_options_stand_before_or_after_the_verb() -> None:
    before = kvmready("--format", "json", "--lang", "en", "check", "--from", str(RECORDING))
    after = kvmready("check", "--from", str(RECORDING), "--lang=en", "--format", "json")
    documents = [json.loads(result.stdout) for result in (before, after)]
    for document in documents:
        document.pop("taken_at")
    assert documents[0] == documents[1]
    assert before.stderr == after.stderr == ""


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "kvmready", "check", "-v", "--from", str(RECORDING)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=60)


def test_a_run_that_does_not_exist(tmp_path: Path) -> None:
    status = 2 if os.geteuid() == 0 else 3
    text = refused(status, "undo", "20200101T000000Z-beef", "--state-dir", str(tmp_path), "--yes")
    if status == 2:
        assert "20200101T000000Z-beef" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["up", "check", "plan", "prove", "doctor"])
def test_every_verb_refuses_a_bad_configuration(tmp_path: Path, verb: str) -> None:
    path = tmp_path / "a b\n$(id).toml"
    path.write_text("nested = true\n\nbridge = 1\n")
    said = refused(2, verb, "--config", str(path), *(("words of an error",) if verb == "doctor" else ()))
    assert 'line 3: there is no key "bridge".' in said and "$(id)" in said
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff", "line 1: this is not UTF-8"),
        (b"nested = true\nnested = true\n", "line 2: a key is given twice"),
        (b"profile = [", "this is not TOML"),
        (b'users = ["no-such-user"]', 'line 1: there is no user "no-such-user"'),
        (b'users = ["two\\nlines"]', "users cannot be"),
        (b"#" * (10 << 20), "larger than 64 KiB"),
        (b'profile = "minimal"\nstorage.path = "/srv"', "line 2: storage.path means nothing"),
    ],
)
def test_a_bad_configuration_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "host.toml"
    path.write_bytes(content)
    assert says in refused(2, "check", "--config", str(path))


def test_drift_needs_a_configuration(tmp_path: Path) -> None:
    assert "no configuration file" in refused(2, "plan", "--drift", "--no-config")
    assert "exclude each other" in refused(2, "plan", "--drift", "--no-config", "--config", str(tmp_path / "x"))
    assert "No such file" in refused(2, "plan", "--drift", "--config", str(tmp_path / "none"))


def test_what_was_asked_for_by_a_file_is_recorded(tmp_path: Path) -> None:
    """And judged the same, without the file, wherever the recording is."""
    file, recording = tmp_path / "host.toml", tmp_path / "host.json"
    file.write_text('profile = "minimal"\niommu = true\naccel = "tcg"\n')
    words = ("check", "--config", str(file), "--user", "root", "--format", "json")
    first = json.loads(kvmready(*words, "--record", str(recording)).stdout)
    assert first["profile"] == "minimal" and first["wanted"] == {"accel": "tcg", "nested": False, "iommu": True}
    file.unlink()
    again = json.loads(kvmready("check", "--from", str(recording), "--format", "json").stdout)
    for document in (first, again):
        document.pop("taken_at")
        document.pop("next")  # the first one names the file
    assert again == first


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that are root's")
def test_the_hosts_own_configuration(tmp_path: Path) -> None:
    """In a mount namespace, where /etc/kvmready can be made without a trace."""
    program = (
        "mount --make-rprivate / && mkdir -p $WORK/up $WORK/work && "
        "mount -t overlay none -o lowerdir=/etc,upperdir=$WORK/up,workdir=$WORK/work /etc && mkdir /etc/kvmready && "
        "echo 'profile = \"minimal\"' >/etc/kvmready/host.toml && chmod $MODE /etc/kvmready/host.toml && "
        "exec $PYTHON -m kvmready check --format json $WORDS"
    )

    def check(mode: str, words: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / mode).mkdir(exist_ok=True)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "LC_ALL": "C.UTF-8", "MODE": mode,
                "WORDS": words, "PYTHON": sys.executable, "WORK": str(tmp_path / f"{mode}{words}"),
            },
        )  # fmt: skip
        if "mount" in done.stderr:
            pytest.skip(f"no overlay over /etc here: {done.stderr.strip()}")
        return done

    assert json.loads(check("0644", "").stdout)["profile"] == "minimal"
    assert json.loads(check("0644", "--no-config").stdout)["profile"] == "server"
    bad = check("0666", "")
    assert bad.returncode == 2 and bad.stdout == ""
    assert "/etc/kvmready/host.toml can be written by others than root: its mode is 0666." in bad.stderr
    assert json.loads(check("0666", "--no-config").stdout)["profile"] == "server"
    assert not Path("/etc/kvmready").exists()
