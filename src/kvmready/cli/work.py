"""What the verbs that work on a host share: asking for a yes, and showing the work as it goes."""

from __future__ import annotations

import os
import sys

from kvmready.cli import output
from kvmready.cli.options import Parsed
from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.apply.event import Event, Notify
    from kvmready.facts import Facts
    from kvmready.facts.names import Names, Want
    from kvmready.host.local import LocalHost
    from kvmready.proof import Proving, Wish
    from kvmready.proof.record import Proof
    from kvmready.report.progress import Progress

YES = ("y", "yes", "j", "是", "好")


def agreed(question: str, parsed: Parsed, undecided: str) -> bool:
    """Whether the person says yes. Raises UsageError where nobody can be asked; ``undecided`` is its first sentence."""
    if parsed.yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            undecided,
            _("There is no terminal to ask on."),
            _("Add --yes to go ahead without asking, or --dry-run to look only.")
            if parsed.verb == "up"
            else _("Add --yes to go ahead without asking."),
        )
    sys.stderr.write(f"\n  {question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in YES


def proved(proving: Proving, known: Facts) -> Proof:
    """Prove that guests run; each level is shown as it begins and ends."""
    with output.progress() as progress:
        result = proving.finish(known.probe, progress.begin, progress.say)
        progress.end("pass" if result.ok else "fail")
    return result


def proving(host: LocalHost, want: Want, names: Names, level: str, wish: Wish) -> Proving:
    """A proof up to ``level`` with what the profile adds, for the first of the wanted users."""
    from kvmready import proof

    return proof.Proving(host, names, level, want.accel, want.users[0] if want.users else "", wish)


def screenshot(parsed: Parsed, want: Want, folder: str) -> str:
    """The file for the picture of a desktop's proof: the named one, else one in ``folder``. Raises UsageError."""
    if want.profile != "desktop":
        if parsed.screenshot:
            raise UsageError(_("--screenshot needs the profile desktop: no other proof opens windows."))
        return ""
    return os.path.abspath(parsed.screenshot or os.path.join(folder, "desktop.png"))


def shown_by(progress: Progress) -> Notify:
    """The events of a run or an undo as lines of ``progress``."""

    def notify(event: Event) -> None:
        if event.kind == "begin":
            progress.begin(event.summary, event.number, event.total)
        elif event.kind in ("progress", "stays"):
            progress.say(event.text)
        elif event.kind == "done":
            progress.end("pass")
        elif event.kind == "failed":
            progress.end("fail")
        elif event.kind == "skipped":
            progress.begin(event.summary, event.number, event.total)
            progress.end("skip", event.text)

    return notify
