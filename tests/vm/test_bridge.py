"""A bridge through each network manager, on real hosts of Debian 12 at native speed: made, taken back, and taken back
by itself where it goes wrong. The interface of systemd-networkd's host is the one that carries the test's own ssh.

The tests of one host build on each other, in the order of this file.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.vm import debs, snapshot
from tests.vm.lab import needs, nspawn
from tests.vm.lab.cache import LabError, command
from tests.vm.lab.nspawn import Container
from tests.vm.product import OURS, Host, kill_at, kvmready, look, place, report

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

FILE = "/etc/kvmready/host.toml"
UP = ("up", "--yes", "--only", "network", "--format", "json")
THEIRS = (*OURS, "/var/lib/NetworkManager/timestamps")
"""What a snapshot leaves out: also when NetworkManager last used which connection, which it writes itself."""

IN_THE_WAY = r"""set -eu
nft add table arp lab
nft add chain arp lab out '{ type filter hook output priority 0; policy accept; }'
nft add rule arp lab out oifname br0 drop
"""
"""No gateway answers on a bridge whose host sends no ARP requests."""


def wanted(host: Container, interface: str) -> None:
    text = f'users = ["alice"]\naccel = "tcg"\n[network]\nbridge = "br0"\ninterface = "{interface}"\n'
    host.run(["mkdir", "-p", "/etc/kvmready"]).check()
    host.write(FILE, text)


def network(host: Host, device: str) -> tuple[list[str], list[str]]:
    """The addresses of a device, and its default gateways, by ``ip`` itself."""
    shown = host.run(["ip", "-j", "-4", "address", "show", "dev", device])
    found = json.loads(shown.stdout) if shown.status == 0 else []
    addresses = [f"{one['local']}/{one['prefixlen']}" for link in found for one in link.get("addr_info", ())]
    routes = json.loads(host.run(["ip", "-j", "-4", "route", "show", "default", "dev", device]).stdout or "[]")
    return addresses, [one.get("gateway", "") for one in routes]


@contextmanager
def session(host: Host) -> Iterator[Any]:
    """A connection over ssh that is open all the while; called, it says whether it still answers."""
    with host.popen(["cat"], "bob") as child:
        stdin, stdout = child.stdin, child.stdout
        assert stdin is not None and stdout is not None

        def alive(word: str) -> bool:
            stdin.write(word + "\n")
            stdin.flush()
            return stdout.readline() == word + "\n"

        try:
            yield alive
        finally:
            stdin.close()


@contextmanager
def started(name: str) -> Iterator[Container]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with nspawn.start(name, "ready", kvm="absent") as host:
        place(host)
        assert kvmready(host, "--version").status == 0
        host.run(["systemctl", "start", "virtlogd.service", "polkit.service"]).check()  # the proof would
        yield host


def second_card(host: Container, address: str) -> str:
    """A card eth1 for the host; gives the name of its other end, which has the address."""
    pid = (host.directory / "pid").read_text().strip()
    other = f"{host.name[:9]}-b1"
    command(["ip", "link", "add", other, "type", "veth", "peer", "name", "eth1", "netns", pid], timeout=30)
    command(["ip", "address", "add", address, "dev", other], timeout=30)
    command(["ip", "link", "set", other, "up"], timeout=30)
    return other


def eventually(host: Container, device: str, address: str, seconds: float) -> float:
    """How long it took until the device had the address."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        try:
            if address in network(host, device)[0]:
                return time.monotonic() - began
        except LabError:
            pass  # the connection is what is being moved
        time.sleep(0.5)
    raise AssertionError(f"{device} has no {address} after {seconds} s")


def whole_way(host: Container, interface: str, before: dict[str, Any]) -> None:
    """Up, once more, no drift, and back."""
    had = network(host, interface)
    assert had[0]
    done = kvmready(host, *UP)
    document = report(done)
    steps = {step["id"]: step["status"] for step in document["run"]["steps"]}
    assert steps == {"network.bridge": "done", "network.bridge-network": "done"}, done.stderr
    assert network(host, "br0") == had and network(host, interface) == ([], [])
    xml = host.run(["virsh", "-c", "qemu:///system", "net-dumpxml", "br0"]).check().stdout
    assert "<forward mode='bridge'/>" in xml and "<bridge name='br0'/>" in xml
    assert host.run(["ls", "/run/kvmready"]).status != 0
    made = look(host)
    assert "nothing to change" in kvmready(host, *UP[:-2]).stderr
    assert snapshot.differences(made, look(host), THEIRS) == []
    undone = kvmready(host, "undo", "--yes")
    assert undone.status == 0 and "stays" not in undone.stdout, undone
    assert network(host, interface) == had
    assert snapshot.differences(before, look_at_rest(host), THEIRS) == []


def look_at_rest(host: Container) -> dict[str, Any]:
    """NetworkManager's dispatcher runs for some seconds after whatever happens to the network."""
    host.run(["systemctl", "stop", "NetworkManager-dispatcher.service"])
    return look(host)


@pytest.fixture(scope="module")
def networkd() -> Iterator[Container]:
    with started("bridge-nd") as host:
        wanted(host, "eth0")
        yield host


@pytest.fixture(scope="module")
def before(networkd: Container) -> dict[str, Any]:
    return look(networkd)


def test_networkd_with_the_interface_that_carries_ssh(networkd: Container, before: dict[str, Any]) -> None:
    with session(networkd) as alive:
        assert alive("before")
        whole_way(networkd, "eth0", before)
        assert alive("after")


def test_a_bridge_on_which_the_gateway_is_silent_is_taken_back(networkd: Container, before: dict[str, Any]) -> None:
    had = network(networkd, "eth0")
    with session(networkd) as alive:
        networkd.run(["sh", "-c", IN_THE_WAY]).check()
        failed = kvmready(networkd, *UP[:-2])
        assert failed.status == 1 and "was taken back" in failed.stderr, failed
        assert alive("after")
    assert network(networkd, "eth0") == had
    assert networkd.run(["ip", "link", "show", "br0"]).status != 0


def test_killed_in_the_middle_it_is_taken_back_by_a_timer(networkd: Container, before: dict[str, Any]) -> None:
    (address,), _gateways = network(networkd, "eth0")
    with session(networkd) as alive:
        kill_at(networkd, "host-bridge", 3.0, *UP)
        eventually(networkd, "eth0", address, 120)
        assert alive("after")
    assert networkd.run(["ip", "link", "show", "br0"]).status != 0
    networkd.run(["nft", "delete", "table", "arp", "lab"]).check()


def test_the_run_that_was_killed_is_carried_on_and_undone(networkd: Container, before: dict[str, Any]) -> None:
    (address,), _gateways = network(networkd, "eth0")
    document = report(kvmready(networkd, *UP))
    assert document["run"]["resumed"] is True
    assert network(networkd, "br0")[0] == [address]
    assert kvmready(networkd, "undo", "--yes").status == 0
    assert network(networkd, "eth0")[0] == [address]
    assert snapshot.differences(before, look(networkd), OURS) == []


DHCP = ("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--bind-interfaces", "--leasefile-ro")


@contextmanager
def dhcp_server(card: str, address: str) -> Iterator[None]:
    argv = [*DHCP, f"--interface={card}", f"--dhcp-range={address},{address},1h", "--pid-file="]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


def test_dhcp_keeps_its_address_and_a_silent_server_is_noticed(networkd: Container) -> None:
    card = second_card(networkd, "10.214.7.1/24")
    networkd.write("/etc/systemd/network/60-eth1.network", "[Match]\nName=eth1\n\n[Network]\nDHCP=ipv4\n")
    wanted(networkd, "eth1")
    with dhcp_server(card, "10.214.7.50"):
        networkd.run(["networkctl", "reload"]).check()
        eventually(networkd, "eth1", "10.214.7.50/24", 30)
        whole_way(networkd, "eth1", look(networkd))
        eventually(networkd, "eth1", "10.214.7.50/24", 30)
    failed = kvmready(networkd, *UP[:-2])
    assert failed.status == 1 and "10.214.7.50/24" in failed.stderr, failed
    assert networkd.run(["ip", "link", "show", "br0"]).status != 0
    with dhcp_server(card, "10.214.7.50"):
        eventually(networkd, "eth1", "10.214.7.50/24", 60)


def test_ifupdown() -> None:
    with started("bridge-if") as host:
        debs.install(host, "ready", "ifupdown")
        second_card(host, "10.214.8.1/24")
        host.run(["mkdir", "-p", "/etc/network/interfaces.d"]).check()
        host.write("/etc/network/interfaces", "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n")
        host.run(["systemctl", "disable", "--now", "systemd-networkd.socket", "systemd-networkd.service"]).check()
        host.run(["systemctl", "restart", "networking.service"]).check()
        host.run(["ip", "address", "add", "10.214.8.2/24", "dev", "eth1"]).check()
        host.run(["ip", "link", "set", "eth1", "up"]).check()
        wanted(host, "eth1")
        whole_way(host, "eth1", look(host))
        # What a person wrote is a person's to change.
        host.write("/etc/network/interfaces.d/mine", "iface eth1 inet static\n  address 10.214.8.2/24\n")
        shown = kvmready(host, "check", "--only", "network.bridge", "-v")
        words = " ".join(shown.stdout.split())
        assert shown.status == 1 and "interfaces.d/mine is not a file of kvmready" in words, shown
        assert 'write "iface br0 inet static" and "auto br0" in place of its lines for eth1' in words


def test_network_manager() -> None:
    with started("bridge-nm") as host:
        debs.install(host, "ready", "network-manager")
        second_card(host, "10.214.9.1/24")
        host.write("/etc/NetworkManager/conf.d/lab.conf", "[keyfile]\nunmanaged-devices=interface-name:eth0\n")
        host.run(["systemctl", "restart", "NetworkManager"]).check()
        add = ["nmcli", "connection", "add", "type", "ethernet", "con-name", "guests", "ifname", "eth1"]
        host.run([*add, "ipv4.method", "manual", "ipv4.addresses", "10.214.9.2/24", "ipv6.method", "disabled"]).check()
        host.run(["nmcli", "connection", "up", "guests"]).check()
        wanted(host, "eth1")
        whole_way(host, "eth1", look_at_rest(host))


def test_netplan() -> None:
    with started("bridge-np") as host:
        debs.install(host, "ready", "netplan.io")
        # The host's /sys is read-only, so that it has no udev, and netplan takes it ill that it cannot trigger that.
        host.write("/usr/local/sbin/udevadm", "#!/bin/sh\nexit 0\n", 0o755)
        second_card(host, "10.214.10.1/24")
        plan = 'network:\n  version: 2\n  ethernets:\n    eth1: {dhcp4: true}\n    eth0: {addresses: ["%s"]}\n'
        host.write("/etc/netplan/50-lab.yaml", plan % network(host, "eth0")[0][0], 0o600)
        wanted(host, "eth1")
        card = f"{host.name[:9]}-b1"
        with dhcp_server(card, "10.214.10.50"):
            host.run(["netplan", "apply"]).check()
            eventually(host, "eth1", "10.214.10.50/24", 30)
            assert "IAID=" in kvmready(host, "up", "--dry-run", "--only", "network", "-v").stdout
            whole_way(host, "eth1", look(host))
