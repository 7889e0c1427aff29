"""What a Linux guest measured, held against what the same program measures on the host right after it."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.guest import linux_guest
from kvmready.proof import console
from kvmready.proof.record import Figure
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.host.door import Answer

Lines = Mapping[str, tuple[str, ...]]

_IDS = ("cpu", "memory", "first-touch", "disk-write", "disk-read", "network")
LEAST = {
    "kvm": dict(zip(_IDS, (0.85, 0.6, 0.1, 0.2, 0.05, 0.05))),
    "tcg": dict(zip(_IDS, (0.02, 0.001, 0.01, 0.02, 0.005, 0.002))),
}
"""How quick a guest at least is against its host where nothing is wrong: by accelerator, then by figure.

Under KVM the CPU computes at its own speed; only a second level of translation stands before memory. What passes
through QEMU (disk, network) is compared with the host's page cache and loopback device, which no hardware is as quick
as: a twentieth of these is still more than most disks and networks have.
"""

SLOWER_IS_MORE = ("cpu", "first-touch")
"""Figures that are times, not rates."""


def compare(
    guest: Lines, host: Lines, guest_sent: Answer | None, host_sent: Answer | None, accel: str
) -> tuple[Figure, ...]:
    """All figures. ``…_sent`` are the answers to SEND; None, or short ones, where there was none."""
    rows = (
        ("cpu", "ns", _line(guest, "cpu", 0, 1000), _line(host, "cpu", 0, 1000)),
        ("memory", "MB/s", _line(guest, "memory"), _line(host, "memory")),
        ("first-touch", "ns", _line(guest, "memory", 1), _line(host, "memory", 1)),
        ("disk-write", "MB/s", _line(guest, "disk"), _line(host, "disk")),
        ("disk-read", "MB/s", _line(guest, "disk", 1), _line(host, "disk", 1)),
        ("network", "MB/s", _rate(guest_sent), _rate(host_sent)),
    )
    return tuple(
        Figure(id, unit, one, other, _ratio(id, one, other), LEAST[accel][id]) for id, unit, one, other in rows
    )


def _line(found: Lines, what: str, place: int = 0, parts: int = 1) -> float | None:
    value = console.number(found, what, place)
    return None if value is None else value / parts


def _rate(answer: Answer | None) -> float | None:
    if answer is None or answer.size != linux_guest.SENT or answer.seconds <= 0:
        return None
    return round(answer.size / answer.seconds / 1e6, 1)


def _ratio(id: str, guest: float | None, host: float | None) -> float | None:
    if not guest or not host:
        return None
    return round(host / guest if id in SLOWER_IS_MORE else guest / host, 4)
