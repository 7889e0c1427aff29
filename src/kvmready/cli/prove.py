"""``kvmready prove``: run a guest, as the one who will run guests, and show its witness."""

from __future__ import annotations

import os

from kvmready import pipeline
from kvmready.apply import STATE_DIRECTORY
from kvmready.cli import output, session, work
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, UsageError
from kvmready.host.local import LocalHost
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts.names import Names
    from kvmready.proof import Proving


def _folder(host: LocalHost) -> str:
    """Where what a proof keeps is kept: root's beside the runs, others' where their own programs' state is."""
    if host.caller().uid == 0:
        return STATE_DIRECTORY
    return os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), "kvmready")


def run(parsed: Parsed) -> int:
    session.let_signals_clean_up()
    host = LocalHost()
    if parsed.image or parsed.sha256:
        if not parsed.image:
            raise UsageError(_("--sha256 is the checksum of an image: name it with --image."))
        if parsed.level not in (None, "linux"):
            raise UsageError(_("Only level linux starts from an image."), "", _("Leave --level out, or say linux."))
        parsed.level = "linux"
    if parsed.profile is None and parsed.level in ("probe", "qemu"):
        parsed.profile = "minimal"  # what such a guest stands on; nothing above it is asked
        parsed.implied = {"profile": "--level"}
    want = session.want(parsed, host)
    level = parsed.level or ("qemu" if want.profile == "minimal" else "libvirt")
    kept = work.screenshot(parsed, want, _folder(host))
    from kvmready import proof

    begun: list[Proving] = []

    def first(names: Names) -> None:
        wish = proof.Wish(parsed.image or "", parsed.sha256 or "", want.profile, kept)
        begun.append(work.proving(host, want, names, level, wish))
        begun[0].start()

    try:
        view = pipeline.look(host, want, session.now(), first=first)
        proved = work.proved(begun[0], view.facts)
    finally:
        for proving in begun:
            proving.stop()
    output.report(pipeline.report(view, proof=proved, unsaid=session.unsaid(parsed)), parsed)
    return EXIT_READY if proved.ok else EXIT_NOT_READY
