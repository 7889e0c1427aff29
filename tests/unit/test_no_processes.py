"""The guard of ``conftest.py`` really guards."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kvmready.host.door import Command
from kvmready.host.local import LocalHost
from tests.unit.conftest import SpawnedByAccident


def test_a_process_cannot_be_started_by_accident() -> None:
    with pytest.raises(SpawnedByAccident):
        subprocess.run([sys.executable, "-c", "pass"], check=False)
    with pytest.raises(SpawnedByAccident):
        os.fork()


def test_the_local_host_does_not_swallow_the_guard() -> None:
    with pytest.raises(SpawnedByAccident):
        LocalHost().run(Command(("true",)))
