"""What was wanted, and who said so: a flag, the configuration file, the recording, or nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kvmready.cli import config, output
from kvmready.cli.options import Parsed
from kvmready.facts.names import Want
from kvmready.i18n import _
from kvmready.report.canvas import visible
from kvmready.typed import Any


def tell(parsed: Parsed, want: Want, recorded: Mapping[str, Any]) -> None:
    """On standard error, a line for each part of what is wanted."""
    output.say(_("Wanted:"))
    for key, value, origin in lines(parsed, want, recorded):
        output.say(f"  {key} = {value}  ({origin})")


def lines(parsed: Parsed, want: Want, recorded: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each key of a configuration file with its value now, and where that came from."""
    implied: Mapping[str, str] = getattr(parsed, "implied", {})
    for key in config.KEYS:
        field = config.FIELDS.get(key, key)
        option = "user" if key == "users" else key
        if getattr(parsed, option, None):
            origin = implied.get(key, f"--{option}")
        elif field in parsed.configuration.values:
            origin = parsed.configuration.place(key)
        else:
            origin = _("the recording") if field in recorded else _("nobody said otherwise")
        yield key, _word(getattr(want, field)), visible(origin)


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value} MiB" if value else "-"
    return str(value) or "-"
