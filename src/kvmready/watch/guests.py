"""The guests' counters at two moments as rates, and the order in which they are shown."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.stats import Sample, Samples

SORTS = ("cpu", "memory", "disk", "network", "name")
SECOND = 1_000_000_000


class Use(NamedTuple):
    """One guest. ``cpu`` and ``steal`` are in CPUs (1.0 is one of the host's); rates are bytes a second; sizes bytes.

    None where libvirt does not tell, or has told only once. ``steal`` is how long its vCPUs were ready to run and had
    no CPU of the host's, summed over them. ``memory`` is what its balloon leaves it now, ``memory_maximum`` what it may
    have, ``memory_used`` what it uses of that by its own word, ``resident`` what it takes of the host's.
    ``answers`` is False where its emulator told nothing: it is busy or hangs.
    """

    name: str
    state: str
    vcpus: int
    cpu: float | None
    steal: float | None
    memory: int
    memory_maximum: int
    memory_used: int | None
    resident: int | None
    read: float | None
    written: float | None
    received: float | None
    sent: float | None
    answers: bool


def uses(before: Samples | None, now: Samples) -> tuple[Use, ...]:
    """Each guest of ``now``, with rates where it was there ``before``."""
    known = {} if before is None else {sample.name: sample for sample in before.domains}
    seconds = 0.0 if before is None else now.moment - before.moment
    return tuple(_use(known.get(sample.name), sample, seconds) for sample in now.domains)


def _use(before: Sample | None, now: Sample, seconds: float) -> Use:
    def rate(old: int | None, new: int | None, unit: int = 1) -> float | None:
        if old is None or new is None or seconds <= 0 or new < old:  # fewer: it was started anew in between
            return None
        return (new - old) / unit / seconds

    old = before if before is not None else now._replace(cpu=None)
    first = before is None
    waited = (old.delay, now.delay) if now.delay is not None else (old.wait, now.wait)
    return Use(
        name=now.name,
        state=now.state,
        vcpus=now.vcpus,
        cpu=rate(old.cpu, now.cpu, SECOND),
        steal=None if first else rate(*waited, SECOND),
        memory=now.balloon or 0,
        memory_maximum=now.balloon_maximum or 0,
        memory_used=None if now.unused is None or now.balloon is None else max(0, now.balloon - now.unused),
        resident=now.resident,
        read=None if first else rate(old.read, now.read),
        written=None if first else rate(old.written, now.written),
        received=None if first else rate(old.received, now.received),
        sent=None if first else rate(old.sent, now.sent),
        answers=now.answers,
    )


def ordered(guests: tuple[Use, ...], sort: str) -> list[Use]:
    """By name, or the greatest use first and by name where it is the same."""

    def weight(guest: Use) -> float:
        if sort == "memory":
            return guest.resident if guest.resident is not None else guest.memory
        if sort == "disk":
            return (guest.read or 0) + (guest.written or 0)
        if sort == "network":
            return (guest.received or 0) + (guest.sent or 0)
        return round(guest.cpu or 0, 2) if sort == "cpu" else 0  # idle ones shall not change places all the time

    return sorted(guests, key=lambda guest: (-weight(guest), guest.name.casefold(), guest.name))
