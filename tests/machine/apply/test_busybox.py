"""Alpine's find and stat are busybox's: the real one, in a root where it stands for GNU's.

Debian builds busybox without addgroup and its like, so that those are only looked at in ``tests/unit/plan``.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.machine.apply import stubs

SETUP = """
for name in find stat; do rm -f /usr/bin/$name; ln -s /bin/busybox /usr/bin/$name; done
mkdir -p '/etc/two words'
chmod 1750 '/etc/two words'
chown 3:4 '/etc/two words'
ln -s nowhere /etc/a-link
"""

PROGRAM = """
import json
from kvmready.host.local import LocalHost
from kvmready.plan import leftovers

tree = leftovers.tree(LocalHost())
asked = ("/etc", "/etc/passwd", "/etc/two words", "/etc/a-link", "/usr/bin", "/var/lib")
files = [path for path in tree if path.startswith("/usr/") and not tree[path].startswith("d ")]
print(json.dumps({"tree": {path: tree.get(path) for path in asked}, "files": files[:3],
                  "pruned": [path for path in tree if path.startswith("/var/lib/dpkg/")]}))
"""

pytestmark = pytest.mark.machine


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    lacking = stubs.missing("busybox")
    if lacking:
        pytest.skip(f"needs {' '.join(lacking)}")
    found: dict[str, Any] = stubs.run_in_root(tmp_path_factory.mktemp("busybox"), SETUP, PROGRAM)
    return found


def test_the_directories_are_listed_as_with_gnu_find(told: dict[str, Any]) -> None:
    assert told["tree"] == {
        "/etc": "d 755 0 0",
        "/etc/passwd": "f 644 0 0",
        "/etc/two words": "d 1750 3 4",
        "/etc/a-link": "l 777 0 0",
        "/usr/bin": "d 755 0 0",
        "/var/lib": "d 755 0 0",
    }


def test_no_more_is_listed_than_is_wanted(told: dict[str, Any]) -> None:
    assert told["files"] == [] and told["pruned"] == []
