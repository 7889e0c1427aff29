"""What libvirt's networks do to the kernel and do not take back: rule chains, and the forwarding of packets.

libvirt empties its chains when the last network stops, but the chains, the jumps to them and ``ip_forward`` stay until
the next reboot (libvirt: src/network/network_iptables.c, src/network/bridge_driver_linux.c).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.typed import Any

FORWARDING = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")
PROGRAMS = ("iptables", "ip6tables")
TABLES = ("filter", "nat", "mangle")
CHAIN = re.compile(r"^-N (LIBVIRT_\w+)$", re.MULTILINE)
JUMP = re.compile(r"^-A (\w+) -j (LIBVIRT_\w+)$", re.MULTILINE)
EMPTY = re.compile(r"^\s*(type \w+ hook \w+ priority [^;]+; policy accept;|chain \S+ \{|table \S+ \S+ \{|\}|#.*)?$")
"""Lines of a table that lets everything through, as ``nft list table`` prints it."""


def look(host: Door) -> dict[str, Any]:
    """The chains by program and table, nftables' tables, the forwarding switches and the bridges."""
    nft = host.run(Command(("nft", "list", "tables"), timeout=30))
    # Listing a table with iptables creates it, so a kernel that has no tables yet is not asked.
    legacy = [host.read(f"/proc/net/{name}").text.strip() for name in ("ip_tables_names", "ip6_tables_names")]
    filters = bool(nft.stdout.strip()) if nft.ok else nft.problem == "absent" or any(legacy)
    return {
        "chains": {
            f"{program} {table}": CHAIN.findall(_rules(host, program, table)) if filters else []
            for program in PROGRAMS
            for table in TABLES
        },
        "tables": sorted(line.strip() for line in nft.stdout.splitlines() if line.startswith("table ")),
        "forwarding": {path: host.read(path).text.strip() for path in FORWARDING},
        "bridges": bridges(host),
    }


def bridges(host: Door) -> list[str]:
    """The bridges of this host: what may need packets to be forwarded."""
    names = host.listdir("/sys/class/net").names
    return [name for name in names if not host.stat(f"/sys/class/net/{name}/bridge").error]


def _rules(host: Door, program: str, table: str) -> str:
    if program == "ip6tables" and host.stat("/proc/net/if_inet6").error:
        return ""
    return host.run(Command((program, "--wait", "10", "-t", table, "-S"), timeout=30)).stdout


def restore(host: Workshop, former: Mapping[str, Any]) -> list[str]:
    """Take libvirt's empty chains away where it has no network any more, and switch forwarding back.

    Returns a sentence for each thing that stays.
    """
    stays = []
    others = [name for name in bridges(host) if name not in former["bridges"]]
    if not others:
        for program in PROGRAMS:
            for table in TABLES:
                _remove_chains(host, program, table, former["chains"].get(f"{program} {table}", []))
        _remove_tables(host, former["tables"])
    for path, value in former["forwarding"].items():
        now = host.read(path).text.strip()
        if value == "0" and now == "1":
            if others:
                stays.append(
                    _("Packet forwarding stays on: the bridge {name} may need it.").format(name=", ".join(others))
                )
            else:
                host.change(Command(("tee", path), timeout=30, stdin="0\n"))
    return stays


def _remove_chains(host: Workshop, program: str, table: str, before: list[str]) -> None:
    rules = _rules(host, program, table)
    gone = [chain for chain in CHAIN.findall(rules) if chain not in before]
    base = (program, "--wait", "10", "-t", table)
    for chain, target in JUMP.findall(rules):
        if target in gone:
            host.change(Command((*base, "-D", chain, "-j", target), timeout=30))
    for chain in gone:
        host.change(Command((*base, "-F", chain), timeout=30))
    for chain in gone:
        host.change(Command((*base, "-X", chain), timeout=30))


def _remove_tables(host: Workshop, before: list[str]) -> None:
    """Remove the tables that libvirt's rules brought into being, where nobody has put a rule into them."""
    listed = host.run(Command(("nft", "list", "tables"), timeout=30))
    for line in sorted(listed.stdout.splitlines()):
        words = line.split()
        if line.strip() in before or len(words) != 3 or words[0] != "table" or words[2] not in TABLES:
            continue
        content = host.run(Command(("nft", "list", "table", words[1], words[2]), timeout=30))
        if content.ok and all(EMPTY.match(row) for row in content.stdout.splitlines()):
            host.change(Command(("nft", "delete", "table", words[1], words[2]), timeout=30))
