"""What every verb needs: the host that is meant, what is wanted of it, the clock, and how the work ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

from kvmready import pipeline
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_NOT_READY, EXIT_READY, InputError, UsageError
from kvmready.facts.names import PROFILES, Want
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.host.door import Door
    from kvmready.report.next_move import Unsaid

CONFIGURATION = "/etc/kvmready/host.toml"
"""What is wanted of this host, where nobody names another file."""

NONE: Mapping[str, Any] = MappingProxyType({})


def now() -> str:
    """The time of the report, RFC 3339 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def open_host(parsed: Parsed) -> tuple[Door, Want]:
    """The recorded host of ``--from``, or this machine; and what is asked of it.

    A recording brings what it was made for; a named configuration file beats it, and flags beat both. Raises
    InputError, UsageError.
    """
    source = getattr(parsed, "source", None)
    if source is None:
        from kvmready.host.local import LocalHost

        host = LocalHost()
        return host, want(parsed, host)
    from kvmready.host.replay import ReplayHost, parse

    if getattr(parsed, "record", None):
        raise UsageError(_("--record and --from exclude each other: a replayed host has nothing new to record."))
    document = parse(_text(source), source)
    asked_for = document["asked_for"]
    users = asked_for.get("users")
    profile = asked_for.get("profile")
    if not isinstance(users, list) or not all(isinstance(name, str) for name in users) or profile not in PROFILES:
        raise InputError(_("{file} does not say for which users and profile it was made.").format(file=source))
    values = _configured(parsed, None)
    names = tuple(parsed.user or values.get("users") or users)
    return ReplayHost(document, source), _want(parsed, names, values, asked_for)


def want(parsed: Parsed, host: Door) -> Want:
    """What is asked of this machine. Raises InputError for a configuration file, UsageError for a user."""
    values = _configured(parsed, host)
    if parsed.configuration is not None:
        parsed.configuration.check_memory(host)
        if not parsed.user:
            parsed.configuration.check_users(host)
    return _want(parsed, pipeline.people(host, parsed.user or values.get("users", ())), values)


def _configured(parsed: Parsed, host: Door | None) -> Mapping[str, Any]:
    """What the configuration file says: the named one, else the one of this ``host``. Kept in ``parsed`` as well."""
    parsed.configuration = None
    named = parsed.config is not None
    if named and parsed.no_config:
        raise UsageError(_("--config and --no-config exclude each other."))
    own = not named and not parsed.no_config and host is not None and host.stat(CONFIGURATION).error != "ENOENT"
    if named or own:
        from kvmready.cli import config

        found = config.load(CONFIGURATION if own else parsed.config, trusted=own)
        parsed.configuration = found
        return found.values
    return {}


def _want(
    parsed: Parsed, users: tuple[str, ...], values: Mapping[str, Any], recorded: Mapping[str, Any] = NONE
) -> Want:
    below = {**recorded, **values}
    wanted = Want(
        parsed.profile or below.get("profile") or "server",
        users,
        "tcg" if (parsed.accel or below.get("accel")) == "tcg" else "kvm",
        bool(parsed.nested or below.get("nested")),
        bool(parsed.iommu or below.get("iommu")),
        str(below.get("subnet") or ""),
        str(below.get("pool_path") or ""),
        int(below.get("hugepages") or 0),
        tuple(below.get("autostart") or ()),
        str(below.get("bridge") or ""),
        str(below.get("interface") or ""),
    )
    if parsed.configuration is not None and parsed.verbose:
        from kvmready.cli import origin

        origin.tell(parsed, wanted, recorded)
    return wanted


def unsaid(parsed: Parsed) -> Unsaid | None:
    """What a command line that we propose need not say, since the configuration file says it; None without one."""
    from kvmready.report.next_move import Unsaid

    if parsed.configuration is None:
        return Unsaid(("--no-config",), {}) if parsed.no_config else None
    words = () if parsed.config is None else ("--config", parsed.config)
    return Unsaid(words, parsed.configuration.values)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise InputError(_("{file} cannot be read.").format(file=path), error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise InputError(_("{file} is not a recording: it is not text.").format(file=path), str(error)) from None


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
