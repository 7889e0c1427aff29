"""``kvmready check``: say whether this machine is a KVM host; changes nothing."""

from __future__ import annotations

from argparse import Namespace

from kvmready import __version__, pipeline
from kvmready.cli import output, session


def run(parsed: Namespace) -> int:
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
        session.save(parsed.record, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    output.report(pipeline.report(view), parsed)
    return session.status(view.verdict, parsed.strict)
