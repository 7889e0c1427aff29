"""dnf, dnf5, zypper and pacman, the real programs.

What they bring in, what an undo takes away, and what they complain of. Each runs in an installation root of its own
(``stubs``) against a repository of stub packages on this machine; the product has no notion of that root. dnf5 comes
from a tree of Debian's development suite, which is built once. yum 3 and apk are not packaged for any Debian: their
dialogues are tested in ``tests/unit/plan/test_managers.py``.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.machine.apply import stubs

PROGRAM = (Path(__file__).parent / "drive_packages.py").read_text("utf-8")

RPM = ("rpm", "rpmbuild", "createrepo_c")
NEEDED = {
    "dnf": (*RPM, "dnf"),
    "dnf5": (*RPM, "mmdebstrap"),
    "zypper": (*RPM, "zypper"),
    "pacman": ("pacman", "pacman-key"),
}

CACHE = Path(os.environ.get("KVMREADY_TEST_CACHE") or Path.home() / ".cache" / "kvmready-tests")

RPM_ROOT = """
mkdir -p /etc/rpm /var/lib/rpm
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
rpm --initdb
rpm --install --nodeps "$REPOSITORY"/stub-base-*.rpm
"""

REPOSITORY_FILE = (
    "printf '[stubs]\\nname=stubs\\nbaseurl=%s\\nenabled=1\\ngpgcheck=%s\\n{more}' {url} {check} >{file}\n"
)


def _rpm_commands(repository: Path, file: str, more: str, slow: str, clean: str) -> dict[str, str]:
    def write(url: str, check: int) -> str:
        return f"rm -rf {clean}\n" + REPOSITORY_FILE.format(more=more, url=url, check=check, file=file)

    return {
        "good": write(f"file://{repository}", 0),
        "offline": write("http://127.0.0.1:9", 0),
        "signed": write(f"file://{repository}", 1),
        "slow": f"{slow} >/dev/null 2>&1 &",
        "stale": "printf 'no database' >/var/lib/rpm/rpmdb.sqlite; rm -f /var/lib/rpm/rpmdb.sqlite-*",
    }


def _pacman_commands(repository: Path) -> dict[str, str]:
    def write(url: str, level: str, clean: str = "") -> str:
        text = f"[options]\\nArchitecture=auto\\nSigLevel={level}\\n[stubs]\\nServer={url}\\n"
        return f"{clean}\nprintf '{text}' >/etc/pacman.conf"

    forget = "rm -rf /var/lib/pacman/sync /var/cache/pacman/pkg"
    return {
        "good": write(f"file://{repository}", "Never"),
        "offline": write("http://127.0.0.1:9", "Never", forget),
        "signed": write(f"file://{repository}", "PackageRequired", forget)
        + "\npacman-key --init\npacman -Sy --noconfirm",
        "slow": "pacman -S --noconfirm stub-slow >/dev/null 2>&1 &",
        "stale": "touch /var/lib/pacman/db.lck",
    }


def lower(name: str) -> str:
    """What the root for a manager is made of: this machine, or for dnf5 the tree that has it."""
    if name != "dnf5":
        return "/"
    try:
        return str(stubs.tree_with_dnf5(CACHE))
    except RuntimeError as error:
        pytest.skip(f"no tree with dnf5: {error}")


def prepared(name: str, repository: Path) -> tuple[str, dict[str, str]]:
    """The script that makes the root's own set-up, and the commands that the driver is given."""
    if name == "pacman":
        commands = _pacman_commands(repository)
        base = "pacman -Sy --noconfirm\npacman -S --noconfirm stub-base\n"
        return f"mkdir -p /var/lib/pacman /var/cache/pacman/pkg\n{commands['good']}\n{base}", commands
    own = "rm -f /etc/dnf/libdnf5-plugins/*.conf\n" if name == "dnf5" else ""
    if name in ("dnf", "dnf5"):
        kept = {"dnf": "/var/cache/dnf/stubs*", "dnf5": "/var/cache/libdnf5/stubs*"}[name]
        folder, slow, clean = "/etc/yum.repos.d", f"{name} install -y stub-slow", kept
        more = "skip_if_unavailable=0\\nretries=1\\n"
    else:
        folder, slow, clean = "/etc/zypp/repos.d", "zypper -n install stub-slow", "/var/cache/zypp/*"
        more = "autorefresh=1\\n"
    commands = _rpm_commands(repository, f"{folder}/stubs.repo", more, slow, clean)
    return f"{own}mkdir -p {folder}\n{commands['good']}REPOSITORY={repository}\n{RPM_ROOT}", commands


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def story(work: Path, request: pytest.FixtureRequest) -> Any:
    """Everything that one manager said and did, told once."""
    name = str(request.param)
    lacking = stubs.missing(*NEEDED[name])
    if lacking:
        pytest.skip(f"needs {' '.join(lacking)}")
    return _story(name, work)


@cache
def _story(name: str, work: Path) -> dict[str, Any]:
    folder = work / name
    folder.mkdir()
    repository = stubs.pacman_repository(folder) if name == "pacman" else stubs.rpm_repository(folder)
    setup, commands = prepared(name, repository)
    found: dict[str, Any] = stubs.run_in_root(folder, setup, PROGRAM, [name, commands], lower(name))
    return {"name": name, **found}


pytestmark = [
    pytest.mark.machine,
    pytest.mark.parametrize("story", ["dnf", "dnf5", "zypper", "pacman"], indirect=True),
]


def test_all_candidates_are_asked_at_once(story: dict[str, Any]) -> None:
    state = story["exact"]["state"]
    assert state == {"lists": True, "broken": "", "busy": "", "unavailable": ["stub-nowhere"], "present": []}


def test_what_comes_in_is_told_before_and_after(story: dict[str, Any]) -> None:
    found = story["exact"]
    plain = {name.partition(".")[0] for name in found["brought"]}
    assert plain == {"stub-daemon", "stub-emulator", "stub-library"}  # nothing that is only recommended
    assert set(found["incoming"]) == set(found["brought"])
    assert set(found["after"]) == {*found["before"], *plain} and found["done"]
    assert "stub-library" in found["automatic"] and "stub-daemon" not in found["automatic"]
    # zypper keeps that mark by itself and has no command for it.
    assert found["marks"] == [False, story["name"] != "zypper", False]
    assert "/etc/stub/daemon.conf" in found["files"] and found["configuration"] == ["/etc/stub/daemon.conf"]


def test_an_undo_takes_exactly_that_away(story: dict[str, Any]) -> None:
    found = story["exact"]
    assert found["before"] == found["end"] == found["end_of_killed_run"] == ["stub-base"]
    assert found["stays"] == [] and found["left"] == []


def test_what_a_later_package_needs_stays_and_is_marked(story: dict[str, Any]) -> None:
    found = story["needed_later"]
    assert found["end"] == ["stub-base", "stub-later", "stub-library"]
    assert len(found["stays"]) == 1 and "stub-library" in found["stays"][0]
    assert "stub-library" in found["automatic"]
    assert found["cleaned"] == ["stub-base"]


def test_a_persons_configuration_survives(story: dict[str, Any]) -> None:
    assert story["needed_later"]["configuration"] == "a person's\n"


def test_nothing_is_removed_to_bring_something_in(story: dict[str, Any]) -> None:
    what, why, move = story["faults"]["rival"]
    assert story["faults"]["after_rival"] == ["stub-base"]
    assert "stub-base" in what + why and move


def test_a_package_that_nobody_has(story: dict[str, Any]) -> None:
    what, why, move = story["faults"]["nowhere"]
    assert "stub-nowhere" in what + why
    assert {"dnf": "repolist", "dnf5": "repolist", "zypper": "zypper repos", "pacman": "pacman -Syu"}[
        story["name"]
    ] in move


def test_another_transaction_is_waited_for(story: dict[str, Any]) -> None:
    found = story["faults"]
    assert found["busy"] is not None and story["name"] in found["busy"]
    assert len(found["waited"]) == 1 and story["name"] in found["waited"][0]
    assert found["came_while_waiting"]


def test_repositories_that_do_not_answer(story: dict[str, Any]) -> None:
    what, why, move = story["faults"]["offline"]
    assert "stub-extra" in what and "127.0.0.1" in why and "packages.offline" in move


def test_a_package_without_a_signature(story: dict[str, Any]) -> None:
    what, _why, move = story["faults"]["untrusted"]
    assert what and "packages.untrusted" in move
    assert story["faults"]["works_again"]


def test_what_a_killed_run_leaves_is_seen(story: dict[str, Any]) -> None:
    found = story["stale"]
    assert found["clean"] == "" and found["broken"] and found["repair_wanted"]
    if story["name"] == "pacman":
        assert found["repaired"]
    else:  # a database that is overwritten cannot be rebuilt: that has to be said
        assert found["repaired"] or "rebuilddb" in found["next_move"]
