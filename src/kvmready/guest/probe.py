"""The functional probe: does KVM run a guest here, for whom, and how fast.

Run as a program, `python3 -I -S probe.py [--device PATH] [--user NAME]...` prints one JSON document,
`{"schema": "kvmready.probe/1", "arch": …, "answers": [answer, …]}`: one answer for the caller
(`"user": null`), then one per `--user`, asked with that user's ids and the groups of a new login
(needs root; only real mode, nothing is timed).  Exit status 0 whatever the answers say, 2 for wrong usage.

An answer's `ok` is true when every guest that was asked for ran and computed the right thing, false when
KVM refused or a guest went wrong, null when it could not be asked (`failed_at` says `privilege` or
`unsupported-arch`, or the stage at which the asking process died).  `failed_at` names the stage:
open, api, create-vm, memory, create-vcpu, real-mode, long-mode, exit-latency, ratio.  At `ratio` with
`ok` true guests run, but this process may not run its own machine code, so there is nothing to compare with.
`errno` EINTR: the guest did not come back and was interrupted.
`exit_us`: microseconds of a round trip guest → host → guest.  `native_ratio`: native time per turn of the
compute loop divided by the guest's; 1 is native speed.  In `loop`, `emulated` is true where KVM carried the loop's
instructions out itself, false where the CPU did, null where the kernel does not count them or was not asked, as the
ratio is high; `steady` is false where the times differed so much that something may have held the host up.  `gids` are
the groups that the answer was asked with.
"""

from __future__ import annotations

import os
import sys
import time

if not __package__:  # run as a file, and -I keeps the package off the path
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from kvmready.guest import code, uapi
from kvmready.guest.child import Refused, User, ask_in_child
from kvmready.guest.machine import CODE_ADDRESS, Machine, NativeCode, Stopped

TYPE_CHECKING = False  # typing costs more to import than the probe takes
if TYPE_CHECKING:
    from kvmready.guest.child import Answer, Stage

SCHEMA = "kvmready.probe/1"
TIME_LIMIT = 5.0
"""Seconds that one answer may take; a healthy one takes milliseconds, on the slowest host known 50."""

_TIMING = ("exit-latency", "ratio")
"""Stages that come after every guest that is judged has run."""

_COMPUTE_MULTIPLIER = 6364136223846793005
_MASK64 = (1 << 64) - 1
_EXIT_BATCH = 32
_EXIT_BATCHES = 8
_EXIT_BUDGET_NS = 600_000
_FIRST_TURNS = 64
_MOST_TURNS = 1 << 20
_NATIVE_TURNS = 1 << 14
_GUEST_TARGET_NS = 100_000
_ENTRIES = 4
"""How many times the cost of entering the guest its loop takes at the least, so that the cost's spread is noise."""
_PAIRS = 3
_MORE_PAIRS = 12
_SLOW = 0.5
"""Below this ratio more pairs are timed: a busy host can make three of them look slow, emulation makes them all so."""
_EMULATED = 0.02
_PAIRS_EMULATED = 6
"""Below that ratio so many are enough, where the host is steady: emulation takes the same time each time."""
_STEADY = 2.0
_STEADY_EXITS = 4.0
"""On a steady host the slowest loop, and the slowest exit, take so many times the fastest at the most."""
_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
"""Seconds between further looks where it is slow and not steady. A virtual machine that stood still makes up for the
timer's interrupts that it missed, and for a time each entry into a guest is cut short by the next one: mostly tens of
milliseconds, and half a second has been seen."""


def probe(device: str = uapi.DEVICE, timed: bool = True, stage: Stage | None = None) -> Answer:
    """One answer for the ids of this process, asked in this process.

    `timed` False stops after real mode.  `stage` is told the name of each stage as it begins.
    With a guest that never halts this never returns: `ask` is the way with a limit.
    """
    answer = _unasked(None, os.geteuid(), sorted({os.getegid(), *os.getgroups()}))
    arch = os.uname().machine
    if not uapi.supported(arch) or sys.maxsize < 1 << 32:
        detail = f"no guest for a {sys.maxsize.bit_length() + 1}-bit process on {arch}"
        return {**answer, "failed_at": "unsupported-arch", "detail": detail}

    def enter(name: str) -> None:
        answer["failed_at"] = name
        if stage is not None:
            stage(name)

    machine = Machine(device)
    try:
        _run_guests(answer, machine, enter, timed)
    except Stopped as stopped:
        answer.update(ok=False, errno=stopped.errno, exit_reason=stopped.exit_reason, detail=stopped.detail)
    finally:
        machine.close()
    return answer


def ask(device: str = uapi.DEVICE, name: str | None = None, limit: float = TIME_LIMIT) -> Answer:
    """One answer from a child process, for the caller or the user of that name, within `limit` seconds."""
    if name is None:
        answer = _unasked(None, os.geteuid(), sorted({os.getegid(), *os.getgroups()}))
        answer = {**answer, **ask_in_child(lambda stage: probe(device, stage=stage), limit)}
        if answer["errno"] == "EINTR" and answer["failed_at"] in _TIMING:
            answer["ok"] = True  # the guests ran before; only their speed was not measured in time
        return answer
    try:
        user = User(name)
    except Refused as refused:
        return {**_unasked(name, None, None), "failed_at": "privilege", "detail": refused.detail}

    def become_and_probe(stage: Stage) -> Answer:
        stage("privilege")
        try:
            user.become()
        except Refused as refused:
            return {"failed_at": "privilege", "errno": refused.errno, "detail": refused.detail}
        return probe(device, timed=False, stage=stage)

    identity = {"user": name, "uid": user.uid, "gids": user.gids}
    return {**_unasked(None, None, None), **ask_in_child(become_and_probe, limit), **identity}


def document(device: str = uapi.DEVICE, names: list[str] | None = None) -> dict[str, object]:
    """The whole document: the caller's answer, then one for each name."""
    answers = [ask(device, name) for name in (None, *(names or ()))]
    return {"schema": SCHEMA, "arch": os.uname().machine, "answers": answers}


def to_json(value: object) -> str:
    """JSON (ASCII) of plain values: dict with str keys, list, str, int, finite float, bool, None.

    The json module would take longer to import than everything else that the probe does.  Raises
    ValueError for a number that JSON does not know, TypeError for any other type.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"{value} in JSON")
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(map(_json_character, value)) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(to_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{to_json(str(key))}: {to_json(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} in JSON")


def main(arguments: list[str]) -> int:
    """The program: reads its arguments, prints the document, returns the exit status."""
    device, names = uapi.DEVICE, []
    rest = iter(arguments)
    for option in rest:
        value = next(rest, None)
        if value is None or option not in ("--device", "--user"):
            sys.stderr.write("usage: probe.py [--device PATH] [--user NAME]...\n")
            return 2
        if option == "--device":
            device = value
        else:
            names.append(value)
    sys.stdout.write(to_json(document(device, names)) + "\n")
    sys.stdout.flush()
    return 0


def _unasked(user: str | None, uid: int | None, gids: list[int] | None) -> Answer:
    return {
        "user": user,
        "uid": uid,
        "gids": gids,
        "ok": None,
        "failed_at": None,
        "errno": None,
        "exit_reason": None,
        "detail": "",
        "api_version": None,
        "real_mode": None,
        "long_mode": None,
        "exit_us": None,
        "native_ratio": None,
        "loop": None,
    }


def _run_guests(answer: Answer, machine: Machine, enter: Stage, timed: bool) -> None:
    enter("open")
    machine.open()
    enter("api")
    answer["api_version"] = version = machine.api_version()
    if version != uapi.API_VERSION:
        raise Stopped(f"KVM_GET_API_VERSION answered {version} instead of {uapi.API_VERSION}")
    enter("create-vm")
    machine.create_vm()
    enter("memory")
    machine.create_memory()
    enter("create-vcpu")
    machine.create_vcpu()
    enter("real-mode")
    answer["real_mode"] = _in_real_mode(machine)
    _require_right(answer["real_mode"])
    if timed:
        enter("long-mode")
        answer["long_mode"] = _in_long_mode(machine)
        _require_right(answer["long_mode"])
        enter("exit-latency")
        exits = _time_exits(machine)
        answer["exit_us"] = {"p50": _us(exits, 50), "p99": _us(exits, 99), "n": len(exits)}
        enter("ratio")
        try:
            native = NativeCode(code.COMPUTE_LOOP)
        except Stopped as refused:
            answer.update(ok=True, errno=refused.errno, detail=refused.detail)
            return
        answer["loop"] = loop = _time_loops(machine, native, steady(exits, _STEADY_EXITS))
        answer["native_ratio"] = _rounded(loop["native_ns_per_turn"] / loop["guest_ns_per_turn"])
    answer.update(ok=True, failed_at=None)


def _in_real_mode(machine: Machine) -> Answer:
    first, second = _random(2), _random(2)
    machine.load_real_mode(code.REAL_MODE)
    machine.start(rax=first, rbx=second)
    total = machine.run_to_output()
    machine.run_to_halt()
    return {"a": first, "b": second, "sum": total, "ok": total == (first + second) & 0xFFFF}


def _in_long_mode(machine: Machine) -> Answer:
    # Bit 63 set: neither fits into 32 bits. Odd: the product loses none of its low bits.
    first, second = (_random(8) | 1 << 63 | 1 for _ in range(2))
    machine.load_long_mode(code.LONG_MODE)
    machine.start(rax=first, rbx=second)
    low = machine.run_to_output()
    result = low | machine.run_to_output() << 32
    machine.run_to_halt()
    right = (first * second + first) & _MASK64
    return {"a": f"{first:#x}", "b": f"{second:#x}", "result": f"{result:#x}", "ok": result == right}


def _require_right(guest: Answer) -> None:
    if not guest["ok"]:
        raise Stopped("the guest computed a wrong result")


def _time_exits(machine: Machine) -> list[int]:
    """Nanoseconds of round trips, the first of each batch (which meets cold state) left out."""
    machine.load_long_mode(code.EXIT_LOOP)
    samples: list[int] = []
    for _ in range(_EXIT_BATCHES):
        machine.start(rcx=_EXIT_BATCH + 1)
        samples += machine.time_outputs(_EXIT_BATCH + 1)[1:]
        machine.run_to_halt()
        if sum(samples) > _EXIT_BUDGET_NS:
            break
    return samples


def _time_loops(machine: Machine, native: NativeCode, calm: bool) -> Answer:
    """Nanoseconds per turn, native and in the guest: the best of three pairs or more, so that a busy
    host must spoil them all.  What a loop of one turn costs, the entry and the exit, is deducted on both
    sides; the loop grows until it outweighs that cost, which nested virtualization makes many times larger.
    ``calm``: the exits took much the same time each.
    """
    machine.load_long_mode(code.COMPUTE_LOOP)
    seed = _random(8)
    turns = _FIRST_TURNS
    entry_ns = min(_time_guest(machine, 1, seed) for _ in range(_PAIRS))
    target_ns = max(_GUEST_TARGET_NS, _ENTRIES * entry_ns)
    guest_ns = _time_guest(machine, turns, seed)
    if not _compute(turns, seed) == native.call(turns, seed) == machine.register("rax"):
        raise Stopped("the compute loop gave a wrong result")
    call_ns = min(_time_native(native, 1, seed) for _ in range(_PAIRS))
    native_ns = _time_native(native, _NATIVE_TURNS, seed)
    samples: list[int] = []
    pauses = iter(_PAUSES)
    emulated: bool | None = None
    asked = False
    while True:
        samples.append(_time_guest(machine, turns, seed))
        guest_ns = min(guest_ns, samples[-1])
        native_ns = min(native_ns, _time_native(native, _NATIVE_TURNS, seed))
        loop_ns = guest_ns - entry_ns
        if loop_ns < target_ns and turns < _MOST_TURNS:
            turns = min(_MOST_TURNS, int(turns * min(max(1.2 * target_ns / max(loop_ns, 1), 1.5), 32)))
            guest_ns = _time_guest(machine, turns, seed)
            samples.clear()
            continue
        ratio = (native_ns - call_ns) / _NATIVE_TURNS * turns / max(loop_ns, 1)
        if ratio < _SLOW and not asked and len(samples) >= _PAIRS:
            emulated, asked = _emulates(machine, turns, seed), True
        calm_now = calm and steady(samples, _STEADY)
        certain = emulated or calm_now
        if len(samples) < pairs_wanted(ratio, certain):
            continue
        pause = None if ratio >= _SLOW or certain else next(pauses, None)
        if pause is None:
            break
        time.sleep(pause)
    if native.call(turns, seed) != machine.register("rax"):
        raise Stopped("the compute loop gave a wrong result")
    return {
        "turns": turns,
        "native_ns_per_turn": _rounded(max(native_ns - call_ns, 1) / _NATIVE_TURNS),
        "guest_ns_per_turn": _rounded(max(guest_ns - entry_ns, 1) / turns),
        "emulated": emulated,
        "steady": calm_now,
    }


def _emulates(machine: Machine, turns: int, seed: int) -> bool | None:
    """Whether KVM carries out the loop's instructions itself, by its own count; None where it does not count."""
    before = machine.emulated_instructions()
    _time_guest(machine, turns, seed)
    after = machine.emulated_instructions()
    return None if before is None or after is None else after - before >= turns


def _time_guest(machine: Machine, turns: int, seed: int) -> int:
    machine.start(CODE_ADDRESS + len(code.COMPUTE_LOOP) - 1, rdi=turns, rsi=seed)
    return machine.run_to_halt()


def _time_native(native: NativeCode, turns: int, seed: int) -> int:
    began = time.perf_counter_ns()
    native.call(turns, seed)
    return time.perf_counter_ns() - began


def _compute(turns: int, seed: int) -> int:
    value = seed
    for turn in range(turns, 0, -1):
        value = (value * _COMPUTE_MULTIPLIER + turn) & _MASK64
    return value


def pairs_wanted(ratio: float, certain: bool) -> int:
    """How many pairs are timed before a ratio is believed; ``certain``: nothing but emulation explains a low one."""
    if ratio >= _SLOW:
        return _PAIRS
    return _PAIRS_EMULATED if certain and ratio < _EMULATED else _PAIRS + _MORE_PAIRS


def steady(samples: list[int], factor: float) -> bool:
    """Whether the slowest sample, but for the worst hundredth, took at most ``factor`` times as long as the fastest."""
    return percentile(samples, 99) <= factor * min(samples)


def percentile(samples: list[int], percent: int) -> int:
    """The nearest-rank percentile of at least one sample."""
    return sorted(samples)[-(-len(samples) * percent // 100) - 1]


def _us(nanoseconds: list[int], percent: int) -> float:
    return round(percentile(nanoseconds, percent) / 1000, 2)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _random(size: int) -> int:
    return int.from_bytes(os.urandom(size), "little")


def _json_character(character: str) -> str:
    point = ord(character)
    if character in '"\\':
        return "\\" + character
    if 0x20 <= point < 0x7F:
        return character
    if point < 0x10000:
        return f"\\u{point:04x}"
    point -= 0x10000
    return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
