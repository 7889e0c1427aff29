"""Asks the domains room inside the private host and prints JSON: ``drive.py list|names|stats|find NAME|show UUID``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "src"))

from kvmready.domains.connection import Libvirt
from kvmready.domains.definition import definition_of, definitions_of
from kvmready.domains.listing import domains, find
from kvmready.domains.stats import samples
from kvmready.errors import KvmreadyError
from kvmready.host.door import Command, Running
from kvmready.host.local import LocalHost


class Counting(LocalHost):
    """Counts the processes that are started to ask."""

    count = 0

    def begin(self, command: Command) -> Running:
        self.count += 1
        return super().begin(command)


def main() -> None:
    what, *words = sys.argv[1:]
    host = Counting()
    libvirt = Libvirt(host)
    try:
        said: object
        if what == "list":
            said = [domain._asdict() for domain in domains(libvirt)]
        elif what == "names":
            found = definitions_of(libvirt, [domain.uuid for domain in domains(libvirt)])
            said = sorted(one.name for one in found.values())
        elif what == "stats":
            said = [sample._asdict() for sample in samples(libvirt, active_only=False).domains]
        elif what == "find":
            said = find(libvirt, words[0])._asdict()
        else:
            said = definition_of(libvirt, words[0])._asdict()
    except KvmreadyError as error:
        said = {"error": type(error).__name__, "cause": getattr(error, "cause", None), "text": str(error)}
    print(json.dumps({"said": said, "processes": host.count}))


if __name__ == "__main__":
    main()
