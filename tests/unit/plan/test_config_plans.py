"""What a configuration file says of the network and the pool, as commands; and the folders that an undo takes away."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kvmready.facts.known import Absent, Known
from kvmready.facts.network import Taken
from kvmready.facts.storage import Room
from kvmready.host.door import Command, Listing, Result, Status, Workshop
from kvmready.plan import pool
from kvmready.plan.step import Step
from tests.unit.checks.upper import changed, healthy
from tests.unit.plan.test_make import FRESH, VIRSH, findings, planned

WANTED = FRESH.want._replace(subnet="192.168.150.0/24", pool_path="/srv/guests")


def wanting(**taken: str) -> Any:
    network = FRESH.network._replace(
        subnets=(WANTED.subnet,), taken=Known(tuple(Taken(subnet, name) for name, subnet in taken.items()))
    )
    storage = FRESH.storage._replace(path="/srv/guests", room=Known(Room("/srv", 50 << 30, 100 << 30)))
    return FRESH._replace(want=WANTED, network=network, storage=storage)


def test_a_fresh_host_gets_the_subnet_and_the_path() -> None:
    made = planned(wanting(eth0="10.0.0.0/24"))
    (network,) = [step for step in made.steps if step.kind == "network"]
    assert "<ip address='192.168.150.1' netmask='255.255.255.0'>" in network.arguments["xml"]
    assert "192.168.150.0/24" in network.summary and network.arguments["xml"] in network.note
    assert [command[3] for command in network.commands] == ["net-define", "net-start", "net-autostart"]
    (place,) = [step for step in made.steps if step.kind == "pool"]
    assert place.arguments["path"] == "/srv/guests" and "/srv/guests" in place.summary
    assert place.commands == (
        (*VIRSH, "pool-define-as", "--name", "default", "--type", "dir", "--target", "/srv/guests"),
        (*VIRSH, "pool-build", "--pool", "default"),
        (*VIRSH, "pool-start", "--pool", "default"),
        (*VIRSH, "pool-autostart", "--pool", "default"),
    )


def test_what_is_wanted_makes_another_plan() -> None:
    plain = FRESH._replace(network=FRESH.network._replace(taken=Known(())))
    assert planned(wanting()).id != planned(plain).id


def test_a_subnet_that_is_taken_is_not_exchanged_for_another() -> None:
    """A person chose it. The host that has libvirt already says so; where it has none, the plan leaves the network."""
    assert not [step for step in planned(wanting(eth0="192.168.0.0/16")).steps if step.kind == "network"]
    facts = healthy(want=WANTED)
    facts = changed(facts, "network", default=Absent("x"), taken=Known((Taken("192.168.150.0/24", "eth0"),)))
    assert not [step for step in planned(facts).steps if step.kind == "network"]
    (clash,) = [finding for finding in findings(facts) if finding.cause == "network.subnet-clash"]
    assert clash.remedy is not None and clash.remedy.kind == "manual" and "network.subnet" in clash.remedy.text


def test_what_is_there_is_not_moved() -> None:
    facts = healthy(want=healthy().want._replace(subnet=WANTED.subnet, pool_path=WANTED.pool_path))
    assert planned(facts).steps == ()
    causes = {finding.cause for finding in findings(facts) if finding.status == "fail"}
    assert causes == {"network.other-subnet", "storage.pool-elsewhere"}


class Disk:
    """A host without libvirt that has some folders, and loses those that are taken away."""

    def __init__(self, *folders: str) -> None:
        self.folders = set(folders)

    def run(self, command: Command) -> Result:
        return Result(command.argv, problem="absent")

    def stat(self, path: str) -> Status:
        return Status(path, "directory", 0o755) if path in self.folders else Status(path, error="ENOENT")

    def listdir(self, path: str) -> Listing:
        inside = {one[len(path) + 1 :].split("/")[0] for one in self.folders if one.startswith(path + "/")}
        return Listing(path, tuple(sorted(inside)))

    def change(self, command: Command) -> Result:
        assert command.argv[:2] == ("rmdir", "--") and not self.listdir(command.argv[2]).names
        self.folders.remove(command.argv[2])
        return Result(command.argv, 0)


@pytest.mark.parametrize(
    ("missing", "more", "left"),
    [
        (["/srv/a/b", "/srv/a"], (), {"/srv"}),
        (["/srv/a/b", "/srv/a"], ("/srv/a/other",), {"/srv", "/srv/a", "/srv/a/other"}),
        (["/srv/a/b", "/srv/a"], ("/srv/a/b/guests/disk",), {"/srv", "/srv/a", "/srv/a/b", "/srv/a/b/guests",
                                                             "/srv/a/b/guests/disk"}),
        ([], (), {"/srv", "/srv/a", "/srv/a/b"}),
    ],
)  # fmt: skip
def test_folders_above_the_pool_go_as_they_came(missing: list[str], more: tuple[str, ...], left: set[str]) -> None:
    disk = Disk("/srv", "/srv/a", "/srv/a/b", "/srv/a/b/guests", *more)
    step = Step("storage.default-pool", "pool", "storage", "", (), {"pool": "default", "path": "/srv/a/b/guests"})
    former = {"pool": [False, False, False, False, ""], "folder": None, "parents": missing, "made": []}
    stays = pool.undo(cast("Workshop", disk), step, former, lambda _line: None)
    assert disk.folders == left
    assert bool(stays) is ("/srv/a/b/guests/disk" in more)


def test_which_folders_are_missing() -> None:
    assert pool._missing(cast("Workshop", Disk("/srv")), "/srv/a/b/guests") == ["/srv/a/b", "/srv/a"]
    assert pool._missing(cast("Workshop", Disk("/srv")), "/srv/guests") == []
    assert pool._missing(cast("Workshop", Disk()), "/guests") == []
