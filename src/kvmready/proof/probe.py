"""Level ``probe``: what the functional probe saw, with the rights of the user."""

from __future__ import annotations

from kvmready.checks.finding import Evidence
from kvmready.facts.known import Known
from kvmready.facts.probe import ratio_text
from kvmready.i18n import _
from kvmready.proof import causes
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts.probe import Answer, Probe
    from kvmready.proof.place import Place, Steps

STEP = "probe.run"
SOURCE = "/dev/kvm"


def level(place: Place, steps: Steps, probe: Probe) -> str:
    """The status of the level: pass, fail, skip (emulation has no such level) or unknown (it could not be tried)."""
    steps.begin()
    if place.accel == "tcg":
        why = _("Emulation (TCG) does not use KVM: there is nothing to probe.")
        steps.add(STEP, "skip", (Evidence("--accel tcg", why),))
        return "skip"
    answer = probe.for_user(place.account.name)
    if not isinstance(answer, Known):
        steps.add(STEP, "unknown", (Evidence(SOURCE, answer.why),))
        return "unknown"
    seen = (Evidence(SOURCE, _words(answer.value, place.account.name)),)
    if answer.value.ok:
        steps.add(STEP, "pass", seen)
        return "pass"
    cause = causes.ERRNO.get(answer.value.errno, "kernel.run-fails")
    cause = causes.settled(cause, place.host, place.names, place.caller, place.account)
    steps.add(STEP, "fail", seen, cause)
    return "fail"


def _words(answer: Answer, user: str) -> str:
    if not answer.ok:
        detail = answer.detail or answer.errno or answer.exit_reason
        return _("As {user}, no guest ran: {detail}").format(user=user, detail=detail)
    if answer.native_ratio is None:
        return _("As {user}, a guest ran.").format(user=user)
    ratio = ratio_text(answer.native_ratio)
    return _("As {user}, a guest ran, at {ratio} of native speed.").format(user=user, ratio=ratio)
