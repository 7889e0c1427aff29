"""Huge pages and guests that start with the host: what is found, what is planned, and what is put back."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kvmready.errors import WorkError
from kvmready.facts.autostart import Autostart
from kvmready.facts.known import Known, Unknown
from kvmready.facts.memory import Request
from kvmready.host.door import Command, Listing, Reading, Result, Status, Workshop
from kvmready.plan import autostart, hugepages
from kvmready.plan.step import Step
from tests.unit.checks.upper import WANT, changed, healthy
from tests.unit.plan.test_make import VIRSH, findings, planned

FILE = "/etc/sysctl.d/zz-kvmready-hugepages.conf"
KEPT = Request(FILE, "vm.nr_hugepages = 512", 512)


def huge(mebibytes: int = 1024, **memory: Any) -> Any:
    return changed(healthy(want=WANT._replace(hugepages=mebibytes)), "memory", **memory)


def found(facts: Any, check: str) -> tuple[str, str, str]:
    (one,) = [finding for finding in findings(facts) if finding.check == check]
    return one.status, one.cause, one.remedy.kind if one.remedy else ""


def test_huge_pages_now_and_at_every_boot() -> None:
    assert found(huge(), "kernel.hugepages") == ("fail", "kernel.hugepages-missing", "automatic")
    file, now = planned(huge()).steps
    assert (file.kind, file.arguments["path"]) == ("file", FILE)
    assert file.arguments["content"].endswith("\nvm.nr_hugepages = 512\n")
    assert now.commands == (("sysctl", "-q", "-w", "vm.nr_hugepages=512"),) and now.arguments == {"pages": 512}


def test_only_what_is_missing_of_them() -> None:
    assert [step.kind for step in planned(huge(requests=(KEPT,))).steps] == ["hugepages"]
    assert [step.kind for step in planned(huge(huge_pages=Known(600))).steps] == ["file"]
    both = huge(requests=(KEPT,), huge_pages=Known(512))
    assert planned(both).steps == () and found(both, "kernel.hugepages")[0] == "pass"


def test_pages_of_another_size_are_counted_by_their_size() -> None:
    made = planned(huge(1024, huge_size=Known(512 << 20))).steps
    assert made[-1].arguments == {"pages": 2}


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"mebibytes": 8000}, "fail", "manual"),
        ({"requests": (KEPT, Request("/etc/sysctl.conf", "vm.nr_hugepages=1", 1))}, "fail", "manual"),
        ({"huge_size": Unknown("x")}, "unknown", "manual"),
    ],
)
def test_huge_pages_that_a_person_has_to_see_to(changes: dict[str, Any], status: str, kind: str) -> None:
    facts = huge(**changes)
    assert found(facts, "kernel.hugepages")[::2] == (status, kind)
    assert planned(facts).steps == ()


class Kernel:
    """A kernel that has room for so many huge pages."""

    def __init__(self, pages: int, room: int) -> None:
        self.pages = pages
        self.room = room

    def read(self, path: str, limit: int) -> Reading:
        return Reading(path, f"{self.pages}\n")

    def change(self, command: Command) -> Result:
        self.pages = min(self.room, int(command.argv[-1].partition("=")[2]))
        return Result(command.argv, 0)


def test_a_kernel_without_room_keeps_what_it_had() -> None:
    step = Step("kernel.hugepages", "hugepages", "kernel", "", (hugepages.command(512),), {"pages": 512})
    host = Kernel(4, 700)
    door = cast("Workshop", host)
    former = hugepages.former(door, step)
    hugepages.apply(door, step, lambda _line: None)
    assert hugepages.done(door, step) and host.pages == 512
    assert hugepages.undo(door, step, former, lambda _line: None) == () and host.pages == 4
    host.room = 300
    with pytest.raises(WorkError, match="only 300"):
        hugepages.apply(door, step, lambda _line: None)
    assert host.pages == 4
    host.pages = 100  # somebody's own number
    assert hugepages.undo(door, step, former, lambda _line: None) == () and host.pages == 100


def starting(*names: str, wanted: tuple[str, ...] = ("web", "db")) -> Any:
    return healthy(want=WANT._replace(autostart=wanted), autostart=Known(Autostart(("db", "old", "web"), names)))


def test_guests_that_do_not_start_with_the_host() -> None:
    (step,) = planned(starting("old", "web")).steps
    assert step.commands == ((*VIRSH, "autostart", "--domain", "db"),) and step.arguments == {"guests": ["db"]}
    assert planned(starting("db", "web")).steps == ()
    assert found(starting("db", "web"), "libvirt.autostart")[0] == "pass"


def test_a_guest_that_is_not_there() -> None:
    facts = starting("web", wanted=("web", "mail"))
    assert found(facts, "libvirt.guests") == ("fail", "libvirt.guest-undefined", "manual")
    assert found(facts, "libvirt.autostart")[0] == "pass" and planned(facts).steps == ()
    assert found(facts._replace(autostart=Unknown("x")), "libvirt.autostart")[0] == "unknown"


class Libvirt:
    """A libvirt that has guests, some of which start with the host."""

    def __init__(self, *starting: str) -> None:
        self.starting = set(starting)
        self.folder = bool(starting)

    def stat(self, path: str) -> Status:
        return Status(path, "directory") if self.folder else Status(path, error="ENOENT")

    def listdir(self, path: str) -> Listing:
        return Listing(path, tuple(sorted(self.starting)), "" if self.folder else "ENOENT")

    def rmdir(self, path: str) -> None:
        assert path == autostart.FOLDER and not self.starting
        self.folder = False

    def run(self, command: Command) -> Result:
        names = self.starting if "--autostart" in command.argv else {"db", "old", "web"}
        return Result(command.argv, 0, "\n".join([*sorted(names), ""]))

    def change(self, command: Command) -> Result:
        assert command.argv[:5] == (*VIRSH, "autostart", "--domain")
        self.folder = True
        (self.starting.discard if "--disable" in command.argv else self.starting.add)(command.argv[5])
        return Result(command.argv, 0)


def test_an_undo_leaves_those_that_started_before() -> None:
    host = Libvirt("web")
    door = cast("Workshop", host)
    commands = tuple(autostart.command(name) for name in ("db", "web"))
    step = Step("libvirt.autostart", "autostart", "libvirt", "", commands, {"guests": ["db", "web"]})
    former = autostart.former(door, step)
    assert former == {"starting": ["web"], "folder": True} and not autostart.done(door, step)
    autostart.apply(door, step, lambda _line: None)
    assert host.starting == {"db", "web"} and autostart.done(door, step)
    assert autostart.undo(door, step, former, lambda _line: None) == () and host.starting == {"web"}
    assert host.folder


def test_the_folder_of_the_first_mark_goes_with_it() -> None:
    host = Libvirt()
    door = cast("Workshop", host)
    step = Step("libvirt.autostart", "autostart", "libvirt", "", (autostart.command("web"),), {"guests": ["web"]})
    former = autostart.former(door, step)
    autostart.apply(door, step, lambda _line: None)
    assert host.folder and autostart.undo(door, step, former, lambda _line: None) == () and not host.folder
    autostart.apply(door, step, lambda _line: None)
    host.starting.add("other")  # somebody's own
    assert autostart.undo(door, step, former, lambda _line: None) == () and host.folder
