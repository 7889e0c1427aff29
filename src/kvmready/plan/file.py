"""Kind ``file``: write one small file whole. Its former content, owner and mode are in the journal."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def _content(step: Step) -> bytes:
    return str(step.arguments["content"]).encode("utf-8")


def done(host: Door, step: Step) -> bool:
    """Whether the file holds exactly this."""
    reading = host.read(str(step.arguments["path"]))
    return not reading.error and reading.text.encode("utf-8") == _content(step)


def former(host: Door, step: Step) -> dict[str, Any]:
    """What is at the path. Raises WorkError for what is no regular file, or cannot be read."""
    path = str(step.arguments["path"])
    status = host.stat(path)
    if status.error == "ENOENT":
        folder, missing = path.rpartition("/")[0], []
        while folder and host.stat(folder).error == "ENOENT":
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        return {"exists": False, "folders": missing}
    reading = host.read(path)
    problem = status.error or reading.error or ("" if status.kind == "file" else status.kind)
    problem = problem or ("EFBIG" if reading.truncated else "") or ("EILSEQ" if "\ufffd" in reading.text else "")
    link = host.readlink(path)
    if problem or not link.error:
        raise WorkError(
            _("{path} is not a file that kvmready can keep a copy of.").format(path=path),
            problem or link.text,
            _("Look at it, move it away if nothing needs it, and run kvmready again."),
        )
    content = base64.b64encode(reading.text.encode("utf-8")).decode("ascii")
    return {"exists": True, "content": content, "mode": status.mode, "uid": status.uid, "gid": status.gid}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Write it. Raises WorkError."""
    path = str(step.arguments["path"])
    try:
        host.mkdir(path.rpartition("/")[0], 0o755)
        host.write(path, _content(step), int(step.arguments["mode"]), (0, 0))
    except OSError as error:
        raise WorkError(_("{path} cannot be written.").format(path=path), error.strerror or str(error)) from error
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Put back what was there; a file that somebody changed since is left alone. Raises WorkError."""
    path = str(step.arguments["path"])
    reading = host.read(path)
    if not reading.error and reading.text.encode("utf-8") != _content(step):
        changed = reading.text.encode("utf-8") != base64.b64decode(former.get("content", ""))
        return (_("{path} stays: it was changed after this run.").format(path=path),) if changed else ()
    try:
        if former["exists"]:
            content = base64.b64decode(former["content"])
            host.write(path, content, int(former["mode"]), (int(former["uid"]), int(former["gid"])))
            return ()
        if not reading.error:
            host.remove(path)
        for folder in former["folders"]:
            if not host.listdir(folder).error and not host.listdir(folder).names:
                host.rmdir(folder)
    except OSError as error:
        raise WorkError(_("{path} cannot be put back.").format(path=path), error.strerror or str(error)) from error
    return ()
