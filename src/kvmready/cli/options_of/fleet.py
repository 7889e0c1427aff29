"""The actions of ``kvmready fleet``, each with its line in the help and options of its own."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.cli.options import ASKED, STRICT, VERBS, Option
from kvmready.i18n import N_

RUNS = Option(
    ("--runs",),
    "value",
    N_("where the records of the fleet are kept (default: ~/.local/state/kvmready/fleet)"),
    metavar="DIR",
)


def _reach() -> tuple[Option, ...]:
    """What all that go out to hosts have in common."""
    return (
        Option(
            ("-i", "--inventory"),
            "list",
            N_("any inventory of Ansible: a file, a directory, or hosts with a comma behind each; may be repeated"),
            metavar="INVENTORY",
        ),
        Option(("--limit",), "value", N_("only these hosts or groups, as a pattern of Ansible"), metavar="PATTERN"),
        Option(
            ("--batch",), "value", N_("sizes of the batches, such as 1,10,25%% (default: all at once)"), metavar="LIST"
        ),
        Option(
            ("--max-fail",),
            "value",
            N_("begin no further batch when more than this share of one failed, such as 5%%"),
            metavar="PERCENT",
        ),
        Option(("--forks",), "value", N_("how many hosts at the same time (default: Ansible's)"), metavar="N"),
        Option(("--ask-become-pass",), "flag", N_("ask for the password of sudo on the hosts")),
        Option(("--timeout",), "value", N_("seconds that one host may take"), metavar="SECONDS"),
        RUNS,
    )


def _wanted() -> tuple[Option, ...]:
    return (
        *(option for option in ASKED if option.attribute not in ("user", "config", "no_config")),
        Option(
            ("--user",),
            "list",
            N_("who will run guests; may be given more than once (default: nobody but root)"),
            metavar="NAME",
        ),
        Option(
            ("--config",), "value", N_("what is wanted of the hosts, in TOML or JSON; options beat it"), metavar="FILE"
        ),
    )


def _level() -> Option:
    return next(option for option in VERBS["prove"][1]() if option.attribute == "level")


def _up() -> tuple[Option, ...]:
    yes = Option(("--yes",), "flag", N_("apply the plans without asking"))
    dry = Option(("--dry-run",), "flag", N_("show the plans and change nothing"))
    return (*_reach(), *_wanted(), yes, dry, STRICT)


ACTIONS: dict[str, tuple[str, Callable[[], tuple[Option, ...]]]] = {
    "check": (
        N_("say which hosts are KVM hosts, and what keeps the others from being one"),
        lambda: (*_reach(), *_wanted(), STRICT),
    ),
    "up": (N_("make the hosts KVM hosts: show the merged plan, ask once, do it, prove it"), _up),
    "prove": (N_("run a guest on each host"), lambda: (*_reach(), *_wanted(), _level())),
    "undo": (
        N_("take back the last run on each host"),
        lambda: (*_reach(), Option(("--yes",), "flag", N_("undo without asking"))),
    ),
    "report": (
        N_("tell of a run that is on record; asks no host"),
        lambda: (RUNS, Option(("run",), "word", N_("its id or its directory (default: the newest)"), metavar="RUN")),
    ),
    "diff": (
        N_("say what changed between two runs that are on record"),
        lambda: (
            RUNS,
            Option(("before",), "word", N_("the earlier run (default: the newest but one)"), metavar="RUN1"),
            Option(("after",), "word", N_("the later run (default: the newest)"), metavar="RUN2"),
        ),
    ),
}
