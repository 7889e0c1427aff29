"""``kvmready up``: check → plan → ask → apply → prove → report: the main job."""

from __future__ import annotations

import sys

from kvmready import pipeline
from kvmready.apply import runner
from kvmready.checks.engine import GATE
from kvmready.cli import output, session, work
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_INTERRUPTED, EXIT_NOT_READY
from kvmready.host.elevate import become_root
from kvmready.host.local import LocalHost
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.facts.names import Want
    from kvmready.pipeline import View
    from kvmready.proof.record import Proof


def run(parsed: Parsed) -> int:
    session.let_signals_clean_up()
    host = LocalHost()
    layer = session.layer(parsed.only)
    want = session.want(parsed, host)
    view = pipeline.look(host, want, session.now(), layer=layer, planning=True)
    if parsed.dry_run or _unapproved(host, view, parsed):
        if parsed.format == "text":
            output.report(pipeline.report(view, unsaid=session.unsaid(parsed)), parsed)
        output.plan(pipeline.report(view, unsaid=session.unsaid(parsed)), parsed)
        return session.status(view.verdict, parsed.strict)
    if view.plan.steps:
        if parsed.approved is not None and not runner.is_rest(host, parsed.state_dir, view.plan, parsed.approved):
            runner.require_approved(view.plan, parsed.approved)
        if view.facts.caller.uid != 0:
            return _as_root(parsed, view)
        output.announce_plan(pipeline.report(view, unsaid=session.unsaid(parsed)))
        if not work.agreed(_("Apply this plan?"), parsed, _("Nothing was changed: nobody agreed to this plan.")):
            output.say(_("Nothing was changed."))
            return EXIT_INTERRUPTED
    else:
        output.say("  " + _("There is nothing to change: the plan is empty."))
    work.screenshot(parsed, want, "")  # a mistake is told before anything is changed
    done = _apply(host, view, parsed)
    if view.plan.steps:
        view = pipeline.look(host, want, session.now())
    folder = f"{parsed.state_dir}/runs/{done['id']}" if done["id"] else parsed.state_dir
    proved = _prove(host, want, view, work.screenshot(parsed, want, folder))
    output.report(pipeline.report(view, run=done, proof=proved, unsaid=session.unsaid(parsed)), parsed)
    if proved is not None and not proved.ok:
        return EXIT_NOT_READY
    return session.status(view.verdict, parsed.strict)


def _unapproved(host: LocalHost, view: View, parsed: Parsed) -> bool:
    """Whether no plan at all was approved, by an empty id, and there is work to show; else only the proof is left."""
    return parsed.approved == "" and bool(view.plan.steps or runner.open_run(host, parsed.state_dir))


def _apply(host: LocalHost, view: View, parsed: Parsed) -> dict[str, Any]:
    with output.progress() as progress:
        done = runner.apply(host, view.plan, view.plan.id, parsed.state_dir, work.shown_by(progress))
    return {
        "id": done.id or None,
        "plan": done.plan,
        "resumed": done.resumed,
        "steps": [
            {"id": o.step, "kind": o.kind, "summary": o.summary, "status": o.status, "seconds": round(o.seconds, 3)}
            for o in done.outcomes
        ],
    }


def _prove(host: LocalHost, want: Want, view: View, screenshot: str) -> Proof | None:
    """The highest proof that the host allows; none where the hardware allows no guest at all."""
    if want.accel == "kvm" and any(f.check == GATE and f.status in ("fail", "blocked") for f in view.findings):
        return None
    from kvmready import proof

    level = proof.highest(host, view.facts.names)
    if want.profile == "minimal" and level == "libvirt":
        level = "qemu"  # this host shall run guests under QEMU alone, whatever else is on it
    wish = proof.Wish(profile=want.profile, screenshot=screenshot)
    return work.proved(work.proving(host, want, view.facts.names, level, wish), view.facts)


def _as_root(parsed: Parsed, view: View) -> int:
    """Say what needs root, then carry on through sudo with the same words, for the same users."""
    output.announce_plan(pipeline.report(view, unsaid=session.unsaid(parsed)))
    output.say("")
    output.say("  " + _("These steps change the system, so they need root. Carrying on through sudo:"))
    words = sys.argv[1:]
    if not parsed.user:
        for name in view.facts.want.users:
            words += ["--user", name]
    become_root(words)
