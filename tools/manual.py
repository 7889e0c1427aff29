#!/usr/bin/env python3
"""Write the manual page and the shells' completions, all from the one parser. Needs argparse-manpage and shtab.

``python3 -m tools.manual DIR`` writes them below DIR as they lie below ``/usr/share``. The page's date is that of
SOURCE_DATE_EPOCH, where it is set, so that the same source gives the same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

import shtab
from argparse_manpage.manpage import Manpage  # type: ignore[import-untyped]

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / "src"))

from kvmready import __version__, i18n  # noqa: E402  found through the line above
from kvmready.cli import usage  # noqa: E402

VERSION = __version__
MORE = TREE / "packaging"
"""Where the sections that no parser knows stand: ``manual.en`` and ``manual.zh``."""

PAGES = {"en": "man/man1/kvmready.1", "zh": "man/zh_CN/man1/kvmready.1"}
COMPLETIONS = {
    "bash": "bash-completion/completions/kvmready",
    "zsh": "zsh/site-functions/_kvmready",
    "fish": "fish/vendor_completions.d/kvmready.fish",
}
"""Where each shell looks, below /usr/share."""

SHORT = {
    "en": "make a Linux machine a KVM virtualization host and prove it",
    "zh": "把 Linux 主机变成 KVM 虚拟化主机并加以证明",
}

SYNOPSIS = (r"\fIVERB\fR", r"[\fIOPTION\fR ...]")

VERBS = {"en": "verbs", "zh": "子命令"}

PATHS: Mapping[str, object] = {
    "FILE": shtab.FILE,
    "TEXT|-|FILE": shtab.FILE,
    "FILE|URL": shtab.FILE,
    "FILE|URL|NAME": shtab.FILE,
    "INVENTORY": shtab.FILE,
    "DIR": shtab.DIRECTORY,
}
"""What the shell offers after an option, by the word that stands for its value."""


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its verbs, all the way down."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


def _plain(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser without what a page says elsewhere: each verb's usage and, a second time, its line."""
    for verb in parsers(parser):
        verb.description, verb.usage = None, argparse.SUPPRESS
        verb._positionals.title = VERBS[i18n.language()] if verb is parser else verb._positionals.title
    parser.description, parser.usage, parser.epilog = usage.build().description, None, None
    return parser


def page(language: str) -> str:
    """The manual page in roff, man(7)."""
    i18n.use(language)
    try:
        os.environ["COLUMNS"] = "80"  # argparse asks the terminal otherwise
        told = {
            "prog": "kvmready",
            "project_name": "kvmready",
            "version": VERSION,
            "description": SHORT[language],
            "manual_section": "1",
            "manual_title": "kvmready",
            "include": str(MORE / f"manual.{language}"),
        }
        manual = Manpage(_plain(usage.build(repeat=False)), told, format="single-commands-section")
        manual.synopsis = ["kvmready", *SYNOPSIS]
        text = str(manual)
    finally:
        i18n.use("en")
    return text


def completion(shell: str) -> str:
    """What the shell reads to complete a command line of ours."""
    parser = usage.build()
    for one in parsers(parser):
        for action in one._actions:
            offered = PATHS.get(str(action.metavar))
            if offered is not None:
                action.complete = offered  # type: ignore[attr-defined]  # shtab's own attribute
    return str(shtab.complete(parser, shell=shell))


def files() -> dict[str, str]:
    """Everything, by its path below /usr/share."""
    found = {path: page(language) for language, path in PAGES.items()}
    found.update({path: completion(shell) for shell, path in COMPLETIONS.items()})
    return found


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.manual", description="write the manual page and the completions")
    parser.add_argument("folder", metavar="DIR", type=Path, help="written as they lie below /usr/share")
    folder: Path = parser.parse_args(arguments).folder
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
