"""Images from a real web server and a real cache: whole, broken off, changed, wrong, and where others meddle."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmready import images
from kvmready.errors import InputError, UsageError, WorkError
from kvmready.host.local import LocalHost
from kvmready.images import fetching, http
from kvmready.images.table import Known
from tests.machine.images.server import Server

SOURCE = str(Path(__file__).resolve().parents[3] / "src")


def raw(size: int = 3 << 20, seed: int = 1) -> bytes:
    """A disk with a boot record and content that no two offsets share."""
    body = bytearray(hashlib.shake_128(str(seed).encode()).digest(size))
    body[510:512] = b"\x55\xaa"
    return bytes(body)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Host(LocalHost):
    """This machine, with a cache in a folder of the test's, and no rest between attempts."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.01))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as one:
        yield one


@pytest.fixture
def said() -> list[str]:
    return []


def test_a_file_by_its_path_whatever_it_is_called(tmp_path: Path, said: list[str]) -> None:
    for name in ("plain", "a,file.locking=off", "-drive", "q\"'uo", "two words", "new\nline", "ünï"):
        path = tmp_path / name
        path.write_bytes(raw())
        image = images.resolve(Host(), str(path), said.append)
        assert (image.path, image.format, image.size) == (str(path), "raw", 3 << 20)
        assert (image.sha256, image.verified) == (sha256(raw()), "nothing")
    assert images.resolve(Host(), str(path), said.append, sha256(raw()).upper()).verified == "checksum"
    assert images.resolve(Host(), str(path), said.append, hashlib.sha512(raw()).hexdigest()).verified == "checksum"


def test_what_is_no_file(tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(UsageError, match="debian-12"):
        images.resolve(Host(), "debian-99", said.append)
    for path in (tmp_path, Path("/dev/null"), tmp_path / "gone"):
        with pytest.raises(InputError):
            images.resolve(Host(), str(path), said.append)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError):
        images.resolve(Host(), str(tmp_path / "fifo"), said.append)
    (tmp_path / "disk").write_bytes(raw())
    with pytest.raises(images.ImageError) as caught:
        images.resolve(Host(), str(tmp_path / "disk"), said.append, "0" * 64)
    assert caught.value.cause == "storage.image-checksum"
    assert (tmp_path / "disk").exists()
    with pytest.raises(UsageError):
        images.resolve(Host(), str(tmp_path / "disk"), said.append, "12ab")


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "ftp://example.org/x", "https://u:p@example.org/x", "https:///x", "https://e.org/a b",
     "file:///etc/passwd", "https://[/x"],
)  # fmt: skip
def test_addresses_that_are_refused(url: str, said: list[str]) -> None:
    with pytest.raises(UsageError):
        images.resolve(Host(), url, said.append)


def test_an_image_is_downloaded_once(server: Server, cache: Path, said: list[str]) -> None:
    server.files["/disk.img"] = raw()
    first = images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
    assert Path(first.path).read_bytes() == raw()
    assert (first.name, first.verified) == ("disk.img", "checksum")
    mode = Path(first.path).stat().st_mode & 0o777
    assert mode == (0o644 if os.geteuid() == 0 else 0o600)
    again = images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
    assert again == first
    assert len(server.asked) == 1
    assert sorted(path.suffix for path in cache.iterdir()) == [".img", ".json"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_transfer_that_breaks_off_is_carried_on(server: Server, cache: Path, said: list[str], ranges: bool) -> None:
    server.files["/disk.img"] = raw()
    server.cut, server.ranges = (1 << 20) + 7, ranges
    if not ranges:  # each attempt begins anew and gets no further
        with pytest.raises(images.ImageError) as caught:
            images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
        assert caught.value.cause == "storage.image-download"
        assert "early" in caught.value.why
        server.cut = 0
    assert images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw())).sha256 == sha256(raw())
    if ranges:
        assert [wanted for _path, wanted in server.asked] == ["", "bytes=1048583-", "bytes=2097166-"]


def test_a_killed_download_is_carried_on(server: Server, cache: Path, said: list[str]) -> None:
    content = raw(40 << 20)
    server.files["/disk.img"] = content
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from kvmready import images\n"
        "from kvmready.images import shelf\n"
        "from kvmready.host.local import LocalHost\n"
        "shelf.ROOTS = shelf.USERS = sys.argv[2]\n"
        "def say(line):\n"
        "    import os\n"
        "    if 'Downloading' in line: os.kill(os.getpid(), 9)\n"
        "images.resolve(LocalHost(), sys.argv[3], say, sys.argv[4])\n"
    )
    argv = (sys.executable, "-c", program, SOURCE, str(cache), f"{server.url}/disk.img", sha256(content))
    assert subprocess.run(argv, check=False, timeout=60).returncode == -signal.SIGKILL
    assert len(list(cache.glob("*.part"))) == 1
    image = images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(content))
    assert image.sha256 == sha256(content)
    assert server.asked[-1][1].startswith("bytes=")
    assert not list(cache.glob("*.part*"))


def test_a_file_that_changed_meanwhile_is_begun_anew(server: Server, cache: Path, said: list[str]) -> None:
    server.files["/disk.img"] = raw(seed=1)
    server.cut = 1 << 20

    class Changing(Host):
        def sleep(self, seconds: float) -> None:
            server.files["/disk.img"] = raw(seed=2)
            server.cut = 0

    image = images.resolve(Changing(), f"{server.url}/disk.img", said.append, sha256(raw(seed=2)))
    assert Path(image.path).read_bytes() == raw(seed=2)
    assert server.asked[-1] == ("/disk.img", "bytes=1048576-")


def test_a_wrong_checksum_throws_the_file_away(server: Server, cache: Path, said: list[str]) -> None:
    server.files["/disk.img"] = raw()
    with pytest.raises(images.ImageError) as caught:
        images.resolve(Host(), f"{server.url}/disk.img", said.append, "0" * 64)
    assert caught.value.cause == "storage.image-checksum"
    assert list(cache.iterdir()) == []


def test_what_is_no_image_is_thrown_away(server: Server, cache: Path, said: list[str]) -> None:
    page = b"<!DOCTYPE html><title>Log in to the hotel's network</title>".ljust(2 << 20)
    server.files["/disk.img"] = page
    with pytest.raises(images.ImageError) as caught:
        images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(page))
    assert caught.value.cause == "storage.image-invalid"
    assert "web page" in caught.value.why
    assert list(cache.iterdir()) == []


def test_a_cached_image_that_was_damaged_is_fetched_again(server: Server, cache: Path, said: list[str]) -> None:
    server.files["/disk.img"] = raw()
    path = Path(images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw())).path)
    content = bytearray(raw())
    content[1 << 20] ^= 1
    path.write_bytes(content)
    images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
    assert path.read_bytes() == raw()
    assert len(server.asked) == 2


def test_a_known_name(server: Server, cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checksum is asked for each time; a new image is fetched; without a network the one that is here serves."""
    known = Known(f"{server.url}/disk-{{machine}}.img", f"{server.url}/SUMS", "sha512", "me", "linux2022", "Test")
    monkeypatch.setitem(images.KNOWN, "test-1", known)
    name = f"disk-{os.uname().machine}.img"

    def publish(content: bytes) -> None:
        server.files[f"/{name}"] = content
        server.files["/SUMS"] = f"{hashlib.sha512(content).hexdigest()}  {name}\n".encode()

    publish(raw(seed=1))
    image = images.resolve(Host(), "test-1", said.append)
    assert (image.name, image.login, image.osinfo, image.verified) == ("test-1", "me", "linux2022", "checksum")
    images.resolve(Host(), "test-1", said.append)
    publish(raw(seed=2))
    image = images.resolve(Host(), "test-1", said.append)
    assert image.sha256 == sha256(raw(seed=2))
    assert [path for path, _range in server.asked] == ["/SUMS", f"/{name}", "/SUMS", "/SUMS", f"/{name}"]
    server.status = 503
    assert images.resolve(Host(), "test-1", said.append) == image
    assert "no answer" in said[-1]
    server.status = 0
    server.files["/SUMS"] = b"nothing of interest\n"
    with pytest.raises(images.ImageError, match="not where it should be"):
        images.resolve(Host(), "test-1", said.append)


def test_the_way_may_not_leave_https() -> None:
    with Server().running() as server:
        server.redirects["/a"] = "http://127.0.0.1:1/b"
        with pytest.raises(http.Trouble, match="not HTTPS"):
            http.text(f"{server.url}/a")


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (503, http.TRIES)])
def test_an_error_of_the_server(server: Server, cache: Path, said: list[str], status: int, tries: int) -> None:
    server.status = status
    with pytest.raises(images.ImageError) as caught:
        images.resolve(Host(), f"{server.url}/x", said.append, "0" * 64)
    assert (caught.value.cause, len(server.asked)) == ("storage.image-download", tries)
    assert str(status) in caught.value.why


def test_a_server_that_is_silent_or_slow(cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(http, "PAUSE", 0.2)
    monkeypatch.setattr(http, "TRIES", 2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(images.ImageError, match="cannot be downloaded"),
    ):
        images.resolve(Host(), f"http://127.0.0.1:{silent.getsockname()[1]}/x", said.append, "0" * 64)
    monkeypatch.setattr(http, "LOOK_EVERY", -1.0)
    with pytest.raises(http.Trouble, match="next to nothing"):
        http.Pace().check(0)


def test_too_little_room(server: Server, cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/disk.img"] = raw()
    monkeypatch.setattr(fetching, "SPARE", 1 << 60)
    with pytest.raises(images.ImageError) as caught:
        images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
    assert caught.value.cause == "storage.no-space"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it mounts a small file system")
def test_the_disk_becomes_full(server: Server, cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/disk.img"] = raw()
    monkeypatch.setattr(fetching, "SPARE", -(1 << 40))
    cache.mkdir(parents=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "small", str(cache)), check=True)
    try:
        with pytest.raises(images.ImageError) as caught:
            images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
        assert caught.value.cause == "storage.no-space"
        assert list(cache.iterdir()) == []
    finally:
        subprocess.run(("umount", str(cache)), check=True)


def test_two_at_once_download_it_once(server: Server, cache: Path) -> None:
    server.files["/disk.img"] = raw(30 << 20)
    found: list[Any] = []

    def work() -> None:
        found.append(images.resolve(Host(), f"{server.url}/disk.img", lambda line: None, sha256(raw(30 << 20))))

    threads = [threading.Thread(target=work) for _number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 3
    assert len(set(found)) == 1


def test_a_folder_that_others_may_write_to_is_refused(server: Server, cache: Path, said: list[str]) -> None:
    server.files["/disk.img"] = raw()
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.raises(WorkError, match="others could put files"):
        images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
    cache.rmdir()
    elsewhere = cache.parent / "elsewhere"
    elsewhere.mkdir()
    cache.symlink_to(elsewhere)
    with pytest.raises(WorkError, match="others could put files"):
        images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))


def test_a_planted_part_is_not_written_through(server: Server, cache: Path, tmp_path: Path, said: list[str]) -> None:
    server.files["/disk.img"] = raw()
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw())).path
    os.unlink(path)
    os.symlink(victim, f"{path}.part")
    with pytest.raises(images.ImageError):
        images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
    os.unlink(f"{path}.part")
    os.link(victim, f"{path}.part")
    with pytest.raises(images.ImageError):
        images.resolve(Host(), f"{server.url}/disk.img", said.append, sha256(raw()))
    assert victim.read_bytes() == b"precious"
