"""Which distribution this is: os-release(5)."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Door

PATHS = ("/etc/os-release", "/usr/lib/os-release")
"""In the order that os-release(5) gives."""


class OsRelease(NamedTuple):
    """The distribution. Every field is "" (or empty) where the file does not say it; nothing is guessed.

    ``version_id`` is empty on rolling releases and on Debian testing: look at ``codename`` there.
    """

    id: str  # debian, ubuntu, fedora, rhel, arch, alpine …
    version_id: str  # 12, 24.04, 41 …
    name: str  # PRETTY_NAME, for people
    id_like: tuple[str, ...]  # the nearest relative first
    codename: str = ""  # VERSION_CODENAME: bookworm, noble …
    why: str = ""  # why nothing is known, empty when the file was read
    parent_codename: str = ""  # UBUNTU_CODENAME, DEBIAN_CODENAME: of the release that a derivative is made from


def parse(text: str) -> dict[str, str]:
    """The assignments of an os-release file.

    The format is that of shell assignments without expansion: quotes, and a backslash before a special character.
    A line that is no assignment is left out, as os-release(5) asks.
    """
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name and not name.startswith("#"):
            values[name] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    plain: list[str] = []
    escaped = False
    for character in value:
        if character == "\\" and not escaped:
            escaped = True
            continue
        plain.append(character)
        escaped = False
    return "".join(plain)


def from_values(values: dict[str, str]) -> OsRelease:
    """The distribution that these assignments describe."""
    return OsRelease(
        values.get("ID", "").lower(),
        values.get("VERSION_ID", ""),
        values.get("PRETTY_NAME") or values.get("NAME", ""),
        tuple(values.get("ID_LIKE", "").lower().split()),
        values.get("VERSION_CODENAME", ""),
        "",
        values.get("UBUNTU_CODENAME") or values.get("DEBIAN_CODENAME", ""),
    )


def ask(host: Door) -> OsRelease:
    """Read the file; this waits for nothing."""
    refused: list[str] = []
    for path in PATHS:
        reading = host.read(path, 65536)
        if not reading.error:
            return from_values(parse(reading.text))
        refused.append(f"{path}: {reading.error}")
    return OsRelease("", "", "", (), why="; ".join(refused))
