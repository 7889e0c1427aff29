"""``kvmready prove``: run a guest, as the one who will run guests, and show its witness."""

from __future__ import annotations

from argparse import Namespace

from kvmready import pipeline
from kvmready.cli import output, session, work
from kvmready.errors import EXIT_NOT_READY, EXIT_READY
from kvmready.host.local import LocalHost


def run(parsed: Namespace) -> int:
    session.let_signals_clean_up()
    host = LocalHost()
    if parsed.profile is None and parsed.level in ("probe", "qemu"):
        parsed.profile = "minimal"  # what such a guest stands on; nothing above it is asked
    want = session.want(parsed, pipeline.people(host, parsed.user))
    view = pipeline.look(host, want, session.now())
    level = parsed.level or ("qemu" if want.profile == "minimal" else "libvirt")
    proved = work.proved(host, view.facts, level, want.accel)
    output.report(pipeline.report(view, proof=proved), parsed)
    return EXIT_READY if proved.ok else EXIT_NOT_READY
