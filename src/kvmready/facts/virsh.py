"""Everything that is asked of libvirt, by one ``virsh`` process on the system URI.

virsh carries out a list of commands separated by ";" and goes on after one that failed (virsh(1), "NOTES"), but ends
at once when it cannot connect. Between the commands it is made to echo a marker, to stdout and, with ``--err``, to
stderr, so that each answer and each complaint can be told apart. The echo to stderr also flushes stdout, so that the
answers given before a time-out are not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kvmready.facts.known import Absent, Fact, Known, Unknown
from kvmready.i18n import N_, _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Result

URI = "qemu:///system"
TIMEOUT = 30.0
"""Seconds. A first answer about capabilities starts each emulator once or twice, which takes seconds on a slow host."""

MARK = "@@kvmready:"

QUESTIONS = (
    ("uri", "uri"),
    ("net-info", "net-info default"),
    ("net-dumpxml", "net-dumpxml default"),
    ("pool-info", "pool-info default"),
    ("pool-dumpxml", "pool-dumpxml default"),
    ("version", "version"),
    ("capabilities", "capabilities"),
)
"""Name and virsh command. What can take long stands last, so that a time-out costs the fewest answers."""

STATES = {"no-client": N_("there is no virsh"), "no-socket": N_("libvirt listens on no socket")}
"""Why it was not run."""

_DENIED = (
    "polkit",
    "authentication unavailable",
    "authentication failed",
    "authentication cancelled",
    "access denied",
    "permission denied",
    "unable to get system bus connection",  # polkit cannot be asked: libvirt admits nobody but root
)
"""What libvirt's client and polkit say, in the C locale, when the caller may not manage the system's guests."""


class Answer(NamedTuple):
    """What one command said. ``complete`` is False when virsh ended before the command had."""

    out: str
    err: str
    complete: bool


class Virsh(NamedTuple):
    """How the one virsh process went.

    ``state``: ``connected``; ``no-client`` or ``no-socket`` (it was not run); ``denied`` (libvirt or polkit refused the
    caller); ``timeout`` (not even connected within the limit); ``failed`` (it did not connect; ``words`` says why).
    ``slow`` is True when it was ended at its time limit after some answers. ``sockets`` are those that exist.
    """

    state: str
    words: str = ""
    answers: Mapping[str, Answer] = {}
    slow: bool = False
    sockets: tuple[str, ...] = ()

    def text(self, name: str) -> Fact[str]:
        """The answer to a question of ``QUESTIONS``: Absent where libvirt said that there is no such thing."""
        if self.state != "connected":
            return Unknown(self.words or _(STATES.get(self.state, self.state)))
        answer = self.answers.get(name)
        if answer is None or not answer.complete:
            words = _("virsh {name}: no answer within {limit} s") if self.slow else _("virsh {name}: no answer")
            return Unknown(words.format(name=name, limit=f"{TIMEOUT:.0f}"))
        if "not found: no " in answer.err:
            return Absent(answer.err)
        if answer.err and not answer.out:
            return Unknown(answer.err)
        return Known(answer.out)


def script() -> str:
    """The list of commands for virsh."""
    parts = []
    for name, command in QUESTIONS:
        parts += [f"echo {MARK}{name}@@", f"echo --err {MARK}{name}@@", command]
    return "; ".join([*parts, f"echo {MARK}end@@", f"echo --err {MARK}end@@"])


def command(virsh: str) -> tuple[str, ...]:
    """The argv of the one process."""
    return (virsh, "-q", "-c", URI, script())


def split(text: str) -> dict[str, str]:
    """The text behind each marker, up to the next one. Text before the first marker is kept under ""."""
    sections: dict[str, str] = {}
    name = ""
    for number, part in enumerate(text.split(MARK)):
        if number:
            name, _, part = part.partition("@@")
        sections[name] = sections.get(name, "") + part
    return sections


def complaint(text: str) -> str:
    """What virsh said on stderr, as one line without its ``error:`` prefixes. libvirt's warnings are left out."""
    lines = (line.strip() for line in text.splitlines())
    said = (line[6:].strip() if line.startswith("error:") else line for line in lines)
    return "; ".join(line for line in said if line)


def is_refusal(words: str) -> bool:
    """Whether libvirt or polkit refused the caller, by what virsh said."""
    return any(word in words.lower() for word in _DENIED)


def parse(result: Result) -> Virsh:
    """Sort out what the process said."""
    out = split(result.stdout)
    err = {name: complaint(text) for name, text in split(result.stderr).items()}
    timed_out = result.problem == "timeout"
    if result.problem and not timed_out:
        return Virsh("no-client", result.problem)
    answers = {
        name: Answer(out.get(name, "").strip(), err.get(name, ""), following in err)
        for (name, _), following in zip(QUESTIONS, [*(name for name, _ in QUESTIONS[1:]), "end"])
        if name in out or name in err
    }
    first = answers.get(QUESTIONS[0][0])
    if first is not None and first.complete:
        return Virsh("connected", "", answers, timed_out)
    words = "; ".join(text for text in (err.get("", ""), first.err if first else "") if text)
    if timed_out:
        return Virsh("timeout", words)
    return Virsh("denied" if is_refusal(words) else "failed", words or f"virsh ended with status {result.status}")


def ask(host: Door, names: Names, want: Want) -> Callable[[], Virsh]:
    """Begin the process, where there is a client and a socket to connect to; the answer is kept for all who ask."""
    sockets = tuple(path for path in names.sockets if host.stat(path).kind == "socket")
    client = next((path for path in names.virsh if not host.stat(path).error), None)
    if want.profile == "minimal":
        return lambda: Virsh("no-client", "", sockets=sockets)
    if client is None:
        return lambda: Virsh("no-client", "", sockets=sockets)
    if not sockets:
        return lambda: Virsh("no-socket", "")
    from kvmready.host.door import Command

    running = host.begin(Command(command(client), timeout=TIMEOUT))
    kept: list[Virsh] = []

    def answered() -> Virsh:
        if not kept:
            kept.append(parse(running.wait())._replace(sockets=sockets))
        return kept[0]

    return answered
