"""QEMU: the emulator for this architecture, its accelerators, and qemu-img."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown, missing
from kvmready.i18n import _

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Result

TIMEOUT = 10.0


class Qemu(NamedTuple):
    """What is known of QEMU.

    ``emulator`` and ``image_tool`` are paths. ``accelerators`` are the words of ``-accel help`` (``tcg``, ``kvm``, …);
    Absent without an emulator, Unknown when it gave no list. ``broken`` holds how it ended, with its last words, when
    it was started and ended badly; "" when it was not.
    """

    emulator: Fact[str]
    accelerators: Fact[tuple[str, ...]]
    image_tool: Fact[str]
    broken: str = ""


def program(host: Door, candidates: tuple[str, ...]) -> Fact[str]:
    """The first of ``candidates`` that is a file which somebody may execute."""
    refused: Absent | Denied | Unknown = Absent(", ".join(candidates))
    for path in candidates:
        found = host.stat(path)
        if not found.error:
            if found.kind == "file" and found.mode & 0o111:
                return Known(path)
            refused = Unknown(_("{path}: no executable file").format(path=path))
        elif isinstance(refused, Absent):
            why = missing(found.error, path)
            refused = refused if isinstance(why, Absent) else why
    return refused


def parse_accelerators(text: str) -> tuple[str, ...]:
    """The accelerators that ``-accel help`` lists, one a line below its headline (qemu: accel/accel-system.c)."""
    words = (line.strip() for line in text.splitlines() if not line.rstrip().endswith(":"))
    return tuple(word for word in words if word and " " not in word)


def from_result(result: Result) -> tuple[Fact[tuple[str, ...]], str]:
    """What ``-accel help`` answered: the accelerators, and how it ended where it broke."""
    if result.ok:
        return Known(parse_accelerators(result.stdout)), ""
    said = " ".join(result.stderr.split())[-400:]
    if result.problem == "timeout":
        return Unknown(_("No answer within {limit} s. {said}").format(limit=f"{TIMEOUT:.0f}", said=said).strip()), ""
    if result.problem:
        return missing(result.problem, " ".join(result.argv)), ""
    status = result.status or 0
    ended = f"signal {-status}" if status < 0 else f"status {status}"
    broken = f"{ended}: {said}" if said else ended
    return Unknown(broken), broken


def ask(host: Door, names: Names, want: Want) -> Callable[[], Qemu]:
    """Begin ``-accel help`` where there is an emulator."""
    emulator = program(host, names.emulators)
    running = None
    if isinstance(emulator, Known):
        from kvmready.host.door import Command

        running = host.begin(Command((emulator.value, "-accel", "help"), timeout=TIMEOUT))
    image_tool = program(host, names.image_tools)

    def answered() -> Qemu:
        if running is None:
            return Qemu(emulator, Absent("no emulator"), image_tool)
        accelerators, broken = from_result(running.wait())
        return Qemu(emulator, accelerators, image_tool, broken)

    return answered
