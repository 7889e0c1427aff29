"""The command line by argparse, from the tables in ``options.py``: help, and what is wrong with a line."""

from __future__ import annotations

import argparse

from kvmready import __version__
from kvmready.cli import options
from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable


class Help(argparse.HelpFormatter):
    """Help that keeps to the width in Chinese as well, where a character takes two columns."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        word = _("usage: ") if prefix is None else prefix
        if not word.isascii():  # argparse comes here before anything is drawn, to name its verbs
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


def _add(group: argparse._ActionsContainer, option: options.Option) -> None:
    more: dict[str, Any] = {"help": _(option.help)}
    if option.kind == "flag":
        more["action"] = "store_true"
    elif option.kind == "list":
        more.update(action="append", default=option.initial)
    elif option.kind in ("word", "words"):
        more["nargs"] = "?" if option.kind == "word" else "*"
    elif option.attribute not in options.EVERYWHERE:
        more["default"] = option.initial
    if option.choices:
        more["choices"] = option.choices
    if option.metavar:
        more["metavar"] = option.metavar
    if option.dest:
        more["dest"] = option.dest
    group.add_argument(*option.names, **more)


def _common(formats: tuple[str, ...] = options.FORMATS) -> Parser:
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group(_("options of every verb, before or after it"))
    for option in options.COMMON:
        _add(group, option._replace(choices=formats) if option.attribute == "format" else option)
    return common


def build(repeat: bool = True) -> Parser:
    """The parser of the whole command line. ``repeat``: every verb's help has the options that all of them take."""
    common, of_fleets = _common(), _common(options.OF_FLEETS)
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

    def add(beside: Any, name: str, text: str, own: Iterable[options.Option], shared: Parser = common) -> Parser:
        verb: Parser = beside.add_parser(
            name,
            help=text,
            description=text,
            parents=[shared] if repeat else [],
            allow_abbrev=False,
            formatter_class=Help,
        )
        for option in own:
            _add(verb, option)
        return verb

    for name, (text, own) in options.VERBS.items():
        verb = add(verbs, name, _(text), own())
        if name in options.WITH_ACTIONS:
            group = verb.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser)
            for action, (line, its) in options.actions(name).items():
                add(group, action, _(line), its(), of_fleets if name == "fleet" else common)
    return parser
