"""A folder of images for one test."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from kvmready.images import shelf


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own" / "images"
    monkeypatch.setattr(shelf, "ROOTS", str(folder))
    monkeypatch.setattr(shelf, "USERS", os.path.relpath(folder, pwd.getpwuid(os.geteuid()).pw_dir))
    return folder
