"""A host's logs: read since the boot, and what could not be read says why."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kvmready.facts import logs
from kvmready.facts.logs import Log
from kvmready.host.door import READ_LIMIT, Account, Command, Ended, Listing, Reading, Result, Running, Status

BOOT = 1_700_000_000  # 2023-11-14 22:13:20 UTC
OLD = "2023-11-14 22:13:19.999+0000: starting up libvirt\n-S -machine pc\n"
NEW = "2023-11-14T22:13:20.100000Z qemu-system-x86_64: cannot set up guest memory\n"


def result(status: int | None, stdout: str = "", stderr: str = "", problem: str = "") -> Result:
    return Result(("program",), status, stdout, stderr, problem)


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (result(0, "a line\n"), "read", ""),
        (result(None, problem="absent"), "absent", "journalctl is not installed"),
        (result(None, problem="timeout"), "unknown", "no answer in time"),
        (result(0, "", "No journal files were found.\n"), "unknown", "No journal files were found."),
        (result(0, "-- No entries --\n"), "unknown", "the journal is empty"),
        (result(1, "", "Failed to open files: Bad message"), "unknown", "Failed to open files: Bad message"),
        (
            result(0, "mine\n", "Hint: You are currently not seeing messages from other users and the system.\n"),
            "partial",
            "only root may read the messages of others",
        ),
        (result(0, "x\n" * logs.LINES), "partial", "only the newest 20000 lines"),
    ],
)
def test_the_journal(answer: Result, status: str, why: str) -> None:
    found = logs.from_journal(answer)
    assert (found.name, found.status, found.why) == ("journalctl --boot", status, why)
    assert bool(found.text) == (status in ("read", "partial"))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (result(0, "[ 0.0] Linux\n"), "read"),
        (result(1, "", "dmesg: read kernel buffer failed: Operation not permitted"), "denied"),
        (result(None, problem="denied"), "denied"),
        (result(None, problem="absent"), "absent"),
        (result(None, problem="timeout"), "unknown"),
    ],
)
def test_the_kernel_log(answer: Result, status: str) -> None:
    found = logs.from_kernel(answer)
    assert (found.name, found.status, bool(found.why)) == ("dmesg", status, status != "read")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (OLD + NEW, NEW),
        ("head\n" + OLD + "tail\n" + NEW + "more\n", NEW + "more\n"),
        (OLD, ""),
        ("no times at all\n", "no times at all\n"),
        ("", ""),
    ],
)
def test_only_what_was_written_since_the_boot(text: str, kept: str) -> None:
    assert logs.since(text, BOOT) == kept
    assert logs.since(text, 0) == text


class Machine:
    """A door of a few files, as far as ``logs.ask`` asks."""

    def __init__(self, files: Mapping[str, str], denied: str = "") -> None:
        self.files = files
        self.denied = denied
        self.commands: list[tuple[str, ...]] = []

    def begin(self, command: Command) -> Running:
        return Ended(self.run(command))

    def run(self, command: Command) -> Result:
        self.commands.append(command.argv)
        if command.argv[0] == "tail":
            return result(0, self.files[command.argv[-1]][-READ_LIMIT:])
        return result(0, f"{command.argv[0]} speaks\n")

    def account(self, name: str) -> Account:
        return Account(name, 1000, 1000, f"/home/{name}") if name != "nobody" else Account(name, error="absent")

    def listdir(self, path: str) -> Listing:
        if path == self.denied:
            return Listing(path, error="EACCES")
        names = tuple(file.rpartition("/")[2] for file in self.files if file.rpartition("/")[0] == path)
        return Listing(path, names) if names else Listing(path, error="ENOENT")

    def stat(self, path: str) -> Status:
        return Status(path, "file", size=len(self.files[path]))

    def read(self, path: str, limit: int = READ_LIMIT) -> Reading:
        return Reading(path, error="EACCES") if path.endswith("secret.log") else Reading(path, self.files[path])

    def grep(self, path: str, needles: tuple[str, ...]) -> Reading:
        return Reading(path, f"btime {BOOT}\n")


def asked(machine: Machine, *users: str) -> dict[str, Log]:
    return {log.name: log for log in logs.ask(machine, users)()}  # type: ignore[arg-type]


def test_all_logs_of_the_host_and_its_users() -> None:
    files = {
        "/var/log/libvirt/libvirtd.log": OLD + NEW,
        "/var/log/libvirt/qemu/web1.log": OLD,
        "/var/log/libvirt/qemu/web1.log.0": NEW,
        "/var/log/libvirt/qemu/secret.log": NEW,
        "/home/alice/.cache/libvirt/qemu/log/mine.log": NEW,
        "/home/alice/.cache/virt-manager/virt-manager.log": "a traceback\n",
    }
    found = asked(Machine(files), "alice", "nobody")
    assert found["journalctl --boot"].text == "journalctl speaks\n"
    assert found["/var/log/libvirt/libvirtd.log"].text == NEW
    assert found["/var/log/libvirt/qemu/web1.log"] == Log("/var/log/libvirt/qemu/web1.log", "read", "")
    assert found["/var/log/libvirt/qemu/secret.log"].status == "denied"
    assert found["/home/alice/.cache/libvirt/qemu/log/mine.log"].text == NEW
    assert found["/home/alice/.cache/virt-manager/virt-manager.log"].text == "a traceback\n"
    assert "/var/log/libvirt/qemu/web1.log.0" not in found


def test_of_a_long_log_its_end() -> None:
    path = "/var/log/libvirt/qemu/web1.log"
    machine = Machine({path: "x" * READ_LIMIT + "\n" + NEW})
    found = asked(machine)[path]
    assert (found.status, found.text, found.why) == ("partial", NEW, "only its end")
    assert ("tail", f"--bytes={READ_LIMIT}", "--", path) in machine.commands


def test_a_folder_that_may_not_be_read_is_said() -> None:
    found = asked(Machine({}, denied="/var/log/libvirt/qemu"))
    assert found["/var/log/libvirt/qemu"].status == "denied"
    assert found["/var/log/libvirt"].status == "absent" and found["/var/log/libvirt"].why


def test_too_many_files_are_said() -> None:
    files = {f"/var/log/libvirt/qemu/{number}.log": NEW for number in range(logs.MOST + 7)}
    found = asked(Machine(files))
    assert any(log.why == "7 more files were not read" for log in found.values())
