"""Any text for every pure parser: ``python3 -m tests.fuzz --inputs 100000``. A parser that raises is the finding.

Inputs are random text, random bytes as the door decodes them, and pieces of real answers cut, doubled and mixed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping

from kvmready.apply import journal
from kvmready.cli import config
from kvmready.errors import KvmreadyError
from kvmready.facts import (
    access,
    autostart,
    bridging,
    confinement,
    guests,
    kernel,
    libvirt,
    logs,
    machine,
    network,
    os as release,
    packages,
    probe,
    qemu,
    reach,
    services,
    storage,
    virsh,
)
from kvmready.host import replay
from kvmready.host.door import Result
from kvmready.host.scrub import Scrubber
from kvmready.knowledge import diagnosis
from kvmready.knowledge.reading import Reading
from kvmready.plan import apk, apt, dnf, leftovers, pacman, rpm, unit as plan_unit, uri, yum, zypper
from kvmready.proof import witness
from tests import hosts

EMPTY = {"asked_for": {"users": ["alice"]}, "answers": []}
SCRUBBER = Scrubber(EMPTY)


def result(text: str) -> Result:
    return Result(("program",), 0, text, text[::-1])


def refusing(parse: Callable[[str, str], object], text: str) -> None:
    """For what a person hands in: it is refused in words, by an error of ours and no other."""
    with contextlib.suppress(KvmreadyError):
        parse(text, "FILE")


PARSERS: Mapping[str, Callable[[str], object]] = {
    "access.parse_variable": access.parse_variable,
    "access.parse_uri_default": access.parse_uri_default,
    "autostart.parse": autostart.parse,
    "bridging.parse_link": bridging.parse_link,
    "bridging.parse_client": bridging.parse_client,
    "bridging.parse_addresses": bridging.parse_addresses,
    "bridging.parse_gateway": bridging.parse_gateway,
    "bridging.parse_stanza": lambda text: bridging.parse_stanza(text, "eth1"),
    "bridging.sections": bridging.sections,
    "confinement.parse_denials": lambda text: confinement.parse_denials(text, 5),
    "confinement.parse_profiles": confinement.parse_profiles,
    "confinement.allows": lambda text: confinement.allows(text, "/srv/x"),
    "guests.parse_images": guests.parse_images,
    "kernel.log_lines": kernel.log_lines,
    "kernel.command_line_words": kernel.command_line_words,
    "kernel.blocked_in_file": lambda text: kernel.blocked_in_file("/etc/modprobe.d/x.conf", text, {"kvm"}),
    "libvirt.parse_versions": libvirt.parse_versions,
    "libvirt.parse_domain_types": lambda text: libvirt.parse_domain_types(text, "x86_64"),
    "logs.from_journal": lambda text: logs.from_journal(result(text)),
    "logs.from_kernel": lambda text: logs.from_kernel(result(text)),
    "logs.since": lambda text: logs.since(text, 1_700_000_000),
    "machine.cpu": lambda text: machine.cpu_flags(machine.cpu_fields(text)),
    "machine.cpu_count": machine.cpu_count,
    "machine.hypervisor_by_dmi": machine.hypervisor_by_dmi,
    "machine.hypervisor_by_clock": machine.hypervisor_by_clock,
    "machine.container_of": machine.container_of,
    "machine.root_is_overlay": machine.root_is_overlay,
    "network.parse_routes": network.parse_routes,
    "network.parse_subnets": network.parse_subnets,
    "network.parse_default": lambda text: network.parse_default(text, text[::-1]),
    "os.parse": release.parse,
    "packages.parse_unfinished": packages.parse_unfinished,
    "packages.parse_repositories": packages.parse_repositories,
    "probe.from_result": lambda text: probe.from_result(result(text)),
    "qemu.from_result": lambda text: qemu.from_result(result(text)),
    "reach.parse_acl": reach.parse_acl,
    "services.parse_units": lambda text: services.parse_units(text, ("a", "b")),
    "storage.parse_pool": lambda text: storage.parse_pool(text, text[::-1]),
    "storage.parse_qemu_ids": storage.parse_qemu_ids,
    "storage.parse_user_name": lambda text: storage.parse_user_name(text, 1000),
    "virsh.parse": lambda text: virsh.parse(result(text)),
    "apt.parse_packages": apt.parse_packages,
    "apt.parse_marks": apt.parse_marks,
    "apt.parse_simulation": lambda text: apt.parse_simulation(text, "amd64"),
    "apt.parse_refusal": apt.parse_refusal,
    "apt.parse_policy": apt.parse_policy,
    "apt.progress": lambda text: apt.progress(text, 3),
    "rpm.parse_packages": rpm.parse_packages,
    "rpm.parse_duplicates": rpm.parse_duplicates,
    "rpm.parse_needed": rpm.parse_needed,
    "dnf.parse_transaction": dnf.parse_transaction,
    "dnf.progress": lambda text: dnf.progress(text, 3),
    "yum.parse_list": yum.parse_list,
    "zypper.parse_simulation": zypper.parse_simulation,
    "zypper.parse_search": zypper.parse_search,
    "pacman.parse_packages": pacman.parse_packages,
    "pacman.parse_backup": pacman.parse_backup,
    "apk.parse_packages": apk.parse_packages,
    "apk.parse_world": apk.parse_world,
    "apk.parse_simulation": apk.parse_simulation,
    "leftovers.parse_stat": leftovers.parse_stat,
    "machine.hypervisor_by_sysinfo": machine.hypervisor_by_sysinfo,
    "unit.parse": plan_unit.parse,
    "uri.changed": lambda text: uri.changed(text, "qemu:///system"),
    "witness.judge": lambda text: witness.judge("0123456789abcdef", 1, "kvm", text),
    "witness.shown": witness.shown,
    "journal.parse": lambda text: refusing(journal.parse, text),
    "config.parse": lambda text: refusing(config.parse, text),
    "replay.parse": lambda text: refusing(replay.parse, text),
    "diagnosis.of": lambda text: diagnosis.of([Reading("text", text)], None),
    "scrub.text": SCRUBBER.text,
    "scrub.routes": lambda text: SCRUBBER.routes(text, False),
}


def samples() -> list[str]:
    """The texts of the recorded hosts: what real programs and files said."""
    found: dict[str, None] = {}
    for name in hosts.recordings():
        for entry in hosts.recording(name)["answers"]:
            if isinstance(entry["answer"], dict):
                for field in ("text", "stdout", "stderr"):
                    if entry["answer"].get(field):
                        found[entry["answer"][field][:6000]] = None
    return list(found)


SPICE = ("\0", "\r\n", "\x1b[31m", "²", "\ufffd", "=", ":", "'", "<", "\n\n", "9" * 30, "@@kvmready:uri@@", "[", "\t")


def texts(seed: int, count: int) -> Iterator[str]:
    """``count`` inputs; the same seed gives the same."""
    chance = random.Random(seed)
    real = samples()
    for _number in range(count):
        kind = chance.randrange(4)
        if kind == 0:
            yield chance.randbytes(chance.randrange(200)).decode("utf-8", "replace")
            continue
        if kind == 1:
            yield "".join(chr(chance.choice((chance.randrange(128), chance.randrange(0xD800)))) for _ in range(80))
            continue
        text = chance.choice(real)
        for _cut in range(chance.randrange(1, 5)):
            start, end = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
            text = chance.choice(
                (text[:start] + text[end:], text[start:end] * 2, text[:start], text.replace("\n", "\r\n"))
            )
            place = chance.randrange(len(text) + 1)
            text = (text[:place] + chance.choice(SPICE) + text[place:])[:8000]
        yield text


def findings(seed: int, count: int) -> Iterator[tuple[str, str, str]]:
    """Parser, input and traceback of everything that raised; ``count`` inputs, each for every parser."""
    for text in texts(seed, count):
        for name, parser in PARSERS.items():
            try:
                parser(text)
            except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
                yield name, text, traceback.format_exc()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=100_000, help="inputs in all, over every parser")
    options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    asked = options.parse_args()
    rounds = -(-asked.inputs // len(PARSERS))
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for name, text, trace in findings(asked.seed, rounds):
        found.setdefault((name, trace.splitlines()[-1][:80]), (text, trace))
    for (name, last), (text, trace) in found.items():
        sys.stdout.write(f"{name}: {last}\n{text[:300]!r}\n{trace}\n")
    sys.stdout.write(f"seed {asked.seed}: {rounds * len(PARSERS)} inputs, {len(found)} findings\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
