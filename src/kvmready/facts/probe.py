"""Whether a guest ran, as whom, and how fast: the answer of the functional probe (``guest/probe.py``)."""

from __future__ import annotations

from kvmready.facts.known import Fact, Known, Unknown, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Account, Door, Result

SCHEMA = "kvmready.probe/1"
TIMEOUT = 30.0
"""Seconds for all answers together; a healthy one takes milliseconds, and each has a limit of its own."""

NATIVE_RATIO = 0.2
"""From this native ratio on, guests count as natively accelerated.

Hardware virtualization measures near 1, and nested hardware virtualization on a busy host still stays above a half;
a kernel that emulates its guests' instructions (kvm_pvm without support below it) measures about 0.001. Anything
between is so far unseen, and 0.2 is far from both.
"""


class Answer(NamedTuple):
    """One try to run guests, with one user's rights."""

    user: str  # empty: the caller
    uid: int  # -1: no such user
    ok: bool | None  # None: it could not be tried
    failed_at: str  # open, api, create-vm, memory, create-vcpu, real-mode, long-mode, …; empty: nowhere
    errno: str  # EACCES …; EINTR: the guest did not come back
    exit_reason: str  # the KVM_EXIT_ name behind a run that went wrong
    detail: str
    exit_us: tuple[float, float] | None  # microseconds of an exit round trip: p50, p99
    native_ratio: float | None  # native time per turn of the compute loop by the guest's
    gids: tuple[int, ...] = ()  # the groups with which it was tried
    emulated: bool | None = None  # whether KVM carried the guest's instructions out itself, by its own count
    held_up: bool = False  # the times differed so much that something may have held the host up


class Acceleration(NamedTuple):
    """How fast guests run: ``state`` is native, degraded, none or unknown."""

    state: str
    why: str
    native_ratio: float | None = None
    exit_us: tuple[float, float] | None = None


class Probe(NamedTuple):
    """The answers of one probe."""

    answers: Fact[tuple[Answer, ...]]  # the caller's first
    caller: str  # name of the caller
    account: Fact[Account]  # the caller's entry in the user database; asked for a caller who is not root
    qemu_account: Fact[Account] = Unknown("not asked")  # that of QEMU's user; asked when only the database can tell

    @property
    def own(self) -> Answer | None:
        """The caller's answer; None when the probe gave none at all."""
        return self.answers.value[0] if isinstance(self.answers, Known) else None

    @property
    def ran(self) -> bool:
        """Whether a guest ran, as whoever it was."""
        return isinstance(self.answers, Known) and any(answer.ok for answer in self.answers.value)

    def for_user(self, name: str) -> Fact[Answer]:
        """The answer with the rights of ``name`` (a new login's, unless it is the caller); its ``ok`` is a bool.

        Unknown when that user was not or could not be tried: only root can try others.
        """
        if not isinstance(self.answers, Known):
            return self.answers
        for answer in self.answers.value:
            if name == (answer.user or self.caller):
                if answer.ok is None:
                    return Unknown(f"{answer.failed_at}: {answer.detail}")
                return Known(answer)
        return Unknown(_("not tried as {name}").format(name=name))

    @property
    def acceleration(self) -> Acceleration:
        """What the measured ratio says of this host."""
        answer = self.own
        if answer is None:
            why = "" if isinstance(self.answers, Known) else self.answers.why
            return Acceleration("unknown", _("The probe gave no answer: {why}").format(why=why))
        if answer.ok is None:
            return Acceleration("unknown", _("A guest could not be tried: {why}").format(why=answer.detail))
        if not answer.ok:
            why = _("No guest ran: {why}").format(why=answer.detail or answer.errno)
            return Acceleration("unknown" if answer.errno in ("EACCES", "EPERM") else "none", why)
        ratio = answer.native_ratio
        if ratio is None:
            why = _("Guests run, but their speed could not be compared: {why}").format(why=answer.detail)
            return Acceleration("unknown", why, None, answer.exit_us)
        if ratio >= NATIVE_RATIO:
            why = _("Guest code runs at {ratio} of native speed.").format(ratio=ratio_text(ratio))
            return Acceleration("native", why, ratio, answer.exit_us)
        if answer.held_up and answer.emulated is not True:
            # Such a ratio tells of the host's other work, not of KVM.
            if answer.emulated is None:
                why = _("Guests run, but their speed is not known: something held this host up while it was measured.")
                return Acceleration("unknown", why, None, answer.exit_us)
            why = _("The CPU runs guest code itself; how fast was not measured, as something held this host up.")
            return Acceleration("native", why, None, answer.exit_us)
        why = _("KVM runs guests, but emulates their code: {ratio} of native speed.").format(ratio=ratio_text(ratio))
        return Acceleration("degraded", why, ratio, answer.exit_us)


def ratio_text(ratio: float) -> str:
    """A ratio with two digits that count: 0.97, 0.0012."""
    return f"{ratio:.2g}" if ratio < 0.095 else f"{ratio:.2f}"


def parse(text: str) -> Fact[tuple[Answer, ...]]:
    """The answers in the probe's JSON document; Unknown when it is not such a document."""
    import json

    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unknown(_("the probe did not print JSON: {error}").format(error=error))
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return Unknown(_("the probe did not print a {schema} document").format(schema=SCHEMA))
    said = document.get("answers")
    if not isinstance(said, list) or not said or not all(isinstance(one, dict) for one in said):
        return Unknown(_("the probe printed no answers"))
    return Known(tuple(_answer(one) for one in said))


def _answer(said: dict[str, Any]) -> Answer:
    exits = said.get("exit_us")
    times = (_number(exits.get("p50")), _number(exits.get("p99"))) if isinstance(exits, dict) else (None, None)
    gids = said.get("gids")
    loop = said.get("loop")
    uid = said.get("uid")
    return Answer(
        user=_words(said.get("user")),
        uid=uid if type(uid) is int else -1,
        ok=said["ok"] if isinstance(said.get("ok"), bool) else None,
        failed_at=_words(said.get("failed_at")),
        errno=_words(said.get("errno")),
        exit_reason=_words(said.get("exit_reason")),
        detail=_words(said.get("detail")),
        exit_us=(times[0], times[1]) if times[0] is not None and times[1] is not None else None,
        native_ratio=_number(said.get("native_ratio")),
        gids=tuple(gid for gid in gids if type(gid) is int) if isinstance(gids, list) else (),
        emulated=loop.get("emulated") if isinstance(loop, dict) and isinstance(loop.get("emulated"), bool) else None,
        held_up=isinstance(loop, dict) and loop.get("steady") is False,
    )


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    """A number of at least 0, else None: also for NaN, which JSON readers let through."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e18:
        return None
    return float(value)


def from_result(result: Result) -> Fact[tuple[Answer, ...]]:
    """The answers that the probe's process gave, or why it gave none."""
    if result.problem == "timeout":
        return Unknown(_("the probe did not answer within {limit} s").format(limit=f"{TIMEOUT:g}"))
    if result.problem:
        why = f"{result.problem} {result.stderr.strip()}".strip()
        return Unknown(_("the probe could not be started: {why}").format(why=why))
    if result.status != 0:
        killed = result.status is not None and result.status < 0
        words = _("the probe was killed by signal {number}") if killed else _("the probe ended with status {number}")
        last = result.stderr.strip().splitlines()[-1:] or [""]
        return Unknown(f"{words.format(number=abs(result.status or 0))}: {last[0][:200]}".rstrip(": "))
    return parse(result.stdout)


def ask(host: Door, names: Names, want: Want) -> Callable[[], Probe]:
    """Begin the probe: as the caller, and for root also as each user of ``want`` and as the user of QEMU.

    Users that the database does not know are left out: that of QEMU comes with libvirt's package, and the minimal
    profile, which is without libvirt, has no use for it.
    """
    from kvmready.host.door import PROBE, Command

    caller = host.caller()
    others: list[str] = []
    account: Fact[Account] = Unknown(_("not asked"))
    qemu: Fact[Account] = Unknown(_("not asked"))
    if caller.uid == 0:
        for name in dict.fromkeys((*want.users, "" if want.profile == "minimal" else names.qemu_user)):
            if name and name != caller.user and not host.account(name).error:
                others.append(name)
    else:
        entry = host.account(caller.user)
        account = missing(entry.error, caller.user) if entry.error else Known(entry)
        if want.profile != "minimal":
            entry = host.account(names.qemu_user)
            qemu = missing(entry.error, names.qemu_user) if entry.error else Known(entry)
    options = [word for name in others for word in ("--user", name)]
    running = host.begin(Command((PROBE, *options), timeout=TIMEOUT))
    return lambda: Probe(from_result(running.wait()), caller.user, account, qemu)
