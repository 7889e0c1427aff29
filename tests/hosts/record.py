"""Record a running host of the lab again: ``python3 -m tests.hosts.record LAB-HOST NAME [--as USER] [-- OPTIONS]``.

Needs ``PYTHONPATH=src``. Runs ``kvmready check --record`` there with the code of this tree and writes
``recordings/NAME.json``, or with ``--based-on FILE`` the host ``NAME.json`` with the answers that differ from that
file's. What must be found is for a person to write: a host without ``expect`` fails its test.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from kvmready.facts.kernel import log_lines
from kvmready.host.recording import key
from kvmready.host.replay import parse
from tests import hosts

TREE = Path(__file__).resolve().parents[2]
LAB = (sys.executable, "-m", "tests.vm.lab")
THERE = "/opt/kvmready-under-test"

RESTLESS = ("/proc/cpuinfo", "/var/lib/libvirt/images", "/var/lib/libvirt", "/var/lib")
"""What differs from one moment to the next (clock rates, free room): kept as the file below has it."""

COMMENT = re.compile(r"^#.*$", re.MULTILINE)

USED = re.compile(r"((?:Allocation|Available): +|<(?:allocation|available) unit='bytes'>)[0-9.]+")


def lab(*argv: str) -> str:
    answer = subprocess.run((*LAB, *argv), cwd=TREE, stdout=subprocess.PIPE, timeout=300)
    if answer.returncode:
        sys.exit(f"record: {' '.join(argv)} ended with {answer.returncode}")
    return answer.stdout.decode("utf-8")


def small(recording: dict[str, Any]) -> dict[str, Any]:
    """The recording without what no fact reads: kernel log about other things, comments, how full the pool was."""
    for entry in recording["answers"]:
        argv, answer = entry["ask"].get("argv", [""]), entry["answer"]
        if argv == ["dmesg"] and "stdout" in answer:
            answer["stdout"] = "".join(f"{line}\n" for line in log_lines(answer["stdout"]))
        elif argv[0].endswith("/virsh") and "stdout" in answer:
            answer["stdout"] = USED.sub(r"\g<1>0", answer["stdout"])
        elif entry["ask"].get("path", "").startswith("/etc/libvirt/") and "text" in answer:
            answer["text"] = COMMENT.sub("", answer["text"])  # lines keep their numbers
    return recording


def differences(base: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The host file that makes ``found`` of ``base``, without what must be found."""
    below = {key(entry["ask"]): entry for entry in base["answers"]}
    return {
        "asked_for": {
            name: value for name, value in found["asked_for"].items() if base["asked_for"].get(name) != value
        },
        "answers": [
            entry
            for entry in found["answers"]
            if below.get(key(entry["ask"])) != entry
            and not (entry["ask"].get("path") in RESTLESS and key(entry["ask"]) in below)
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lab_host")
    parser.add_argument("name")
    parser.add_argument("--as", dest="user", default="root")
    parser.add_argument("--based-on", default="", metavar="FILE", help="a file of tests/hosts")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    asked, options = parser.parse_args(words[:cut]), words[cut + 1 :]
    there = f"/tmp/{asked.name}.json"
    lab("ssh", asked.lab_host, "--", "mkdir", "-p", THERE)
    lab("copy", asked.lab_host, "src", THERE)
    kvmready = ["env", f"PYTHONPATH={THERE}", "PYTHONDONTWRITEBYTECODE=1", "python3", "-m", "kvmready"]
    check = [*kvmready, "check", "--format", "json", "--record", there, *options]
    # 1 says "not ready", which is what many of these hosts are.
    script = 'rm -f "$0"; "$@" >/dev/null; status=$?; [ "$status" -le 1 ] && cat "$0"'
    text = lab("ssh", asked.lab_host, "--user", asked.user, "--", "sh", "-c", script, there, *check)
    found = document = small(parse(text, asked.name))
    target = hosts.FOLDER / "recordings" / f"{asked.name}.json"
    if asked.based_on:
        base = hosts.recording(asked.based_on)
        document = {"based_on": asked.based_on, "made": "recorded", **differences(base, found)}
        target = hosts.FOLDER / f"{asked.name}.json"
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    target.write_text(text, "utf-8")
    print(f"{target.name}: {len(found['answers'])} answers, {len(text)} bytes")


if __name__ == "__main__":
    main()
