"""The one parser. Options that every verb takes may stand before or after it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from kvmready import __version__, i18n
from kvmready.errors import UsageError
from kvmready.facts.names import PROFILES
from kvmready.i18n import _
from kvmready.proof.record import LEVELS

FORMATS = ("text", "json", "junit", "prometheus", "markdown", "html")
FORMATS_OF = {
    # what a verb can say in which formats; a verb that is not here says what it does as text and as JSON
    "up": FORMATS,
    "check": FORMATS,
    "prove": FORMATS,
    "plan": ("text", "json", "markdown", "html"),  # steps are neither tests nor metrics
}
VERBS = ("up", "check", "plan", "prove", "undo", "history", "explain", "doctor")


class Help(argparse.HelpFormatter):
    """Help that keeps to the width in Chinese as well, where a character takes two columns."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        word = _("usage: ") if prefix is None else prefix
        if not word.isascii():  # argparse comes here at every start, to name its verbs: nothing is drawn then
            from kvmready.report.canvas import cells

            self._width -= cells(word) - len(word)
        super().add_usage(usage, actions, groups, word)

    def _split_lines(self, text: str, width: int) -> list[str]:
        from kvmready.report.canvas import breaks

        line = " ".join(text.split())
        places = [0, *breaks(line, width), len(line)]
        return [line[begin:end].rstrip() for begin, end in zip(places, places[1:])]

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width - len(indent)))


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, "", _("See: {command} --help").format(command=self.prog))


def language(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language of this call: ``--lang`` wherever it stands, else the environment's.

    It is looked up before the parser exists, since the parser's own words depend on it; a value that is no language
    is left for the parser to refuse.
    """
    for place, word in enumerate(arguments):
        value = arguments[place + 1] if word == "--lang" and place + 1 < len(arguments) else ""
        if word.startswith("--lang="):
            value = word.partition("=")[2]
        if value in i18n.LANGUAGES:
            return value
    return i18n.from_environment(environment)


def _common() -> Parser:
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group(_("options of every verb, before or after it"))
    group.add_argument(
        "--format",
        choices=FORMATS,
        help=_("text, markdown, html for people; json, junit, prometheus for machines; not every verb has each"),
    )
    group.add_argument("--lang", choices=i18n.LANGUAGES, help=_("the language of the sentences"))
    group.add_argument("-v", "--verbose", action="store_true", help=_("show every finding with its evidence"))
    group.add_argument("--debug", action="store_true", help=_("show the traceback of an error"))
    return common


def _asked(verb: argparse.ArgumentParser, *, accel: bool = True) -> None:
    verb.add_argument(
        "--profile",
        choices=PROFILES,
        default=None,
        help=_("minimal: a guest can run under QEMU; server (the default): libvirt with network and storage"),
    )
    verb.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME",
        help=_("who will run guests; may be given more than once (default: the person behind sudo, else the caller)"),
    )
    verb.add_argument("--nested", action="store_true", help=_("guests shall run guests of their own"))
    verb.add_argument("--iommu", action="store_true", help=_("devices shall be assigned to guests"))
    if accel:
        verb.add_argument(
            "--accel",
            choices=("kvm", "tcg"),
            default="kvm",
            help=_("tcg: accept software emulation where KVM is impossible"),
        )


def _state(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--state-dir",
        default="/var/lib/kvmready",
        metavar="DIR",
        help=_("where the journals of runs are kept (default: %(default)s)"),
    )


def build() -> Parser:
    """The parser of the whole command line."""
    common = _common()
    parser = Parser(
        prog="kvmready",
        parents=[common],
        formatter_class=Help,
        allow_abbrev=False,
        description=_("Turns a Linux machine into a KVM virtualization host and proves it by running a guest."),
        epilog=_("Exit status: 0 ready, 1 not ready or the work failed, 2 wrong usage or input, 3 privilege lacking."),
    )
    parser.add_argument("--version", action="version", version=f"kvmready {__version__}", help=_("show the version"))
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser, required=True)

    def verb(name: str, text: str) -> Parser:
        return verbs.add_parser(
            name, help=text, description=text, parents=[common], allow_abbrev=False, formatter_class=Help
        )

    up = verb("up", _("make this machine a KVM host and prove it: check, plan, ask, apply, prove, report"))
    _asked(up)
    _state(up)
    up.add_argument("--yes", action="store_true", help=_("apply the plan without asking"))
    up.add_argument("--dry-run", action="store_true", help=_("show the plan and change nothing"))
    up.add_argument("--only", default="", metavar="LAYER", help=_("only this layer and what it stands on"))
    up.add_argument("--strict", action="store_true", help=_("warnings count as not ready"))

    check = verb("check", _("say whether this machine is a KVM host, and what keeps it from being one"))
    _asked(check)
    check.add_argument("--only", default="", metavar="LAYER|CHECK", help=_("only this layer or this check"))
    check.add_argument("--strict", action="store_true", help=_("warnings count as not ready"))
    check.add_argument("--from", dest="source", metavar="FILE", help=_("judge a recorded host instead of this one"))
    check.add_argument("--record", metavar="FILE", help=_("save every question and answer to FILE"))
    check.add_argument("--scrub", action="store_true", help=_("with --record: leave out names, addresses and ids"))

    plan = verb("plan", _("show the steps and the exact commands; changes nothing"))
    _asked(plan)
    plan.add_argument("--only", default="", metavar="LAYER", help=_("only this layer and what it stands on"))
    plan.add_argument("--from", dest="source", metavar="FILE", help=_("plan for a recorded host"))

    prove = verb("prove", _("run a guest and show what only that guest could have written"))
    _asked(prove)
    prove.add_argument(
        "--level",
        choices=LEVELS,
        default=None,
        help=_("probe: the kernel alone; qemu: under the emulator; libvirt: through the system connection (default)"),
    )

    undo = verb("undo", _("take a run back: restore what was there before it"))
    _state(undo)
    undo.add_argument("run", nargs="?", metavar="RUN", help=_("the run's id, see history (default: the last one)"))
    undo.add_argument("--yes", action="store_true", help=_("undo without asking"))
    undo.add_argument("--force", action="store_true", help=_("undo although guests are defined on this host"))

    history = verb("history", _("list the runs of this host, newest last"))
    _state(history)

    explain = verb("explain", _("teach what a layer, a check or a cause is, and how to look and to mend by hand"))
    explain.add_argument(
        "name", nargs="?", metavar="LAYER|CHECK|CAUSE", help=_("what to explain (default: the stack of layers)")
    )
    explain.add_argument("--list", action="store_true", help=_("list every name that can be explained"))

    doctor = verb("doctor", _("say which known problem an error message is, on this host, and the way out"))
    doctor.add_argument(
        "text",
        nargs="*",
        metavar="TEXT|-|FILE",
        help=_("the message, a file with it, or - for standard input (default: this host's logs since its start)"),
    )
    doctor.add_argument("--text-only", action="store_true", help=_("judge the text alone; ask no host"))
    doctor.add_argument("--from", dest="source", metavar="FILE", help=_("hold the text against a recorded host"))
    _asked(doctor)
    return parser


def _refuse_format(verb: str, chosen: str) -> None:
    """Before anything is asked or changed: a format in which the verb has nothing to say. Raises UsageError."""
    formats = FORMATS_OF.get(verb, ("text", "json"))
    if chosen not in formats:
        raise UsageError(
            _("{verb} has no format {format}.").format(verb=f"kvmready {verb}", format=chosen),
            "",
            _("Its formats are: {names}").format(names=", ".join(formats)),
        )


def run(arguments: Sequence[str]) -> int:
    """Parse and carry out a command line; returns the exit status. Raises KvmreadyError."""
    parsed = build().parse_args(list(arguments))
    for name, default in (("format", "text"), ("lang", i18n.language()), ("verbose", False), ("debug", False)):
        if not hasattr(parsed, name):
            setattr(parsed, name, default)
    _refuse_format(parsed.verb, parsed.format)
    status: int = import_module(f"kvmready.cli.{parsed.verb}").run(parsed)
    return status
