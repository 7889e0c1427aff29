"""A fleet command whose hosts are recordings: python3 -m bench.recorded COUNT MOST WORD…

What Ansible would tell of COUNT hosts is told to the command ``kvmready fleet WORD…``, one after the other; all else is
the program itself. It prints to FILE, named by MOST, the greatest memory that the process had, in MiB.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from kvmready import __main__ as program
from kvmready.fleet import engine
from kvmready.fleet.row import of_event
from tests.unit.fleet import samples


def main(count: int, most: Path, words: Sequence[str]) -> int:
    texts = [json.dumps(samples.report(name)) for name in samples.VERDICTS]

    def carry_out(task: engine.Task, ended: engine.Ended, known: engine.Known) -> str:
        hosts = [f"node{number}" for number in range(1, count + 1)]
        known(hosts)
        for number, host in enumerate(hosts):
            # Each report is made anew, as if it had just arrived.
            found = of_event(samples.event(host, json.loads(texts[number % len(texts)])))
            if found is None:
                raise RuntimeError(f"the event of {host} is none that ends a host")
            ended(*found)
        return ""

    engine.carry_out = carry_out  # Ansible alone is not there
    sys.argv = ["kvmready", "fleet", *words]
    try:
        return program.main()
    finally:
        most.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
