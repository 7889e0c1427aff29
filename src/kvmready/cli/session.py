"""What every verb needs: the host that is meant, what is wanted of it, the clock, and how the work ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

from kvmready import pipeline
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, InputError, KvmreadyError, UsageError
from kvmready.facts.names import PROFILES, Want
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.host.door import Door


def now() -> str:
    """The time of the report, RFC 3339 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def open_host(parsed: Parsed) -> tuple[Door, Want]:
    """The recorded host of ``--from``, or this machine; and what is asked of it.

    A recording brings what it was made for; flags beat it. Raises InputError, UsageError.
    """
    source = getattr(parsed, "source", None)
    if source is None:
        from kvmready.host.local import LocalHost

        host = LocalHost()
        return host, want(parsed, pipeline.people(host, parsed.user))
    from kvmready.host.replay import ReplayHost, parse

    if getattr(parsed, "record", None):
        raise UsageError(_("--record and --from exclude each other: a replayed host has nothing new to record."))
    document = parse(_text(source), source)
    asked_for = document["asked_for"]
    users = asked_for.get("users")
    profile = asked_for.get("profile")
    if not isinstance(users, list) or not all(isinstance(name, str) for name in users) or profile not in PROFILES:
        raise InputError(_("{file} does not say for which users and profile it was made.").format(file=source))
    return ReplayHost(document, source), want(parsed, tuple(parsed.user or users), asked_for)


def want(parsed: Parsed, users: tuple[str, ...], recorded: Mapping[str, Any] = MappingProxyType({})) -> Want:
    return Want(
        parsed.profile or recorded.get("profile") or "server",
        users,
        "tcg" if parsed.accel == "tcg" or recorded.get("accel") == "tcg" else "kvm",
        bool(parsed.nested or recorded.get("nested")),
        bool(parsed.iommu or recorded.get("iommu")),
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise InputError(_("{file} cannot be read.").format(file=path), error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise InputError(_("{file} is not a recording: it is not text.").format(file=path), str(error)) from None


def save(path: str, text: str) -> None:
    """Write a document that the user asked for, whole or not at all. Raises KvmreadyError."""
    from kvmready.host.local import LocalHost

    try:
        LocalHost().write(path, text.encode("utf-8"), 0o600)
    except OSError as error:
        raise KvmreadyError(
            _("{file} cannot be written.").format(file=path),
            error.strerror or str(error),
            _("Nothing was left behind; name another FILE."),
        ) from None


def let_signals_clean_up() -> None:
    """Let SIGTERM and SIGHUP unwind the program as Ctrl-C does, so that what was begun is ended and removed."""
    import signal

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def status(verdict: str, strict: bool = False) -> int:
    """The exit status of a verdict."""
    ready = verdict == "ready" or (verdict == "ready-with-warnings" and not strict)
    return EXIT_READY if ready else EXIT_NOT_READY


def layer(name: str) -> str:
    """``name`` if it is a layer or empty. Raises UsageError."""
    from kvmready.checks.finding import LAYERS

    if name and name not in LAYERS:
        raise UsageError(
            _("There is no layer {name}.").format(name=repr(name)),
            "",
            _("The layers are: {names}").format(names=", ".join(LAYERS)),
        )
    return name
