"""Hand the terminal over to another program, which takes the place of this one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.host.local import SEARCH_PATH
from kvmready.i18n import _
from kvmready.typed import NoReturn


def become(argv: Sequence[str]) -> NoReturn:
    """Replace this process. Raises WorkError when there is no such program."""
    environment = {
        "PATH": SEARCH_PATH,
        "LC_ALL": "C",
        "TERM": os.environ.get("TERM", "dumb"),
        "HOME": os.environ.get("HOME", "/"),
    }
    for folder in SEARCH_PATH.split(":"):
        program = os.path.join(folder, argv[0])
        if os.access(program, os.X_OK):
            sys.stdout.flush()
            sys.stderr.flush()
            os.execve(program, list(argv), environment)
    raise WorkError(_("There is no {program} on this host.").format(program=argv[0]))
