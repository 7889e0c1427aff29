"""Disk images by qemu-img: what they take, copied with compression, and chains of backups as one image.

A source is always opened as what it is known to be: a guest that writes another format's header into its raw disk must
not have it read as that (qemu, docs/system/qemu-block-drivers).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from kvmready.backup.refused import NO_SPACE, UNREADABLE, Refused
from kvmready.backup.syncing import Syncing
from kvmready.host.door import Command, Workshop
from kvmready.i18n import _
from kvmready.plan.command import explain, failure
from kvmready.typed import Any, NamedTuple, Optional

ASK_LIMIT = 60.0
COPY_LIMIT = 7 * 24 * 3600.0
"""Seconds; the progress says how long it will take, and Ctrl-C ends it."""

LOOK_EVERY = 0.25
NAP = 0.02
STALLED = 600.0
"""Seconds without any progress after which a copy is given up: what it reads from hangs."""

CLUSTER = 65536
_PERCENT = re.compile(r"\((\d+\.\d+)/100%\)")

Tell = Callable[[float], None]
"""Takes the part that is done, from 0 to 1."""

Watch = Callable[[float], None]
"""Takes the seconds for which a copy has not got on; called now and then, it raises what shall end the copy."""


class Extent(NamedTuple):
    """What an image takes on its file systems with all that it stands on, and the size that a guest sees; bytes."""

    used: int
    size: int


def node(path: str, format: str, backing: dict[str, Any] | None = None, alone: bool = False) -> dict[str, Any]:
    """The image at ``path`` as a block node of QEMU, on ``backing`` where it is given; ``alone``: on none at all."""
    driver = "host_device" if path.startswith("/dev/") else "file"
    found: dict[str, Any] = {"driver": format, "file": {"driver": driver, "filename": path}}
    if backing is not None or alone:
        found["backing"] = backing
    return found


def stack(paths: Sequence[str]) -> dict[str, Any]:
    """Saved disks, the top one first and the full one last, as one image; what their headers say is not followed."""
    found: dict[str, Any] | None = None
    for path in reversed(paths):
        found = node(path, "qcow2", found, alone=True)
    assert found is not None
    return found


def pseudo(source: dict[str, Any]) -> str:
    """A block node as a file name of qemu-img."""
    import json

    return "json:" + json.dumps(source, ensure_ascii=False)


def extent(host: Workshop, path: str, format: str) -> Extent:
    """Asks about an image, in use or not. Raises WorkError, also where a format below it would have to be guessed."""
    import json

    argv = ("qemu-img", "info", "-U", "--output=json", "--backing-chain", pseudo(node(path, format)))
    result = host.run(Command(argv, timeout=ASK_LIMIT))
    if not result.ok:
        raise Refused(UNREADABLE, _("The disk {path} cannot be read.").format(path=path), explain(result))
    images = json.loads(result.stdout)
    for image in images:
        if image.get("backing-filename") and not image.get("backing-filename-format"):
            raise Refused(
                UNREADABLE,
                _("The disk {path} does not say of what format the image below it is.").format(path=path),
                str(image["backing-filename"]),
                _("Say it once, by hand: qemu-img rebase -u -F FORMAT -b FILE {path}").format(path=path),
            )
    return Extent(sum(int(image.get("actual-size", 0)) for image in images), int(images[0]["virtual-size"]))


def compression(host: Workshop, folder: str) -> tuple[str, ...]:
    """Options for a compressed qcow2: zstd where this QEMU was built with it, else deflate.

    -W: a cluster is written as soon as it is compressed. Compressed ones lie one behind the other in any order, so that
    this costs nothing and keeps every CPU at work.
    """
    probe = f"{folder}/probe.qcow2"
    option = ("-o", "compression_type=zstd")
    result = host.change(Command(("qemu-img", "create", "-q", "-f", "qcow2", *option, probe, "64K"), timeout=ASK_LIMIT))
    if result.problem == "absent":
        raise failure(result)
    if result.ok:
        host.remove(probe, lasting=False)
    return ("-c", "-W", *(option if result.ok else ()))


def copy(
    host: Workshop,
    source: dict[str, Any],
    target: str,
    log: str,
    tell: Tell,
    format: str = "qcow2",
    options: Sequence[str] = (),
    watch: Watch = lambda idle: None,
) -> None:
    """A new image at ``target`` with all that a guest sees in ``source``. Raises WorkError, and what ``watch`` does."""
    argv = ("qemu-img", "convert", "-p", "-O", format, *options, "--", pseudo(source), target)
    watched(host, argv, log, tell, target, watch)


def copy_increment(
    host: Workshop, spool: str, base: Sequence[str], target: str, log: str, tell: Tell, options: Sequence[str]
) -> None:
    """A new image with only what ``spool`` holds itself, also where that is zeros; ``base`` is the chain that it is
    an increment on, the nearest first. The new image names no other in its header. Raises WorkError."""
    below = ("-B", base[0], "-F", "qcow2")
    source = node(spool, "qcow2", stack(base))
    argv = ("qemu-img", "convert", "-p", "-O", "qcow2", *options, *below, "--", pseudo(source), target)
    watched(host, argv, log, tell, target)
    unnamed = ("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "", "--", target)
    result = host.change(Command(unnamed, timeout=ASK_LIMIT))
    if not result.ok:
        raise failure(result)


def watched(
    host: Workshop, argv: tuple[str, ...], log: str, tell: Tell, target: str, watch: Watch = lambda idle: None
) -> None:
    """Run a qemu-img that prints its progress, and tell it; it is ended when we are. Raises WorkError, OSError.

    It is also ended when neither its progress nor ``target`` gets on for too long. Meanwhile ``target`` is synced again
    and again, so that the disk is at work from the beginning; whoever needs it whole there syncs it once more.
    """
    synced: Optional[Syncing] = None
    running = host.begin_change(Command(argv, timeout=COPY_LIMIT, log=log))
    try:
        result = running.poll()
        looked = moved = time.monotonic()
        last: tuple[float, int] = (-1.0, 0)
        while result is None:
            host.sleep(NAP)
            result = running.poll()
            now = time.monotonic()
            if result is not None or now - looked < LOOK_EVERY:
                continue
            looked = now
            watch(now - moved)
            found = _PERCENT.findall(host.read(log, 1 << 22).text[-64:])
            state = (float(found[-1]) if found else -1.0, host.stat(target).size)
            if state != last:
                last, moved = state, now
            if synced is not None and synced.done:
                synced.wait()
                synced = None
            if synced is None and state[1]:
                synced = Syncing(host, target)
            if now - moved > STALLED:
                raise Refused(UNREADABLE, _("A disk could not be copied: nothing was read for 10 minutes."))
            if found:
                tell(state[0] / 100)
        if synced is not None:
            synced.wait()
    finally:
        running.stop()
    if result.ok:
        tell(1.0)
        if not host.stat(log).error:
            host.remove(log, lasting=False)
        return
    words = [line.split("\r")[-1].strip() for line in host.read(log, 1 << 22).text.splitlines()]
    said = "; ".join(line for line in words if line and not _PERCENT.search(line))
    full = "No space left" in said
    raise Refused(
        NO_SPACE if full else UNREADABLE,
        _("A disk could not be copied."),
        said or explain(result),
        _("Make room, or name another folder.") if full else "",
    )


def check(host: Workshop, path: str) -> str:
    """What qemu-img finds wrong in the structure of a saved disk; empty for nothing."""
    source = pseudo(node(path, "qcow2", alone=True))
    result = host.run(Command(("qemu-img", "check", "-q", "--", source), timeout=COPY_LIMIT))
    return "" if result.ok else explain(result)
