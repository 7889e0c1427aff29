"""Kind ``uri-default``: one line in a user's libvirt.conf, written with that user's own rights.

Everything below a home directory is its owner's, links included: root would follow them to wherever they lead, so that
reading and writing are done as the user.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.facts.access import parse_uri_default
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, failure
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

LIMIT = 30.0

_LINE = re.compile(r"^[ \t]*uri_default[ \t]*=.*$", re.MULTILINE)


def as_user(user: str, *argv: str) -> tuple[str, ...]:
    """The command with the rights of ``user``: runuser(1)."""
    return ("runuser", "-u", user, "--", *argv)


def commands(user: str, path: str) -> tuple[tuple[str, ...], ...]:
    """What makes the folder, and writes the file from the standard input."""
    return as_user(user, "mkdir", "-p", "--", path.rpartition("/")[0]), as_user(user, "tee", "--", path)


def changed(text: str, uri: str) -> str:
    """A libvirt.conf with this ``uri_default``: its line in place of the last one that sets it, else at the end."""
    line = f'uri_default = "{uri}"'
    found = list(_LINE.finditer(text))
    if found:
        return text[: found[-1].start()] + line + text[found[-1].end() :]
    return text + ("" if not text or text.endswith("\n") else "\n") + line + "\n"


def _read(host: Door, step: Step) -> str | None:
    """The file as its owner sees it; None where there is none. Raises WorkError."""
    user, path = str(step.arguments["user"]), str(step.arguments["path"])
    if host.stat(path).error in ("ENOENT", "ENOTDIR"):
        return None
    result = host.run(Command(as_user(user, "cat", "--", path), timeout=LIMIT))
    if not result.ok:
        raise failure(result)
    if "\ufffd" in result.stdout:
        raise WorkError(_("{path} is not a file that kvmready can keep a copy of.").format(path=path))
    return result.stdout


def done(host: Door, step: Step) -> bool:
    """Whether the file says it."""
    return parse_uri_default(_read(host, step) or "") == str(step.arguments["uri"])


def former(host: Door, step: Step) -> dict[str, Any]:
    """The file, and which of its folders are not there. Raises WorkError."""
    text = _read(host, step)
    folder, missing = str(step.arguments["path"]).rpartition("/")[0], []
    while folder and host.stat(folder).error == "ENOENT":
        missing.append(folder)
        folder = folder.rpartition("/")[0]
    content = None if text is None else base64.b64encode(text.encode("utf-8")).decode("ascii")
    return {"content": content, "folders": missing}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Write the line. Raises WorkError."""
    text = changed(_read(host, step) or "", str(step.arguments["uri"]))
    make, write = step.commands
    change(host, make, LIMIT)
    change(host, write, LIMIT, stdin=text)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """The file as it was; one that somebody changed since is left alone. Raises WorkError."""
    user, path = str(step.arguments["user"]), str(step.arguments["path"])
    now = _read(host, step)
    before = None if former["content"] is None else base64.b64decode(former["content"]).decode("utf-8")
    if now is None or now == before:
        return ()
    if now != changed(before or "", str(step.arguments["uri"])):
        return (_("{path} stays: it was changed after this run.").format(path=path),)
    if before is not None:
        change(host, as_user(user, "tee", "--", path), LIMIT, stdin=before)
        return ()
    change(host, as_user(user, "rm", "--", path), LIMIT)
    for folder in former["folders"]:
        if not host.listdir(folder).error and not host.listdir(folder).names:
            change(host, as_user(user, "rmdir", "--", folder), LIMIT)
    return ()
