"""A guard: a small process that outlives the caller and cleans up after it if it is killed (see ``guard.py``)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from kvmready.host.door import Account

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guard.py")
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
        }
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", PROGRAM),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        self._send(json.dumps(work).encode("ascii") + b"\n")

    def _send(self, content: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # somebody ended it; the sweep of the next proof takes its place

    def _end(self, limit: float) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            return  # it goes on by itself: that is what it is for

    def disarm(self) -> None:
        if not self._over():
            self._send(b"disarm\n")
            self._end(DISARM_LIMIT)

    def strike(self) -> None:
        if not self._over():
            self._end(STRIKE_LIMIT)

    def _over(self) -> bool:
        assert self._process.stdin is not None
        return self._process.stdin.closed
