"""What a start loads: a document for programs draws nothing, so that nothing which draws is read in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECORDING = ROOT / "tests/hosts/recordings/kvm-pvm.json"
PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from kvmready.__main__ import main
main()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"rich", "gettext"}), file=sys.stderr)
"""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_json_loads_nothing_that_draws(language: str) -> None:
    words = ("check", "--lang", language, "--from", str(RECORDING), "--format", "json")
    answer = subprocess.run(
        (sys.executable, "-I", "-c", PROGRAM, str(ROOT / "src"), *words), capture_output=True, text=True, timeout=120
    )
    assert answer.stdout.startswith("{"), answer
    assert "'rich'" not in answer.stderr
