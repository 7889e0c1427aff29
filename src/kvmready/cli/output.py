"""Where words go: the document to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.report.progress import Progress


def report(record: Mapping[str, Any], parsed: Namespace) -> None:
    """The report in the format that was asked for."""
    if parsed.format == "json":
        _json(record)
    else:
        from kvmready.report import text

        text.report(record, sys.stdout, parsed.verbose)
    sys.stdout.flush()


def plan(record: Mapping[str, Any], parsed: Namespace) -> None:
    """The plan in the format that was asked for; as JSON it is the whole report, with its ``plan`` filled."""
    if parsed.format == "json":
        _json(record)
    else:
        from kvmready.report import text

        text.plan(record, sys.stdout)
    sys.stdout.flush()


def announce_plan(record: Mapping[str, Any]) -> None:
    """The plan on standard error, before somebody is asked for a yes."""
    from kvmready.report import text

    text.plan(record, sys.stderr)
    sys.stderr.flush()


def _json(record: Mapping[str, Any]) -> None:
    from kvmready.report import as_json

    sys.stdout.write(as_json.render(record))


def progress() -> Progress:
    """What a waiting person sees, on standard error."""
    from kvmready.report.progress import Progress

    return Progress(sys.stderr)


def say(line: str) -> None:
    """One notice for the person, on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
