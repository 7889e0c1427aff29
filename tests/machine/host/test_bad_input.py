"""What the door makes of files and programs that no one should meet: an answer with a reason, within the limit."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

import pytest

from kvmready.facts import reach
from kvmready.host.door import READ_LIMIT, Command
from kvmready.host.local import LocalHost

pytestmark = pytest.mark.machine
HOST = LocalHost()


def test_a_huge_file_is_cut_off(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(8 << 30)
    began = time.monotonic()
    reading = HOST.read(str(huge))
    assert reading.truncated and len(reading.text) == READ_LIMIT
    assert HOST.grep(str(huge), ("word",)).text == ""
    assert time.monotonic() - began < 10


def test_a_loop_of_links_is_no_path(tmp_path: Path) -> None:
    os.symlink(tmp_path / "b", tmp_path / "a")
    os.symlink(tmp_path / "a", tmp_path / "b")
    loop = str(tmp_path / "a")
    assert HOST.read(loop).error == HOST.stat(loop).error == HOST.listdir(loop).error == "ELOOP"
    way = reach.walk(HOST, loop)
    assert way.stopped.endswith("ELOOP")
    assert reach.unsure(way, reach.Who("x", 1, (1,)))


def test_a_walk_follows_links_as_the_kernel_does(tmp_path: Path) -> None:
    (tmp_path / "real" / "images").mkdir(parents=True)
    os.symlink("real/images", tmp_path / "images")
    folders = [folder.path for folder in reach.walk(HOST, f"{tmp_path}/images/../images").folders]
    assert os.path.realpath(tmp_path / "real") in folders


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe\0a\r\n\x1b[31mred")
    assert HOST.read(str(tmp_path / "x")).text == "\ufffd\ufffd\0a\r\n\x1b[31mred"


def test_a_command_that_hangs_ends_at_its_limit() -> None:
    began = time.monotonic()
    stubborn = "import signal,time;signal.signal(15,signal.SIG_IGN);print('x',flush=True);time.sleep(60)"
    result = HOST.run(Command((sys.executable, "-c", stubborn), timeout=1.0))
    assert (result.problem, result.status) == ("timeout", None)
    assert time.monotonic() - began < 8


def test_who_holds_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert HOST.locked(str(path)).text == ""
    child = os.fork()
    if child == 0:
        with path.open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            (tmp_path / "held").touch()
            time.sleep(30)
        os._exit(0)
    try:
        while not (tmp_path / "held").exists():
            time.sleep(0.01)
        assert HOST.locked(str(path)).text == str(child)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert HOST.locked(str(path)).text == ""
    assert HOST.locked(str(tmp_path / "none")).error == "ENOENT"


def test_no_acl_is_said_so(tmp_path: Path) -> None:
    assert HOST.attribute(str(tmp_path), reach.ACL).error in reach.NO_ACL
    assert HOST.attribute(str(tmp_path / "none"), reach.ACL).error == "ENOENT"
