"""A child process that applies or undoes a plan of files, so that a test can kill it at any event.

Arguments: apply or undo, the state directory, then the files of the plan. Each event is a line on standard output;
after each one the worker waits for a line on standard input, so that the test decides where it dies.
"""

from __future__ import annotations

import sys

from kvmready.apply import runner, undo
from kvmready.apply.event import Event
from kvmready.errors import KvmreadyError
from kvmready.host.local import LocalHost
from kvmready.plan.step import Plan
from tests.machine.apply.files import plan_of


def tell(event: Event) -> None:
    print(f"{event.kind} {event.step}", flush=True)
    sys.stdin.readline()


def main() -> int:
    verb, state, *paths = sys.argv[1:]
    host = LocalHost()
    try:
        if verb == "apply":
            plan: Plan = plan_of(paths)
            run = runner.apply(host, plan, plan.id, state, tell)
            print("result", [(o.step, o.status) for o in run.outcomes], run.resumed, flush=True)
        else:
            print("result", undo.undo(host, None, state, tell), flush=True)
    except KvmreadyError as error:
        print(f"error {type(error).__name__} {error.exit_status} {error}", flush=True)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
