"""A guest's file systems frozen by its agent for a moment, and thawed in any case."""

from __future__ import annotations

from types import TracebackType

from kvmready.domains.connection import Libvirt
from kvmready.i18n import _

LIMIT = 30.0


class frozen:
    """A context: freeze, do something short, thaw. Where that is not possible ``done`` is False and ``why`` says it."""

    def __init__(self, libvirt: Libvirt, uuid: str, agent: bool) -> None:
        """``agent``: whether the guest's agent is connected at all."""
        self._libvirt = libvirt
        self._uuid = uuid
        self._agent = agent
        self.done = False
        self.why = ""

    def __enter__(self) -> frozen:
        if self._agent:
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
        if self._agent:  # also where the freeze was not answered in time: it may have been carried out
            self._libvirt.run("domfsthaw", f"--domain={self._uuid}", limit=LIMIT)
