"""``kvmready plan``: the steps and the exact commands, or the drift from the configuration file; changes nothing."""

from __future__ import annotations

from kvmready import pipeline
from kvmready.cli import output, session
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, UsageError
from kvmready.i18n import _
from kvmready.typed import Any


def run(parsed: Parsed) -> int:
    host, want = session.open_host(parsed)
    layer = session.layer(parsed.only)
    if parsed.drift and parsed.configuration is None:
        raise UsageError(
            _("There is no configuration file from which this host could differ."),
            "",
            _("Name one with --config FILE, or write {file}.").format(file=session.CONFIGURATION),
        )
    view = pipeline.look(host, want, session.now(), layer=layer, planning=parsed.source is None)
    record = pipeline.report(view, unsaid=session.unsaid(parsed))
    if parsed.drift:
        return _drift(record, layer, parsed)
    output.plan(record, parsed)
    return session.status(view.verdict)


def _drift(record: dict[str, Any], layer: str, parsed: Parsed) -> int:
    from kvmready.report import drift

    found = drift.of(record, layer)
    output.drift(record, found, parsed.configuration.path, parsed)
    return EXIT_NOT_READY if found else EXIT_READY
