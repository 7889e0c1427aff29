"""``kvmready doctor``: which known problem a message is, on this host, and the way out; changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kvmready import pipeline
from kvmready.cli import given, output, session
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, UsageError
from kvmready.i18n import _
from kvmready.knowledge import diagnosis
from kvmready.knowledge.reading import Reading
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.facts.logs import Log


def run(parsed: Parsed) -> int:
    if list(parsed.text) == ["-"] and sys.stdin.isatty():
        output.say(_("Paste the message, then press Enter and Ctrl-D."))
    text = given.read(parsed.text)
    if text is None and parsed.text_only:
        raise UsageError(_("--text-only needs a text: an argument, a file, or - for standard input."))
    if text is None and parsed.source is not None:
        raise UsageError(_("A recorded host has no logs: give a text with --from."))
    if text is not None and len(parsed.text) == 1 and text.name == parsed.text[0]:
        output.say(_("The message is read from the file {file}.").format(file=text.name))
    if text is not None and text.note:
        output.say(text.note)
    record = _of_text(parsed, text) if text is not None else _of_logs(parsed)
    if parsed.format == "json":
        from kvmready.report import as_json

        sys.stdout.write(as_json.render(record))
    else:
        from kvmready.report import text_diagnosis

        text_diagnosis.diagnosis(record, sys.stdout, parsed.verbose)
    sys.stdout.flush()
    return EXIT_READY if record["matches"] else EXIT_NOT_READY


def _of_text(parsed: Parsed, text: given.Given) -> dict[str, Any]:
    reading = Reading(text.name, text.text)
    source = _source(text.name, "partial" if text.note else "read", len(reading.lines), text.note)
    report = None
    if not parsed.text_only:
        host, want = session.open_host(parsed)
        report = pipeline.report(pipeline.look(host, want, session.now()), unsaid=session.unsaid(parsed))
    return diagnosis.of([reading], report, [source])


def _of_logs(parsed: Parsed) -> dict[str, Any]:
    """The host's own logs, read while it is looked at."""
    from kvmready.facts import logs

    if sys.stderr.isatty():
        output.say(_("Reading the logs of this host."))
    host, want = session.open_host(parsed)
    answered = logs.ask(host, dict.fromkeys((*want.users, host.caller().user)))
    report = pipeline.report(pipeline.look(host, want, session.now()), unsaid=session.unsaid(parsed))
    found = answered()
    return diagnosis.of(_readings(found), report, _sources(found), host_alone=True)


def _readings(found: Sequence[Log]) -> list[Reading]:
    return [Reading(log.name, log.text) for log in found if log.text]


def _sources(found: Sequence[Log]) -> list[dict[str, Any]]:
    return [_source(log.name, log.status, log.text.count("\n"), log.why) for log in found]


def _source(name: str, status: str, lines: int, why: str) -> dict[str, Any]:
    return {"name": name, "status": status, "lines": lines, "why": why}
