"""Unit tests ask no machine: a process that starts by accident ends the test, and nothing can swallow that."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is slow, not wrong: no test asserts a time.
settings.register_profile("kvmready", deadline=None)
settings.load_profile("kvmready")

FORBIDDEN = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "os.spawn")

_guarded = False


class SpawnedByAccident(BaseException):
    """Not an Exception, so that no handler in the code under test hides it."""


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _guarded and event in FORBIDDEN:
        raise SpawnedByAccident(f"{event} in a unit test: {arguments[:2]!r}")


sys.addaudithook(_watch)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "spawns(why): a unit test that has to start a process, and why")


@pytest.fixture(autouse=True)
def no_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    global _guarded
    _guarded = request.node.get_closest_marker("spawns") is None
    yield
    _guarded = False
