"""``kvmready undo``: take a run back."""

from __future__ import annotations

import sys

from kvmready.apply import undo
from kvmready.apply.state import require_root
from kvmready.cli import output, session, work
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_INTERRUPTED, EXIT_READY
from kvmready.host.local import LocalHost
from kvmready.i18n import _


def run(parsed: Parsed) -> int:
    session.let_signals_clean_up()
    host = LocalHost()
    require_root(host)
    story = undo.choose(host, parsed.run, parsed.state_dir)
    output.say(_("The run {run} will be taken back, the last step first:").format(run=story.id))
    for attempt in undo.pending(story):
        output.say(f"  - {attempt.step.summary}")
    if not work.agreed(_("Undo it?"), parsed, _("Nothing was changed: nobody agreed to this undo.")):
        output.say(_("Nothing was changed."))
        return EXIT_INTERRUPTED
    with output.progress() as progress:
        undone = undo.undo(host, story.id, parsed.state_dir, work.shown_by(progress), parsed.force)
    document = {
        "schema": "kvmready.undo/1",
        "run": undone.run,
        "steps": list(undone.steps),
        "stays": list(undone.stays),
    }
    if parsed.format == "json":
        import json

        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        lines = [
            (
                _("The run {run} is undone: 1 step taken back.")
                if len(undone.steps) == 1
                else _("The run {run} is undone: {count} steps taken back.")
            ).format(run=undone.run, count=len(undone.steps))
        ]
        if undone.stays:
            lines += [_("What stays:"), *(f"  - {sentence}" for sentence in undone.stays)]
        sys.stdout.write("\n".join(lines) + "\n")
    return EXIT_READY
