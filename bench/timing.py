"""Times whole commands on the machine where it runs, in turn (A B C A B C …), so that a drift hits all alike.

Standalone, standard library only: it is also sent into fresh hosts. Reads JSON from standard input::

    {"runs": 7, "commands": {"name": ["argv", …], …}, "first": ["libvirtd", …]}

With ``first`` the commands, and the daemons of these names that answer them, run before everything else on the machine
(SCHED_RR): on a busy machine the figures are then those of a quiet one. Needs root.

and prints, per name, the median, least and greatest wall seconds, the CPU seconds (with all children) and the peak
memory of the largest process in MiB, with the exit statuses seen.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time


def once(argv: list[str]) -> tuple[float, float, float, int]:
    """Wall seconds, CPU seconds, peak MiB and exit status of one run, by wait4(2)."""
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        try:
            os.execvp(argv[0], argv)
        except OSError:
            os._exit(127)
    _pid, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def threads_of(names: list[str]) -> list[int]:
    found: list[int] = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                if file.read().strip() in names:
                    found += map(int, os.listdir(f"/proc/{pid}/task"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


def rank(threads: list[int], policy: int, priority: int) -> None:
    for thread in threads:
        try:
            os.sched_setscheduler(thread, policy, os.sched_param(priority))
        except ProcessLookupError:
            continue


def main() -> None:
    order = json.load(sys.stdin)
    leading = [0, *threads_of(order["first"])] if "first" in order else []
    rank(leading, os.SCHED_RR, 10)
    seen: dict[str, list[tuple[float, float, float, int]]] = {name: [] for name in order["commands"]}
    for argv in order["commands"].values():
        once(argv)
    for _round in range(order["runs"]):
        for name, argv in order["commands"].items():
            seen[name].append(once(argv))
    rank(leading, os.SCHED_OTHER, 0)
    json.dump(
        {
            name: {
                "median": statistics.median(run[0] for run in runs),
                "min": min(run[0] for run in runs),
                "max": max(run[0] for run in runs),
                "cpu": statistics.median(run[1] for run in runs),
                "mib": max(run[2] for run in runs),
                "statuses": sorted({run[3] for run in runs}),
            }
            for name, runs in seen.items()
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
