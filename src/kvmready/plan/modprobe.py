"""Kind ``modprobe``: make comments of lines in a modprobe.d file that forbid a module. Every other line stays.

The file is in the journal byte for byte, so that an undo puts exactly that back.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import file
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

MARK = "# Switched off by kvmready: "


def edited(text: str, lines: Sequence[str]) -> str:
    """``text`` with a comment in the place of each of ``lines``.

    modprobe.d(5): a line that ends in a backslash goes on in the next one, so that neither is one that we understand.
    """
    out, goes_on = [], False
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        whole = not goes_on and not bare.endswith("\\")
        goes_on = bare.endswith("\\")
        out.append(MARK + line.lstrip() if whole and bare in lines else line)
    return "".join(out)


def _lines(step: Step) -> list[str]:
    return [str(line) for line in step.arguments["lines"]]


def done(host: Door, step: Step) -> bool:
    """Whether none of the lines counts any more."""
    reading = host.read(str(step.arguments["path"]))
    if reading.error:
        return reading.error == "ENOENT"
    return not {line.strip() for line in reading.text.splitlines()}.intersection(_lines(step))


def former(host: Door, step: Step) -> dict[str, Any]:
    """The whole file. Raises WorkError for what is no regular file of text, or where a line is not whole."""
    known = file.former(host, step)
    if known["exists"]:
        text = base64.b64decode(known["content"]).decode("utf-8")
        after = {line.strip() for line in edited(text, _lines(step)).splitlines()}
        stay = after.intersection(_lines(step))
        if stay:
            raise WorkError(
                _("{path} holds a line that kvmready does not understand: {line}").format(
                    path=step.arguments["path"], line=sorted(stay)[0]
                ),
                _("It goes on over a backslash at the end of a line."),
                _("Edit that file by hand, then run kvmready again."),
            )
    return known


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Write it, with its owner and mode. Raises WorkError."""
    path = str(step.arguments["path"])
    status, reading = host.stat(path), host.read(path)
    if reading.error or reading.truncated or "\ufffd" in reading.text:
        raise WorkError(_("{path} cannot be read.").format(path=path), reading.error or "EILSEQ")
    _write(host, path, edited(reading.text, _lines(step)).encode("utf-8"), status.mode, status.uid, status.gid)
    return {}


def _write(host: Workshop, path: str, content: bytes, mode: int, uid: int, gid: int) -> None:
    try:
        host.write(path, content, mode, (uid, gid))
    except OSError as error:
        raise WorkError(_("{path} cannot be written.").format(path=path), error.strerror or str(error)) from error


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Put the file back byte for byte; one that somebody changed since is left alone. Raises WorkError."""
    path = str(step.arguments["path"])
    if not former["exists"]:
        return ()
    before = base64.b64decode(former["content"])
    reading = host.read(path)
    now = reading.text.encode("utf-8")
    if not reading.error and now == before:
        return ()
    if reading.error or now != edited(before.decode("utf-8"), _lines(step)).encode("utf-8"):
        return (_("{path} stays: it was changed after this run.").format(path=path),)
    _write(host, path, before, int(former["mode"]), int(former["uid"]), int(former["gid"]))
    return ()
