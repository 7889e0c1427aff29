"""How a step runs its commands: the exact argv that the plan showed, and a failure in the program's own words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Result, Workshop
from kvmready.i18n import _
from kvmready.typed import Any

RUN_DIRECTORY = "run_directory"
"""Argument that the runner adds to each step when it carries it out: where the run's files are."""

KEY = "key"
"""Argument that the runner adds: what tells this step from others in the names of files of the run."""

FORMER = "former"
"""Argument that the runner adds for ``apply``: what was there before the first attempt at this step."""

RESULTS = "results"
"""Key that undo adds to the former state: what each finished attempt at this step returned."""

LAST_WORDS = 6
"""Lines of a failed command's output that its error repeats."""


def shown(argv: Sequence[str]) -> str:
    """The command as a person would type it."""
    return shlex.join(argv)


def explain(result: Result) -> str:
    """Why a command failed, in its own words where it had any."""
    if result.problem == "absent":
        return _("{program} is not installed.").format(program=result.argv[0])
    if result.problem == "denied":
        return _("{program} may not be run: {why}").format(program=result.argv[0], why=result.stderr or "EACCES")
    words = [line.rstrip() for line in (result.stderr or result.stdout).splitlines() if line.strip()][-LAST_WORDS:]
    if result.problem == "timeout":
        return " ".join([_("It was ended at its time limit."), *words])
    return " ".join(words) or _("It ended with status {status} and said nothing.").format(status=result.status)


def failure(result: Result, next_move: str = "") -> WorkError:
    """The error for a command that had to succeed and did not."""
    return WorkError(_("This command failed: {command}").format(command=shown(result.argv)), explain(result), next_move)


def change(host: Workshop, argv: Sequence[str], timeout: float = 120.0, stdin: str = "") -> Result:
    """Run a command that changes the host. Raises WorkError when it fails."""
    result = host.change(Command(tuple(argv), timeout=timeout, stdin=stdin))
    if not result.ok:
        raise failure(result)
    return result


def run_directory(arguments: Mapping[str, Any]) -> str:
    """Where this run keeps its files. Raises KeyError outside of a run."""
    return str(arguments[RUN_DIRECTORY])
