"""A guard: a small process that outlives the caller and cleans up after it if it is killed (see ``guard.py``)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence

from kvmready.host.child import Child
from kvmready.host.door import Account

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from kvmready.host.guard import main; main()"
"""Not the file itself: where the program is one archive there is none."""
DISARM_LIMIT = 5.0
STRIKE_LIMIT = 300.0
"""Seconds. Every command of the guard has a limit of its own, so that it ends; this one is for a stopped machine."""


class LocalGuard:
    """Implements ``door.Guard`` for this machine."""

    def __init__(
        self,
        mark: str,
        commands: Sequence[tuple[str, ...]],
        paths: Sequence[str],
        account: Account | None,
        environment: Mapping[str, str],
        first: tuple[str, ...] = (),
        record: str = "",
    ) -> None:
        """``account``: whom the commands run as, None for the caller. Raises OSError when it cannot be started."""
        import json

        identity = None
        if account is not None and account.uid != os.geteuid():
            identity = {"uid": account.uid, "gid": account.gid, "groups": [gid for _group, gid in account.groups]}
        work = {
            "mark": mark,
            "commands": [list(argv) for argv in commands],
            "identity": identity,
            "environment": dict(environment),
            "paths": list(paths),
            "first": list(first),
            "record": record,
        }
        silence = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            argv = (sys.executable, "-I", "-S", "-B", "-c", PROGRAM, SOURCE)
            self._child = Child(argv, os.environ, log=silence, fed=True)
        finally:
            os.close(silence)
        self._send(json.dumps(work).encode("ascii") + b"\n")

    def _send(self, content: bytes) -> None:
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(self._child.stdin, view) :]
        except BrokenPipeError:
            return  # somebody ended it; the sweep of the next proof takes its place

    def _end(self, limit: float) -> None:
        self._child.close()
        self._child.attend(time.monotonic() + limit)  # else it goes on by itself: that is what it is for

    def disarm(self) -> None:
        if not self._over():
            self._send(b"disarm\n")
            self._end(DISARM_LIMIT)

    def strike(self) -> None:
        if not self._over():
            self._end(STRIKE_LIMIT)

    def _over(self) -> bool:
        return self._child.stdin < 0
