"""Carry on as root: the same command line again through sudo, which asks for the password itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from kvmready.errors import PrivilegeError
from kvmready.host.local import SEARCH_PATH
from kvmready.i18n import _
from kvmready.typed import NoReturn


def become_root(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by ``sudo kvmready ARGUMENTS``. Raises PrivilegeError when there is no sudo."""
    for folder in SEARCH_PATH.split(":"):
        sudo = os.path.join(folder, "sudo")
        if os.access(sudo, os.X_OK):
            sys.stdout.flush()
            sys.stderr.flush()
            # -I: root must not import from the caller's directory or PYTHONPATH.
            # -B: root must not leave files in a tree that belongs to the caller, who could not remove them.
            os.execv(sudo, [sudo, "--", sys.executable, "-I", "-B", *_itself(), *arguments])
    raise PrivilegeError(
        _("This needs root, and there is no sudo on this host."),
        "",
        _("Run the same command as root, for instance after: su -"),
    )


def program() -> tuple[str, ...]:
    """The words that start this program again, wherever it was installed, by whole paths."""
    return (sys.executable, "-I", *_itself())


def _itself() -> tuple[str, ...]:
    """What makes Python run this program: its archive where it is one, which knows itself in ``__main__``."""
    archive = getattr(sys.modules["__main__"], "ARCHIVE", "")
    return (archive,) if archive else ("-m", "kvmready")
