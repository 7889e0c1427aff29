"""Kind ``acl``: let one user pass through directories, by an entry in their POSIX ACL; nothing else may change.

Who is in a directory's group class is limited by the ACL's mask. setfacl(1) widens the mask by itself, which could give
others what the mask kept from them: where there is a mask, it is kept, or gets the right to traverse and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.facts.known import Absent, Known
from kvmready.facts.reach import (
    ACL,
    EXECUTE,
    GROUP,
    GROUP_OBJ,
    MASK,
    NO_ACL,
    OTHER,
    USER,
    USER_OBJ,
    Entry,
    Folder,
    Who,
    may_enter,
    parse_acl,
)
from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import RESULTS, change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

LIMIT = 30.0

_LETTERS = {USER_OBJ: "u::", USER: "u:{}:", GROUP_OBJ: "g::", GROUP: "g:{}:", MASK: "m::", OTHER: "o::"}


def letters(bits: int) -> str:
    return "".join(letter if bits & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))


def text(entries: Sequence[Entry]) -> str:
    """The short text form of acl(5), with numbers for users and groups."""
    return ",".join(_LETTERS[entry.tag].format(entry.whom) + letters(entry.bits) for entry in entries)


def command(folder: Folder, user: str) -> tuple[str, ...]:
    """What lets ``user`` pass through ``folder``, and no more."""
    mine = f"u:{user}:--x"
    entries = folder.acl.value if isinstance(folder.acl, Known) else ()
    mask = next((entry.bits for entry in entries if entry.tag == MASK), None)
    if mask is None:
        return ("setfacl", "-m", mine, "--", folder.path)
    if mask & EXECUTE:
        return ("setfacl", "-n", "-m", mine, "--", folder.path)
    return ("setfacl", "-n", "-m", f"{mine},m::{letters(mask | EXECUTE)}", "--", folder.path)


def folder_at(host: Door, path: str) -> Folder | None:
    """The directory as it is now; None where it is not there, or is none. Raises WorkError where it cannot be seen."""
    status = host.stat(path)
    if status.error in ("ENOENT", "ENOTDIR") or (not status.error and status.kind != "directory"):
        return None
    reading = host.attribute(path, ACL)
    entries = None if reading.error else parse_acl(reading.text)
    if status.error or (reading.error and reading.error not in NO_ACL) or (not reading.error and entries is None):
        raise WorkError(_("The ACL of {path} cannot be read.").format(path=path), status.error or reading.error)
    acl = Absent(path) if entries is None else Known(entries)
    return Folder(path, status.mode, status.uid, status.gid, acl)


def _who(host: Door, step: Step) -> Who | None:
    account = host.account(str(step.arguments["user"]))
    if account.error:
        return None
    return Who(account.name, account.uid, tuple({account.gid, *(number for _name, number in account.groups)}))


def _paths(step: Step) -> list[str]:
    return [str(path) for path in step.arguments["paths"]]


def _closed(host: Door, step: Step) -> list[Folder]:
    who = _who(host, step)
    if who is None:
        raise WorkError(_("There is no user {name} on this host.").format(name=repr(step.arguments["user"])))
    folders = (folder_at(host, path) for path in _paths(step))
    return [folder for folder in folders if folder is not None and may_enter(folder, who) is not True]


def done(host: Door, step: Step) -> bool:
    """Whether the user may pass through each of the directories. False where the user is not there yet."""
    return _who(host, step) is not None and not _closed(host, step)


def former(host: Door, step: Step) -> dict[str, Any]:
    """The ACL of each directory: its text, or its mode where it has none."""
    return {"folders": {path: _kept(host, path) for path in _paths(step)}}


def _kept(host: Door, path: str) -> str | None:
    folder = folder_at(host, path)
    if folder is None:
        return None
    if isinstance(folder.acl, Known):
        return text(folder.acl.value)
    entries = zip((USER_OBJ, GROUP_OBJ, OTHER), (folder.mode >> 6, folder.mode >> 3, folder.mode))
    return text([Entry(tag, bits & 7, 0) for tag, bits in entries])


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Add the entry where it is missing. Raises WorkError."""
    for folder in _closed(host, step):
        change(host, command(folder, str(step.arguments["user"])), LIMIT)
    left = [folder.path for folder in _closed(host, step)]
    if left:
        raise WorkError(
            _("{user} still may not pass through {paths}.").format(user=step.arguments["user"], paths=", ".join(left)),
            "",
            _("Its file system may know no ACL: put guests' disks into another directory."),
        )
    return {"folders": {path: _kept(host, path) for path in _paths(step)}}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """The ACL as it was; where somebody changed it since, only our entry goes. Raises WorkError."""
    results = former.get(RESULTS) or []
    left: Mapping[str, str] = results[-1]["folders"] if results else {}
    stays = []
    for path, before in former["folders"].items():
        now = _kept(host, path)
        if before is None or now is None or now == before:
            continue
        if path not in left or now == left[path]:
            change(host, ("setfacl", f"--set={before}", "--", path), LIMIT)
            continue
        user = str(step.arguments["user"])
        change(host, ("setfacl", "-n", "-x", f"u:{user}", "--", path), LIMIT)
        stays.append(
            _("The ACL of {path} was changed after this run: only the entry of {user} was taken out.").format(
                path=path, user=user
            )
        )
    return tuple(stays)
