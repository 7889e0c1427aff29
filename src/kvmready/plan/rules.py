"""Kind ``rules``: have libvirt write its firewall rules again, by starting its daemon anew.

The daemon makes its chains once in its life (libvirt: src/network/bridge_driver_linux.c, networkSetupPrivateChains),
so that a reload does not bring them back after somebody flushed them; a restart does. Guests and networks go on.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.facts.firewall import OWN_TABLE, SAVE, parse_rules
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan import firewall
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

SAVES = (SAVE[0], "ip6tables-save")
WAIT = 15.0
"""Seconds for the daemon to write them; it does so before it answers its first client."""


def done(host: Door, step: Step) -> bool:
    """Whether rules for the bridge are in force."""
    bridge = str(step.arguments["bridge"])
    saved = host.run(Command(SAVE, timeout=30))
    if saved.ok and parse_rules(saved.stdout).own(bridge):
        return True
    table = host.run(Command(OWN_TABLE, timeout=30))
    return table.ok and f'"{bridge}"' in table.stdout


def _own(host: Door) -> dict[str, list[list[str]]]:
    """libvirt's rules and the jumps to them: by program, as table and rule."""
    found: dict[str, list[list[str]]] = {}
    for program in SAVES:
        table = ""
        found[program] = []
        for line in host.run(Command((program,), timeout=30)).stdout.splitlines():
            if line.startswith("*"):
                table = line[1:].strip()
            elif line.startswith("-A ") and "LIBVIRT_" in line:
                found[program].append([table, line])
    return found


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"rules": _own(host), "firewall": firewall.look(host)}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Restart the daemon and wait for the rules. Raises WorkError."""
    say(_("Letting libvirt write its firewall rules again"))
    for argv in step.commands:
        change(host, argv, 120)
    waited = 0.0
    while not done(host, step):
        if waited >= WAIT:
            raise WorkError(
                _("libvirt did not write its firewall rules again."),
                "",
                _("Look at: journalctl -u {unit}").format(unit=step.arguments["unit"]),
            )
        host.sleep(0.5)
        waited += 0.5
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Take away the rules, chains and tables that were not there before."""
    now = _own(host)
    for program, rules in now.items():
        before = list(former["rules"].get(program, []))
        for table, line in rules:
            if [table, line] in before:
                before.remove([table, line])
                continue
            argv = (program[: -len("-save")], "--wait", "10", "-t", table, "-D", *_words(line)[1:])
            host.change(Command(argv, timeout=30))
    stays = firewall.restore(host, former["firewall"])
    for family in ("ip", "ip6"):
        if f"table {family} libvirt_network" not in former["firewall"]["tables"]:
            listed = host.run(Command(("nft", "list", "table", family, "libvirt_network"), timeout=30))
            if listed.ok:
                host.change(Command(("nft", "delete", "table", family, "libvirt_network"), timeout=30))
    return tuple(stays)


def _words(line: str) -> list[str]:
    """The rule's words, as iptables-save quotes them."""
    import shlex

    return shlex.split(line)
