"""``kvmready explain``: teach what a layer, a check or a cause is; asks no host."""

from __future__ import annotations

import sys

from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_READY, UsageError
from kvmready.i18n import _
from kvmready.knowledge import explain


def run(parsed: Parsed) -> int:
    if parsed.list and parsed.name:
        raise UsageError(_("--list names everything: it takes no name."))
    record = explain.ids() if parsed.list else explain.about(parsed.name) if parsed.name else explain.stack()
    if parsed.format == "json":
        from kvmready.report import as_json

        sys.stdout.write(as_json.render(record))
    else:
        from kvmready.report import text_explain

        draw = text_explain.ids if parsed.list else text_explain.explanation if parsed.name else text_explain.stack
        draw(record, sys.stdout)
    sys.stdout.flush()
    return EXIT_READY
