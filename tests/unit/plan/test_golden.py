"""The whole plan for a fresh host of each family, kept as a file, so that a change of a table is seen in review.

A plan that has no file here fails. After a change that is meant: ``KVMREADY_GOLDEN=write pytest tests/unit/plan``,
then read the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kvmready import distro, pipeline, plan
from kvmready.checks import ALL
from kvmready.checks.engine import judge
from kvmready.plan.kinds import KINDS
from kvmready.plan.manager import State
from kvmready.plan.managers import NAMES
from kvmready.plan.step import Plan
from tests import hosts

GOLDEN = Path(__file__).parent / "golden"
WRITE = os.environ.get("KVMREADY_GOLDEN") == "write"

WITH_OTHER_CPU = ("arm64-el2", "ppc64le-powernv", "s390x")
FRESH = [name for name in hosts.names() if name.endswith("-fresh") or name in WITH_OTHER_CPU]
WITHOUT_TABLE = ("gentoo-fresh",)


def planned(name: str, manager: State | None) -> Plan:
    host = hosts.load(name)
    view = pipeline.look(host.door, host.want, hosts.TAKEN_AT)
    findings = judge([check for check in ALL if host.want.profile in check.profiles], view.facts)
    return plan.make(findings, view.facts, view.table, None, manager)


def as_data(made: Plan) -> dict[str, Any]:
    return {
        "id": made.id,
        "notes": list(made.notes),
        "steps": [
            {
                "id": step.id,
                "kind": step.kind,
                "layer": step.layer,
                "summary": step.summary,
                "commands": [" ".join(argv) for argv in step.commands],
                "arguments": dict(step.arguments),
            }
            for step in made.steps
        ],
    }


@pytest.mark.parametrize("name", FRESH)
def test_the_plan_is_the_one_that_was_reviewed(name: str) -> None:
    made = planned(name, State(lists=True))
    assert bool(made.steps) == (name not in WITHOUT_TABLE)
    found = json.loads(json.dumps(as_data(made)))
    path = GOLDEN / f"{name}.json"
    if WRITE:
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert path.exists(), f"{path.name}: no such plan yet; see the head of {__file__}"
    assert found == json.loads(path.read_text("utf-8"))


def test_no_plan_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(FRESH)


def test_every_family_has_a_fresh_host() -> None:
    found = {pipeline.look((host := hosts.load(name)).door, host.want, hosts.TAKEN_AT).table for name in FRESH}
    ids = {table.ids for table in found if table is not None}
    assert ids == {family.IDS for family in distro.families()}
    managers = {table.package_manager for table in found if table is not None}
    assert managers == set(NAMES)


@pytest.mark.parametrize("name", [name for name in FRESH if name not in WITHOUT_TABLE])
def test_the_steps_can_be_carried_out_and_name_one_manager(name: str) -> None:
    made = planned(name, None)
    assert all(step.kind in KINDS for step in made.steps)
    bringing = [step for step in made.steps if step.kind in ("packages", "package-lists")]
    assert len({step.arguments.get("manager", "apt") for step in bringing}) == 1
    words = {word for step in made.steps for argv in step.commands for word in argv}
    modular = {f"virtqemud{kind}.socket" for kind in ("", "-ro", "-admin")}
    assert bool({"libvirtd.service", "libvirtd"} & words) != (modular <= words)
    assert ("systemctl" in words) != ("rc-service" in words)


def test_debian_12_is_planned_as_it_was_when_it_was_tested() -> None:
    """The plan whose every step ran in a real host: another id here means that the test in a VM has to run again."""
    made = planned("debian-12-fresh", State(lists=True))
    assert made.notes == ()
    assert made.id == "68c7c1684909e5c5d91400fa3f56a4d6cae9923f89b026a9455cfd5fb284ccbd"


def test_what_was_never_tested_or_is_guessed_is_said_first() -> None:
    (guess,) = planned("mint-21-fresh", None).notes
    assert "Linux Mint 21.3" in guess and "Ubuntu 22.04" in guess and "guess" in guess
    (untested,) = planned("rhel-9-fresh", None).notes
    assert "never tested" in untested and "Red Hat" in untested


def test_a_renamed_package_is_found_under_its_other_name() -> None:
    made = planned("rocky-8-fresh", State(True, unavailable=frozenset({"qemu-kvm", "libvirt-daemon-kvm"})))
    (packages,) = [step for step in made.steps if step.kind == "packages"]
    assert {"qemu-kvm-core", "libvirt"} <= set(packages.arguments["packages"])
    assert not {"qemu-kvm", "libvirt-daemon-kvm"} & set(packages.arguments["packages"])
