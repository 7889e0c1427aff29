"""Debian's package tools: what they say, who holds their locks, and how they are run; see ``manager``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmready.errors import WorkError
from kvmready.facts.packages import unfinished as unfinished
from kvmready.host.door import Command, Door, Result
from kvmready.i18n import _
from kvmready.plan import manager
from kvmready.plan.command import explain
from kvmready.plan.manager import Holder, Package, Simulation

LISTS = "/var/lib/apt/lists"
MARKS = "/var/lib/apt/extended_states"

LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)

ENVIRONMENT = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "APT_LISTCHANGES_FRONTEND=none",
    "NEEDRESTART_MODE=l",  # needrestart(1): list, restart no service of somebody else
    "UCF_FORCE_CONFFOLD=1",
)

CONFFILES = ("--force-confdef", "--force-confold")
"""dpkg(1): where a person changed a configuration file, that person's file stays."""

OPTIONS = (
    "-o",
    "Dpkg::Use-Pty=0",
    "-o",
    "DPkg::Lock::Timeout=120",
    *(word for option in CONFFILES for word in ("-o", f"Dpkg::Options::={option}")),
)

NAME = "apt"
CLEAN = ("apt-get", "clean")
UPDATE = (*ENVIRONMENT, "apt-get", "update", "-o", "Acquire::Retries=3")
CONFIGURE = (*ENVIRONMENT, "dpkg", *CONFFILES, "--configure", "-a")
FIX = (*ENVIRONMENT, "apt-get", "install", "--fix-broken", "--yes", "--no-install-recommends", "--no-remove", *OPTIONS)

REPAIR = (CONFIGURE, FIX)


def install(packages: Sequence[str]) -> tuple[str, ...]:
    """The command that brings packages in, and nothing out."""
    options = ("--yes", "--no-install-recommends", "--no-remove", *OPTIONS, "-o", "Acquire::Retries=3")
    return (*ENVIRONMENT, "apt-get", "install", *options, "--", *packages)


def reinstall(packages: Sequence[str]) -> tuple[str, ...]:
    """apt-get(8): the same version again; a changed configuration file stays as it is."""
    argv = install(packages)
    cut = argv.index("install") + 1
    return (*argv[:cut], "--reinstall", *argv[cut:])


def remove(packages: Sequence[str], keep_configuration: bool = False) -> tuple[str, ...]:
    """The command that takes exactly these packages away; what only they needed is among them or stays.

    Guarded ones as well (Essential, apt's Important): a minimal system does without e2fsprogs until something brings it
    in. What a removal takes along is rehearsed, and compared with what came in, before it is run.
    """
    verb = "remove" if keep_configuration else "purge"
    return (
        *ENVIRONMENT,
        "apt-get",
        verb,
        "--yes",
        "--no-auto-remove",
        "--allow-remove-essential",
        *OPTIONS,
        "--",
        *packages,
    )


# pure


def parse_packages(text: str) -> dict[str, Package]:
    """``QUERY``'s lines: name, version, status; the name carries the architecture."""
    packages = {}
    for line in text.splitlines():
        name, version, status = (*line.split("\t"), "", "")[:3]
        if name and status and status != "not-installed":
            packages[name] = Package(version, status)
    return packages


QUERY = ("dpkg-query", "--show", "--showformat=${Package}:${Architecture}\\t${Version}\\t${db:Status-Status}\\n")


def parse_marks(text: str) -> set[str]:
    """The packages marked as installed automatically, ``name:architecture``, from apt's extended_states."""
    marked = set()
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if fields.get("Auto-Installed") == "1" and "Package" in fields:
            marked.add(f"{fields['Package']}:{fields.get('Architecture', '')}")
    return marked


_SIMULATED = re.compile(r"^(Inst|Remv|Purg) (\S+) (?:\[([^\]]*)\] ?)?(?:\(\S+ .*\[(\S+)\]\))?")


def parse_simulation(text: str, native: str) -> Simulation:
    """The lines of ``apt-get -s``: ``Inst NAME [OLD] (NEW REPOSITORY [ARCH])`` and ``Remv NAME [OLD]``.

    A name without an architecture is of the ``native`` one (or of all: the caller compares names alone then).
    """
    found: dict[str, list[str]] = {"new": [], "upgrade": [], "remove": []}
    for line in text.splitlines():
        match = _SIMULATED.match(line)
        if match is None:
            continue
        verb, name, old, architecture = match.groups()
        if verb == "Inst":
            whole = name if ":" in name else f"{name}:{architecture or native}"
            found["upgrade" if old else "new"].append(whole)
        else:
            found["remove"].append(name if ":" in name else f"{name}:{native}")
    return Simulation(*(tuple(dict.fromkeys(found[key])) for key in ("new", "upgrade", "remove")))


_REMOVED = re.compile(r"^The following packages will be REMOVED:\n((?:  .*\n?)+)", re.MULTILINE)


def parse_refusal(text: str) -> tuple[str, ...]:
    """The packages that apt would have to remove, where ``--no-remove`` kept it from doing so."""
    found = _REMOVED.search(text)
    return tuple(name.rstrip("*") for name in found.group(1).split()) if found else ()


def parse_policy(text: str) -> set[str]:
    """The packages of an ``apt-cache policy`` answer that have a candidate."""
    known = set()
    name = ""
    for line in text.splitlines():
        if line and not line.startswith(" ") and line.endswith(":"):
            name = line[:-1]
        elif line.strip().startswith("Candidate:") and line.split(":", 1)[1].strip() != "(none)":
            known.add(name)
    return known


def plain(name: str) -> str:
    """A package's name without its architecture."""
    return name.partition(":")[0]


_STEPS = re.compile(r"^(Unpacking|Setting up|Removing|Purging configuration files for) (\S+)")


def progress(log: str, total: int) -> str:
    """The newest thing that apt's log tells, counted against ``total`` such things; empty when it told nothing yet."""
    steps = [match for match in map(_STEPS.match, log.splitlines()) if match]
    if steps:
        verb, name = steps[-1].groups()
        sentences = {
            "Unpacking": _("Unpacking {package} ({done} of {total})"),
            "Setting up": _("Setting up {package} ({done} of {total})"),
            "Removing": _("Removing {package} ({done} of {total})"),
        }
        sentence = sentences.get(verb, _("Clearing up after {package} ({done} of {total})"))
        return sentence.format(package=plain(name), done=min(len(steps), total), total=total)
    fetched = re.findall(r"^Get:(\d+) \S+ .*", log, re.MULTILINE)
    return _("Fetching packages ({count})").format(count=fetched[-1]) if fetched else ""


# questions


def lists_present(host: Door) -> bool:
    """Whether apt knows any package list at all: a fresh cloud image has none."""
    return any("_Packages" in name for name in host.listdir(LISTS).names)


def candidates(host: Door, wanted: Sequence[str]) -> set[str] | None:
    """Those of the wanted packages that a repository offers; None where apt-cache does not answer."""
    result = host.run(Command(("apt-cache", "policy", "--", *wanted), timeout=60))
    return parse_policy(result.stdout) if result.ok else None


def installed(host: Door) -> dict[str, Package]:
    """The whole package database. Raises WorkError when dpkg does not answer."""
    result = host.run(Command(QUERY, timeout=60))
    if not result.ok:
        raise WorkError(_("The list of installed packages cannot be read."), explain(result))
    return parse_packages(result.stdout)


def automatic(host: Door) -> set[str]:
    """The packages that apt would remove when nothing needs them any more."""
    return parse_marks(host.read(MARKS, 64 << 20).text)


def architecture(host: Door) -> str:
    """dpkg's own name of this machine's architecture. Raises WorkError."""
    result = host.run(Command(("dpkg", "--print-architecture"), timeout=30))
    if not result.ok:
        raise WorkError(_("dpkg does not answer."), explain(result))
    return result.stdout.strip()


def simulated(host: Door, argv: Sequence[str]) -> tuple[Result, Simulation]:
    """What an apt command would do. ``argv`` is one of ``install`` and ``remove``."""
    verb = argv.index("apt-get") + 1
    result = host.run(Command((*argv[:verb], "--simulate", *argv[verb:]), timeout=120))
    return result, parse_simulation(result.stdout, architecture(host))


def simulate(host: Door, packages: Sequence[str]) -> tuple[Result, Simulation]:
    """What ``install`` would do, with what it refuses to remove."""
    result, coming = simulated(host, install(packages))
    return result, coming._replace(removed=(*coming.removed, *parse_refusal(result.stdout)))


def would_go(host: Door, packages: Sequence[str]) -> tuple[Result, set[str]]:
    """The plain names of all that ``remove`` would take away."""
    result, would = simulated(host, remove(packages))
    return result, {plain(name) for name in would.removed}


def mark(packages: Sequence[str], automatic: bool) -> tuple[str, ...]:
    return ("apt-mark", "auto" if automatic else "manual", "--", *(plain(name) for name in packages))


def files(host: Door, packages: Sequence[str]) -> frozenset[str]:
    """Every path that one of the packages has."""
    return frozenset(host.run(Command(("dpkg-query", "--listfiles", "--", *packages), timeout=60)).stdout.splitlines())


def configuration(host: Door, packages: Sequence[str]) -> list[str]:
    """The packages' configuration files, which a purge takes along."""
    argv = ("dpkg-query", "--show", "--showformat=${Conffiles}\\n", "--", *packages)
    lines = host.run(Command(argv, timeout=60)).stdout.splitlines()
    return [line.strip().split(" ")[0] for line in lines if line.strip()]


def scripts(host: Door, packages: Sequence[str]) -> list[str]:
    """The scripts that the packages ran when they were configured."""
    paths = [f"/var/lib/dpkg/info/{name}.postinst" for one in packages for name in (one, plain(one))]
    return [host.read(path).text for path in paths]


def holder(host: Door) -> Holder | None:
    """Who holds one of dpkg's and apt's locks."""
    return manager.lock_holder(host, LOCKS)


def by_hand() -> str:
    return _("Run: sudo dpkg --configure -a && sudo apt-get --fix-broken install, then run kvmready again.")


def no_candidate() -> str:
    """What to do about a package that no repository offers."""
    return _("The distribution's own repository belongs into /etc/apt/sources.list or /etc/apt/sources.list.d.")


def why(text: str) -> str:
    """apt's and dpkg's own lines about a failure, the last three."""
    return " ".join([line for line in text.splitlines() if line.startswith(("E: ", "W: ", "dpkg: error"))][-3:])


SIGNS = (
    ("untrusted", r"NO_PUBKEY|EXPKEYSIG|BADSIG|signatures? (couldn't be verified|were invalid)|is not signed"),
    ("untrusted", r"packages cannot be authenticated|There were unauthenticated packages"),
    ("no-candidate", r"Unable to locate package|has no installation candidate"),
    ("offline", r"Could not resolve|Failed to fetch|Temporary failure|Could not connect"),
    ("no-space", r"No space left|enough free space"),
    ("broken", r"dpkg was interrupted|Unmet dependencies"),
)


def trouble(text: str) -> str:
    return manager.tell(text, SIGNS)
