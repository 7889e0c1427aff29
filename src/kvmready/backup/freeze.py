"""A guest's file systems frozen by its agent for a moment, and thawed in any case."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from kvmready.domains.connection import Libvirt
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.host.door import Workshop

LIMIT = 30.0
PING_LIMIT = 10.0
PATIENCE = 120.0
"""Seconds in which an agent that hung in a freeze is awaited, so that the guest does not freeze when all is over."""

PING = '{"execute":"guest-ping"}'
NOBODY = ("agent is not connected", "not responding", "domain is not running")


class frozen:
    """A context: freeze, do something short, thaw. Where that is not possible ``done`` is False and ``why`` says it."""

    def __init__(self, libvirt: Libvirt, uuid: str, agent: bool, late: Callable[[], None]) -> None:
        """``agent``: whether the guest's agent is connected at all. ``late`` is called where a thaw was not answered:
        the freeze may still come."""
        self._libvirt = libvirt
        self._uuid = uuid
        self._agent = agent
        self._late = late
        self.done = False
        self.why = ""

    def __enter__(self) -> frozen:
        if not self._agent:
            return self
        # One that hangs already is asked for nothing that it could do later.
        ping = ("qemu-agent-command", f"--domain={self._uuid}", "--timeout=5", PING)
        result = self._libvirt.run(*ping, limit=PING_LIMIT)
        self._agent = result.ok
        if result.ok:
            result = self._libvirt.run("domfsfreeze", f"--domain={self._uuid}", limit=LIMIT)
            self.done = result.ok
        if not result.ok:
            self.why = _("The guest's agent did not freeze its file systems: {why}").format(
                why=self._libvirt.failure(result, LIMIT).why
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also where the freeze was not answered in time: it may have been carried out.
        if self._agent and not thawed(self._libvirt, self._uuid):
            self._late()


def thawed(libvirt: Libvirt, uuid: str) -> bool:
    """Thaw; whether the agent did, or nobody is there any more who could be frozen."""
    result = libvirt.run("domfsthaw", f"--domain={uuid}", limit=LIMIT)
    if result.ok:
        return True
    error = libvirt.failure(result, LIMIT)
    return error.gone or any(words in error.words.lower() for words in NOBODY)


def settle(host: Workshop, libvirt: Libvirt, uuid: str) -> str:
    """Wait for an agent that did not answer a thaw; "", or a sentence for who has to look after it."""
    end = host.now() + PATIENCE
    while not thawed(libvirt, uuid):
        if host.now() > end:
            return _("The guest's agent does not answer. If its file systems freeze later: {command}").format(
                command=f"virsh -c {libvirt.uri} domfsthaw {uuid}"
            )
        host.sleep(1.0)
    return ""
