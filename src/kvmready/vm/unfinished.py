"""What ``vm create`` is about to make, on record until it is finished: what a killed one left is removed by the next.

The guard of a creation removes all of it at once, but it cannot while libvirt is away, and it ends with the host. The
record is a file that the creation keeps locked (``door.Growing``), so that nobody takes a living one for a dead one.
"""

from __future__ import annotations

import re

from kvmready.domains.listing import UUID
from kvmready.errors import WorkError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple
from kvmready.vm.trouble import unwritable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.domains.connection import Libvirt
    from kvmready.host.door import Door, Growing, Workshop

ROOTS = "/var/lib/kvmready/vm"
USERS = ".local/state/kvmready/vm"
LARGEST = 1 << 16


class Unfinished(NamedTuple):
    """``volumes`` are names in ``pool``; ``folder`` is a tree and ``keys`` are files. None of it need be there."""

    name: str
    uuid: str
    pool: str
    volumes: tuple[str, ...]
    folder: str
    keys: tuple[str, ...]


def place(host: Door) -> str:
    """The folder of the caller's records."""
    caller = host.caller()
    return ROOTS if caller.uid == 0 else f"{host.account(caller.user).home or '/nonexistent'}/{USERS}"


def begin(host: Workshop, made: Unfinished) -> Growing:
    """Write the record down and keep it locked: ``discard`` it when all is finished. Raises WorkError."""
    import json

    folder = place(host)
    path = f"{folder}/{made.uuid}"
    try:
        host.mkdir(folder, 0o700)
        record = host.grow(path)
        record.append(json.dumps(made._asdict()).encode("ascii"))
        host.sync(path)
    except OSError as error:
        raise unwritable(path, error) from None
    return record


def read(content: bytes) -> Unfinished | None:
    """The record in a file, None where it was killed before it was whole: then nothing had been made."""
    import json

    try:
        said = json.loads(content)
        texts = [str(said[name]) for name in ("name", "uuid", "pool", "folder")]
        volumes, keys = (tuple(map(str, said[name])) for name in ("volumes", "keys"))
    except (ValueError, KeyError, TypeError):
        return None
    name, uuid, pool, folder = texts
    return Unfinished(name, uuid, pool, volumes, folder, keys) if UUID.fullmatch(uuid) else None


def sweep(host: Workshop, libvirt: Libvirt, say: Callable[[str], None]) -> tuple[str, ...]:
    """Remove what creations left that were killed; returns the guests' names, and says what was done or cannot be."""
    names = []
    folder = place(host)
    for file in host.listdir(folder).names:
        if re.fullmatch("[0-9a-f-]{36}", file) is None:
            continue
        try:
            record = host.grow(f"{folder}/{file}")
        except OSError:
            continue  # its creation is at work, or it was removed just now
        try:
            left = read(b"".join(record.parts())[:LARGEST])
            if left is not None:
                _remove(host, libvirt, left)
                names.append(left.name)
                say(_("Removed what an interrupted creation left: {name}").format(name=repr(left.name)))
            record.discard()
        except (WorkError, OSError) as error:
            why = error.why or error.what if isinstance(error, WorkError) else error.strerror or str(error)
            words = _("What an interrupted creation left cannot be removed yet ({path}): {why}")
            say(words.format(path=f"{folder}/{file}", why=why))
        finally:
            record.close()
    return tuple(names)


def _remove(host: Workshop, libvirt: Libvirt, left: Unfinished) -> None:
    from kvmready.vm import delete, power
    from kvmready.vm.record import Volume

    power.cut_off(libvirt, left.uuid)
    delete.undefine(libvirt, left.uuid, True)
    for volume in left.volumes:
        delete.remove_volume(libvirt, Volume(left.pool, volume, ""))
    if not host.stat(left.folder).error:
        host.remove_tree(left.folder)
    for path in left.keys:
        try:
            host.remove(path)
        except FileNotFoundError:
            continue  # it was never made
