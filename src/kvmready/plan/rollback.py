"""A rollback that the service manager holds: armed before a change, called off once the change is confirmed.

Its work stands in a file under /run. Whoever takes that file away has decided: the rollback, or we.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.facts.bridging import UNIT
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import explain

FOLDER = "/run/kvmready"
STRIKE_LIMIT = 200.0
"""Seconds: each command of the rollback has a limit of its own."""


class Rollback:
    """One rollback: ``name`` is that of its file, and of its units."""

    def __init__(self, name: str) -> None:
        self.job = f"{FOLDER}/{name}.json"
        self.unit = f"{UNIT}-{name}"

    def pending(self, host: Door) -> bool:
        """Whether it is armed, or at work."""
        return not host.stat(self.job).error or not host.stat(f"{self.job}.taken").error

    def arm(
        self,
        host: Workshop,
        seconds: int,
        first: Sequence[Sequence[str]],
        remove: Sequence[str],
        then: Sequence[Sequence[str]],
    ) -> None:
        """From now on it happens in so many seconds. Raises WorkError where it cannot be armed: then nothing may be
        changed.
        """
        import json

        work = {"first": [list(a) for a in first], "remove": list(remove), "then": [list(a) for a in then]}
        try:
            host.mkdir(FOLDER, 0o700)
            host.write(self.job, json.dumps(work).encode("utf-8"), 0o600, (0, 0))
        except OSError as error:
            raise WorkError(_("{path} cannot be written.").format(path=self.job), error.strerror or "") from error
        result = host.arm(self.unit, self.job, seconds)
        if not result.ok:
            self._forget(host)
            raise WorkError(
                _("systemd does not take a timer that would take the change back, so that nothing is changed."),
                explain(result),
            )

    def call_off(self, host: Workshop) -> None:
        """It will not happen any more. Raises WorkError where it has begun already."""
        try:
            host.remove(self.job)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise WorkError(_("{path} cannot be removed.").format(path=self.job), error.strerror or "") from error
            self.strike(host)
            raise WorkError(_("It took too long: the change was taken back at its time limit.")) from None
        host.change(Command(("systemctl", "stop", f"{self.unit}.timer"), timeout=30))  # it would find nothing to do
        self._forget(host)

    def strike(self, host: Workshop) -> None:
        """Have it happen now, and wait until it has. Raises WorkError where it has not."""
        unit = f"{self.unit}.service"
        result = host.change(Command(("systemctl", "start", unit), timeout=STRIKE_LIMIT))
        if self.pending(host):
            raise WorkError(
                _("The change was not taken back."),
                explain(result),
                _("Look at: journalctl -u {unit}, and do what {path} says.").format(unit=unit, path=self.job),
            )
        host.change(Command(("systemctl", "stop", f"{self.unit}.timer"), timeout=30))

    def _forget(self, host: Workshop) -> None:
        if not host.stat(self.job).error:
            host.remove(self.job)
        if not host.listdir(FOLDER).error and not host.listdir(FOLDER).names:
            host.rmdir(FOLDER)
