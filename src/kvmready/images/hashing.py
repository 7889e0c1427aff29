"""Reads an image through once: its checksums, and its first bytes."""

from __future__ import annotations

import time

from kvmready.i18n import _
from kvmready.images import header
from kvmready.images.checksum import algorithm_of
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NEWS_EVERY = 0.3
"""Seconds between two pieces of news."""


class Hashed(NamedTuple):
    """``digests`` has the SHA-256, and the SHA-512 where one was to be compared."""

    digests: dict[str, str]
    start: bytes

    @property
    def sha256(self) -> str:
        return self.digests["sha256"]

    def same_kind(self, digest: str) -> str:
        """The checksum of the same algorithm as ``digest``."""
        return self.digests[algorithm_of(digest)]

    def matches(self, digest: str) -> bool:
        return self.same_kind(digest) == digest


def of(parts: Iterable[bytes], length: int, name: str, say: Callable[[str], None], *wanted: str) -> Hashed:
    """Hash an image of ``length`` bytes. ``wanted`` are checksums (or "") that it will be compared with."""
    import hashlib

    algorithms = {"sha256", *(algorithm_of(one) for one in wanted if one)}
    hashes = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}
    start = b""
    done = 0
    said = time.monotonic()
    for part in parts:
        for one in hashes.values():
            one.update(part)
        if len(start) < header.LENGTH:
            start += part[: header.LENGTH - len(start)]
        done += len(part)
        if time.monotonic() - said >= NEWS_EVERY:
            said = time.monotonic()
            percent = min(100, 100 * done // max(1, length))
            say(_("Verifying {name}: {percent}").format(name=name, percent=f"{percent} %"))
    return Hashed({algorithm: one.hexdigest() for algorithm, one in hashes.items()}, start)
