"""Plans carried out on this machine, killed at every event, carried on, and taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvmready.apply import history, journal, runner, undo
from kvmready.apply.event import Event
from kvmready.errors import PrivilegeError, UsageError, WorkError
from kvmready.host.local import LocalHost
from kvmready.plan.step import Plan, Step
from tests.machine.apply.files import picture, plan_of, step_of

TREE = Path(__file__).resolve().parents[3]
pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may change a host"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one file that is there before, with a mode of its own, and one deep path that is not."""
    folder = tmp_path / "host"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "old.conf").write_bytes(b"somebody's own\n")
    (folder / "etc" / "old.conf").chmod(0o604)
    os.chown(folder / "etc" / "old.conf", 1234, 4321)
    (folder / "etc" / "same.conf").write_text(f"new content of {folder}/etc/same.conf\n")
    return folder


def paths(place: Path) -> list[str]:
    return [str(place / name) for name in ("etc/new.conf", "etc/old.conf", "etc/same.conf", "a/b/deep.conf")]


def worker(verb: str, state: Path, *files: str, die_after: int | None = None) -> list[str]:
    """The lines that the worker printed; it is killed with SIGKILL after so many events when a number is given."""
    argv = [sys.executable, "-m", "tests.machine.apply.worker", verb, str(state), *files]
    environment = {**os.environ, "PYTHONPATH": str(TREE / "src")}
    lines: list[str] = []
    with subprocess.Popen(
        argv, cwd=TREE, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        for line in child.stdout:
            lines.append(line.strip())
            if die_after is not None and len(lines) == die_after:
                child.kill()
                break
            if not line.startswith(("result", "error")):
                child.stdin.write("\n")
                child.stdin.flush()
    return lines


def test_done_undone_and_nothing_else_touched(place: Path, tmp_path: Path) -> None:
    before, state, events = picture(place), tmp_path / "state", list[Event]()
    plan = plan_of(paths(place))
    run = runner.apply(LocalHost(), plan, plan.id, str(state), events.append)
    assert [(o.step, o.status) for o in run.outcomes] == [
        (step.id, "skipped" if "same" in step.id else "done") for step in plan.steps
    ]
    assert not run.resumed
    changed = picture(place)
    assert changed[str(place / "etc/old.conf")][3] != before[str(place / "etc/old.conf")][3]
    assert [e.kind for e in events].count("done") == 3
    assert state.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in state.rglob("*"))
    (entry,) = history.entries(LocalHost(), str(state))
    assert (entry.run, entry.state) == (run.id, "finished")
    undone = undo.undo(LocalHost(), None, str(state))
    assert (undone.run, undone.stays) == (run.id, ())
    assert picture(place) == before
    assert history.entry(LocalHost(), run.id, str(state)).state == "undone"


def test_a_second_run_changes_nothing_and_leaves_no_trace(place: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    plan = plan_of(paths(place))
    runner.apply(LocalHost(), plan, plan.id, str(state))
    before, runs = picture(place), picture(state / "runs")
    again = runner.apply(LocalHost(), plan, plan.id, str(state))
    assert (again.id, {o.status for o in again.outcomes}) == ("", {"skipped"})
    empty = Plan("server", (), ())
    assert runner.apply(LocalHost(), empty, empty.id, str(state)).id == ""
    assert (picture(place), picture(state / "runs")) == (before, runs)


def test_an_empty_plan_on_a_new_host_makes_no_directory(tmp_path: Path) -> None:
    empty = Plan("server", (), ())
    assert runner.apply(LocalHost(), empty, empty.id, str(tmp_path / "state")).id == ""
    assert not (tmp_path / "state").exists()


def test_the_approval_of_a_plan_is_that_of_its_rest(place: Path, tmp_path: Path) -> None:
    """A host that restarts in the middle looks again and needs fewer steps than the person saw."""
    state, host = tmp_path / "state", LocalHost()
    plan = plan_of(paths(place))
    rest, more = plan_of(paths(place)[2:]), plan_of([*paths(place)[2:], str(place / "other.conf")])
    assert not runner.is_rest(host, str(state), rest, plan.id), "no run was begun"
    worker("apply", state, *paths(place), die_after=4)
    assert runner.is_rest(host, str(state), rest, plan.id)
    assert not runner.is_rest(host, str(state), more, plan.id)
    assert not runner.is_rest(host, str(state), rest, more.id)
    worker("apply", state, *paths(place))
    assert not runner.is_rest(host, str(state), rest, plan.id), "the run has ended"


DEATHS = tuple(range(1, 9))
"""Events of the worker's plan: run, begin and done for three steps, skipped, end."""


@pytest.mark.parametrize("at", DEATHS)
def test_killed_at_any_event_carried_on_and_taken_back(place: Path, tmp_path: Path, at: int) -> None:
    before, state = picture(place), tmp_path / "state"
    killed = worker("apply", state, *paths(place), die_after=at)
    assert len(killed) == at
    had_begun = bool(list(state.glob("runs/*")))
    finished = worker("apply", state, *paths(place))[-1]
    assert finished.startswith("result") and finished.endswith(str(had_begun))
    assert len(list(state.glob("runs/*"))) == 1
    for path in paths(place):
        assert Path(path).read_text() == f"new content of {path}\n"
    assert worker("undo", state)[-1].startswith("result")
    assert picture(place) == before


@pytest.mark.parametrize("at", DEATHS)
def test_killed_at_any_event_and_taken_back_at_once(place: Path, tmp_path: Path, at: int) -> None:
    before, state = picture(place), tmp_path / "state"
    worker("apply", state, *paths(place), die_after=at)
    said = worker("undo", state)[-1]
    if picture(place) != before or list(state.glob("runs/*/journal.jsonl")):
        assert said.startswith(("result", "error UsageError"))
    assert picture(place) == before


@pytest.mark.parametrize("at", range(1, 8))
def test_an_undo_killed_at_any_event_is_repeated(place: Path, tmp_path: Path, at: int) -> None:
    before, state = picture(place), tmp_path / "state"
    worker("apply", state, *paths(place))
    worker("undo", state, die_after=at)
    (entry,) = history.entries(LocalHost(), str(state))
    assert entry.state == "half-undone"
    refused = worker("apply", state, *paths(place))[-1]
    assert refused.startswith("error WorkError") and f"kvmready undo {entry.run}" in refused
    assert worker("undo", state)[-1].startswith("result")
    assert picture(place) == before


def test_a_failed_step_is_told_and_the_next_run_carries_on(place: Path, tmp_path: Path) -> None:
    before, state = picture(place), tmp_path / "state"
    (place / "etc" / "new.conf").mkdir()
    plan = plan_of(paths(place)[1:2] + paths(place)[:1])
    with pytest.raises(WorkError, match=r"new\.conf"):
        runner.apply(LocalHost(), plan, plan.id, str(state))
    (entry,) = history.entries(LocalHost(), str(state))
    assert (entry.state, [s[3] for s in entry.steps]) == ("interrupted", ["done"])
    (place / "etc" / "new.conf").rmdir()
    run = runner.apply(LocalHost(), plan, plan.id, str(state))
    assert run.resumed and [o.status for o in run.outcomes] == ["skipped", "done"]
    undo.undo(LocalHost(), run.id, str(state))
    assert picture(place) == before


def test_history_tells_a_run_under_way_from_one_that_was_killed(place: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    argv = [sys.executable, "-m", "tests.machine.apply.worker", "apply", str(state), *paths(place)]
    environment = {**os.environ, "PYTHONPATH": str(TREE / "src")}
    with subprocess.Popen(
        argv, cwd=TREE, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        while not child.stdout.readline().startswith("done"):
            child.stdin.write("\n")
            child.stdin.flush()
        assert [entry.state for entry in history.entries(LocalHost(), str(state))] == ["running"]
        child.kill()
    assert [entry.state for entry in history.entries(LocalHost(), str(state))] == ["interrupted"]


class Interrupting:
    """A kind whose work is interrupted, as Ctrl-C does."""

    def done(self, host: object, step: Step) -> bool:
        return False

    def former(self, host: object, step: Step) -> dict[str, object]:
        return {"was": 1}

    def apply(self, host: object, step: Step, say: object) -> dict[str, object]:
        raise KeyboardInterrupt

    def undo(self, host: object, step: Step, former: object, say: object) -> tuple[str, ...]:
        return ("this stays",)


def test_an_interruption_is_journaled_and_raised(tmp_path: Path) -> None:
    plan = Plan("server", (), (Step("i", "interrupting", "kernel", "Be interrupted", (), {}),))
    kinds = {"interrupting": Interrupting()}
    with pytest.raises(KeyboardInterrupt):
        runner.apply(LocalHost(), plan, plan.id, str(tmp_path / "s"), kinds=kinds)
    (entry,) = history.entries(LocalHost(), str(tmp_path / "s"))
    assert (entry.state, entry.steps[0][3]) == ("interrupted", "interrupted")
    undone = undo.undo(LocalHost(), None, str(tmp_path / "s"), kinds=kinds)
    assert undone.stays == ("this stays",)


def test_only_the_approved_plan_is_carried_out(place: Path, tmp_path: Path) -> None:
    before = picture(place)
    plan = plan_of(paths(place))
    for other in ("", "0" * 64, plan_of(paths(place)[:1]).id):
        with pytest.raises(UsageError):
            runner.apply(LocalHost(), plan, other, str(tmp_path / "state"))
    assert picture(place) == before
    assert not (tmp_path / "state").exists()


def test_what_a_person_changed_since_is_left_alone(place: Path, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    plan = plan_of(paths(place)[:2])
    runner.apply(LocalHost(), plan, plan.id, state)
    Path(paths(place)[1]).write_text("a person was here\n")
    undone = undo.undo(LocalHost(), None, state)
    assert len(undone.stays) == 1 and "old.conf" in undone.stays[0]
    assert Path(paths(place)[1]).read_text() == "a person was here\n"
    assert not Path(paths(place)[0]).exists()


def test_hostile_names_are_data(tmp_path: Path) -> None:
    folder = tmp_path / "host"
    folder.mkdir()
    names = ["a b", "$(touch x)", "'q'", '"q"', "new\nline", "-rf", "ünï", "`id`"]
    plan = Plan("server", (), tuple(step_of(str(folder / name)) for name in names))
    runner.apply(LocalHost(), plan, plan.id, str(tmp_path / "state"))
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    undo.undo(LocalHost(), None, str(tmp_path / "state"))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["directory", "symlink", "fifo"])
def test_only_a_plain_file_is_replaced(tmp_path: Path, kind: str) -> None:
    target, other = tmp_path / "x.conf", tmp_path / "other"
    other.write_text("keep")
    if kind == "directory":
        target.mkdir()
    elif kind == "symlink":
        target.symlink_to(other)
    else:
        os.mkfifo(target)
    plan = plan_of([str(target)])
    with pytest.raises(WorkError, match=r"x\.conf"):
        runner.apply(LocalHost(), plan, plan.id, str(tmp_path / "state"))
    assert other.read_text() == "keep"
    assert history.entries(LocalHost(), str(tmp_path / "state")) == []


def test_a_second_run_at_the_same_time_is_refused(place: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    argv = [sys.executable, "-m", "tests.machine.apply.worker", "apply", str(state), *paths(place)]
    environment = {**os.environ, "PYTHONPATH": str(TREE / "src")}
    with subprocess.Popen(
        argv, cwd=TREE, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        before = picture(place)
        for verb in ("apply", "undo"):
            refused = worker(verb, state, *paths(place))[-1]
            assert refused.startswith("error"), verb
        assert f"process {first.pid}" in worker("apply", state, *paths(place))[-1]
        assert picture(place) == before
        first.kill()


def child(code: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    argv = [*prefix, sys.executable, "-m", "tests.machine.apply.worker", *code.split("\n")]
    environment = {**os.environ, "PYTHONPATH": str(TREE / "src")}
    return subprocess.run(
        argv, cwd=TREE, env=environment, input="\n" * 50, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_full_disk_is_noticed_before_anything_changes(place: Path, tmp_path: Path) -> None:
    before = picture(place)
    state = tmp_path / "small"
    state.mkdir()
    mount = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64k small "$0" && exec "$@"', str(state))
    answer = child("\n".join(["apply", str(state), *paths(place)]), *mount)
    assert answer.returncode == 1, answer.stderr
    assert answer.stdout.startswith("error WorkError") and "No space left" in answer.stdout
    assert picture(place) == before


def test_a_state_directory_that_is_a_file_is_refused(place: Path, tmp_path: Path) -> None:
    before = picture(place)
    (tmp_path / "state").write_text("")
    plan = plan_of(paths(place))
    with pytest.raises(WorkError):
        runner.apply(LocalHost(), plan, plan.id, str(tmp_path / "state"))
    assert picture(place) == before


def test_everybody_but_root_is_refused(tmp_path: Path) -> None:
    """In this process, with another effective user: the interpreter itself may lie where only root can read."""
    plan = plan_of([str(tmp_path / "x")])
    tmp_path.chmod(0o777)
    os.seteuid(65534)
    try:
        with pytest.raises(PrivilegeError) as raised:
            runner.apply(LocalHost(), plan, plan.id, str(tmp_path / "state"))
        with pytest.raises(PrivilegeError):
            undo.undo(LocalHost(), None, str(tmp_path / "state"))
    finally:
        os.seteuid(0)
    assert raised.value.exit_status == 3 and "sudo" in raised.value.next_move
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "x").exists()


def test_a_damaged_journal_stops_a_run_that_would_carry_it_on(place: Path, tmp_path: Path) -> None:
    from kvmready.errors import InputError

    state = tmp_path / "state"
    worker("apply", state, *paths(place), die_after=3)
    (path,) = state.glob("runs/*/journal.jsonl")
    path.write_text("nonsense\n" + path.read_text())
    before = picture(place)
    plan = plan_of(paths(place))
    with pytest.raises(InputError, match="line 1"):
        runner.apply(LocalHost(), plan, plan.id, str(state))
    assert picture(place) == before
    assert [entry.state for entry in history.entries(LocalHost(), str(state))] == ["damaged"]


def test_runs_sort_by_their_time(place: Path, tmp_path: Path) -> None:
    names = []
    for path in paths(place)[:2]:
        plan = plan_of([path])
        names.append(runner.apply(LocalHost(), plan, plan.id, str(tmp_path / "state")).id)
    assert names == sorted(names) == journal.runs(LocalHost(), str(tmp_path / "state"))
    assert undo.undo(LocalHost(), None, str(tmp_path / "state")).run == names[1]
