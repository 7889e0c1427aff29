"""Plans of real but harmless steps: files below a temporary directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kvmready.plan.step import Plan, Step


def step_of(path: str, content: str = "") -> Step:
    arguments = {"path": path, "content": content or f"new content of {path}\n", "mode": 0o640}
    return Step(f"file.{path}", "file", "kernel", f"Write {path}", (), arguments)


def plan_of(paths: Sequence[str]) -> Plan:
    return Plan("server", (), tuple(step_of(path) for path in paths))


def picture(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Every path below a folder with mode, owner and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found
