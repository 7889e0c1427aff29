"""What Ansible is told, as far as no host is needed for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kvmready.errors import KvmreadyError
from kvmready.fleet import archive, engine


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("", True),
        ("[defaults]\nhost_key_checking = True\n", True),
        ("[defaults]\nhost_key_checking = False\n", False),
        ("[ssh_connection]\nhost_key_checking: no\n", False),
        ("[defaults]\nforks = 50%\n", True),
    ],
)
def test_keys_of_hosts_are_looked_at_unless_the_person_said_otherwise(text: str, checked: bool, tmp_path: Path) -> None:
    file = tmp_path / "ansible.cfg"
    file.write_text(text)
    assert engine.checks_host_keys(str(file)) is checked
    assert engine.checks_host_keys("")


def test_the_settings_of_this_directory_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)
    monkeypatch.delenv("ANSIBLE_HOST_KEY_CHECKING", raising=False)
    assert engine._environment()["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    (tmp_path / "ansible.cfg").write_text("[defaults]\nhost_key_checking = False\n")
    found = engine._environment()
    assert found["ANSIBLE_CONFIG"] == str(tmp_path / "ansible.cfg") and found["ANSIBLE_HOST_KEY_CHECKING"] == "False"


def test_plays_of_ours_are_pipelined_unless_the_person_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSIBLE_PIPELINING", "ANSIBLE_SSH_PIPELINING"):
        monkeypatch.delenv(name, raising=False)
    assert engine._environment()["ANSIBLE_PIPELINING"] == "True"
    monkeypatch.setenv("ANSIBLE_SSH_PIPELINING", "False")
    assert "ANSIBLE_PIPELINING" not in engine._environment()


def test_without_the_extra_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KvmreadyError) as caught:
        engine.require()
    assert "ansible, ansible_runner" in caught.value.why
    # From a checkout: the libraries, into the Python that runs it, by another's pip where it has none.
    assert f"python3 -m pip --python {sys.executable} install 'ansible-core" in caught.value.next_move
    assert f"Install it: {sys.executable} -m pip install" in engine._way_to_install(True)


def test_what_is_installed_is_told_to_install_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "__file__", "/usr/lib/python3/dist-packages/kvmready/fleet/engine.py")
    assert "pip install 'kvmready[fleet]'" in engine._way_to_install(True)


def test_an_older_python_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    with pytest.raises(KvmreadyError) as caught:
        engine.require()
    assert "3.11" in caught.value.why


def test_what_is_brought_to_hosts_is_the_same_each_time() -> None:
    content = archive.installed()
    assert content == archive.installed() and content.startswith(archive.SHEBANG)


def test_a_file_is_for_this_user_alone(tmp_path: Path) -> None:
    path = Path(engine._place(str(tmp_path), "become", "secret\n"))
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        engine._place(str(tmp_path), "become", "another")
