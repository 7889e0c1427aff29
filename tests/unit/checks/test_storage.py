from __future__ import annotations

import pytest

from kvmready.checks import storage
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.storage import Pool, Room
from tests.unit.checks.upper import changed, healthy, said

FACTS = healthy()
ON = Pool(True, True, True, "dir", "/var/lib/libvirt/images")
GIB = 1 << 30


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (Known(ON), ("pass", "", "")),
        (Absent("x"), ("fail", "storage.pool-missing", "automatic")),
        (Known(ON._replace(active=False)), ("fail", "storage.pool-inactive", "automatic")),
        (Known(ON._replace(autostart=False)), ("pass", "", "")),
        (Unknown("x"), ("unknown", "", "manual")),
        (Denied("x"), ("unknown", "", "manual")),
    ],
)
def test_default_pool(pool: object, expected: tuple[str, str, str]) -> None:
    assert said(storage.default_pool(changed(FACTS, "storage", pool=pool))) == expected


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (5 * GIB, ("pass", "", "")),
        (5 * GIB - 1, ("warn", "storage.no-space", "manual")),
        (GIB, ("warn", "storage.no-space", "manual")),
        (GIB - 1, ("fail", "storage.no-space", "manual")),
        (0, ("fail", "storage.no-space", "manual")),
    ],
)
def test_space(free: int, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "storage", room=Known(Room("/var/lib/libvirt/images", free, 100 * GIB)))
    assert said(storage.space(facts)) == expected


@pytest.mark.parametrize("room", [Absent("x"), Denied("x"), Unknown("x")])
def test_space_not_known(room: object) -> None:
    assert said(storage.space(changed(FACTS, "storage", room=room))) == ("unknown", "", "manual")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 GiB"), (GIB // 2, "0.5 GiB"), (10 * GIB, "10 GiB"), (1234 * GIB, "1234 GiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert storage.gib(size) == text


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (Known(ON._replace(path="/srv/guests")), ("pass", "", "")),
        (Known(ON._replace(path="/srv/guests/")), ("pass", "", "")),
        (Known(ON), ("fail", "storage.pool-elsewhere", "manual")),
        (Known(ON._replace(active=False)), ("fail", "storage.pool-elsewhere", "manual")),
        (Known(ON._replace(kind="logical", path="")), ("fail", "storage.pool-elsewhere", "manual")),
        (Absent("x"), ("fail", "storage.pool-missing", "automatic")),
        (Unknown("x"), ("unknown", "", "manual")),
    ],
)
def test_a_path_that_is_wanted(pool: object, expected: tuple[str, str, str]) -> None:
    facts = changed(FACTS, "storage", pool=pool)
    judged = storage.default_pool(facts._replace(want=facts.want._replace(pool_path="/srv/guests")))
    assert said(judged) == expected
    assert expected[1] != "storage.pool-elsewhere" or "/srv/guests" in judged.summary
