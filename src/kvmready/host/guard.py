"""The program that cleans up after a proof whose process was killed. Started with ``python -I -S``.

The first line on stdin is a JSON object: ``mark`` (text that only our processes carry in their arguments),
``commands`` (argv lists), ``identity`` (uid, gid and groups for the commands, or null), ``environment``, ``paths``
(files and directory trees; one that ends with a slash is a directory that goes if it is empty), ``first`` (a command
without which the others are no use, or empty) and ``record`` (a file that goes last, where that went well). After it
the program waits. ``disarm`` on stdin ends it with nothing done; the end of stdin without that word means that the
process at the other end is gone, and everything named is ended and removed.
It imports only the standard library, and most of it only when there is work, so that waiting costs next to nothing.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # it runs without the package
if TYPE_CHECKING:
    from typing import Any

DISARM = b"disarm\n"
ROUNDS = 2
"""A client that dies in the middle of a request leaves the daemon at work on it; the second round finds its result."""
PAUSE = 0.4
COMMAND_LIMIT = 30.0
"""Seconds for one command."""
PATIENCE = 60.0
"""Seconds for which the first command is tried: a daemon that is started anew is back by then."""
AGAIN = 1.0


def heard() -> bytes | None:
    """Wait: the first line when the other end is gone, None when there is nothing to do."""
    said = b""
    while True:
        part = os.read(0, 65536)
        if not part:
            break
        said += part
        if said.endswith(b"\n" + DISARM):
            return None
    line, end, _rest = said.partition(b"\n")
    return line if end else None  # a torn first line: the other end died before it could begin anything


def end_processes(mark: bytes) -> None:
    """End every process that carries the mark in its arguments, but for this one: first so that it can clean up."""
    import time

    if signal_processes(mark, signal.SIGTERM):
        time.sleep(PAUSE)
        signal_processes(mark, signal.SIGKILL)


def signal_processes(mark: bytes, number: signal.Signals) -> bool:
    """Send a signal to every process that carries the mark in its arguments; whether there was one."""
    found = False
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                arguments = file.read()
            if mark in arguments:
                os.kill(int(name), number)
                found = True
        except OSError:
            continue  # it ended, or it is another user's
    return found


def run(argv: list[str], identity: dict[str, Any] | None, environment: dict[str, str]) -> bool:
    """Whether it went well."""
    import subprocess

    more: dict[str, Any] = {}
    if identity is not None:
        more = {"user": identity["uid"], "group": identity["gid"], "extra_groups": identity["groups"]}
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            timeout=COMMAND_LIMIT,
            check=False,
            **more,
        )
    except (OSError, subprocess.SubprocessError):
        return False  # the others still have to be tried, and nobody listens
    return done.returncode == 0


def remove(path: str) -> None:
    import shutil

    if path.endswith("/"):
        try:
            os.rmdir(path)
        except OSError:
            return  # others use it, or it was never made
        return
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        os.unlink(path)
    except OSError:
        return  # it was never made, or somebody else's folder holds it


def possible(work: dict[str, Any]) -> bool:
    """Wait until the first command goes well; False where it does not."""
    import time

    end = time.monotonic() + PATIENCE
    while work["first"] and not run(work["first"], work["identity"], work["environment"]):
        if time.monotonic() > end:
            return False
        time.sleep(AGAIN)
    return True


def clean(work: dict[str, Any]) -> None:
    import time

    mark = work["mark"].encode()
    for turn in range(ROUNDS):
        if turn:
            time.sleep(PAUSE)
        end_processes(mark)
        able = possible(work)
        for argv in work["commands"] if able else ():
            run(argv, work["identity"], work["environment"])
        end_processes(mark)
        for path in work["paths"]:
            remove(path)
        if not able:
            return  # the record stays
    if work["record"]:
        remove(work["record"])


def main() -> None:
    os.chdir("/")  # it may outlive its caller, and must not keep that one's directory in use
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    line = heard()
    if line is not None:
        import json

        clean(json.loads(line))
    sys.stdout.flush()
    os._exit(0)  # nothing is left to tear down, and somebody may wait for the end


if __name__ == "__main__":
    main()
