"""The configuration file: what it may say, and the words for whatever is wrong with it."""

from __future__ import annotations

import builtins
import os
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from kvmready.cli import config, parser, session
from kvmready.errors import InputError, UsageError
from kvmready.facts.names import PROFILES, Want
from kvmready.host import configuration
from kvmready.host.door import Account, Caller, Status
from tests import hosts

README = Path(__file__).resolve().parents[3] / "README.md"

WHOLE = """\
# What this host is for.
profile = "desktop"   # a screen is attached

users = [
    "alice",  # profile = "x"
    "bob",
]
"nested" = true
'iommu' = false
accel = "tcg"
storage.path = "/srv/guests"
hugepages = "2G"
autostart = ["web", "data base"]
[network]
subnet = "10.20.30.0/24"  # the office has 192.168
"""


def wrong(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        config.parse(text, "host.toml")
    return caught.value


def test_a_whole_file() -> None:
    found = config.parse(WHOLE, "host.toml")
    assert found.values == {
        "profile": "desktop",
        "users": ("alice", "bob"),
        "nested": True,
        "iommu": False,
        "accel": "tcg",
        "pool_path": "/srv/guests",
        "subnet": "10.20.30.0/24",
        "hugepages": 2048,
        "autostart": ("web", "data base"),
    }
    assert found.lines == {
        "profile": 2,
        "users": 4,
        "nested": 8,
        "iommu": 9,
        "accel": 10,
        "storage.path": 11,
        "hugepages": 12,
        "autostart": 13,
        "network.subnet": 15,
    }


def test_the_example_of_the_readme_has_every_key() -> None:
    """In two parts: what is said of the default network has no place beside a bridge."""
    parts = [part.partition("```")[0] for part in README.read_text("utf-8").split("```toml\n")[1:]]
    assert {key for part in parts for key in config.parse(part, "README.md").lines} == set(config.KEYS)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "# no newline at the end"])
def test_an_empty_file_wants_nothing_special(text: str) -> None:
    assert config.parse(text, "host.toml").values == {}


@pytest.mark.parametrize(
    ("text", "what", "why", "move"),
    [
        ('\nprofil = "web"', 'host.toml, line 2: there is no key "profil".', "profile, users", "Did you mean profile?"),
        ('nested = true\nuser = ["a"]', 'host.toml, line 2: there is no key "user".', "users", "Did you mean users?"),
        ('"two\\nlines" = 1', 'there is no key "two\\nlines".', "profile, users", ""),
        ('profile = "servr"', 'line 1: profile cannot be "servr".', "minimal, server, desktop, web", "mean server?"),
        ("profile = 3", "line 1: profile cannot be 3.", "minimal, server, desktop, web", ""),
        ("profile = 2026-01-01", 'profile cannot be "2026-01-01".', "minimal", ""),
        ("[profile]\nname = 1", 'line 1: profile cannot be {"name": 1}.', "minimal", ""),
        ("[[users]]\nname = 1", 'line 1: users cannot be [{"name": 1}].', "a list of names", ""),
        ('nested = "yes"', 'line 1: nested cannot be "yes".', "true or false", ""),
        ("\n\niommu = 1", "line 3: iommu cannot be 1.", "true or false", ""),
        ('network = {subnet = "10.5.0.0"}', 'line 1: network.subnet cannot be "10.5.0.0".', "256 addresses", ""),
        ('[network]\nsubnet = "192.168.150.0/16"', "line 2: network.subnet cannot be", "256 addresses", ""),
        ('[network]\nsubnet = "192.168.150.1/24"', "line 2: network.subnet cannot be", "256 addresses", ""),
        ('[network]\nsubnet = "8.8.8.0/24"', "line 2: network.subnet cannot be", "private", ""),
        ('[network]\nsubnet = "172.32.0.0/24"', "line 2: network.subnet cannot be", "private", ""),
        ('[network]\nsubnet = "10.0.0.0/024"', "line 2: network.subnet cannot be", "private", ""),
        ("[network]\nsubnet = 10.5", "line 2: network.subnet cannot be 10.5.", "private", ""),
        ('network = "10.0.0.0/24"', 'line 1: there is no key "network".', "network.subnet", "Did you mean"),
        ('[storage]\npath = "guests"', 'line 2: storage.path cannot be "guests".', "absolute path", ""),
        ('[storage]\npath = "/"', "line 2: storage.path cannot be", "absolute path", ""),
        ('[storage]\npath = "/srv/../etc"', "line 2: storage.path cannot be", "absolute path", ""),
        ('[storage]\npath = "/srv/a\\nb"', "line 2: storage.path cannot be", "absolute path", ""),
        ('profile = "minimal"\nstorage.path = "/srv"', "line 2: storage.path means nothing", "no libvirt", "server"),
        ('accel = "KVM"', 'accel cannot be "KVM".', "kvm, tcg", ""),
        ('users = "alice"', 'users cannot be "alice".', 'such as ["alice", "bob"]', ""),
        ("users = []", "users cannot be [].", "a list of names", ""),
        ('users = ["alice", 1]', 'users cannot be ["alice", 1].', "a list of names", ""),
        ('users = [""]', 'users cannot be [""].', "a list of names", ""),
        ('users = ["-rf"]', 'users cannot be ["-rf"].', "a list of names", ""),
        ('users = ["a\\nb"]', 'users cannot be ["a\\nb"].', "a list of names", ""),
        ('users = ["a\\u0000"]', "users cannot be", "a list of names", ""),
        ('users = ["a\\u202eb"]', "users cannot be", "a list of names", ""),
        ('nested = true\n\nnested = true\nprofile = "web"', "line 3: a key is given twice.", "", ""),
        ("profile = server", "line 1: this is not TOML.", "Invalid value", "key = value"),
        ("nested = true\nnested\n", "line 2: this is not TOML.", "", "key = value"),
        ('users = ["alice",\n', "line 1: this is not TOML.", "", "key = value"),
        ("nested = " + "9" * 5000, "", "", ""),
        ("users = " + "[" * 20000, "nested too deeply", "", ""),
        ("users = " + "[" * 30 + "]" * 30, "users cannot be", "a list of names", ""),
        ("a\0b = 1", "line 1: this is not TOML.", "", "key = value"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, what: str, why: str, move: str) -> None:
    error = wrong(text)
    assert what in error.what and why in error.why and move in error.next_move, error
    assert error.what.startswith("host.toml") and bool(error.next_move) >= bool(move)
    assert len(error.what) < 120 and error.exit_status == 2


def test_the_first_of_several_mistakes_is_told() -> None:
    assert "line 2" in wrong('profile = "web"\nfoo = 1\nbar = 2\nnested = 3').what


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a = 1\nb = 2", "b", 2),
        ("a = 1\r\n\tb=2\r\n", "b", 2),
        ("# b = 1\n b = 2", "b", 2),
        ("ab = 1\nb = 2", "b", 2),
        ('a = "b = 1"\nb = 2', "b", 2),
        ('a = """\nb = 1\n"""\nb = 2', "b", 4),
        ("a = '''\nb = 1\n\"\"\"\n'''\nb = 2", "b", 5),
        ('a = "\\"\\"\\"" # """\nb = 2', "b", 2),
        ('a = """x""" # y\nb = 2', "b", 2),
        ("[t]\nb = 1", "t", 1),
        ("[[t]]\nb = 1", "t", 1),
        ("[t]\nb = 1", "t.b", 2),
        ("b = 1\n[t]\nb = 1", "t.b", 3),
        ("[ t . u ]\nb = 1", "t.u.b", 2),
        ("a = 1\nt.b = 1", "t.b", 2),
        ("a = 1\nt.b.c = 1", "t.b", 2),
        ("a = 1\nt = {b = 1}", "t.b", 2),
        ("[x]\nb = 1", "b", 0),
        ('"\\u0062" = 1', "b", 0),  # not found: no line rather than a wrong one
    ],
)
def test_the_line_of_a_key(text: str, key: str, line: int) -> None:
    assert config.line_of(text, key) == line


COMMENT = st.text(string.printable.replace("\n", "").replace("\r", "").replace("\x0b", "").replace("\x0c", ""))
FILLER = st.lists(st.one_of(st.just(""), st.just("  "), COMMENT.map(lambda text: "# " + text)), max_size=4)


@given(FILLER, FILLER, st.sampled_from(PROFILES), st.sampled_from(['"', "'"]))
def test_a_key_is_found_between_comments(before: list[str], after: list[str], profile: str, quote: str) -> None:
    text = "\n".join([*before, f"profile = {quote}{profile}{quote}", *after])
    found = config.parse(text, "f")
    assert found.values == {"profile": profile} and found.lines == {"profile": len(before) + 1}


PIECES = ("profile", "users", "nested", "accel", "=", " = ", '"', "'", '"""', "[", "]", "[[", "{", "}",
          ",", ".", "\n", "#", "server", "1", "1979-05-27", "inf",
          "\\", "\\u0000", "\r\n", "\ufeff", "\0", "ü")  # fmt: skip


@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
@settings(max_examples=1500, deadline=None)
def test_no_text_raises_any_other_error(text: str) -> None:
    try:
        found = config.parse(text, "f")
    except InputError as error:
        assert error.what
    else:
        assert set(found.lines) <= set(config.KEYS)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_any_other_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(content)
    try:
        config.load(str(path))
    except InputError as error:
        assert error.what


# the file itself


def refused(path: Path | str, trusted: bool = False) -> InputError:
    with pytest.raises(InputError) as caught:
        config.load(str(path), trusted)
    return caught.value


def test_a_mark_of_the_encoding_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "host.toml"
    path.write_bytes(b'\xef\xbb\xbfprofile = "web"\r\n')
    found = config.load(str(path))
    assert found.values == {"profile": "web"}


def test_what_is_no_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "host.toml"
    assert "No such file" in refused(path).why
    assert "directory" in refused(tmp_path).why
    assert "No such file" in refused("").why
    assert "null" in refused("a\0b").why
    path.write_bytes(b'profile = "web"\n# \xff\n')
    assert "line 2: this is not UTF-8" in refused(path).what
    path.write_bytes('profile = "web"'.encode("utf-16"))
    assert "line 1: this is not UTF-8" in refused(path).what
    path.write_bytes(b"#" * (10 << 20))
    assert "larger than 64 KiB" in refused(path).why
    path.write_bytes(b"#" * configuration.LIMIT)
    assert config.load(str(path)).values == {}
    path.unlink()
    os.mkfifo(path)
    assert "not a regular file" in refused(path).why
    assert "not a regular file" in refused("/dev/null").why
    hostile = tmp_path / "a\nb {x} \x1b[31m.toml"
    assert str(hostile) in refused(hostile).what


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_words: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    assert refused(tmp_path / "host.toml").why == "Permission denied"


@pytest.mark.parametrize(
    ("uid", "mode", "word"),
    [
        (0, 0o100644, ""),
        (0, 0o100600, ""),
        (0, 0o40755, ""),
        (1000, 0o100644, "number 1000"),
        (0, 0o100664, "mode is 0664"),
        (0, 0o100646, "mode is 0646"),
        (0, 0o41777, "mode is 1777"),
    ],
)
def test_whose_the_hosts_own_file_is(uid: int, mode: int, word: str) -> None:
    said = configuration.distrust("/etc/kvmready/host.toml", uid, mode)
    assert (word in said) if word else said == ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes files that are root's")
def test_the_hosts_own_file_has_to_be_roots_alone(tmp_path: Path) -> None:
    folder = tmp_path / "kvmready"
    folder.mkdir(mode=0o755)
    path = folder / "host.toml"
    path.write_text("nested = true\n")
    path.chmod(0o644)
    assert config.load(str(path), trusted=True).values == {"nested": True}
    path.chmod(0o666)
    assert "mode is 0666" in refused(path, True).why and "--no-config" in refused(path, True).next_move
    assert config.load(str(path)).values == {"nested": True}, "one that was named may be anybody's"
    path.chmod(0o644)
    os.chown(path, 4711, 0)
    assert "number 4711" in refused(path, True).why
    os.chown(path, 0, 0)
    folder.chmod(0o777)
    assert str(folder) in refused(path, True).why


def test_a_python_without_a_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *words: Any, **more: Any) -> Any:
        if name in ("tomllib", "tomli"):
            raise ModuleNotFoundError(name)
        return real(name, *words, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    error = wrong("nested = true")
    assert "no parser for TOML" in error.what and "python3-tomli" in error.next_move


def test_tomli_serves_where_there_is_no_tomllib(monkeypatch: pytest.MonkeyPatch) -> None:
    tomli = pytest.importorskip("tomli")
    real = builtins.__import__

    def older(name: str, *words: Any, **more: Any) -> Any:
        if name == "tomllib":
            raise ModuleNotFoundError(name)
        return real(name, *words, **more)

    monkeypatch.setattr(builtins, "__import__", older)
    assert config._parser("f") is tomli
    assert config.parse(WHOLE, "f").values["profile"] == "desktop"
    assert "line 3: a key is given twice." in wrong("nested = true\n\nnested = true\n").what
    assert "nested cannot be 1" in wrong("nested = 1").what


# flags, the file, and the recording


class Host:
    """A host on which only alice and bob live, with a configuration file of its own or without."""

    def __init__(self, own: bool = False) -> None:
        self.own = own
        self.asked: list[str] = []

    def stat(self, path: str) -> Status:
        self.asked.append(path)
        return Status(path, "file") if self.own else Status(path, error="ENOENT")

    def account(self, name: str) -> Account:
        return Account(name) if name in ("alice", "bob") else Account(name, error="absent")

    def caller(self) -> Caller:
        return Caller(1000, (1000,), "alice", "", "host", "6.1", "x86_64")


def wanted(line: str, host: Host | None = None) -> Want:
    return session.want(parser.parse(line.split()), host or Host())  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(text: str) -> str:
        path = tmp_path / "host.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("", ""),
        ('profile = "web"', "--profile web"),
        ('users = ["bob", "alice"]', "--user bob --user alice"),
        ("nested = true\niommu = true", "--nested --iommu"),
        ("nested = false\niommu = false", ""),
        ('accel = "tcg"', "--accel tcg"),
        ('accel = "kvm"', "--accel kvm"),
        ('profile = "minimal"\nusers = ["bob"]\nnested = true', "--profile minimal --user bob --nested"),
    ],
)
def test_a_file_and_flags_ask_for_the_same(file: Any, text: str, flags: str) -> None:
    assert wanted(f"check --config {file(text)}") == wanted(f"check {flags}")


def test_flags_beat_the_file(file: Any) -> None:
    path = file('profile = "web"\nusers = ["bob"]\naccel = "tcg"\n')
    line = f"check --config {path}"
    assert wanted(line) == Want("web", ("bob",), "tcg")
    assert wanted(f"{line} --profile minimal --user alice --accel kvm --iommu") == Want(
        "minimal", ("alice",), "kvm", False, True
    )


def test_the_hosts_own_file(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = config.load

    def load(path: str, trusted: bool = False) -> config.Configuration:
        asked.append(trusted)
        return real(path)

    monkeypatch.setattr(config, "load", load)
    monkeypatch.setattr(session, "CONFIGURATION", file('profile = "web"'))
    assert wanted("check", Host(own=True)).profile == "web" and asked == [True]
    assert wanted("check --no-config", Host(own=True)).profile == "server"
    assert wanted("check", Host()).profile == "server"
    other = Path(session.CONFIGURATION).with_name("other.toml")
    other.write_text("nested = true\n")
    assert wanted(f"check --config {other}", Host(own=True)) == Want("server", ("alice",), nested=True)
    assert asked == [True, False], "one that was named may be anybody's"


def test_without_a_file_one_question_is_all() -> None:
    host = Host()
    wanted("check", host)
    assert host.asked == ["/etc/kvmready/host.toml"]
    wanted("check --no-config", host)
    assert len(host.asked) == 1


def test_a_file_that_cannot_be_seen_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "CONFIGURATION", str(tmp_path / "gone" / "host.toml"))
    with pytest.raises(InputError, match="is not read"):
        wanted("check", Host(own=True))


def test_what_excludes_itself(file: Any) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        wanted(f"check --no-config --config {file('')}")
    with pytest.raises(InputError, match="is not read"):
        wanted("check --config=")


def test_a_user_of_the_file_that_nobody_is(file: Any) -> None:
    path = file('nested = true\nusers = ["alice", "carol"]\n')
    with pytest.raises(InputError, match='line 2: there is no user "carol"'):
        wanted(f"check --config {path}")
    assert wanted(f"check --config {path} --user bob").users == ("bob",)


def test_a_recording_is_beaten_by_a_file_and_both_by_flags(file: Any) -> None:
    recording = hosts.FOLDER / "recordings" / "debian-12-ready.json"
    line = f"check --from {recording} --config {file('iommu = true')}"
    wants = {"": Want("server", ("alice",), iommu=True), " --profile web --user eve": Want("web", ("eve",), iommu=True)}
    for words, want in wants.items():
        _door, found = session.open_host(parser.parse((line + words).split()))
        assert found == want


def test_this_hosts_file_says_nothing_of_a_recorded_host(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CONFIGURATION", file("iommu = true"))
    recording = hosts.FOLDER / "recordings" / "debian-12-ready.json"
    assert not session.open_host(parser.parse(["check", "--from", str(recording)]))[1].iommu


def test_who_said_so_is_told(file: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = file('profile = "web"\nnested = true\n')
    wanted(f"check -v --config {path} --profile minimal")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "Wanted:",
        "  profile = minimal  (--profile)",
        "  users = alice  (nobody said otherwise)",
        f"  nested = true  ({path}, line 2)",
        "  iommu = false  (nobody said otherwise)",
        "  accel = kvm  (nobody said otherwise)",
        *(f"  {key} = -  (nobody said otherwise)" for key in tuple(config.KEYS)[5:]),
    ]
    wanted(f"check --config {path}")
    wanted("check -v")
    assert capsys.readouterr().err == ""


def test_every_key_is_a_part_of_what_is_wanted() -> None:
    """No key that does nothing."""
    assert {config.FIELDS.get(key, key) for key in config.KEYS} == set(Want._fields)


def test_a_namespace_without_a_file_needs_nothing() -> None:
    assert session.unsaid(SimpleNamespace(configuration=None, no_config=False)) is None  # type: ignore[arg-type]


def test_the_same_keys_as_json() -> None:
    """For programs that write it, and for Pythons without a parser for TOML."""
    text = '{"profile": "server", "users": ["alice"], "network": {"subnet": "192.168.150.0/24"}}'
    assert config.parse(text, "wanted.json").values == {
        "profile": "server",
        "users": ("alice",),
        "subnet": "192.168.150.0/24",
    }


@pytest.mark.parametrize("text", ["", "[]", "{", '"a"', '{"profile": "serfer"}', '{"something": 1}', "[" * 10_000])
def test_wrong_json_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        config.parse(text, "wanted.json")
