"""Memory for guests: what is free, what the kernel would promise, and huge pages that somebody asked for."""

from __future__ import annotations

from kvmready.facts.known import Fact, Known, Unknown, missing
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door

MEMINFO = "/proc/meminfo"
SYSCTL_FOLDER = "/etc/sysctl.d"
SYSCTL_FILE = "/etc/sysctl.conf"
KEY = "vm.nr_hugepages"


class Request(NamedTuple):
    """A setting that asks for huge pages: ``source`` is a file or /proc/cmdline."""

    source: str
    line: str
    pages: int


class Memory(NamedTuple):
    """The memory of the host, in bytes where nothing else is said.

    ``promised`` is how much more the kernel would promise to programs, which counts only where ``overcommit`` (the
    mode, vm.overcommit_memory) is 2: proc_sys_vm(5).
    """

    total: Fact[int]
    available: Fact[int]
    promised: Fact[int]
    overcommit: Fact[int]
    huge_pages: Fact[int]  # of the default size, reserved now
    huge_size: Fact[int]
    requests: tuple[Request, ...]  # weakest first


def most_huge(total: int) -> int:
    """How much of the memory can be in huge pages, in bytes: an eighth, and at least 512 MiB, stay for the host."""
    return max(0, total - max(total // 8, 512 << 20))


def parse_meminfo(text: str) -> dict[str, int]:
    """The numbers of /proc/meminfo by name, those with a unit in bytes: proc_meminfo(5)."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and words and words[0].isascii() and words[0].isdigit() and len(words[0]) < 19:
            found.setdefault(name.strip(), int(words[0]) * (1024 if words[1:] == ["kB"] else 1))
    return found


def _count(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1


def parse_sysctl(source: str, text: str) -> tuple[Request, ...]:
    """The huge pages that a file of sysctl.d(5) asks for: ``vm.nr_hugepages = N``, also with slashes and a dash."""
    found = []
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lstrip("-").replace("/", ".") == KEY and _count(value) >= 0:
            found.append(Request(source, line.strip(), _count(value)))
    return tuple(found)


def parse_command_line(text: str) -> tuple[Request, ...]:
    """The huge pages of the default size on a kernel command line; after ``hugepagesz=`` they may be of another."""
    found: list[Request] = []
    for word in text.split():
        name, _equals, value = word.partition("=")
        if name == "hugepagesz":
            return ()
        if name == "hugepages" and _count(value) >= 0:
            found.append(Request("/proc/cmdline", word, _count(value)))
    return tuple(found[-1:])


def _requests(host: Door) -> tuple[Request, ...]:
    found = list(parse_command_line(host.read("/proc/cmdline", 65536).text))
    names = [name for name in host.listdir(SYSCTL_FOLDER).names if name.endswith(".conf")]
    for path in (*(f"{SYSCTL_FOLDER}/{name}" for name in names), SYSCTL_FILE):
        found += parse_sysctl(path, host.grep(path, ("nr_hugepages",)).text)
    return tuple(found)


def ask(host: Door, names: Names, want: Want) -> Callable[[], Memory]:
    """Ask for it. All of it stands in files, so that the answer is there at once."""
    memory = _look(host)
    return lambda: memory


def _look(host: Door) -> Memory:
    reading = host.read(MEMINFO, 16384)
    numbers = parse_meminfo(reading.text)

    def number(name: str) -> Fact[int]:
        if reading.error:
            return missing(reading.error, MEMINFO)
        return Known(numbers[name]) if name in numbers else Unknown(f"{MEMINFO}: {name}")

    mode = host.read("/proc/sys/vm/overcommit_memory", 16)
    overcommit: Fact[int] = missing(mode.error, mode.path) if mode.error else Known(_count(mode.text))
    if isinstance(overcommit, Known) and overcommit.value < 0:
        overcommit = Unknown(f"{mode.path}: {mode.text[:40]!r}")
    promised = number("CommitLimit")
    if isinstance(promised, Known):
        promised = Known(max(0, promised.value - numbers.get("Committed_AS", 0)))
    return Memory(
        total=number("MemTotal"),
        available=number("MemAvailable"),
        promised=promised,
        overcommit=overcommit,
        huge_pages=number("HugePages_Total"),
        huge_size=number("Hugepagesize"),
        requests=_requests(host),
    )
