"""The table of known images."""

from __future__ import annotations

import pytest

from kvmready.images.checksum import DIGITS
from kvmready.images.table import KNOWN, address


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_addresses_are_whole_and_over_https(name: str, arch: str) -> None:
    known = KNOWN[name]
    for text in (known.url, known.checksums):
        url = address(text, arch)
        assert url.startswith("https://") and "{" not in url and " " not in url
    assert any(word in address(known.url, arch) for word in (arch, {"x86_64": "amd64", "aarch64": "arm64"}[arch]))
    assert known.algorithm in DIGITS
    assert known.login and known.osinfo and known.title


def test_the_names_that_are_promised() -> None:
    assert list(KNOWN) == ["debian-12", "debian-13", "ubuntu-24.04", "fedora", "rocky-9", "alpine"]
