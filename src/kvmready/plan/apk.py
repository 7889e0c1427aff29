"""apk, of Alpine: apk(8). What a person asked for stands in /etc/apk/world; all else is there for its sake."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Result
from kvmready.i18n import _
from kvmready.plan import manager
from kvmready.plan.manager import Holder, Package, Simulation

NAME = "apk"
CLEAN = ("apk", "cache", "clean")
UPDATE = ("apk", "update")
REPAIR = (("apk", "fix"),)

WORLD = "/etc/apk/world"
CACHES = ("/var/cache/apk", "/etc/apk/cache")
DATABASES = ("/lib/apk/db", "/usr/lib/apk/db")
"""apk-tools 2, and apk-tools 3 where /lib and /usr/lib are one."""


def install(packages: Sequence[str]) -> tuple[str, ...]:
    return ("apk", "add", *packages)


def reinstall(packages: Sequence[str]) -> tuple[str, ...]:
    return ("apk", "fix", "--reinstall", *packages)


def remove(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    """What was there only for their sake goes by itself, and nothing else does: apk-del(8)."""
    return ("apk", "del", *packages)


# pure


def plain(name: str) -> str:
    return name


def parse_packages(text: str) -> dict[str, Package]:
    """The database, apk-package(5): blocks of one-letter fields, P the name and V the version."""
    found = {}
    for block in text.split("\n\n"):
        fields = {line[0]: line[2:] for line in block.splitlines() if line[1:2] == ":"}
        if "P" in fields:
            found[fields["P"]] = Package(fields.get("V", ""), "installed")
    return found


def parse_world(text: str) -> set[str]:
    """The names in apk-world(5), without versions and repositories; what must not be there begins with ``!``."""
    words = [re.split(r"[<>=~@]", word)[0] for word in text.split()]
    return {word for word in words if word and not word.startswith("!")}


_STEP = re.compile(r"^\( *\d+/\d+\) (Installing|Upgrading|Downgrading|Purging|Replacing|Reinstalling) (\S+)", re.M)


def parse_simulation(text: str) -> Simulation:
    """The steps of ``apk --simulate``: ``(1/5) Installing NAME (VERSION)``."""
    found: dict[str, list[str]] = {"in": [], "up": [], "out": []}
    for verb, name in _STEP.findall(text):
        found[{"Installing": "in", "Purging": "out"}.get(verb, "up")].append(name)
    return Simulation(*(tuple(found[key]) for key in ("in", "up", "out")))


def parse_contents(text: str) -> frozenset[str]:
    """The paths in ``apk info --contents``: relative to the root, after a heading for each package."""
    lines = [line for line in text.splitlines() if line and not line.endswith(" contains:")]
    return frozenset("/" + line.lstrip("/") for line in lines)


_DONE = r"^\( *\d+/\d+\) (?P<verb>Installing|Upgrading|Purging) (?P<package>\S+)"


def progress(log: str, total: int) -> str:
    return manager.told(log, _DONE, total)


SIGNS = (
    ("untrusted", r"UNTRUSTED|BAD signature|bad signature"),
    ("no-space", r"No space left"),
    ("offline", r"temporary error|network error|DNS|could not connect|network connection aborted|Host is unreachable"),
    ("no-candidate", r"no such package|unable to select packages"),
    ("broken", r"database.*(corrupt|inconsistent)|errors? in package"),
)


def trouble(text: str) -> str:
    return manager.tell(text, SIGNS)


def why(text: str) -> str:
    return manager.reasons(text, r"^(ERROR: |WARNING: | +\S+ \(no such package\))")


def no_candidate() -> str:
    return _("QEMU and libvirt are in Alpine's repository community: switch it on in /etc/apk/repositories.")


def by_hand() -> str:
    return _("Run: apk fix, then run kvmready again.")


# questions


def _database(host: Door) -> str:
    return next((path for path in DATABASES if not host.stat(f"{path}/installed").error), DATABASES[0])


def lists_present(host: Door) -> bool:
    return any(name.startswith("APKINDEX.") for path in CACHES for name in host.listdir(path).names)


def candidates(host: Door, wanted: Sequence[str]) -> set[str] | None:
    result = host.run(Command(("apk", "search", "--exact", "--quiet", *wanted), timeout=60))
    found = set(result.stdout.split()) & set(wanted)
    return found if result.ok or found else None


def installed(host: Door) -> dict[str, Package]:
    """The whole package database. Raises WorkError when it cannot be read."""
    reading = host.read(f"{_database(host)}/installed", 64 << 20)
    if reading.error:
        raise WorkError(_("The list of installed packages cannot be read."), f"{reading.path}: {reading.error}")
    return parse_packages(reading.text)


def automatic(host: Door) -> set[str]:
    return set(installed(host)) - parse_world(host.read(WORLD).text)


def mark(packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
    """Removing from, or adding to, the world is the mark; what something else needs stays installed."""
    return ("apk", "del" if automatic else "add", *packages)


def simulate(host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
    result = host.run(Command(("apk", "add", "--simulate", *packages), timeout=300))
    return result, parse_simulation(result.stdout)


def would_go(host: Door, packages: Sequence[str]) -> tuple[Result, set[str]]:
    """What nothing else needs: apk leaves the rest, says so, and ends with another status."""
    result = host.run(Command(("apk", "del", "--simulate", *packages), timeout=120))
    if "not removed due to" in result.stdout + result.stderr and not result.problem:
        result = result._replace(status=0)
    return result, set(parse_simulation(result.stdout).removed)


def files(host: Door, packages: Sequence[str]) -> frozenset[str]:
    argv = ("apk", "info", "--contents", *packages)
    return parse_contents(host.run(Command(argv, timeout=60)).stdout)


def configuration(host: Door, packages: Sequence[str]) -> list[str]:
    """Everything in /etc: apk protects what a person changed there by its path, not by a list."""
    return sorted(path for path in files(host, packages) if path.startswith("/etc/"))


def scripts(host: Door, packages: Sequence[str]) -> list[str]:
    """All packages' scripts: they are in one archive, in which names can be looked for."""
    return [host.read(f"{_database(host)}/scripts.tar", 64 << 20).text]


def holder(host: Door) -> Holder | None:
    return manager.lock_holder(host, tuple(f"{path}/lock" for path in DATABASES), ("FLOCK", "POSIX"))


def unfinished(host: Door) -> str:
    """Packages whose files or scripts failed: field f of the database (apk-tools: src/database.c)."""
    path = f"{_database(host)}/installed"
    broken = [line for line in host.grep(path, ("f:",)).text.splitlines() if re.fullmatch(r"f:[fsx]+", line)]
    if not broken:
        return ""
    words = (
        _("{count} packages are only half installed.") if len(broken) > 1 else _("1 package is only half installed.")
    )
    return words.format(count=len(broken))
