"""``kvmready fleet``: check, up, prove and undo on many hosts at once, and the records of what came of it."""

from __future__ import annotations

import os
import sys

from kvmready.cli import fleet_work, output
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, InputError
from kvmready.fleet import records
from kvmready.i18n import _


def run(parsed: Parsed) -> int:
    folder = parsed.runs or records.home(os.environ)
    if parsed.action == "report":
        index = records.load(records.find(folder, parsed.run))
    elif parsed.action == "diff":
        return _diff(folder, parsed)
    else:
        index = fleet_work.run(parsed, folder)
    show(index, parsed)
    return EXIT_READY if index.ok else EXIT_NOT_READY


def show(index: records.Index, parsed: Parsed) -> None:
    """The run in the format that was asked for."""
    if parsed.format == "text":
        from kvmready.fleet import text
        from kvmready.report.canvas import Canvas

        canvas = Canvas(sys.stdout)
        canvas.write(list(text.index(canvas, index, parsed.verbose)))
        if parsed.action != "report":
            output.say("")
            output.say("  " + _("The reports: {folder}").format(folder=index.directory))
        return
    from kvmready.fleet import formats

    for part in formats.render(index, parsed.format):
        sys.stdout.buffer.write(part.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def _diff(folder: str, parsed: Parsed) -> int:
    from kvmready.fleet import diff

    known = records.runs(folder)
    if not parsed.before and len(known) < 2:
        raise InputError(_("There are no two runs in {folder}.").format(folder=folder))
    before = records.load(records.find(folder, parsed.before or known[-2]))
    after = records.load(records.find(folder, parsed.after))
    found = diff.of(before, after)
    if parsed.format == "json":
        import json

        sys.stdout.write(json.dumps(diff.document(before, after, found), indent=2, ensure_ascii=False) + "\n")
    else:
        from kvmready.fleet import text
        from kvmready.report.canvas import Canvas

        canvas = Canvas(sys.stdout)
        canvas.write(list(text.changes(canvas, before, after, found)))
    return EXIT_READY if after.ok else EXIT_NOT_READY
