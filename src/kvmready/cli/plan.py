"""``kvmready plan``: the steps and the exact commands; changes nothing."""

from __future__ import annotations

from argparse import Namespace

from kvmready import pipeline
from kvmready.cli import output, session


def run(parsed: Namespace) -> int:
    host, want = session.open_host(parsed)
    view = pipeline.look(host, want, session.now(), layer=session.layer(parsed.only), planning=parsed.source is None)
    output.plan(pipeline.report(view), parsed)
    return session.status(view.verdict)
