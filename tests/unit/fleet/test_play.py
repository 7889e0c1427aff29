"""The play that Ansible is given, from the words of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmready.errors import UsageError
from kvmready.fleet import play
from kvmready.fleet.play import Batches


def test_batches_are_those_of_ansible() -> None:
    found = play.batches("1, 10,25%", "5%")
    assert found == Batches((1, 10, "25%"), 5.0)
    made = play.document("check", {"users": ["alice"]}, found, 60)[0]
    assert (made["serial"], made["max_fail_percentage"], made["gather_facts"]) == ([1, 10, "25%"], 5.0, False)


def test_without_batches_nothing_is_said_of_them() -> None:
    made = play.document("check", {}, play.batches(None, None), 60)[0]
    assert "serial" not in made and "max_fail_percentage" not in made


def test_a_host_that_is_away_counts_as_failed() -> None:
    tasks = play.document("check", {}, play.batches("1", "0%"), 60)[0]["tasks"]
    assert tasks[1]["ignore_unreachable"] and tasks[2]["when"] == f"{tasks[1]['register']} is unreachable"


@pytest.mark.parametrize("sizes", ["", "0", "-1", "1,", "101%", "0%", "a", "1;2", "1000000"])
def test_a_wrong_batch_is_refused(sizes: str) -> None:
    with pytest.raises(UsageError):
        play.batches(sizes, None)


@pytest.mark.parametrize("most", ["", "-1", "101", "5%%", "a", "1e1"])
def test_a_wrong_share_is_refused(most: str) -> None:
    with pytest.raises(UsageError):
        play.batches(None, most)


def test_the_last_task_is_given_time_and_its_plan() -> None:
    made = play.document("up", {"profile": "server"}, Batches(), 100, plans=True)[0]
    task = next(one for one in made["tasks"] if one["name"] == play.WORK_TASK)
    assert task["timeout"] == 100 + play.GRACE
    assert task["kvmready.host.up"]["plan"] == "{{ kvmready_plans[inventory_hostname] }}"
    assert "plan" not in play.document("up", {}, Batches(), 100)[0]["tasks"][-1]["kvmready.host.up"]


def test_inventories(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("a\n")
    (tmp_path / "folder").mkdir()
    here = str(tmp_path)
    assert play.inventories(["hosts.ini", "folder", "a,b,", "a,"], here) == [
        f"{here}/hosts.ini",
        f"{here}/folder",
        "a,b,",
        "a,",
    ]
    with pytest.raises(UsageError, match="no inventory"):
        play.inventories(["nowhere.ini"], here)
