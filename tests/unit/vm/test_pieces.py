"""The pure parts of ``kvmready vm``: names, sizes, keys, the seed, the record in the definition, what is deleted."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, strategies as st

from kvmready.cli import options
from kvmready.domains import addresses, definition, pools
from kvmready.errors import UsageError
from kvmready.vm import capability, keys, record, seed, wanted

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3PEjm6UFlQ0l4b8mQK4yqRkJjTn0GfZc8m2aJmYx1c"


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [("512M", 1 << 20, 512 << 20), ("2g", 1 << 20, 2 << 30), ("2048", 1 << 20, 2 << 30), ("20", 1 << 30, 20 << 30),
     ("4GiB", 1, 4 << 30), ("1T", 1, 1 << 40)],
)  # fmt: skip
def test_sizes(text: str, unit: int, expected: int) -> None:
    assert wanted.size(text, "--memory", unit) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5G", "G", "1e9", "٣", "9" * 12, "1G; reboot"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        wanted.size(text, "--memory", 1)


@given(st.text(max_size=80))
def test_a_host_name_is_always_one(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", wanted.host_name(name))


@pytest.mark.parametrize("name", ["alice", "_x", "a-b_c9"])
def test_users(name: str) -> None:
    assert wanted.login_name(name) == name


@pytest.mark.parametrize("name", ["root", "Alice", "9a", "a b", "a\n", "a:b", "", "x" * 33])
def test_who_cannot_be_a_user(name: str) -> None:
    with pytest.raises(UsageError):
        wanted.login_name(name)


def test_only_public_keys_are_taken() -> None:
    assert keys.lines_of(f"# mine\n{KEY} me@here it's\n\nroot:x:0:0\n") == (f"{KEY} me@here it's",)
    assert keys.lines_of(f'command="reboot" {KEY}') == ()
    assert keys.lines_of("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n") == ()


@given(st.text(), st.text())
def test_no_value_of_the_seed_is_more_than_a_value(name: str, key: str) -> None:
    text = seed.user_data(name, "alice", [key])
    first, _newline, rest = text.partition("\n")
    assert first == "#cloud-config"
    config = json.loads(rest)
    assert config["hostname"] == name
    assert config["users"][0]["ssh_authorized_keys"] == [key]
    assert config["users"][0]["lock_passwd"] is True
    assert config["ssh_pwauth"] is False
    assert json.loads(seed.meta_data("u", name))["local-hostname"] == name


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc", "Cn"))), st.text(max_size=20))
def test_the_record_comes_back(path: str, image: str) -> None:
    made = record.Created((record.Volume("default", "v", path),), "alice", image, ("/k",))
    inner = record.render(made).replace("<guest>", f"<guest xmlns='{record.NAMESPACE}'>", 1)
    text = f"<domain><name>x</name><metadata>{inner}</metadata></domain>"
    assert record.read(definition.parse(text)) == made._replace(image=record.visible(image))
    assert record.read(definition.parse("<domain><name>x</name></domain>")) is None


def test_capabilities() -> None:
    text = """<domainCapabilities><vcpu max='255'/>
      <os supported='yes'><enum name='firmware'><value>efi</value></enum></os>
      <cpu><mode name='maximum' supported='yes'/></cpu>
      <devices><tpm supported='yes'><enum name='backendModel'><value>passthrough</value><value>emulator</value></enum>
      </tpm></devices></domainCapabilities>"""
    assert capability.parse(text) == capability.Capability(True, True, True, 255)
    bare = text.replace("<value>efi</value>", "").replace("<value>emulator</value>", "").replace("'yes'", "'no'")
    assert capability.parse(bare) == capability.Capability(False, False, False, 255)


def test_addresses() -> None:
    text = (
        " lo         00:00:00:00:00:00    ipv4         127.0.0.1/8\n"
        " vnet0      52:54:00:AA:bb:01    ipv6         fe80::1/64\n"
        " -          -                    ipv6         2001:db8::7/64\n"
        " vnet0      52:54:00:aa:bb:01    ipv4         192.168.122.7/24\n"
        " name; x    52:54:00:aa:bb:01    ipv4         1.2.3.4; reboot/24\n"
    )
    found = addresses.parse(text, "lease")
    assert [one.address for one in found] == ["192.168.122.7"] or addresses.best(found) == "192.168.122.7"
    assert all(one.mac in ("52:54:00:aa:bb:01", "-") for one in found)
    assert addresses.best([]) == ""


def test_pools() -> None:
    text = """<pool type='dir'><name>it's</name><uuid>u</uuid><capacity unit='bytes'>10</capacity>
      <available unit='KiB'>7</available><target><path>/a b</path></target></pool>"""
    assert pools.parse(text) == pools.Pool("it's", "u", "dir", "/a b", 7168)


def test_words_that_begin_with_a_dash_can_be_names() -> None:
    parsed = options.read(["vm", "create", "--image", "x", "--", "--help"])
    assert parsed is not None
    assert (parsed.action, parsed.name, parsed.image) == ("create", "--help", "x")
    named = options.read(["vm", "start", "--", "-c"])
    assert named is not None and named.name == "-c"
    assert options.read(["vm", "--", "-c"]) is None
    assert options.read(["vm", "start", "-c"]) is None
    assert options.read(["--", "vm"]) is None
    both = options.read(["vm", "delete", "a", "--delete-disk", "vda", "--delete-disk", "vdb", "--yes"])
    assert both is not None
    assert (both.action, both.name, both.delete_disk, both.yes) == ("delete", "a", ["vda", "vdb"], True)
