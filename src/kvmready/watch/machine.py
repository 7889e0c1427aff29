"""One look for machines: JSON (``kvmready.watch/1``) and metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.watch.frame import Frame
    from kvmready.watch.guests import Use

SCHEMA = "kvmready.watch/1"
Series = tuple[dict[str, str], float]


def document(frame: Frame, taken_at: str, version: str, hostname: str) -> dict[str, Any]:
    """The document: fields as ``frame.Frame`` has them, rates rounded, null for what is not known."""
    host = {**_rounded(frame.host._asdict()), "hostname": hostname, "load": list(frame.host.load)}
    return {
        "schema": SCHEMA,
        "version": version,
        "taken_at": taken_at,
        "host": host,
        "guests": None if frame.guests is None else [_rounded(guest._asdict()) for guest in frame.guests],
        "pools": [room._asdict() for room in frame.rooms],
        "warnings": [warning._asdict() for warning in frame.warnings],
        "trouble": frame.trouble or None,
    }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}


def prometheus(frame: Frame) -> str:
    """The text exposition format, version 0.0.4. What is not known has no series."""
    return "".join(_family(*family) for family in (*_host(frame), *_guests(frame.guests or ())))


def _host(frame: Frame) -> Iterable[tuple[str, str, list[Series]]]:
    host = frame.host
    yield "kvmready_watch_libvirt_up", "1 where libvirt told about its guests.", [({}, float(frame.guests is not None))]
    yield "kvmready_watch_host_cpus", "CPUs of the host.", [({}, host.cpus)]
    shares = {"busy": host.cpu, "steal": host.steal, "iowait": host.io_wait}
    yield (
        "kvmready_watch_host_cpu_ratio",
        "Share of all CPUs, from 0 to 1.",
        [({"mode": mode}, share) for mode, share in shares.items() if share is not None],
    )
    yield "kvmready_watch_host_load1", "Load average over a minute.", [({}, host.load[0])]
    yield "kvmready_watch_host_memory_bytes", "Memory of the host.", [({}, host.memory)]
    yield "kvmready_watch_host_memory_used_bytes", "Memory that is not available.", [({}, host.memory_used)]
    yield "kvmready_watch_host_swap_used_bytes", "Swap in use.", [({}, host.swap_used)]
    yield (
        "kvmready_watch_pool_free_bytes",
        "Room on the file system of a pool.",
        [({"pool": room.pool}, room.free) for room in frame.rooms],
    )
    yield (
        "kvmready_watch_warnings",
        "How many warnings of a kind there are.",
        [
            ({"warning": name}, sum(one.id == name for one in frame.warnings))
            for name in sorted({one.id for one in frame.warnings})
        ],
    )


GUEST = (
    ("vcpus", "vCPUs of a guest."),
    ("cpu", "CPUs of the host that a guest uses."),
    ("steal", "CPUs that its vCPUs waited for."),
    ("memory", "Memory that a guest has now, in bytes."),
    ("memory_maximum", "Memory that a guest may have, in bytes."),
    ("memory_used", "Memory that a guest uses, in bytes."),
    ("resident", "Memory that a guest takes of the host, in bytes."),
    ("read", "Bytes read a second."),
    ("written", "Bytes written a second."),
    ("received", "Bytes received a second."),
    ("sent", "Bytes sent a second."),
)


def _guests(guests: tuple[Use, ...]) -> Iterable[tuple[str, str, list[Series]]]:
    yield (
        "kvmready_watch_guest_state",
        "1 for the state that a guest is in.",
        [({"guest": guest.name, "state": guest.state}, 1.0) for guest in guests],
    )
    for field, text in GUEST:
        values = [({"guest": guest.name}, getattr(guest, field)) for guest in guests]
        yield f"kvmready_watch_guest_{field}", text, [one for one in values if one[1] is not None]


def _family(name: str, text: str, series: list[Series]) -> str:
    if not series:
        return ""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    for labels, value in series:
        inner = ",".join(f'{label}="{_escaped(word)}"' for label, word in labels.items())
        lines.append(f"{name}{'{' + inner + '}' if inner else ''} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
