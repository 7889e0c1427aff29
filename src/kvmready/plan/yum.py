"""yum 3, of RHEL and CentOS 7: yum(8). It knows no weak dependencies; why a package is there is in yumdb alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmready.host.door import Command, Door, Result
from kvmready.i18n import _
from kvmready.plan import manager
from kvmready.plan.dnf import parse_transaction, rehearsed
from kvmready.plan.manager import Holder, Simulation
from kvmready.plan.rpm import (
    LOCKS,
    REPAIR as REPAIR,
    configuration as configuration,
    files as files,
    installed as installed,
    plain as plain,
    scripts as scripts,
    unfinished as unfinished,
    would_go as would_go,
)

NAME = "yum"
CLEAN = ("yum", "clean", "packages")
UPDATE = ("yum", "makecache")
PID_FILE = "/var/run/yum.pid"


def install(packages: Sequence[str]) -> tuple[str, ...]:
    return ("yum", "install", "--assumeyes", *packages)


def reinstall(packages: Sequence[str]) -> tuple[str, ...]:
    return ("yum", "reinstall", "--assumeyes", *packages)


def remove(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    return ("yum", "remove", "--assumeyes", "--setopt=clean_requirements_on_remove=0", *packages)


_DONE = r"^ +(?P<verb>Installing|Updating|Erasing|Cleanup) *: (?P<package>\S+)"


def progress(log: str, total: int) -> str:
    return manager.told(log, _DONE, total)


SIGNS = (
    ("untrusted", r"is not signed|GPG key.*(not correct|is not installed)|Public key for .* is not installed"),
    ("no-space", r"No space left|At least .* more space needed|Insufficient space"),
    ("offline", r"Could not resolve host|Cannot retrieve (metalink|repository metadata)|No more mirrors|Errno 14"),
    ("no-candidate", r"No package .* available|No matching Packages|Nothing to do|no enabled repos"),
    ("broken", r"rpmdb|DB_RUNRECOVERY|unfinished transactions remaining"),
)


def trouble(text: str) -> str:
    return manager.tell(text, SIGNS)


def why(text: str) -> str:
    return manager.reasons(text, r"^ *(Error|No package|Package .* is not signed|Could not|\[Errno)")


def no_candidate() -> str:
    return _("See which repositories are switched on: yum repolist. On RHEL the machine must be registered.")


def by_hand() -> str:
    return _("Run: sudo yum-complete-transaction, or sudo package-cleanup --cleandupes; then run kvmready again.")


def lists_present(host: Door) -> bool:
    """Any question fetches what it needs."""
    return True


def parse_list(text: str) -> set[str]:
    """The plain names in ``yum list``: NAME.ARCH VERSION REPOSITORY, a long name alone on its line."""
    return {
        plain(found) for found in re.findall(r"^([\w.+-]+\.(?:x86_64|noarch|i686|aarch64|ppc64le|s390x))\b", text, re.M)
    }


def candidates(host: Door, wanted: Sequence[str]) -> set[str] | None:
    result = host.run(Command(("yum", "--quiet", "list", "available", *wanted), timeout=300))
    found = parse_list(result.stdout) & set(wanted)
    if result.ok or found or "No matching Packages" in result.stderr + result.stdout:
        return found
    return None


def automatic(host: Door) -> set[str]:
    """yum 3 removes nothing by itself, so that nothing has to be told apart."""
    return set()


def mark(packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
    return ()


def simulate(host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
    argv = tuple("--assumeno" if word == "--assumeyes" else word for word in install(packages))
    result = host.run(Command(argv, timeout=600))
    return rehearsed(result), parse_transaction(result.stdout)


def holder(host: Door) -> Holder | None:
    return manager.file_holder(host, (PID_FILE,), ("yum", "packagekitd")) or manager.lock_holder(host, LOCKS)
