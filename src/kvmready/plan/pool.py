"""Kind ``pool``: libvirt's default storage pool, a directory, active and started at boot."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan import virsh
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

DEFINITIONS = ("/etc/libvirt/storage/autostart", "/etc/libvirt/storage")
"""libvirt makes these when the first pool is defined: src/storage/storage_driver.c."""


def done(host: Door, step: Step) -> bool:
    """Whether the pool is defined, active, and starts at boot. False where libvirt cannot be asked yet."""
    try:
        state = virsh.state(host, "pool", str(step.arguments["pool"]))
    except WorkError:
        return False
    return state.persistent and state.active and state.autostart


def former(host: Door, step: Step) -> dict[str, Any]:
    """The pool, its directory, and where libvirt keeps definitions of pools. Raises WorkError."""
    path = str(step.arguments["path"])
    folder = host.stat(path)
    return {
        "pool": list(virsh.state(host, "pool", str(step.arguments["pool"]))),
        "folder": None if folder.error else [folder.mode, folder.uid, folder.gid],
        "parents": _missing(host, path) if folder.error else [],
        "made": [path for path in DEFINITIONS if host.stat(path).error == "ENOENT"],
    }


def _missing(host: Door, path: str) -> list[str]:
    """The folders above ``path`` that are not there, the deepest first: pool-build makes them as well."""
    found = []
    folder = path.rpartition("/")[0]
    while folder and host.stat(folder).error == "ENOENT":
        found.append(folder)
        folder = folder.rpartition("/")[0]
    return found


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Do what is missing of the step's commands. Raises WorkError."""
    name, path = str(step.arguments["pool"]), str(step.arguments["path"])
    state = virsh.state(host, "pool", name)
    if not state.persistent:
        change(host, define(name, path), virsh.CHANGE_LIMIT)
        state = virsh.state(host, "pool", name)
    if not state.active:
        if host.stat(path).error == "ENOENT":
            _change(host, "pool-build", name)
        _change(host, "pool-start", name)
    if not state.autostart:
        _change(host, "pool-autostart", name)
    return {}


def define(name: str, path: str) -> tuple[str, ...]:
    """The command that defines a pool on a directory."""
    return (*virsh.BASE, "pool-define-as", "--name", name, "--type", "dir", "--target", path)


def _change(host: Workshop, verb: str, name: str, *options: str) -> None:
    change(host, (*virsh.BASE, verb, "--pool", name, *options), virsh.CHANGE_LIMIT)


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """The pool as it was; its directory goes only when this step made it and it is empty. Raises WorkError."""
    name, path = str(step.arguments["pool"]), str(step.arguments["path"])
    before = virsh.State(*former["pool"])
    if virsh.installed(host):
        now = virsh.state(host, "pool", name)
        if now.defined and now.autostart and not before.autostart:
            _change(host, "pool-autostart", name, "--disable")
        if now.active and not before.active:
            _change(host, "pool-destroy", name)
        if now.persistent and not before.persistent:
            _change(host, "pool-undefine", name)
    for made in former["made"]:
        if not host.stat(made).error and not host.listdir(made).names:
            host.change(Command(("rmdir", "--", made), timeout=30))
    if former["folder"] is None and not host.stat(path).error:
        if host.listdir(path).names:
            return (_("{folder} stays: it is not empty.").format(folder=path),)
        result = host.change(Command(("rmdir", "--", path), timeout=30))
        if not result.ok:
            return (_("{folder} stays: {why}").format(folder=path, why=result.stderr.strip()),)
    for folder in former.get("parents", ()):  # journals of earlier versions have none
        if not host.stat(folder).error and not host.listdir(folder).names:
            host.change(Command(("rmdir", "--", folder), timeout=30))
    return ()
