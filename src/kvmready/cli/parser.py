"""From the words of a command line to the verb that carries them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready import i18n
from kvmready.cli.options import FORMATS, OF_FLEETS, VERBS, Parsed, actions, read
from kvmready.errors import UsageError
from kvmready.i18n import _

__all__ = ["FORMATS", "FORMATS_OF", "VERBS", "language", "parse", "run"]

FORMATS_OF = {
    # what a verb can say in which formats; a verb that is not here says what it does as text and as JSON
    "up": FORMATS,
    "check": FORMATS,
    "prove": FORMATS,
    "plan": ("text", "json", "markdown", "html"),  # steps are neither tests nor metrics
    "watch": ("text", "json", "prometheus"),
    "fleet check": OF_FLEETS,
    "fleet up": OF_FLEETS,
    "fleet prove": OF_FLEETS,
    "fleet undo": OF_FLEETS,
    "fleet report": OF_FLEETS,
}


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


def parse(arguments: Sequence[str]) -> Parsed:
    """The options of a command line. Raises UsageError for a wrong one, SystemExit after help or the version."""
    parsed = read(arguments)
    if parsed is None:
        from kvmready.cli import usage

        parsed = usage.build().parse_args(list(arguments), Parsed())
        if getattr(parsed, "action", "") is None:  # argparse would name none of them
            raise UsageError(
                _("{verb} needs an action.").format(verb=parsed.verb),
                _("Its actions are: {names}").format(names=", ".join(actions(parsed.verb))),
                _("See: {command} --help").format(command=f"kvmready {parsed.verb}"),
            )
    for name, default in (("format", "text"), ("lang", i18n.language()), ("verbose", False), ("debug", False)):
        if not hasattr(parsed, name):
            setattr(parsed, name, default)
    return parsed


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
    parsed = parse(arguments)
    action = getattr(parsed, "action", "")
    _refuse_format(f"{parsed.verb} {action}".strip(), parsed.format)
    # importlib would read in warnings first; this is what the import statement calls.
    status: int = __import__(f"kvmready.cli.{parsed.verb}", fromlist=["run"]).run(parsed)
    return status
