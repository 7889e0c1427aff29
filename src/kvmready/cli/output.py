"""Where words go: the document to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from kvmready.cli.options import Parsed
from kvmready.errors import KvmreadyError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.report.drift import Drift
    from kvmready.report.progress import Progress


def report(record: Mapping[str, Any], parsed: Parsed) -> None:
    """The report in the format that was asked for, on standard output or in the file of ``--output``."""
    file = getattr(parsed, "output", None)
    if file is not None:
        # Metrics are read by another user, the collector's; all else may name people and belongs to the caller.
        save(file, _rendered(record, parsed), 0o644 if parsed.format == "prometheus" else 0o600)
    elif parsed.format == "text":
        from kvmready.report import text

        text.report(record, sys.stdout, parsed.verbose)
        sys.stdout.flush()
    else:
        document(_rendered(record, parsed))


def plan(record: Mapping[str, Any], parsed: Parsed) -> None:
    """The plan in the format that was asked for; but for text that is the whole report, its ``plan`` filled."""
    if parsed.format == "text":
        from kvmready.report import text

        text.plan(record, sys.stdout)
        sys.stdout.flush()
    else:
        report(record, parsed)


def drift(record: Mapping[str, Any], found: Drift, file: str, parsed: Parsed) -> None:
    """What differs between the host and its configuration file; but for text that is the document of the plan."""
    if parsed.format == "text":
        from kvmready.report import text

        text.drift(record, found, file, sys.stdout)
        sys.stdout.flush()
    else:
        report(record, parsed)


def save(path: str, text: str, mode: int = 0o600) -> None:
    """Write a document that the user asked for, whole or not at all. Raises KvmreadyError."""
    from kvmready.host.local import LocalHost

    try:
        LocalHost().write(path, text.encode("utf-8"), mode)
    except OSError as error:
        raise KvmreadyError(
            _("{file} cannot be written.").format(file=path),
            error.strerror or str(error),
            _("Nothing was left behind; name another FILE."),
        ) from None


def _rendered(record: Mapping[str, Any], parsed: Parsed) -> str:
    """The record as a document of the format, one of ``parser.FORMATS``."""
    if parsed.format == "text":
        import io

        from kvmready.report import text

        written = io.StringIO()
        text.report(record, written, parsed.verbose)
        return written.getvalue()
    if parsed.format == "junit":
        from kvmready.report import junit

        return junit.render(record, getattr(parsed, "strict", False))
    if parsed.format == "prometheus":
        from kvmready.report import prometheus

        return prometheus.render(record)
    if parsed.format == "markdown":
        from kvmready.report import markdown

        return markdown.render(record)
    if parsed.format == "html":
        from kvmready.report import html

        return html.render(record)
    from kvmready.report import as_json

    return as_json.render(record)


def document(text: str) -> None:
    """A document to standard output in UTF-8, as it says of itself, whatever the locale's encoding is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


def announce_plan(record: Mapping[str, Any]) -> None:
    """The plan on standard error, before somebody is asked for a yes."""
    from kvmready.report import text

    text.plan(record, sys.stderr)
    sys.stderr.flush()


def progress() -> Progress:
    """What a waiting person sees, on standard error."""
    from kvmready.report.progress import Progress

    return Progress(sys.stderr)


def say(line: str) -> None:
    """One notice for the person, on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
