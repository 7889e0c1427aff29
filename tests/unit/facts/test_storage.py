"""The default pool, and the room where it is."""

from __future__ import annotations

import pytest

from kvmready.facts import storage, virsh
from kvmready.facts.known import Absent, Known, Unknown
from kvmready.facts.names import Want
from kvmready.host.door import Reading, Space
from tests.unit.facts.debian import ANSWERS, NAMES, NO_POOL, POOL_INFO, POOL_XML, Recorded


def ask(recorded: Recorded) -> storage.Storage:
    host = recorded.host()
    return storage.ask(host, NAMES, Want(), virsh.ask(host, NAMES, Want()))()


def test_a_healthy_host() -> None:
    found = ask(Recorded())
    assert found.pool == Known(storage.Pool(True, True, True, "dir", "/var/lib/libvirt/images"))
    assert found.path == "/var/lib/libvirt/images"
    assert found.room == Known(storage.Room("/var/lib/libvirt/images", 40 << 30, 100 << 30))


def test_the_room_is_looked_at_where_the_pool_is() -> None:
    recorded = Recorded()
    xml = POOL_XML.replace("/var/lib/libvirt/images", "/srv/a &amp; b")
    recorded.virsh({**ANSWERS, "pool-dumpxml": xml})
    recorded.space(Space("/srv/a & b", error="ENOENT"))
    recorded.space(Space("/srv", 5, 10))
    recorded.folder("/srv", 0o755)
    recorded.readlink(Reading("/srv/a & b", error="ENOENT"))
    found = ask(recorded)
    assert found.path == "/srv/a & b"
    assert found.room == Known(storage.Room("/srv", 5, 10))


def test_no_pool_and_no_folder_yet() -> None:
    recorded = Recorded()
    recorded.virsh({**ANSWERS, "pool-info": "", "pool-dumpxml": ""}, {"pool-info": NO_POOL, "pool-dumpxml": NO_POOL})
    for path in ("/var/lib/libvirt/images", "/var/lib/libvirt", "/var/lib", "/var"):
        recorded.space(Space(path, error="ENOENT"))
    recorded.space(Space("/", 7, 9))
    found = ask(recorded)
    assert isinstance(found.pool, Absent)
    assert found.room == Known(storage.Room("/", 7, 9))


@pytest.mark.parametrize(("path", "error"), [("/", "ENOENT"), ("/var/lib/libvirt/images", "EIO")])
def test_no_room_to_see(path: str, error: str) -> None:
    recorded = Recorded()
    recorded.space(Space(path, error=error))
    assert not isinstance(storage.room_at(recorded.host(), path), Known)


def test_inactive_and_not_kept() -> None:
    info = POOL_INFO.replace("running", "inactive").replace("Autostart:      yes", "Autostart:      no")
    pool = storage.parse_pool(info, POOL_XML)
    assert pool is not None
    assert (pool.active, pool.autostart, pool.persistent) == (False, False, True)


def test_a_pool_without_a_folder_uses_the_packaged_one() -> None:
    recorded = Recorded()
    recorded.virsh({**ANSWERS, "pool-dumpxml": "<pool type='rbd'>\n</pool>"})
    found = ask(recorded)
    assert isinstance(found.pool, Known) and found.pool.value.kind == "rbd"
    assert found.path == NAMES.pool_path


def test_nonsense_is_unknown() -> None:
    recorded = Recorded()
    recorded.virsh({**ANSWERS, "pool-info": "???"})
    assert isinstance(ask(recorded).pool, Unknown)


def test_the_room_is_looked_at_where_the_pool_is_wanted() -> None:
    """But for a pool that is there: where that is, is the truth."""
    recorded = Recorded()
    want = Want(pool_path="/srv/guests")
    assert storage.ask(recorded.host(), NAMES, want, virsh.ask(recorded.host(), NAMES, want))().path == (
        "/var/lib/libvirt/images"
    )
    recorded.virsh({**ANSWERS, "pool-info": "", "pool-dumpxml": ""}, {"pool-info": NO_POOL, "pool-dumpxml": NO_POOL})
    recorded.space(Space("/srv/guests", error="ENOENT"))
    recorded.space(Space("/srv", 5, 10))
    recorded.folder("/srv", 0o755)
    recorded.readlink(Reading("/srv/guests", error="ENOENT"))
    found = storage.ask(recorded.host(), NAMES, want, virsh.ask(recorded.host(), NAMES, want))()
    assert found.path == "/srv/guests"
    assert found.room == Known(storage.Room("/srv", 5, 10))
