"""The program that takes a change of the network back when nobody has confirmed it. Started with ``python -I -S``.

The service manager starts it, by a timer that was armed before the change: it needs neither the process that made the
change, nor the connection over which that was asked for. Its argument is a JSON file: ``first`` (argv lists),
``remove`` (files) and ``then`` (argv lists again). Who takes that file away calls the rollback off; this program does
so as well, by its first act, so that one of the two wins. It imports only the standard library.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # it runs without the package
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_LIMIT = 30.0
"""Seconds for one command."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "HOME": "/",
}


def run(argv: Sequence[str]) -> None:
    import subprocess

    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, env=ENVIRONMENT, timeout=COMMAND_LIMIT, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{argv[0]}: {error}" + "\n")  # for the journal; what follows has still to be tried


def remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}" + "\n")


def main() -> None:
    import json

    job = sys.argv[2]
    taken = f"{job}.taken"
    try:
        os.rename(job, taken)
    except FileNotFoundError:
        return  # it was called off
    with open(taken, encoding="utf-8") as file:
        work = json.load(file)
    for argv in work["first"]:
        run(argv)
    for path in work["remove"]:
        remove(path)
    for argv in work["then"]:
        run(argv)
    os.unlink(taken)
    try:
        os.rmdir(os.path.dirname(job))
    except OSError:
        return  # something else is in there


if __name__ == "__main__":
    main()
