"""Every known image by the address in the table, from a server that is laid out as its maker's, over real TLS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmready import images
from kvmready.host.local import LocalHost
from kvmready.images import fetching, http
from tests.machine.images.mirror import ARCH, Mirror
from tests.machine.images.test_resolve import raw, sha256

LOGINS = {"debian-12": "debian", "debian-13": "debian", "ubuntu-24.04": "ubuntu", "fedora": "fedora",
          "rocky-9": "rocky", "alpine": "alpine"}  # fmt: skip
pytestmark = pytest.mark.skipif(os.uname().machine != ARCH, reason=f"the addresses are those for {ARCH}")
every_name = pytest.mark.parametrize("name", images.KNOWN)


class Host(LocalHost):
    """This machine. ``meanwhile`` happens when a transfer that failed is rested from."""

    meanwhile: Callable[[], None] | None = None

    def sleep(self, seconds: float) -> None:
        if self.meanwhile is not None:
            self.meanwhile()
        super().sleep(min(seconds, 0.01))


@pytest.fixture(scope="module")
def makers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with Mirror(tmp_path_factory.mktemp("mirror")).running() as one:
        assert isinstance(one, Mirror)
        yield one


@pytest.fixture
def mirror(makers: Mirror, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    for found in (makers.files, makers.redirects, makers.asked):
        found.clear()
    makers.cut, makers.status, makers.pieces = 0, 0, None
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("https_proxy", makers.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(makers.authority))
    return makers


def got(name: str, host: Host | None = None) -> images.Image:
    return images.resolve(host or Host(), name, lambda line: None)


def refused(name: str, host: Host | None = None) -> images.ImageError:
    with pytest.raises(images.ImageError) as caught:
        got(name, host)
    return caught.value


def asked(mirror: Mirror) -> list[str]:
    return [url for url, _range in mirror.asked]


@every_name
def test_it_comes_with_its_makers_checksum(mirror: Mirror, cache: Path, name: str) -> None:
    url, checksums = mirror.publish(name, raw())
    image = got(name)
    assert (image.sha256, image.verified, image.format) == (sha256(raw()), "checksum", "raw")
    assert (image.name, image.login) == (name, LOGINS[name])
    on = [mirror.redirects[url]] if name == "fedora" else []
    assert asked(mirror) == [checksums, url, *on]
    assert got(name) == image
    assert asked(mirror)[2 + len(on) :] == [checksums]


@every_name
def test_a_connection_that_breaks_is_carried_on(mirror: Mirror, cache: Path, name: str) -> None:
    mirror.publish(name, raw())
    mirror.cut = (1 << 20) + 3
    assert got(name).sha256 == sha256(raw())
    assert [span for _url, span in mirror.asked if span][-1] == "bytes=2097158-"


@every_name
def test_a_wrong_checksum(mirror: Mirror, cache: Path, name: str) -> None:
    mirror.publish(name, raw())
    mirror.put(name, raw(seed=2))
    error = refused(name)
    assert (error.cause, "thrown away" in error.what) == ("storage.image-checksum", True)
    assert list(cache.iterdir()) == []


@every_name
@pytest.mark.parametrize("gone", ["image", "checksums"])
def test_what_is_gone(mirror: Mirror, cache: Path, name: str, gone: str) -> None:
    """Also what becomes of a table that has grown old: it says which address."""
    url, checksums = mirror.publish(name, raw())
    address = url if gone == "image" else checksums
    del mirror.files[mirror.redirects.get(address, address)]
    error = refused(name)
    assert (error.cause, address in error.what, "404" in error.why) == ("storage.image-download", True, True)
    assert "--image" in error.next_move


@pytest.mark.parametrize("name", ["debian-13", "ubuntu-24.04", "rocky-9"])
def test_a_new_image_after_the_checksum_was_asked_for(mirror: Mirror, cache: Path, name: str) -> None:
    """``latest`` moves between the two: the checksum is asked for again, the image is not fetched twice."""
    mirror.publish(name, raw(seed=1))
    mirror.put(name, raw(seed=2))
    mirror.cut = 1 << 20
    host = Host()

    def moved() -> None:
        mirror.sums(name, raw(seed=2))

    host.meanwhile = moved
    assert got(name, host).sha256 == sha256(raw(seed=2))
    whole = [span for url, span in mirror.asked if not url.endswith(("SUMS", "CHECKSUM"))]
    assert whole == ["", "bytes=1048576-", "bytes=2097152-"]


def test_a_new_image_in_the_middle(mirror: Mirror, cache: Path) -> None:
    """The transfer begins anew, and then has not the checksum that was asked for at first."""
    mirror.publish("debian-12", raw(seed=1))
    mirror.cut = 1 << 20
    host = Host()

    def moved() -> None:
        mirror.cut = 0
        mirror.publish("debian-12", raw(seed=2))

    host.meanwhile = moved
    assert got("debian-12", host).sha256 == sha256(raw(seed=2))


def test_a_checksum_that_comes_before_its_image(mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old image is still there when the new checksums are: it is fetched again, once."""
    mirror.publish("debian-12", raw(seed=1))
    first = http.text

    def late(url: str) -> str:
        text = first(url)
        if asked(mirror).count(url) == 1:
            mirror.sums("debian-12", raw(seed=2))
        else:
            mirror.put("debian-12", raw(seed=2))
        return text

    mirror.put("debian-12", raw(seed=3))
    monkeypatch.setattr(http, "text", late)
    assert got("debian-12").sha256 == sha256(raw(seed=2))


def test_a_server_that_is_not_the_makers(mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.publish("debian-12", raw())
    monkeypatch.delenv("SSL_CERT_FILE")
    error = refused("debian-12")
    assert (error.cause, "certificate" in error.why) == ("storage.image-download", True)
    assert mirror.asked == []


def test_a_slow_server_is_given_up_and_what_came_is_kept(
    mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.publish("rocky-9", raw())
    mirror.pieces = (1 << 14, 0.1)
    monkeypatch.setattr(http, "LOOK_EVERY", 0.3)
    monkeypatch.setattr(http, "SLOWEST", 1 << 30)
    error = refused("rocky-9")
    assert (error.cause, "next to nothing" in error.why) == ("storage.image-download", True)
    assert asked(mirror)[1:] == [asked(mirror)[1]] * http.TRIES
    (part,) = cache.glob("*.part")
    assert 0 < part.stat().st_size < len(raw())
    mirror.pieces = None
    assert got("rocky-9").sha256 == sha256(raw())
    assert mirror.asked[-1][1].startswith("bytes=")


def test_no_room(mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.publish("alpine", raw())
    monkeypatch.setattr(fetching, "SPARE", 1 << 60)
    assert refused("alpine").cause == "storage.no-space"
    assert not list(cache.glob("*.part")) or sum(part.stat().st_size for part in cache.glob("*.part")) == 0
