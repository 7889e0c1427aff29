"""``kvmready check``: say whether this machine is a KVM host; changes nothing."""

from __future__ import annotations

from kvmready import __version__, pipeline
from kvmready.cli import output, session
from kvmready.cli.options import Parsed
from kvmready.errors import KvmreadyError, UsageError
from kvmready.facts.names import Want
from kvmready.i18n import _
from kvmready.typed import Any


def run(parsed: Parsed) -> int:
    if parsed.scrub and not parsed.record:
        raise UsageError(_("--scrub is for a recording: give --record FILE with it."))
    host, want = session.open_host(parsed)
    recorder = None
    if parsed.record:
        from kvmready.host.recording import RecordingHost

        host = recorder = RecordingHost(host)
    taken_at = session.now()
    view = pipeline.look(host, want, taken_at, only=parsed.only)
    if recorder is not None:
        import json

        asked_for = {**want._asdict(), "users": list(want.users)}
        document = recorder.document(__version__, taken_at, asked_for)
        if parsed.scrub:
            document = _scrubbed(document, view, parsed.only)
        output.save(parsed.record, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    output.report(pipeline.report(view, unsaid=session.unsaid(parsed)), parsed)
    return session.status(view.verdict, parsed.strict)


def _scrubbed(document: dict[str, Any], view: pipeline.View, only: str) -> dict[str, Any]:
    """The recording without names. Raises KvmreadyError where that would change what is found."""
    from kvmready.host.replay import ReplayHost
    from kvmready.host.scrub import scrub

    clean = scrub(document)
    lists = {name: tuple(clean["asked_for"][name]) for name in ("users", "autostart")}
    want = Want(**{**clean["asked_for"], **lists})
    again = pipeline.look(ReplayHost(clean, "--scrub"), want, view.taken_at, only=only)
    if (again.verdict, [c.cause for c in again.causes]) != (view.verdict, [c.cause for c in view.causes]):
        raise KvmreadyError(
            _("This recording cannot be scrubbed: without its names it would be judged otherwise."),
            _("A user or this host has a name that is also a word of the system."),
            _("Record without --scrub, and take out by hand what nobody shall see."),
        )
    return clean
