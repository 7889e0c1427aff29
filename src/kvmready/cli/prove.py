"""``kvmready prove``: run a guest, as the one who will run guests, and show its witness."""

from __future__ import annotations

from argparse import Namespace

from kvmready import pipeline, proof
from kvmready.cli import output, session
from kvmready.errors import EXIT_NOT_READY, EXIT_READY
from kvmready.host.local import LocalHost


def run(parsed: Namespace) -> int:
    session.let_signals_clean_up()
    host = LocalHost()
    want = session.want(parsed, pipeline.people(host, parsed.user))
    view = pipeline.look(host, want, session.now())
    with output.progress() as progress:
        proved = proof.prove(
            host,
            view.facts.names,
            parsed.level or ("qemu" if want.profile == "minimal" else "libvirt"),
            want.accel,
            want.users[0] if want.users else "",
            view.facts.probe,
            progress.say,
        )
    output.report(pipeline.report(view, proof=proved), parsed)
    return EXIT_READY if proved.ok else EXIT_NOT_READY
