"""virsh as a tool of the other modules: argument lists with a time limit, several questions in one process, errors."""

from __future__ import annotations

import os
from collections.abc import Sequence

from kvmready.errors import EXIT_PRIVILEGE, WorkError
from kvmready.facts.virsh import URI, complaint
from kvmready.host.door import Command
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Door, Result, Running, Workshop

ASK_LIMIT = 30.0
"""Seconds for what only asks."""

CHANGE_LIMIT = 120.0
"""Seconds for what changes something: libvirt waits 30 s for a guest's monitor before it gives up by itself."""

BATCH = 200
"""Commands for one virsh: they are one argument, and no argument may be longer than 128 KiB (execve(2))."""

GONE = ("domain not found", "no domain with matching", "failed to get domain")
"""VIR_ERR_NO_DOMAIN, and what virsh says of a domain that it cannot look up."""


class LibvirtError(WorkError):
    """libvirt did not do what was asked. ``cause`` is an id of the catalogue, "" where the words are none known."""

    def __init__(self, what: str, why: str, next_move: str, cause: str, words: str) -> None:
        super().__init__(what, why, next_move)
        if cause.startswith("access."):
            self.exit_status = EXIT_PRIVILEGE
        self.cause = cause
        self.words = words
        """What virsh said, on one line."""

    @property
    def gone(self) -> bool:
        """Whether libvirt says that there is no such domain (any more)."""
        return is_gone(self.words)


class Answer(NamedTuple):
    """What one command of several said. ``complete`` is False when virsh ended, or was ended, before it had."""

    out: str
    err: str
    complete: bool

    @property
    def ok(self) -> bool:
        return self.complete and not self.err


def is_gone(words: str) -> bool:
    """Whether virsh's words say that there is no such domain."""
    lowered = words.lower()
    return any(text in lowered for text in GONE)


class Libvirt:
    """libvirt on one host, by its URI. Every method that raises, raises LibvirtError.

    A value goes into an argument as ``--option=value``, so that virsh takes none for an option of its own.
    """

    def __init__(self, host: Door, uri: str = URI) -> None:
        self.host = host
        self.uri = uri

    def argv(self, *arguments: str) -> tuple[str, ...]:
        """A virsh with these arguments. It reads a single one as a list of commands, see ``script``."""
        return ("virsh", "-q", "-c", self.uri, *arguments)

    def run(self, *arguments: str, limit: float = ASK_LIMIT) -> Result:
        """Ask, and return whatever came of it."""
        return self.host.run(Command(self.argv(*arguments), timeout=limit))

    def text(self, *arguments: str, limit: float = ASK_LIMIT) -> str:
        """Ask, and return what virsh printed."""
        return self.checked(self.run(*arguments, limit=limit), limit)

    def begin(self, *arguments: str, limit: float) -> Running:
        """Start a virsh that only asks."""
        return self.host.begin(Command(self.argv(*arguments), timeout=limit))

    def change(self, *arguments: str, limit: float = CHANGE_LIMIT) -> str:
        """Have something changed, and return what virsh printed. Ended, not left behind, when we are interrupted."""
        workshop: Workshop = self.host  # type: ignore[assignment]
        running = workshop.begin_change(Command(self.argv(*arguments), timeout=limit))
        try:
            return self.checked(running.wait(), limit)
        finally:
            running.stop()

    def script(self, commands: Sequence[str], limit: float = ASK_LIMIT) -> list[Answer]:
        """Ask several things by one virsh for each ``BATCH``; one that fails does not keep the rest from being asked.

        ``commands`` must be made of fixed words and UUIDs, since virsh itself splits them. Raises when not even the
        first of them could be asked.
        """
        answers: list[Answer] = []
        for start in range(0, len(commands), BATCH):
            part = commands[start : start + BATCH]
            mark = f"@@kvmready-{os.urandom(8).hex()}:"  # no guest can have put this into its own definition
            result = self.host.run(Command(self.argv(_script(part, mark)), timeout=limit))
            found = _answers(result, len(part), mark)
            if not found[0].complete:
                raise self.failure(result, limit)
            answers += found
        return answers

    def checked(self, result: Result, limit: float = ASK_LIMIT) -> str:
        """The output of a virsh that went well; raises for another."""
        if not result.ok:
            raise self.failure(result, limit)
        return result.stdout

    def failure(self, result: Result, limit: float = ASK_LIMIT) -> LibvirtError:
        """The error that a virsh which did not go well is."""
        from kvmready.proof import causes

        words = complaint(result.stderr)
        if result.problem == "absent":
            return self.error(_("There is no virsh on this host."), "", "libvirt.clients-missing", words)
        if result.problem == "timeout":
            why = _("virsh got no answer within {limit:.0f} s.").format(limit=limit)
            return self.error(_("libvirt does not answer."), why, "libvirt.hangs", words)
        cause = causes.recognise(words, causes.DOMAIN)
        what = _("libvirt refused.")
        if causes.recognise(words, causes.CONNECT):
            what = _("libvirt cannot be reached.")
        return self.error(
            what, words or _("virsh ended with status {status}.").format(status=result.status), cause, words
        )

    def _settled(self, cause: str) -> str:
        from kvmready import distro
        from kvmready.proof import causes

        caller = self.host.caller()
        names = distro.generic(caller.arch)
        return causes.settled(cause, self.host, names, caller, self.host.account(caller.user))

    def error(self, what: str, why: str, cause: str, words: str) -> LibvirtError:
        """An error with its cause; one that depends on rights (``proof.causes``) is decided here."""
        if cause.startswith("?"):
            cause = self._settled(cause)
        move = _("See: {command}").format(command=f"kvmready explain {cause}") if cause else ""
        return LibvirtError(what, why, move, cause, words)


def _script(commands: Sequence[str], mark: str) -> str:
    parts = []
    for number, command in enumerate((*commands, "")):
        parts += [f"echo {mark}{number}@@", f"echo --err {mark}{number}@@", command]
    return "; ".join(parts[:-1])


def _answers(result: Result, count: int, mark: str) -> list[Answer]:
    out, err = _sections(result.stdout, count, mark), _sections(result.stderr, count, mark)
    return [
        Answer(said, complaint(complaints), out_ended and err_ended)
        for (said, out_ended), (complaints, err_ended) in zip(out, err)
    ]


def _sections(text: str, count: int, mark: str) -> list[tuple[str, bool]]:
    """The text behind each of the marks but the last, and whether the next mark followed."""
    found = []
    _before, begun, rest = text.partition(f"{mark}0@@")
    for number in range(1, count + 1):
        part, ended, rest = rest.partition(f"{mark}{number}@@")
        found.append((part if begun else "", bool(ended)))
        begun = ended
    return found
