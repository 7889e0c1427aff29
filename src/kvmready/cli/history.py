"""``kvmready history``: the runs of this host."""

from __future__ import annotations

import sys

from kvmready.apply import history
from kvmready.apply.state import require_root
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_READY
from kvmready.host.local import LocalHost
from kvmready.i18n import _


def run(parsed: Parsed) -> int:
    host = LocalHost()
    require_root(host)
    entries = history.entries(host, parsed.state_dir)
    if parsed.format == "json":
        import json

        runs = [
            {
                **entry._asdict(),
                "plans": list(entry.plans),
                "steps": [dict(zip(("id", "kind", "summary", "status"), step)) for step in entry.steps],
            }
            for entry in entries
        ]
        sys.stdout.write(
            json.dumps({"schema": "kvmready.history/1", "runs": runs}, indent=2, ensure_ascii=False) + "\n"
        )
        return EXIT_READY
    if not entries:
        sys.stdout.write(_("No run of kvmready has changed this host.") + "\n")
    else:
        from kvmready.report import text_work
        from kvmready.report.canvas import Canvas

        canvas = Canvas(sys.stdout)
        canvas.write(list(text_work.history(canvas, entries, parsed.verbose)))
    return EXIT_READY
