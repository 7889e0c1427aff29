"""Runs inside an installation root: one package manager through everything that the product does with it.

The last line of output is JSON. Arguments: the manager's name, and a table of shell commands: ``good``, ``offline`` and
``signed`` change its repository, ``slow`` begins a transaction that takes some seconds, ``stale`` leaves what a killed
run leaves.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kvmready.errors import WorkError
from kvmready.host.local import LocalHost
from kvmready.plan import lists, manager, packages, repair
from kvmready.plan.command import FORMER, KEY, RESULTS, RUN_DIRECTORY
from kvmready.plan.managers import by_name, named
from kvmready.plan.step import Step

RUN = "/var/lib/kvmready/runs"
CONFIGURATION = Path("/etc/stub/daemon.conf")
WANTED = ("stub-daemon", "stub-emulator")


def quiet(text: str) -> None:
    """Nobody waits for this run's progress."""


class Driver:
    def __init__(self, name: str, commands: dict[str, str]) -> None:
        self.host = LocalHost()
        self.manager = by_name(name)
        self.commands = commands
        self.runs = 0

    def shell(self, name: str) -> None:
        subprocess.run(["sh", "-ec", self.commands[name]], check=True, capture_output=True)

    def step(self, *wanted: str) -> Step:
        arguments = {"packages": list(wanted), **named(self.manager)}
        return Step("packages", "packages", "qemu", "", (self.manager.install(wanted),), arguments)

    def here(self) -> list[str]:
        return sorted(self.manager.plain(name) for name in self.manager.installed(self.host))

    def placed(self, step: Step, former: dict[str, Any]) -> Step:
        directory = f"{RUN}/{self.runs}"
        Path(directory).mkdir(parents=True, exist_ok=True)
        extra = {RUN_DIRECTORY: directory, KEY: "packages", FORMER: former}
        return step._replace(arguments={**step.arguments, **extra})

    def bring(self, *wanted: str) -> tuple[Step, dict[str, Any], dict[str, Any]]:
        """``former`` and ``apply`` as the runner does them; JSON is between, as in the journal."""
        self.runs += 1
        step = self.step(*wanted)
        former = json.loads(json.dumps(packages.former(self.host, step)))
        step = self.placed(step, former)
        return step, former, json.loads(json.dumps(packages.apply(self.host, step, quiet)))

    def take_back(self, step: Step, former: dict[str, Any], results: list[dict[str, Any]]) -> list[str]:
        return list(packages.undo(self.host, step, {**former, RESULTS: results}, quiet))

    def refused(self, *wanted: str) -> list[str]:
        try:
            self.bring(*wanted)
        except WorkError as error:
            return [error.what, error.why, error.next_move]
        return []

    def lists_refused(self, *wanted: str) -> list[str]:
        self.runs += 1
        step = Step("l", "package-lists", "qemu", "", (self.manager.UPDATE,), self.step(*wanted).arguments)
        try:
            lists.apply(self.host, self.placed(step, {}), quiet)
        except WorkError as error:
            return [error.what, error.why, error.next_move]
        return []


def marks(driver: Driver, name: str) -> list[bool]:
    """Whether the package counts as automatic: now, after it was marked so, and after that was taken back."""
    whole = [one for one in driver.manager.installed(driver.host) if driver.manager.plain(one) == name]
    found = [set(whole) <= driver.manager.automatic(driver.host)]
    for automatic in (True, False):
        argv = driver.manager.mark(whole, automatic)
        if argv:
            subprocess.run(argv, check=True, capture_output=True)
        found.append(set(whole) <= driver.manager.automatic(driver.host))
    return found


def state(found: manager.State) -> dict[str, Any]:
    return {**found._asdict(), "unavailable": sorted(found.unavailable), "present": sorted(found.present)}


def exact(driver: Driver) -> dict[str, Any]:
    """Bring two packages in and take them away again: once by what came, once by what was expected to come."""
    before, files = driver.here(), sorted(str(path) for path in Path("/etc").rglob("*stub*"))
    found: dict[str, Any] = {"before": before}
    found["state"] = state(manager.ask(driver.host, driver.manager, [*WANTED, "stub-nowhere"]))
    step, former, result = driver.bring(*WANTED)
    found |= {"incoming": former["incoming"], "brought": result["brought"], "paths": result["paths"]}
    found |= {"after": driver.here(), "done": packages.done(driver.host, step)}
    found["automatic"] = sorted(driver.manager.plain(n) for n in driver.manager.automatic(driver.host))
    found["marks"] = marks(driver, "stub-daemon")
    found["files"] = sorted(driver.manager.files(driver.host, ["stub-daemon"]))
    found["configuration"] = driver.manager.configuration(driver.host, ["stub-daemon"])
    found["stays"] = driver.take_back(step, former, [result])
    found["end"] = driver.here()
    found["left"] = sorted({str(path) for path in Path("/etc").rglob("*stub*")} - set(files))
    step, former, _result = driver.bring(*WANTED)
    driver.take_back(step, former, [])
    found["end_of_killed_run"] = driver.here()
    return found


def needed_later(driver: Driver) -> dict[str, Any]:
    """A package that came later needs one of ours; and a person's own configuration file was there before."""
    CONFIGURATION.parent.mkdir(parents=True)
    CONFIGURATION.write_text("a person's\n")
    step, former, result = driver.bring(*WANTED)
    subprocess.run(driver.manager.install(["stub-later"]), check=True, capture_output=True)
    found: dict[str, Any] = {"stays": driver.take_back(step, former, [result]), "end": driver.here()}
    found["automatic"] = sorted(driver.manager.plain(n) for n in driver.manager.automatic(driver.host))
    found["configuration"] = CONFIGURATION.read_text() if CONFIGURATION.exists() else ""
    names = [name for name in driver.manager.installed(driver.host) if "later" in name or "library" in name]
    subprocess.run(driver.manager.remove(names), check=True, capture_output=True)
    found["cleaned"] = driver.here()
    return found


def faults(driver: Driver) -> dict[str, Any]:
    found: dict[str, Any] = {"rival": driver.refused("stub-rival"), "nowhere": driver.refused("stub-nowhere")}
    found["after_rival"] = driver.here()
    driver.shell("slow")
    busy, until = None, time.monotonic() + 20
    while busy is None and time.monotonic() < until:
        busy = driver.manager.holder(driver.host)
        time.sleep(0.05)
    found["busy"] = None if busy is None else busy.command
    said: list[str] = []
    manager.wait_for_lock(driver.host, driver.manager, said.append)
    found["waited"] = said
    found["came_while_waiting"] = "stub-slow" in driver.here()
    driver.shell("offline")
    found["offline"] = driver.lists_refused("stub-extra")
    driver.shell("signed")
    found["untrusted"] = driver.refused("stub-extra")
    driver.shell("good")
    found["works_again"] = driver.lists_refused("stub-extra") == [] and driver.refused("stub-extra") == []
    return found


def stale(driver: Driver) -> dict[str, Any]:
    found: dict[str, Any] = {"clean": driver.manager.unfinished(driver.host)}
    driver.shell("stale")
    found["broken"] = driver.manager.unfinished(driver.host)
    step = Step("r", "package-repair", "qemu", "", driver.manager.REPAIR, named(driver.manager))
    found["repair_wanted"] = not repair.done(driver.host, step)
    try:
        repair.apply(driver.host, driver.placed(step, {}), quiet)
        found["repaired"] = driver.manager.unfinished(driver.host) == ""
    except WorkError as error:
        found["repaired"] = False
        found["next_move"] = error.next_move
    return found


def main() -> None:
    name, commands = (json.loads(word) for word in sys.argv[1:3])
    driver = Driver(name, commands)
    parts = {part.__name__: part(driver) for part in (exact, needed_later, faults, stale)}
    print(json.dumps(parts))


main()
