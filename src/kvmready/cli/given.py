"""The text that a person hands in: words of the command line, a file, or standard input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence

from kvmready.errors import InputError
from kvmready.i18n import _
from kvmready.typed import NamedTuple

LIMIT = 16 << 20
"""Bytes that are read of one text."""

_MAGIC = (b"\x7fELF", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"PK\x03\x04", b"QFI\xfb", b"\x89PNG", b"%PDF")
"""How programs, archives, disk images, pictures and printed pages begin."""

_HEAD = 1 << 16


class Given(NamedTuple):
    """What was handed in. ``note`` says what was left out, empty where nothing was."""

    name: str
    text: str
    note: str = ""


def read(words: Sequence[str]) -> Given | None:
    """What ``words`` mean: ``-`` standard input, one that is a file its text, else the words themselves.

    None where there are none. Raises InputError for what cannot be read, is no text, or is empty.
    """
    if not words:
        return None
    given = _standard_input() if list(words) == ["-"] else _file(words[0]) if len(words) == 1 else None
    if given is None:
        given = Given(_("the text"), " ".join(words))
    if not any(character.isalnum() for character in given.text):
        raise InputError(_("There are no words in {name}.").format(name=given.name))
    return given


def _standard_input() -> Given:
    content = sys.stdin.buffer.read(LIMIT + 1)
    name = _("standard input")
    return _decoded(name, content[:LIMIT], _first(name) if len(content) > LIMIT else "")


def _first(name: str) -> str:
    return _("Only the first {size} MiB of {name} were read.").format(size=LIMIT >> 20, name=name)


def _file(path: str) -> Given | None:
    """The text of the file; None where ``path`` is none and does not look like one either."""
    try:
        kind = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)) and _is_path(path):
            raise InputError(
                _("{file} cannot be read.").format(file=path),
                error.strerror or str(error),
                _("If it is the message itself, give more of it, or pipe it in: kvmready doctor -"),
            ) from None
        if isinstance(error, PermissionError):
            raise InputError(_("{file} cannot be read.").format(file=path), error.strerror or "") from None
        return None  # no name of a file: too long, or with a NUL
    if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
        word = _("it is a directory") if stat.S_ISDIR(kind) else _("it is a device or a socket")
        raise InputError(_("{file} cannot be read.").format(file=path), word)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LIMIT:
                file.seek(size - LIMIT)
            content = file.read(LIMIT)
    except OSError as error:
        raise InputError(_("{file} cannot be read.").format(file=path), error.strerror or str(error)) from None
    note = _("Only the last {size} MiB of {name} were read.").format(size=LIMIT >> 20, name=path)
    return _decoded(path, content, note if size > LIMIT else "")


def _is_path(word: str) -> bool:
    return not any(character.isspace() for character in word) and (
        "/" in word or word.endswith((".log", ".txt", ".out"))
    )


def _decoded(name: str, content: bytes, note: str) -> Given:
    """Text in UTF-8, in UTF-16 where it says so (Windows), or in GB 18030 (Chinese locales). Raises InputError."""
    head = content[:_HEAD]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Given(name, content.decode("utf-16", "replace"), note)
    strange = sum(head.count(bytes((code,))) for code in range(1, 32) if code not in (7, 8, 9, 10, 11, 12, 13, 27))
    if head.startswith(_MAGIC) or strange * 10 > len(head):
        raise InputError(_("{file} is not text.").format(file=name))
    for encoding in ("utf-8", "gb18030"):
        try:
            return Given(name, content.decode(encoding), note)
        except UnicodeDecodeError:
            continue
    return Given(name, content.decode("utf-8", "replace"), note)
