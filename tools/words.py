#!/usr/bin/env python3
"""Bring the catalogues of ``src/kvmready/locale`` up to date with the sentences of the source. Needs Babel.

Without a word: extract, update each ``.po`` (what is new stands in it with an empty translation) and compile it.
With ``--check``: change nothing and say what is missing. Either way the status is 1 while something is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Optional, Union

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).resolve().parents[1] / "src"
sys.path.insert(0, str(SOURCE))

from kvmready.i18n import CATALOGUE, DOMAIN  # noqa: E402  found through the line above

PACKAGE = SOURCE / "kvmready"
KEYWORDS: Mapping[str, None] = {"_": None, "N_": None}
WIDTH = 110

Forms = tuple[str, ...]
"""One text, or a singular and its plurals."""

ARGPARSE: tuple[Union[str, Forms], ...] = (
    # What argparse of Python 3.9 to 3.14 says to a user of our command line; no line of our source says it.
    "usage: ",
    "positional arguments",
    "options",
    "optional arguments",  # 3.9
    "%(heading)s:",  # since 3.13
    "show this help message and exit",
    "show program's version number and exit",
    "argument %(argument_name)s: %(message)s",
    "the following arguments are required: %s",
    "one of the arguments %s is required",
    "unrecognized arguments: %s",
    "not allowed with argument %s",
    "ignored explicit argument %r",
    "expected one argument",
    "expected at most one argument",
    "expected at least one argument",
    ("expected %s argument", "expected %s arguments"),
    "ambiguous option: %(option)s could match %(matches)s",
    "unknown parser %(parser_name)r (choices: %(choices)s)",
    "invalid %(type)s value: %(value)r",
    "invalid choice: %(value)r (choose from %(choices)s)",
    "invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)",  # since 3.14
)


def template() -> Catalog:
    """Every sentence that a user can meet, without translations."""
    words = Catalog(charset="utf-8")
    for text in ARGPARSE:
        words.add(text, auto_comments=["argparse"])
    for name, line, text, comments, context in extract_from_dir(PACKAGE, [("**.py", "python")], keywords=KEYWORDS):
        words.add(text, None, [(f"kvmready/{name}", line)], auto_comments=comments, context=context)
    return words


def path(language: str, ending: str) -> Path:
    """Where the catalogue of ``language`` (a key of ``CATALOGUE``) lies; ``ending`` is ``po`` or ``mo``."""
    return PACKAGE / "locale" / CATALOGUE[language] / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def read(language: str) -> Catalog:
    """The catalogue as translators see it; an empty one where there is none yet."""
    place = path(language, "po")
    if not place.exists():
        empty = Catalog(CATALOGUE[language], project=DOMAIN, version="", revision_date=datetime.now(), fuzzy=False)
        empty.header_comment = f"# The sentences of {DOMAIN} in {CATALOGUE[language]}."
        empty.msgid_bugs_address = empty.last_translator = empty.language_team = ""
        return empty
    with place.open("rb") as file:
        return read_po(file, locale=CATALOGUE[language])


def compiled(language: str) -> Optional[Catalog]:
    """The catalogue as the program reads it; None where it was never compiled."""
    place = path(language, "mo")
    if not place.exists():
        return None
    with place.open("rb") as file:
        return read_mo(file)


def forms(text: Optional[Sequence[str]]) -> Forms:
    """A text or its plural forms, in one shape."""
    return (text,) if isinstance(text, str) else tuple(text or ())


def said(words: Catalog) -> set[Forms]:
    """The message ids of a catalogue, without its header."""
    return {forms(message.id) for message in words if message.id}


def translations(words: Catalog) -> dict[Forms, Forms]:
    """The usable translations of a catalogue: whole and not fuzzy."""
    return {
        forms(message.id): forms(message.string)
        for message in words
        if message.id and not message.fuzzy and message.string and all(forms(message.string))
    }


def complaints(language: str, source: Catalog) -> list[str]:
    """What keeps the catalogue of ``language`` from saying everything in ``source``; empty when nothing does."""
    words = read(language)
    usable = translations(words)
    found = [f"not translated: {text!r}" for text in sorted(said(source) - set(usable))]
    found += [f"in no source: {text!r}" for text in sorted(said(words) - said(source))]
    found += [f"obsolete: {text!r}" for text in words.obsolete]
    binary = compiled(language)
    if binary is None or translations(binary) != usable:
        found.append(f"{path(language, 'mo')} is not what its .po compiles to")
    return [f"{language}: {complaint}" for complaint in found]


def update(language: str, source: Catalog) -> None:
    """Bring the ``.po`` up to ``source``, dropping what is said nowhere any more, and compile it."""
    words = read(language)
    words.update(source, no_fuzzy_matching=True, update_creation_date=False)
    words.obsolete.clear()
    for ending, write in (("po", _po), ("mo", write_mo)):
        content = BytesIO()
        write(content, words)
        place = path(language, ending)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.getvalue())


def _po(file: BytesIO, words: Catalog) -> None:
    """Without line numbers, which would change with every change of the source."""
    write_po(file, words, width=WIDTH, sort_by_file=True, include_lineno=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--check", action="store_true", help="change nothing, only say what is missing")
    asked = parser.parse_args()
    source = template()
    found: list[str] = []
    for language in CATALOGUE:
        if not asked.check:
            update(language, source)
        found += complaints(language, source)
    sys.stdout.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
