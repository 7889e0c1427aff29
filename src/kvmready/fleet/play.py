"""The play that Ansible carries out, as data: one task of the collection for each host, in batches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import Any, NamedTuple, Union

HOSTS_TASK = "the hosts of this play"
"""The task that tells, without asking any host, which there are."""
WORK_TASK = "kvmready"
AWAY_TASK = "a host that is away has failed"

LIMITS = {"check": 300, "prove": 900, "up": 7200, "undo": 3600}
"""Seconds that an action may take on one host, where nobody says otherwise."""
GRACE = 60
"""Seconds beyond that until Ansible ends a task that hangs."""


class Batches(NamedTuple):
    """``sizes`` of the batches, numbers of hosts or texts such as ``25%``; the last one repeats. ``most`` is the share
    of a batch in percent that may fail, None for all.
    """

    sizes: tuple[Union[int, str], ...] = ()
    most: float | None = None


def batches(sizes: str | None, most: str | None) -> Batches:
    """What ``--batch`` and ``--max-fail`` mean. Raises UsageError."""
    found: list[int | str] = []
    for word in sizes.split(",") if sizes is not None else ():
        if re.fullmatch(r"[1-9]\d{0,5}", word.strip()):
            found.append(int(word))
        elif re.fullmatch(r"([1-9]|[1-9]\d|100)%", word.strip()):
            found.append(word.strip())
        else:
            raise UsageError(
                _("--batch cannot be {value}.").format(value=repr(sizes)),
                _("It is a list of numbers of hosts and shares of the fleet, such as 1,10,25%."),
            )
    if most is None:
        return Batches(tuple(found))
    share = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%?", most.strip())
    if share is None or float(share.group(1)) > 100:
        raise UsageError(
            _("--max-fail cannot be {value}.").format(value=repr(most)),
            _("It is the share of a batch in percent, such as 5%."),
        )
    return Batches(tuple(found), float(share.group(1)))


def document(
    action: str, options: Mapping[str, Any], inside: Batches, limit: int, plans: bool = False
) -> list[dict[str, Any]]:
    """The playbook. ``options`` are those of the collection's module of that name; ``limit`` in seconds for each host;
    ``plans``: each host has its approved plan in the variable ``kvmready_plans``.
    """
    arguments = {**options, "archive": "{{ kvmready_archive }}", "timeout": limit}
    if plans:
        arguments["plan"] = "{{ kvmready_plans[inventory_hostname] }}"
    play: dict[str, Any] = {
        "name": WORK_TASK,
        "hosts": "all",
        "gather_facts": False,
        "become": True,
        "tasks": [
            {"name": HOSTS_TASK, "ansible.builtin.debug": {"var": "ansible_play_hosts_all"}, "run_once": True},
            {"name": WORK_TASK, f"kvmready.host.{action}": arguments, "timeout": limit + GRACE},
        ],
    }
    if inside.sizes:
        play["serial"] = list(inside.sizes)
    if inside.most is not None:
        play["max_fail_percentage"] = inside.most
        # Ansible counts no unreachable hosts, so that a batch of which nobody answered would be followed by the next.
        play["tasks"][-1].update(register="kvmready_done", ignore_unreachable=True)
        play["tasks"].append(
            {"name": AWAY_TASK, "ansible.builtin.fail": {"msg": ""}, "when": "kvmready_done is unreachable"}
        )
    return [play]


def inventories(named: Sequence[str], here: str) -> list[str]:
    """The inventories as Ansible takes them: absolute paths, and lists of hosts, which have a comma, as they are."""
    import os.path

    found = []
    for name in named:
        path = os.path.join(here, os.path.expanduser(name))
        if "," not in name and not os.path.exists(path):
            raise UsageError(
                _("There is no inventory {file}.").format(file=name),
                "",
                _("Name a file, a directory, or hosts with a comma behind each: -i host1,host2,"),
            )
        found.append(path if os.path.exists(path) else name)
    return found
