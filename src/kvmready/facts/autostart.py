"""Which guests libvirt has, and which of them start with the host. Asked only where some are wanted to."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.facts.known import Fact, Known, Unknown
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names
    from kvmready.facts.virsh import Virsh
    from kvmready.host.door import Door

MARK = "@@kvmready@@"
QUESTION = f"list --all --name; echo {MARK}; list --all --autostart --name"
LIMIT = 30.0


class Autostart(NamedTuple):
    """The names of all guests of the system connection, and of those that libvirt starts with the host."""

    guests: tuple[str, ...]
    starting: tuple[str, ...]


def parse(text: str) -> Autostart | None:
    """The answer to ``QUESTION``; None where it ended before its second half."""
    every, mark, starting = text.partition(MARK)  # virsh ends its echo with no newline
    if not mark:
        return None
    lists = (tuple(line.strip() for line in part.splitlines() if line.strip()) for part in (every, starting))
    return Autostart(*lists)


def ask(host: Door, names: Names, virsh: Callable[[], Virsh]) -> Callable[[], Fact[Autostart]]:
    """Ask once libvirt has answered at all."""

    def answered() -> Fact[Autostart]:
        said = virsh()
        if said.state != "connected":
            return Unknown(said.words or said.state)
        from kvmready.facts.virsh import URI
        from kvmready.host.door import Command

        client = next(path for path in names.virsh if not host.stat(path).error)
        result = host.run(Command((client, "-q", "-c", URI, QUESTION), timeout=LIMIT))
        found = parse(result.stdout)
        if found is None or not result.ok:
            return Unknown("virsh list: " + " ".join((result.stderr or result.problem).split())[:200])
        return Known(found)

    return answered
