"""The door to the program: the one place where an error becomes an exit status."""

from __future__ import annotations

import gc
import os
import sys

from kvmready import i18n
from kvmready.errors import EXIT_INTERRUPTED, EXIT_NOT_READY, KvmreadyError
from kvmready.i18n import _

LIVING = 100_000
"""New objects until the collector looks for cycles. Reading in a program makes a tenth of that, all of which stays."""


def main() -> int:
    """Run the command line of this process and return its exit status."""
    gc.set_threshold(LIVING)
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    try:
        from kvmready.cli import parser

        i18n.use(parser.language(arguments, os.environ))
        return parser.run(arguments)
    except KvmreadyError as error:
        if debug:
            raise
        see = _("See: {command}").format(command=f"kvmready explain {error.cause}")
        unsaid = error.cause and see not in error.next_move
        for line in (error.what, error.why, error.next_move, see if unsaid else ""):
            if line:
                print(("kvmready: " if line is error.what else "  ") + _visible(line), file=sys.stderr)  # noqa: T201
        return error.exit_status
    except KeyboardInterrupt:
        if debug:
            raise
        print("\nkvmready: " + _("interrupted."), file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away (`kvmready check | head`). Nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_READY
    except Exception as error:  # the last line of defence: a person never sees a traceback
        if debug:
            raise
        print(  # noqa: T201
            "kvmready: "
            + _("this is a fault of kvmready itself: {error}").format(
                error=_visible(f"{type(error).__name__}: {error}")
            )
            + "\n  "
            + _("Run the same command with --debug and report what it prints."),
            file=sys.stderr,
        )
        return EXIT_NOT_READY


def _visible(text: str) -> str:
    """``text`` on one line, with control characters as escapes: an error may quote a hostile file name."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


if __name__ == "__main__":
    sys.exit(main())
