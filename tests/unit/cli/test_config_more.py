"""The configuration file: huge pages, guests that start with the host, and a bridge."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kvmready.cli import config
from kvmready.errors import InputError
from kvmready.host.door import Reading
from tests.unit.cli.test_config import WHOLE, wrong

BRIDGED = """\
hugepages = 512
[network]
bridge = "br0"  # in place of the default network
interface = "enp3s0"
"""


def test_a_bridge_in_place_of_the_default_network() -> None:
    found = config.parse(BRIDGED, "host.toml")
    assert found.values == {"hugepages": 1024, "bridge": "br0", "interface": "enp3s0"}
    assert found.lines == {"hugepages": 1, "network.bridge": 3, "network.interface": 4}
    assert {*found.lines, *config.parse(WHOLE, "host.toml").lines} == set(config.KEYS)


@pytest.mark.parametrize(
    ("value", "size"),
    [("1", 2), ("1024", 2048), ('"2G"', 2048), ('"2 GiB"', 2048), ('"512M"', 512), ('"512MB"', 512), ('"1GB"', 1024)],
)
def test_huge_pages_by_number_or_size(value: str, size: int) -> None:
    assert config.parse(f"hugepages = {value}", "host.toml").values == {"hugepages": size}


@pytest.mark.parametrize(
    ("text", "what", "why", "move"),
    [
        ("# x\n[hugepages]\ncount = 4", 'line 2: hugepages cannot be {"count": 4}.', "2 MiB", ""),
        ("hugepages = 0", "line 1: hugepages cannot be 0.", "2 MiB", ""),
        ("hugepages = true", "line 1: hugepages cannot be true.", "2 MiB", ""),
        ('hugepages = "3M"', 'line 1: hugepages cannot be "3M".', '"512M"', ""),
        ('hugepages = "2T"', 'line 1: hugepages cannot be "2T".', '"512M"', ""),
        ("hugepages = 99999999999", "line 1: hugepages cannot be", "2 MiB", ""),
        ('bridge = "eth0"', 'host.toml, line 1: there is no key "bridge".', "profile, users", "network.bridge"),
        ("autostart = true", "line 1: autostart cannot be true.", "names of guests", ""),
        ('autostart = ["web", "5"]', 'line 1: autostart cannot be ["web", "5"].', "names of guests", ""),
        ('autostart = ["a/b"]', 'line 1: autostart cannot be ["a/b"].', "names of guests", ""),
        ('autostart = ["--all"]', 'line 1: autostart cannot be ["--all"].', "names of guests", ""),
        ('profile = "minimal"\nautostart = ["web"]', "line 2: autostart means nothing", "no libvirt", "server"),
        ('[network]\nbridge = "virbr7"', "line 2: network.bridge cannot be", "none of libvirt's own", ""),
        ('[network]\nbridge = "a-name-of-16-char"', "line 2: network.bridge cannot be", "15 letters", ""),
        ('[network]\nbridge = "br0"\ninterface = "lo"', "line 3: network.interface cannot be", '"eth1"', ""),
        ('[network]\nbridge = "br0"\ninterface = "e 1"', "line 3: network.interface cannot be", '"eth1"', ""),
        ('[network]\nbridge = "br0"', "line 2: network.bridge needs network.interface.", "leads", "interface ="),
        ('[network]\ninterface = "eth1"', "line 2: network.interface needs network.bridge.", "a bridge", "bridge ="),
        ('[network]\nbridge = "eth1"\ninterface = "eth1"', "line 2: the bridge and its interface have", "", ""),
        ('network = {bridge = "b", interface = "e", subnet = "10.0.0.0/24"}', "exclude each other", "place", "out"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, what: str, why: str, move: str) -> None:
    error = wrong(text)
    assert what in error.what and why in error.why and move in error.next_move, error
    assert error.what.startswith("host.toml") and error.exit_status == 2


@pytest.mark.parametrize(("pages", "fits"), [(256, True), (768, True), (769, False), (4096, False)])
def test_more_huge_pages_than_there_is_memory_are_refused(pages: int, fits: bool) -> None:
    host: Any = SimpleNamespace(read=lambda path, limit: Reading(path, "MemTotal:        2097152 kB\n"))
    found = config.parse(f"\nhugepages = {pages}", "host.toml")
    if fits:
        found.check_memory(cast("Any", host))
        return
    with pytest.raises(InputError) as caught:
        found.check_memory(host)
    assert f"host.toml, line 2: hugepages cannot be {pages * 2} MiB on this host." in caught.value.what
    assert "2048 MiB" in caught.value.why and "1536 MiB" in caught.value.next_move
