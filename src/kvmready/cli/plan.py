"""``kvmready plan``: the steps and the exact commands; changes nothing."""

from __future__ import annotations

from kvmready import pipeline
from kvmready.cli import output, session
from kvmready.cli.options import Parsed


def run(parsed: Parsed) -> int:
    host, want = session.open_host(parsed)
    view = pipeline.look(host, want, session.now(), layer=session.layer(parsed.only), planning=parsed.source is None)
    output.plan(pipeline.report(view), parsed)
    return session.status(view.verdict)
