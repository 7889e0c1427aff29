"""Runs one proof and prints it as JSON: ``drive.py LEVEL ACCEL USER [IMAGE [SHA256] | SCREENSHOT]``; its own program,
so that it can be killed.

LEVEL ``libvirt-alone`` goes to libvirt without the levels below it, for hosts on which those already fail;
``libvirt-impatient`` does so too and gives the guest no time at all to end. ``desktop`` is the proof of that profile,
and SCREENSHOT the file for its picture.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "src"))

from kvmready import distro, proof
from kvmready.facts import probe
from kvmready.facts.names import Names, Want
from kvmready.host.local import LocalHost
from kvmready.proof import libvirt
from kvmready.proof.place import Place, Steps
from kvmready.proof.record import ProofStep, Wish
from kvmready.report import record


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def shown(steps: tuple[ProofStep, ...]) -> list[dict[str, Any]]:
    return [
        {"id": s.id, "status": s.status, "seconds": s.seconds, "cause": s.cause, "evidence": s.evidence_text}
        for s in steps
    ]


def alone(host: LocalHost, names: Names, accel: str, user: str) -> dict[str, Any]:
    caller = host.caller()
    place = Place(host, names, caller, host.account(user or caller.user), accel, say)
    steps = Steps()
    finished = False
    try:
        place.guard(*libvirt.takes_back(place))
        place.make()
        line = libvirt.level(place, steps)
        finished = True
    finally:
        place.close(clean=finished)
    return {"witness": line, "ok": bool(line), "steps": shown(tuple(steps.taken))}


def main() -> None:
    level, accel, user = sys.argv[1:4]
    host = LocalHost()
    names = distro.generic(host.caller().arch)
    if level == "libvirt-impatient":
        libvirt.RUN_LIMIT = -1.0
    if level in ("libvirt-alone", "libvirt-impatient"):
        print(json.dumps(alone(host, names, accel, user)))
        return
    seen = probe.ask(host, names, Want("server", (user,) if user else ()))()
    wish = Wish(profile="desktop", screenshot=sys.argv[4]) if level == "desktop" else Wish(*sys.argv[4:6])
    proved = proof.prove(host, names, "libvirt" if level == "desktop" else level, accel, user, seen, say, wish)
    print(json.dumps({**record.proof_json(proved), "steps": shown(proved.steps)}))


if __name__ == "__main__":
    main()
